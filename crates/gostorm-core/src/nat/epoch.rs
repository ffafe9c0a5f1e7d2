//! Whether the gateway has forgotten its table (RFC 6886 section 3.6).

use std::time::Duration;

use crate::time::Time;

/// How far the two clocks may be apart for other reasons.
const SLACK: Duration = Duration::from_secs(2);

/// The gateway's count of seconds, and when it was heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Epoch {
    pub(super) value: u32,
    pub(super) at: Time,
}

impl Epoch {
    /// The count should have gone on by 7/8 of our time at least.
    pub(super) fn is_reset_by(self, later: Self) -> bool {
        let expected = Duration::from_secs(self.value.into()) + (later.at - self.at) * 7 / 8;
        Duration::from_secs(later.value.into()) + SLACK < expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_falls_behind_is_a_reset_and_a_slow_one_is_none() {
        let last = Epoch {
            value: 1_000,
            at: Time::ZERO,
        };
        for (seconds, value, reset) in [
            (0, 1_000, false),
            (0, 998, false),
            (0, 997, true),
            (80, 1_080, false),
            (80, 1_068, false),
            (80, 1_067, true),
            (80, 0, true),
            (80, u32::MAX, false),
        ] {
            let later = Epoch {
                value,
                at: Time::ZERO + Duration::from_secs(seconds),
            };
            assert_eq!(last.is_reset_by(later), reset, "{value} after {seconds} s");
        }
    }
}
