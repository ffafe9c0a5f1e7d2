//! Why a tracker did not answer.

use gostorm_wire::AnnounceError;
use gostorm_wire::tracker::UdpError;

use super::limits::{ANNOUNCE_TIMEOUT, BODY_LEN_MAX, REDIRECTS_MAX};

/// Why an announce or a scrape has no answer.
#[derive(Debug, thiserror::Error)]
pub enum TrackerError {
    /// The tracker's URL is none.
    #[error("the tracker's URL is not valid: {0}")]
    BadUrl(#[from] url::ParseError),
    /// Only http, https and udp are spoken.
    #[error("trackers of scheme {scheme}: are not supported")]
    Unsupported {
        /// What comes before the colon.
        scheme: String,
    },
    /// A UDP tracker's URL must say which port.
    #[error("the tracker's URL has no port")]
    NoPort,
    /// Its name cannot be looked up, or has no address that a tracker can have.
    #[error("the tracker's address cannot be found: {0}")]
    NoAddress(String),
    /// No connection, or it broke, or TLS failed.
    #[error("the tracker cannot be reached: {0}")]
    Http(String),
    /// There is no network, or no socket to be had, or nothing can be sent.
    #[error("the tracker cannot be asked: {0}")]
    Network(std::io::Error),
    /// It took too long.
    #[error("the tracker did not answer within {} s", ANNOUNCE_TIMEOUT.as_secs())]
    Timeout,
    /// More are being asked already than the engine keeps track of.
    #[error("too many trackers are being asked at once")]
    Busy,
    /// An answer of another status than 200, without a reason in it.
    #[error("the tracker answered with HTTP status {0}")]
    Status(u16),
    /// An answer of more than [`BODY_LEN_MAX`] bytes.
    #[error("the tracker's answer is longer than {BODY_LEN_MAX} bytes")]
    TooLong,
    /// More than [`REDIRECTS_MAX`], or round in circles.
    #[error("the tracker redirects more than {REDIRECTS_MAX} times")]
    TooManyRedirects,
    /// A redirect that leads nowhere, or away from https.
    #[error("the tracker redirects {0}")]
    BadRedirect(&'static str),
    /// The address is one that this URL may not reach; see the module.
    #[error("the tracker's address is local, and its URL is not one that may lead there")]
    OutOfReach,
    /// Its URL does not say where to ask (BEP 48).
    #[error("the tracker cannot be asked for numbers only")]
    NoScrape,
    /// What a UDP tracker sent is no answer.
    #[error("the tracker sent {0}")]
    Malformed(#[from] UdpError),
    /// What a UDP tracker sent answers another question.
    #[error("the tracker answered another question")]
    WrongAnswer,
    /// The tracker refuses, or what it sent is no answer.
    #[error(transparent)]
    Answer(#[from] AnnounceError),
}
