//! The kinds of reader, for whom memory and peers are shared out differently.

use std::time::Duration;

/// The part that probes and scans have beside a playback, of the budget, of a lease, and of what may lie ahead,
/// as a divisor.
pub(crate) const OTHERS_DIVISOR: u64 = 4;

/// What kind of reader it is; the first goes before the others when memory or peers are short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReaderClass {
    /// It goes on in sequence at the rate of a film.
    Playback,
    /// It looked at a few places, or has only begun.
    #[default]
    Probe,
    /// It goes on in sequence faster than a film: a copy, an analysis.
    Scan,
}

impl ReaderClass {
    /// How much later its bytes are due than those of a playback beside it.
    pub(crate) const fn lag(self) -> Duration {
        match self {
            Self::Playback => Duration::ZERO,
            Self::Probe => Duration::from_millis(500),
            Self::Scan => Duration::from_secs(10),
        }
    }
}
