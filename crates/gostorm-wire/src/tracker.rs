//! The HTTP tracker protocol: an announce's URL and its answer
//! (BEP 3, 7, 23, 24, 31).
//!
//! The shell sends the request and hands the body of the answer to
//! [`AnnounceResponse::parse`]. UDP trackers and scrape are not here. Peers in
//! an answer are bounded and usable: at most [`PEERS_MAX`], no port 0, no
//! unspecified address.

mod request;
mod response;

pub use request::{AnnounceEvent, AnnounceRequest};
pub use response::{
    AnnounceError, AnnounceResponse, INTERVAL_DEFAULT, INTERVAL_MAX, PEERS_MAX, RetryIn,
};
