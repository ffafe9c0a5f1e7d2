//! The tracker protocols: announces and scrapes over HTTP (BEP 3, 7, 23, 24,
//! 31, 48) and UDP (BEP 15, 41).
//!
//! The shell sends what is made here and hands in what comes back. Peers in an
//! answer are bounded and usable: at most [`PEERS_MAX`], no port 0, no
//! unspecified address.

mod request;
mod response;
mod scrape;
mod udp;

pub use request::{AnnounceEvent, AnnounceRequest};
pub use response::{
    AnnounceError, AnnounceResponse, INTERVAL_DEFAULT, INTERVAL_MAX, PEERS_MAX, RetryIn,
};
pub use scrape::{ScrapeCounts, scrape_url};
pub use udp::{
    CONNECTION_ID_SECONDS, DATAGRAM_LEN_MAX, UdpAnswer, UdpBody, UdpError, encode_connect,
    encode_scrape,
};
