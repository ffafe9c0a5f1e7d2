//! What one torrent's readers hold on trust: blocks that were served before their piece was verified.
//!
//! Filled by `unverified`. A wrong block that is not taken back within `TAKEN_BACK`, or is at the end of the run, breaks a
//! rule.

use std::ops::Range;
use std::time::Duration;

use gostorm_core::Time;
use gostorm_wire::BLOCK_LEN;

/// The longest that a wrong byte may be believed: the swarm's own limit, and a batch.
const TAKEN_BACK: Duration = Duration::from_millis(15_500);

/// A block that was served before it was verified.
#[derive(Debug)]
struct Served {
    range: Range<u64>,
    wrong: bool,
    at: Time,
}

/// What one torrent's readers hold on trust.
#[derive(Debug, Default)]
pub(super) struct Exposed {
    served: Vec<Served>,
    wrong: u64,
}

impl Exposed {
    /// A part of one block is served.
    pub(super) fn add(&mut self, at: Time, range: Range<u64>, wrong: bool) {
        self.wrong += u64::from(wrong);
        self.served.push(Served { range, wrong, at });
    }

    /// Whole blocks are taken back; false when nothing of them was held.
    pub(super) fn take_back(&mut self, range: &Range<u64>) -> bool {
        let block = u64::from(BLOCK_LEN);
        let within = |served: &Served| {
            let around = served.range.start / block * block
                ..served.range.end.div_ceil(block).saturating_mul(block);
            around.start < range.end && range.start < around.end
        };
        let before = self.served.len();
        self.served.retain(|served| !within(served));
        self.served.len() < before
    }

    /// These bytes are right.
    pub(super) fn forget(&mut self, range: &Range<u64>) {
        let within =
            |served: &Served| served.range.start >= range.start && served.range.end <= range.end;
        self.served.retain(|served| !within(served));
    }

    /// Wrong blocks that were served so far.
    pub(super) const fn wrong(&self) -> u64 {
        self.wrong
    }

    /// Panics when a wrong block is believed for too long.
    pub(super) fn check(&self, now: Time) {
        let late = |served: &&Served| served.wrong && served.at + TAKEN_BACK <= now;
        let late = self.served.iter().find(late);
        assert!(late.is_none(), "wrong and not taken back: {late:?}");
    }

    /// Panics when a wrong block was never taken back.
    pub(super) fn check_end(&self) {
        let wrong = self.served.iter().find(|served| served.wrong);
        assert!(wrong.is_none(), "wrong and never taken back: {wrong:?}");
    }
}
