//! Talks to trackers: HTTP and HTTPS (BEP 3, 7, 23, 48), UDP (BEP 15, 41); the codecs are `gostorm_wire`'s.
//!
//! One [`TrackerClient`] serves the process; drivers call [`TrackerClient::announce`]. What always holds: an announce
//! ends within [`ANNOUNCE_TIMEOUT`], redirects and repeated questions included; what is read of an answer is bounded; a
//! torrent's author or a redirect cannot make us call local services (see `net::reach` and [`udp`]); no error text shows
//! a URL, which may hold a passkey.

mod answer;
mod door;
mod error;
mod http;
mod limits;
mod state;
pub(crate) mod tiers;
mod udp;

use std::sync::Arc;

use gostorm_wire::tracker::{ScrapeCounts, scrape_url};
use gostorm_wire::{AnnounceError, AnnounceRequest, AnnounceResponse, InfoHash};
use reqwest::StatusCode;
use url::Url;

pub use self::answer::{Announced, MorePeers};
pub use self::error::TrackerError;
use self::http::{Answer, HttpTrackers};
pub use self::limits::ANNOUNCE_TIMEOUT;
pub use self::state::TrackerState;
pub use self::tiers::{Retrackers, RetrackersMode};
use self::udp::UdpTrackers;
use crate::net::Net;
use crate::net::reach::Reach;

/// Speaks to trackers.
#[derive(Debug)]
pub struct TrackerClient {
    http: HttpTrackers,
    udp: Arc<UdpTrackers>,
}

impl TrackerClient {
    /// A client without connections.
    #[must_use]
    pub fn new(net: Arc<Net>) -> Self {
        Self {
            udp: Arc::new(UdpTrackers::new(Arc::clone(&net))),
            http: HttpTrackers::new(net),
        }
    }

    /// Announces to the tracker at `url` and waits for the answer.
    ///
    /// # Errors
    /// See [`TrackerError`].
    pub async fn announce(
        &self,
        url: &str,
        request: &AnnounceRequest,
    ) -> Result<Announced, TrackerError> {
        let url = Url::parse(url)?;
        if url.scheme() == "udp" {
            return self.udp.announce(&url, request).await;
        }
        let asked = request.to_url(&url);
        let answer = self.http.get(asked, Reach::of_tracker(&url)).await?;
        let answer = read(&answer, AnnounceResponse::parse)?;
        Ok(Announced { answer, more: None })
    }

    /// Asks the tracker at `url` how many peers a torrent has, without becoming one of them (BEP 48). `url` is where
    /// one announces.
    ///
    /// # Errors
    /// See [`TrackerError`]; many trackers cannot be asked.
    pub async fn scrape(&self, url: &str, torrent: InfoHash) -> Result<ScrapeCounts, TrackerError> {
        let url = Url::parse(url)?;
        if url.scheme() == "udp" {
            return self.udp.scrape(&url, torrent).await;
        }
        let asked = scrape_url(&url, torrent).ok_or(TrackerError::NoScrape)?;
        // As far as its announce URL, of which it is the twin.
        let answer = self.http.get(asked, Reach::of_tracker(&url)).await?;
        read(&answer, |body| ScrapeCounts::parse(body, torrent))
    }
}

fn read<T>(
    answer: &Answer,
    parse: impl Fn(&[u8]) -> Result<T, AnnounceError>,
) -> Result<T, TrackerError> {
    match parse(&answer.body) {
        Ok(read) if answer.status == StatusCode::OK => Ok(read),
        // Some trackers refuse with a status and say why in the body.
        Err(error @ AnnounceError::Failure { .. }) => Err(error.into()),
        Err(error) if answer.status == StatusCode::OK => Err(error.into()),
        Ok(_) | Err(_) => Err(TrackerError::Status(answer.status.as_u16())),
    }
}

#[cfg(test)]
mod tests;
