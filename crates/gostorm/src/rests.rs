//! What is known of dead swarms while their torrents sleep: a scan opens a title for a moment and comes back.
//!
//! Held by [`Shared`](crate::shared::Shared) behind a leaf lock. A driver asks when it starts, and tells when a rest begins
//! and how it stands at the end. What was found out by way of one network says nothing about another. At most
//! [`KEPT_MAX`] torrents; the one whose rest ends first goes.

use std::time::{Duration, Instant};

use gostorm_core::Rest;
use gostorm_wire::InfoHash;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Torrents that are kept.
const KEPT_MAX: usize = 4_096;
/// Nobody asked for so long after the end of a rest: the torrent is like any other again.
const FORGET_AFTER: Duration = Duration::from_secs(3_600);

#[derive(Clone, Copy, Debug)]
struct Kept {
    failures: u32,
    until: Instant,
    /// The generation of the network.
    network: Option<u64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    kept: Mutex<FxHashMap<InfoHash, Kept>>,
}

impl Rests {
    /// How it stands with a torrent that wakes.
    pub(crate) fn of(&self, now: Instant, torrent: InfoHash, network: Option<u64>) -> Option<Rest> {
        let mut kept = self.kept.lock();
        let known = *kept.get(&torrent)?;
        if known.network != network || now >= known.until + FORGET_AFTER {
            kept.remove(&torrent);
            return None;
        }
        Some(Rest {
            failures: known.failures,
            left: known.until.saturating_duration_since(now),
        })
    }

    /// A driver tells how it stands.
    pub(crate) fn tell(
        &self,
        now: Instant,
        torrent: InfoHash,
        network: Option<u64>,
        rest: Option<Rest>,
    ) {
        let mut kept = self.kept.lock();
        let Some(rest) = rest else {
            kept.remove(&torrent);
            return;
        };
        if kept.len() >= KEPT_MAX && !kept.contains_key(&torrent) {
            let first = kept.iter().min_by_key(|(_, kept)| kept.until);
            if let Some(first) = first.map(|(torrent, _)| *torrent) {
                kept.remove(&first);
            }
        }
        let one = Kept {
            failures: rest.failures,
            until: now + rest.left,
            network,
        };
        kept.insert(torrent, one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn torrent(number: u64) -> InfoHash {
        let mut hash = [0; 20];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        InfoHash(hash)
    }

    fn rest(failures: u32, left: u64) -> Option<Rest> {
        Some(Rest {
            failures,
            left: Duration::from_secs(left),
        })
    }

    #[test]
    fn a_rest_is_known_until_it_is_long_over_or_the_network_is_another() {
        let rests = Rests::default();
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        rests.tell(now, torrent(1), Some(1), rest(2, 60));
        assert_eq!(rests.of(later(20), torrent(1), Some(1)), rest(2, 40));
        assert_eq!(rests.of(later(100), torrent(1), Some(1)), rest(2, 0));
        assert_eq!(rests.of(now, torrent(2), Some(1)), None);
        assert_eq!(rests.of(later(3_660), torrent(1), Some(1)), None);
        rests.tell(now, torrent(1), Some(1), rest(2, 60));
        assert_eq!(rests.of(now, torrent(1), Some(2)), None);
        rests.tell(now, torrent(1), Some(1), rest(2, 60));
        rests.tell(now, torrent(1), Some(1), None);
        assert_eq!(rests.of(now, torrent(1), Some(1)), None);
    }

    #[test]
    fn of_too_many_the_one_whose_rest_ends_first_is_forgotten() {
        let rests = Rests::default();
        let now = Instant::now();
        for number in 0..=KEPT_MAX as u64 {
            rests.tell(now, torrent(number), None, rest(1, 30 + number));
        }
        assert_eq!(rests.of(now, torrent(0), None), None);
        assert_eq!(rests.of(now, torrent(1), None), rest(1, 31));
        assert_eq!(rests.kept.lock().len(), KEPT_MAX);
    }
}
