//! What all torrents did since the start, those that sleep again among them: counters that only grow.
//!
//! A driver adds what its swarm has counted since it last did, when it is looked at and when it ends, so that nothing is
//! counted twice and nothing is lost when a torrent sleeps. Read by [`Engine::totals`](crate::Engine::totals).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use gostorm_core::{Stall, Stats};

/// See the module; in bytes, pieces, blocks and reads as their names say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Torrents that woke.
    pub wakes: u64,
    /// Payload bytes received.
    pub downloaded_bytes: u64,
    /// Payload bytes that were of no use.
    pub wasted_bytes: u64,
    /// Payload bytes of pieces that were given up before.
    pub abandoned_bytes: u64,
    /// Payload bytes sent.
    pub uploaded_bytes: u64,
    /// Blocks that were asked of a second peer.
    pub hedges: u64,
    /// Pieces that failed their hash.
    pub hash_failures: u64,
    /// Reads that were served before their pieces were verified.
    pub unverified_reads: u64,
    /// Waits of readers for a second or more that ended with the bytes.
    pub stalls: u64,
    /// Those that ended without.
    pub stalls_failed: u64,
    /// How long both lasted together.
    pub stalled: Duration,
}

/// The counters of the process.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    wakes: AtomicU64,
    downloaded: AtomicU64,
    wasted: AtomicU64,
    abandoned: AtomicU64,
    uploaded: AtomicU64,
    hedges: AtomicU64,
    hash_failures: AtomicU64,
    unverified_reads: AtomicU64,
    stalls: AtomicU64,
    stalls_failed: AtomicU64,
    stalled_us: AtomicU64,
}

impl Counters {
    /// A torrent woke.
    pub(crate) fn woke(&self) {
        self.wakes.fetch_add(1, Relaxed);
    }

    /// A swarm counted up to `now`, and `told` was added before.
    pub(crate) fn add(&self, told: &Stats, now: &Stats) {
        for (counter, before, after) in [
            (
                &self.downloaded,
                told.downloaded_bytes,
                now.downloaded_bytes,
            ),
            (&self.wasted, told.wasted_bytes, now.wasted_bytes),
            (&self.abandoned, told.abandoned_bytes, now.abandoned_bytes),
            (&self.uploaded, told.uploaded_bytes, now.uploaded_bytes),
            (&self.hedges, told.hedges, now.hedges),
            (&self.hash_failures, told.hash_failures, now.hash_failures),
            (
                &self.unverified_reads,
                told.unverified_reads,
                now.unverified_reads,
            ),
        ] {
            counter.fetch_add(after.saturating_sub(before), Relaxed);
        }
    }

    /// A reader stood still.
    pub(crate) fn stalled(&self, stall: &Stall) {
        let counter = if stall.served {
            &self.stalls
        } else {
            &self.stalls_failed
        };
        counter.fetch_add(1, Relaxed);
        let lasted = u64::try_from(stall.lasted.as_micros()).unwrap_or(u64::MAX);
        self.stalled_us.fetch_add(lasted, Relaxed);
    }

    pub(crate) fn now(&self) -> Totals {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        Totals {
            wakes: of(&self.wakes),
            downloaded_bytes: of(&self.downloaded),
            wasted_bytes: of(&self.wasted),
            abandoned_bytes: of(&self.abandoned),
            uploaded_bytes: of(&self.uploaded),
            hedges: of(&self.hedges),
            hash_failures: of(&self.hash_failures),
            unverified_reads: of(&self.unverified_reads),
            stalls: of(&self.stalls),
            stalls_failed: of(&self.stalls_failed),
            stalled: Duration::from_micros(of(&self.stalled_us)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_swarm_counted_is_added_once_and_stays_when_it_ends() {
        let counters = Counters::default();
        let at = |downloaded_bytes| Stats {
            downloaded_bytes,
            ..Stats::default()
        };
        counters.add(&at(0), &at(100));
        counters.add(&at(100), &at(150));
        counters.add(&at(0), &at(7));
        assert_eq!(counters.now().downloaded_bytes, 157);
    }
}
