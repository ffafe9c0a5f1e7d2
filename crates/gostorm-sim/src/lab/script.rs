//! How a scripted peer behaves.

use std::time::Duration;

use crate::rng::Rng;

/// Burst of a peer's uplink, bytes: four blocks, as in the benchmark.
const BURST: u64 = 64 << 10;

/// Which pieces a peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Have {
    /// All.
    All,
    /// Every second one, from the first on.
    EverySecond,
    /// About so many of a hundred, drawn with a seed.
    Percent {
        /// Of a hundred.
        percent: u64,
        /// Of the draw.
        seed: u64,
    },
    /// None.
    Nothing,
}

impl Have {
    /// One entry a piece.
    pub(super) fn draw(self, pieces: u32) -> Vec<bool> {
        let mut rng = match self {
            Self::Percent { seed, .. } => Rng::new(seed),
            Self::All | Self::EverySecond | Self::Nothing => Rng::new(0),
        };
        (0..pieces)
            .map(|piece| match self {
                Self::All => true,
                Self::EverySecond => piece % 2 == 0,
                Self::Percent { percent, .. } => rng.percent(percent),
                Self::Nothing => false,
            })
            .collect()
    }
}

/// What a peer does when it is asked for the info dict (BEP 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// Gives it.
    Serve,
    /// Gives it with a wrong byte in each part.
    Lie,
    /// Offers it and then refuses.
    Refuse,
    /// Offers it and then says nothing.
    Silent,
    /// Does not offer it.
    Absent,
    /// Does not know it: asks the other side for all of it.
    Learn,
    /// Asks the other side for the first part, again and again.
    Pester {
        /// How often.
        times: u32,
    },
}

/// A peer that chokes again and again: open, then closed, from the first unchoke on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chokes {
    /// How long it stays unchoked.
    pub open: Duration,
    /// How long it stays choked.
    pub closed: Duration,
}

/// The behaviour of one peer. [`Script::default`] is a perfect seeder on the same machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// Every answer comes so much after what it answers.
    pub rtt: Duration,
    /// Uplink in bytes per second, shared by all connections; `None`: no limit.
    pub rate: Option<u64>,
    /// Bytes that may leave at once after a pause.
    pub burst: u64,
    /// From `interested` to the unchoke, the round trip apart; `None`: never.
    pub unchoke_after: Option<Duration>,
    /// Chokes later on.
    pub chokes: Option<Chokes>,
    /// What it has.
    pub have: Have,
    /// Sends no block any more, for ever, once it has sent so many bytes in all.
    pub stall_after: Option<u64>,
    /// Closes each connection after so many bytes on it.
    pub close_after: Option<u64>,
    /// Closes all connections once it has sent so many bytes in all, and answers nobody after.
    pub die_after: Option<u64>,
    /// Spoils every k-th block, the k-th first; 1: all.
    pub corrupt_every: Option<u64>,
    /// Refuses every k-th request; 1: all. Needs `fast`.
    pub reject_every: Option<u64>,
    /// The info dict.
    pub metadata: Metadata,
    /// Speaks the fast extension (BEP 6).
    pub fast: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            rtt: Duration::ZERO,
            rate: None,
            burst: BURST,
            unchoke_after: Some(Duration::ZERO),
            chokes: None,
            have: Have::All,
            stall_after: None,
            close_after: None,
            die_after: None,
            corrupt_every: None,
            reject_every: None,
            metadata: Metadata::Serve,
            fast: true,
        }
    }
}

impl Script {
    /// A seeder behind a line: round trip in milliseconds, uplink in bits per second, and the time to
    /// the unchoke in milliseconds.
    #[must_use]
    pub fn line(rtt_ms: u64, bits_per_second: u64, unchoke_ms: u64) -> Self {
        Self {
            rtt: Duration::from_millis(rtt_ms),
            rate: Some(bits_per_second / 8),
            unchoke_after: Some(Duration::from_millis(unchoke_ms)),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_has_is_as_much_as_its_script_says() {
        assert_eq!(Have::EverySecond.draw(4), [true, false, true, false]);
        let have = Have::Percent {
            percent: 60,
            seed: 7,
        };
        let count = have.draw(1_000).into_iter().filter(|has| *has).count();
        assert!((540..660).contains(&count), "{count}");
        assert_eq!(have.draw(1_000), have.draw(1_000));
    }
}
