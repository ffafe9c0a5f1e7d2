//! What passes between a player and the world: reads and timers out, answers in, and the report.

use std::ops::Range;
use std::time::Duration;

use gostorm_core::Time;

use crate::rng::Rng;

/// Bytes of one read of the kernel's read-ahead.
pub const READ_LEN: u64 = 128 << 10;

/// What a player went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayerReport {
    /// From the open to the first answered read.
    pub first_byte: Option<Duration>,
    /// From the open to the picture (film only).
    pub startup: Option<Duration>,
    /// The picture stood still for so long, start and seeks not counted (film only).
    pub stall: Duration,
    /// The longest wait for a picture after a seek (film only).
    pub seek_worst: Duration,
    /// Bytes answered.
    pub served_bytes: u64,
    /// Reads made.
    pub reads: u64,
    /// Reads that failed.
    pub failed_reads: u64,
    /// When it had all it wanted.
    pub finished: Option<Time>,
}

/// Where a player leaves what it wants.
#[derive(Debug)]
pub struct Seat<'a> {
    /// The present.
    pub now: Time,
    /// The player's own random numbers.
    pub rng: &'a mut Rng,
    /// Bytes of the file.
    pub len: u64,
    /// Reads to make, with a tag that comes back with the answer.
    pub reads: Vec<(u64, Range<u64>)>,
    /// When to ring the timer; one at a time, a later one replaces it.
    pub timer: Option<Time>,
    /// True when it closes the file.
    pub close: bool,
}
