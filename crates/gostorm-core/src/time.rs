//! The engine's clock: microseconds since the driver started, always handed in from outside.
//!
//! The core never reads a clock. A `Time` that jumps forward is a late driver; one that would jump
//! back is held by the shell, so that the core may rely on it never falling.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A moment, in microseconds since the driver's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The driver's start.
    pub const ZERO: Self = Self(0);
    /// Later than any moment that is ever reached.
    pub const NEVER: Self = Self(u64::MAX);

    /// Seconds from `earlier` to `self`, 0 when `earlier` is later.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self - earlier).as_secs_f64()
    }

    /// The moment `seconds` after `self`; negative and non-finite spans count as none.
    #[must_use]
    pub fn plus_seconds(self, seconds: f64) -> Self {
        // A year bounds nonsense rates without reaching `NEVER`.
        const YEAR: f64 = 31_536_000.0;
        if seconds.is_finite() && seconds > 0.0 {
            self + Duration::from_secs_f64(seconds.min(YEAR))
        } else {
            self
        }
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
