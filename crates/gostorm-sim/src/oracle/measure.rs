//! What the oracle counts in: steps of time, liquid a step, and the fate of a film.

use std::time::Duration;

/// Step of the simulation, microseconds.
pub(super) const STEP_US: u64 = 25_000;
/// Every rate is divided by 3/2.
const SLACK: (u64, u64) = (2, 3);

/// What the ideal player of one film goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// The picture stands still for so long, start and seeks not counted.
    pub stall: Duration,
    /// From the open to the picture; `None` when there never is one.
    pub start: Option<Duration>,
    /// The longest wait for a picture after a seek.
    pub seek_worst: Duration,
    /// A film that has no picture in the end has no verdict on what comes after.
    pub dark_at_end: bool,
}

/// Bytes that a line of `rate` bytes per second brings in one step.
pub(super) const fn flows(rate: u64) -> u64 {
    rate.saturating_mul(SLACK.0) / SLACK.1 * STEP_US / 1_000_000
}

/// A span in microseconds; the most there are when it is longer.
pub(super) const fn micros(span: Duration) -> u64 {
    span.as_secs()
        .saturating_mul(1_000_000)
        .saturating_add(span.subsec_micros() as u64)
}
