//! A limit in bytes per second, as a bucket that fills with (virtual) time.
//!
//! The swarm has two: one pays for the blocks that we send, one for those that come. Bytes that are asked
//! for and not here yet are *owed*: they are kept back from what may be asked for, and paid for when they
//! come, so that a request that is taken back costs nothing and an unasked block does. In any span no more
//! passes than the burst, rate × time, and what was owed at its start.

use std::time::Duration;

use crate::time::Time;

/// What may be paid at once after a silence, as time at the full rate: keeps a late driver at its rate.
const BURST: Duration = Duration::from_millis(250);
/// And at least so much: some blocks, or a slow limit could never pay for one.
const BURST_MIN: u64 = 4 * 16_384;
/// Payments are gathered for so long, so that a fast limit does not wake its driver for each block.
const GATHER: Duration = Duration::from_millis(10);
/// A microsecond's share of a byte: the bucket counts in bytes × microseconds.
const MICROS: i128 = 1_000_000;

/// A bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    /// Bytes per second; `None`: no limit.
    rate: Option<u64>,
    /// What may be paid now, in bytes × microseconds; below zero when more was paid than there was.
    level: i128,
    filled_at: Time,
}

impl Pace {
    /// Sets the limit, bytes per second; `None` lifts it, 0 lets nothing pass.
    pub(crate) fn set(&mut self, now: Time, rate: Option<u64>) {
        if self.rate != rate {
            self.fill(now, 0);
            self.rate = rate;
            self.level = self.level.min(self.burst());
        }
    }

    /// The limit.
    pub(crate) const fn rate(&self) -> Option<u64> {
        self.rate
    }

    fn burst(&self) -> i128 {
        let rate = self.rate.unwrap_or(0);
        if rate == 0 {
            return 0;
        }
        let micros = u64::try_from(BURST.as_micros()).unwrap_or(0);
        i128::from(BURST_MIN.max(rate / 1_000_000 * micros + rate % 1_000_000 * micros / 1_000_000))
            * MICROS
    }

    fn fill(&mut self, now: Time, owed: u64) {
        let micros = (now - self.filled_at).as_micros();
        self.filled_at = self.filled_at.max(now);
        let gained =
            i128::from(self.rate.unwrap_or(0)) * i128::try_from(micros).unwrap_or(i128::MAX / 2);
        let full = self.burst() + i128::from(owed) * MICROS;
        self.level = self.level.saturating_add(gained).min(full);
    }

    /// Bytes that may be sent or asked for now, besides those that are `owed`.
    pub(crate) fn available(&mut self, now: Time, owed: u64) -> u64 {
        if self.rate.is_none() {
            return u64::MAX;
        }
        self.fill(now, owed);
        u64::try_from(self.level / MICROS).map_or(0, |level| level.saturating_sub(owed))
    }

    /// `bytes` passed, whether they were available or not.
    pub(crate) fn pay(&mut self, bytes: u64) {
        if self.rate.is_some() {
            self.level -= i128::from(bytes) * MICROS;
        }
    }

    /// When `bytes` will be available; a moment later when the rate is high, for more at a time.
    pub(crate) fn ready_at(&self, now: Time, bytes: u64, owed: u64) -> Time {
        let Some(rate) = self.rate else {
            return now;
        };
        if rate == 0 {
            return Time::NEVER;
        }
        let missing = (i128::from(bytes) + i128::from(owed)) * MICROS - self.level;
        let micros = missing.max(0).div_euclid(i128::from(rate)) + 1;
        let at = self.filled_at + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        at.max(now + GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_limit_everything_passes() {
        let mut pace = Pace::default();
        assert_eq!(pace.available(Time::ZERO, 0), u64::MAX);
        pace.pay(1 << 40);
        assert_eq!(pace.ready_at(Time(5), 1 << 40, 0), Time(5));
    }

    #[test]
    fn a_limit_of_nothing_lets_nothing_pass() {
        let mut pace = Pace::default();
        pace.set(Time::ZERO, Some(0));
        assert_eq!(pace.available(Time(1 << 40), 0), 0);
        assert_eq!(pace.ready_at(Time(1 << 40), 1, 0), Time::NEVER);
    }

    #[test]
    fn what_is_owed_is_kept_back_until_it_comes_or_is_taken_back() {
        let mut pace = Pace::default();
        let now = Time(10_000_000);
        pace.set(now, Some(1_000_000));
        let now = now + Duration::from_secs(9);
        let full = pace.available(now, 0);
        assert_eq!(pace.available(now, full), 0);
        // Half of it comes, half is taken back.
        pace.pay(full / 2);
        assert_eq!(pace.available(now, full - full / 2), 0);
        assert_eq!(pace.available(now, 0), full - full / 2);
    }

    proptest! {
        #[test]
        fn no_span_passes_more_than_burst_and_rate(
            rate in 1u64..50_000_000,
            steps in prop::collection::vec((0u64..400_000, 1u64..100_000), 1..200),
        ) {
            let mut pace = Pace::default();
            pace.set(Time::ZERO, Some(rate));
            let (mut now, mut paid) = (Time::ZERO, 0);
            for (wait, bytes) in steps {
                now += Duration::from_micros(wait);
                if pace.available(now, 0) >= bytes {
                    pace.pay(bytes);
                    paid += bytes;
                }
                let allowed = i128::from(rate) * i128::from(now.0) / MICROS + pace.burst() / MICROS;
                prop_assert!(i128::from(paid) <= allowed, "{} of {}", paid, allowed);
                let ready = pace.ready_at(now, 16_384, 0);
                prop_assert!(ready > now && pace.clone().available(ready, 0) >= 16_384);
            }
        }
    }
}
