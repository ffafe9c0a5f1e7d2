//! A player with its open file, and a read under way.

use std::ops::Range;

use gostorm_core::Time;

use crate::player::Player;
use crate::rng::Rng;

/// A player with its open file.
pub(super) struct Seated {
    pub(super) player: Player,
    pub(super) rng: Rng,
    pub(super) torrent: usize,
    /// Bytes of the torrent.
    pub(super) file: Range<u64>,
    pub(super) timer_number: u64,
    pub(super) closed: bool,
}

/// A read under way.
#[derive(Clone, Debug)]
pub(super) struct ReadOrder {
    pub(super) player: usize,
    pub(super) tag: u64,
    /// Bytes of the torrent.
    pub(super) range: Range<u64>,
    pub(super) issued: Time,
    pub(super) deadline: Time,
    /// The swarm, or the cache, has given its answer.
    pub(super) decided: bool,
}
