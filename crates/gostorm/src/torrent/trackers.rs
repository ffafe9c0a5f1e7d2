//! What the driver keeps of each of its torrent's trackers: the URL, and what the last answers said.
//!
//! Part of `links`. The core names a tracker by its place in the list, tier after tier, and decides when it is asked.

use std::net::SocketAddr;

use gostorm_core::{AnnounceOutcome, Time, TrackerClock};
use gostorm_wire::tracker::ScrapeCounts;
use gostorm_wire::{AnnounceError, AnnounceResponse, InfoHash};

use crate::redact;
use crate::tracker::tiers::Tiers;
use crate::tracker::{TrackerError, TrackerState};

#[derive(Debug, Default)]
struct Tracker {
    url: String,
    /// To be sent back (BEP 3 `trackerid`).
    id: Option<Vec<u8>>,
    error: Option<String>,
    warning: Option<String>,
    peers: usize,
    seeders: Option<u32>,
    leechers: Option<u32>,
    /// It was asked for the numbers alone.
    scraped: bool,
}

/// The trackers of one torrent.
#[derive(Debug, Default)]
pub(super) struct Trackers {
    list: Vec<Tracker>,
    /// How many each tier has.
    pub(super) tiers: Vec<usize>,
    /// How many of the first are the torrent's own.
    pub(super) own: usize,
}

impl Trackers {
    pub(super) fn new(chosen: Tiers) -> Self {
        let sizes = chosen.tiers.iter().map(Vec::len).collect();
        let list = chosen.tiers.into_iter().flatten().map(|url| Tracker {
            url,
            ..Tracker::default()
        });
        Self {
            list: list.collect(),
            tiers: sizes,
            own: chosen.own,
        }
    }

    /// Where to ask, and the id to send along.
    pub(super) fn target(&self, tracker: usize) -> Option<(String, Option<Vec<u8>>)> {
        let tracker = self.list.get(tracker)?;
        Some((tracker.url.clone(), tracker.id.clone()))
    }

    /// What a tracker said, for the machine, with the addresses it named.
    pub(super) fn announced(
        &mut self,
        torrent: InfoHash,
        index: usize,
        outcome: Result<AnnounceResponse, TrackerError>,
    ) -> (AnnounceOutcome, Vec<SocketAddr>) {
        let Some(tracker) = self.list.get_mut(index) else {
            return (AnnounceOutcome::Failed { retry_in: None }, Vec::new());
        };
        match outcome {
            Ok(answer) => {
                tracker.id = answer.tracker_id.or(tracker.id.take());
                tracker.error = None;
                tracker.peers = answer.peers.len();
                tracker.seeders = answer.complete.or(tracker.seeders);
                tracker.leechers = answer.incomplete.or(tracker.leechers);
                let warning = answer
                    .warning
                    .map(|said| redact::answer(&said, &tracker.url));
                if let Some(warning) = warning.as_ref().filter(|_| tracker.warning != warning) {
                    tracing::warn!(%torrent, tracker = index, warning, "a tracker warns");
                }
                tracker.warning = warning;
                let outcome = AnnounceOutcome::Answered {
                    interval: Some(answer.interval),
                    min_interval: answer.min_interval,
                };
                (outcome, answer.peers)
            }
            Err(error) => {
                // A tracker that refuses may name the passkey.
                let said = redact::answer(&error.to_string(), &tracker.url);
                tracing::info!(%torrent, tracker = index, error = %said, "announce failed");
                let retry_in =
                    if let TrackerError::Answer(AnnounceError::Failure { retry_in, .. }) = &error {
                        *retry_in
                    } else {
                        None
                    };
                tracker.error = Some(said);
                (AnnounceOutcome::Failed { retry_in }, Vec::new())
            }
        }
    }

    /// The URL of a tracker whose answer says nothing of how many peers there are, the first time.
    pub(super) fn wants_scrape(
        &mut self,
        tracker: usize,
        outcome: &Result<AnnounceResponse, TrackerError>,
    ) -> Option<String> {
        let answer = outcome.as_ref().ok()?;
        let tracker = self.list.get_mut(tracker)?;
        let asks = answer.complete.is_none() && !std::mem::replace(&mut tracker.scraped, true);
        asks.then(|| tracker.url.clone())
    }

    /// What a scrape brought.
    pub(super) fn counted(&mut self, tracker: usize, counts: ScrapeCounts) {
        if let Some(tracker) = self.list.get_mut(tracker) {
            tracker.seeders = counts.seeders.or(tracker.seeders);
            tracker.leechers = counts.leechers.or(tracker.leechers);
        }
    }

    /// How they stand; `clocks` are the machine's, in the same order.
    pub(super) fn states(
        &self,
        now: Time,
        clocks: impl Iterator<Item = TrackerClock>,
    ) -> Vec<TrackerState> {
        let states = self
            .list
            .iter()
            .zip(clocks)
            .map(|(tracker, clock)| TrackerState {
                url: tracker.url.clone(),
                tier: clock.tier,
                working: clock.started && clock.failures == 0,
                failures: clock.failures,
                error: tracker.error.clone(),
                warning: tracker.warning.clone(),
                next_announce: (clock.next != Time::NEVER).then(|| clock.next - now),
                peers: tracker.peers,
                seeders: tracker.seeders,
                leechers: tracker.leechers,
            });
        states.collect()
    }
}
