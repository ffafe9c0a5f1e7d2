//! Drawing around named figures.

use std::time::Duration;

use crate::peer::PeerSpec;
use crate::player::{Film, FilmStep, PlayerKind, PlayerSpec};
use crate::rng::{Rng, mix};
use crate::world::{TorrentSpec, WorldSpec};

pub(super) const MIB: u64 = 1 << 20;

/// A world whose driver takes what has come once a millisecond.
pub(super) fn world(torrent: TorrentSpec, players: Vec<PlayerSpec>) -> WorldSpec {
    WorldSpec {
        quantum: Duration::from_millis(1),
        ..WorldSpec::new(torrent, players)
    }
}

/// The drawing of one world.
pub(super) struct Draw {
    pub(super) rng: Rng,
}

impl Draw {
    /// Every family draws its own numbers out of a seed.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let tag = name.bytes().fold(0, |tag, byte| mix(tag ^ u64::from(byte)));
        Self {
            rng: Rng::new(seed).fork(tag),
        }
    }

    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.rng.between(low, high)
    }

    pub(super) fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// The value, more or less: 70 to 130 % of it.
    pub(super) fn around(&mut self, value: u64) -> u64 {
        value * self.between(70, 131) / 100
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let at = self.between(0, of.len() as u64);
        of[usize::try_from(at).unwrap_or(0)]
    }

    /// A seed around a round trip (ms), a rate (kbit/s) and a time to its unchoke (ms).
    pub(super) fn seed(&mut self, rtt_ms: u64, kilobits: u64, unchoke_ms: u64) -> PeerSpec {
        let rtt = Duration::from_micros(self.around(rtt_ms * 1_000));
        let mut peer = PeerSpec::seed(rtt, self.around(kilobits * 125));
        peer.link.burst = 64 << 10;
        peer.link.jitter = rtt / 10;
        peer.unchokes_after = Some(Duration::from_millis(self.around(unchoke_ms)));
        peer
    }

    /// So many of them.
    pub(super) fn seeds(
        &mut self,
        count: usize,
        rtt_ms: u64,
        kilobits: u64,
        unchoke_ms: u64,
    ) -> Vec<PeerSpec> {
        (0..count)
            .map(|_| self.seed(rtt_ms, kilobits, unchoke_ms))
            .collect()
    }

    /// A film at `rate` bytes per second with a buffer of 15 s.
    pub(super) fn film(&mut self, rate: u64, stops: Duration, steps: Vec<FilmStep>) -> PlayerSpec {
        PlayerSpec {
            torrent: 0,
            file: 0,
            starts: self.millis(0, 2_000),
            kind: PlayerKind::Film(Film {
                rate,
                buffer: Duration::from_secs(15),
                steps,
                stops,
            }),
        }
    }

    /// A seek to anywhere in the later part of the film.
    pub(super) fn seek(&mut self, low_ms: u64, high_ms: u64) -> FilmStep {
        FilmStep::Seek {
            at: self.millis(low_ms, high_ms),
            permille: self.between(200, 950),
        }
    }
}
