//! Web seeds: files of a torrent on a web server, fetched by range requests (BEP 19, GetRight style).
//!
//! To its driver a web seed is a peer that has everything: [`spawn`] starts its task, requests and cancels go in by the
//! [`WebSeedHandle`], blocks come out as [`PeerEvent`](crate::peer::PeerEvent)s. `queue` merges the requests into runs
//! (no I/O), `site` knows where each byte lies, `http` makes one request, `fetch` turns one run into blocks, `task`
//! keeps a few of them going. What always holds: only what was asked for is requested; a body goes into pooled 16 KiB
//! buffers and is not read while there is no room for it; a server cannot make us call local services (see
//! `net::reach`); what it does wrong is a [`WebSeedError`], after which the task ends; no error text shows a URL.

mod fetch;
mod http;
mod queue;
mod site;
mod task;

use std::time::Duration;

pub(crate) use self::site::Site;
pub(crate) use self::task::{WebSeedHandle, spawn};

/// The longest that a server's `Retry-After` is heeded.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// Why a web seed does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebSeedError {
    /// No connection, or it broke, or TLS failed.
    #[error("the web seed cannot be reached: {0}")]
    Unreachable(String),
    /// A body ended before its end.
    #[error("the web seed closed the connection in the midst of a file")]
    Truncated,
    /// It is busy (429) or in trouble (5xx).
    #[error("the web seed is not available: HTTP status {status}")]
    Busy {
        /// The status.
        status: u16,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// Another status than one that a part of a file comes with: the file is not there, or not for us.
    #[error("the web seed answered with HTTP status {0}")]
    Status(u16),
    /// It sends whole files only.
    #[error("the web seed sends no parts of files")]
    NoRanges,
    /// It sent another part than was asked for, or does not say which.
    #[error("the web seed sent another part of the file than was asked for")]
    WrongRange,
    /// The file is another one.
    #[error("the web seed's file has {actual} bytes instead of {expected}")]
    WrongLength {
        /// Bytes by the torrent.
        expected: u64,
        /// Bytes by the server.
        actual: u64,
    },
    /// The body is compressed, which makes its ranges something else.
    #[error("the web seed sent a compressed body")]
    Encoded,
    /// Too many redirects, or one that leads nowhere.
    #[error("the web seed redirects {0}")]
    BadRedirect(&'static str),
    /// The address is one that the URL may not reach; see `net::reach`.
    #[error("the web seed's address is local, and its URL is not one that may lead there")]
    OutOfReach,
    /// The torrent's names and the web seed's URL make no URL.
    #[error("the web seed has no URL for a file of the torrent")]
    NoUrl,
}

impl WebSeedError {
    /// True when the seed is of no use for this torrent, however often it is asked.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Unreachable(_) | Self::Truncated | Self::Busy { .. }
        )
    }

    /// How long the server wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } => after.map(|after| after.min(RETRY_AFTER_MAX)),
            Self::Unreachable(_)
            | Self::Truncated
            | Self::Status(_)
            | Self::NoRanges
            | Self::WrongRange
            | Self::WrongLength { .. }
            | Self::Encoded
            | Self::BadRedirect(_)
            | Self::OutOfReach
            | Self::NoUrl => None,
        }
    }
}

#[cfg(test)]
mod tests;
