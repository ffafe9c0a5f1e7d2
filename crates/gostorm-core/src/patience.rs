//! How long a read waits in a swarm that brings nothing.
//!
//! The first read waits for as long as reads may. When nothing came meanwhile, the swarm is taken for dead: its reads fail
//! at once for a while, twice as long after each further try, so that a scan over dead titles is quick. When it turns out
//! sooner that there is nobody (every address failed, a tracker answered, the DHT was walked through), the read is given up
//! after a few seconds: who dials a dead address again gets there no later. What always holds: a torrent that wakes within
//! a rest gets a moment to find somebody, and so does an address that is new, each new try gets a few seconds, and a peer
//! that connects or a block that comes ends the rest. Used by the swarm, and by the driver before there is one; who drives
//! them carries the rest over the torrent's sleep.

use std::time::Duration;

use crate::time::Time;

/// The first rest.
const REST_MIN: Duration = Duration::from_secs(30);
/// The longest.
const REST_MAX: Duration = Duration::from_secs(600);
/// A torrent that wakes within a rest finds its peers in this time, if there are any, and so does an address that has just
/// come: a dial and a handshake.
const GRACE: Duration = Duration::from_secs(2);
/// How long the reads of a further try wait, and those of the first when nobody is left to ask: the second dial of an
/// address that refused the first is then made.
const TRY: Duration = Duration::from_secs(5);

/// A swarm is taken for dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Tries in a row in which nothing came.
    pub failures: u32,
    /// For so long reads fail at once; zero: the next read is a new try.
    pub left: Duration,
}

/// Who might answer a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hope {
    /// Somebody is connected who would answer requests.
    Served,
    /// There is an address that was never dialled, or whose first dial is under way.
    Untried,
    /// Nobody that we know of.
    Nobody,
}

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    failures: u32,
    rests_until: Time,
    grace_until: Time,
    heard_at: Option<Time>,
}

impl Patience {
    /// That of a torrent which wakes now, with what was found out before it slept.
    #[must_use]
    pub fn waking(now: Time, rest: Option<Rest>) -> Self {
        rest.map_or_else(Self::default, |rest| Self {
            failures: rest.failures,
            rests_until: now + rest.left,
            grace_until: now + GRACE,
            heard_at: None,
        })
    }

    /// When a read that comes now fails, which would have waited until `wanted`.
    #[must_use]
    pub fn deadline(&self, now: Time, wanted: Time, hope: Hope) -> Time {
        if self.failures == 0 {
            return wanted;
        }
        let given = match hope {
            Hope::Untried if self.rests(now) => now + GRACE,
            Hope::Nobody if self.rests(now) => self.grace_until.max(now),
            Hope::Served | Hope::Untried | Hope::Nobody => now + TRY,
        };
        wanted.min(given)
    }

    /// When a read is given up that has waited since `since`, if nobody is left who could be asked for anybody. `None`:
    /// somebody was there meanwhile, who may come back.
    #[must_use]
    pub fn forlorn(&self, since: Time) -> Option<Time> {
        let heard = self.heard_at.is_some_and(|at| at >= since);
        let given = if self.rests(since) {
            Duration::ZERO
        } else {
            TRY
        };
        (!heard).then(|| since + given)
    }

    /// Reads that come now fail at once.
    fn rests(&self, now: Time) -> bool {
        self.failures > 0 && now < self.rests_until
    }

    /// A peer connected, or a block came, or there is a network again.
    pub const fn heard(&mut self, now: Time) {
        self.failures = 0;
        self.heard_at = Some(now);
    }

    /// A read failed that had waited since `since`. Says so when a rest begins.
    pub fn failed(&mut self, now: Time, since: Time) -> Option<Rest> {
        let heard = self.heard_at.is_some_and(|at| at >= since);
        // Reads wait side by side: the first to fail begins the rest.
        if heard || self.rests(now) {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        let doubled = REST_MIN.saturating_mul(1 << (self.failures - 1).min(16));
        self.rests_until = now + doubled.min(REST_MAX);
        self.rest(now)
    }

    /// How it stands; `None` while the swarm is not taken for dead.
    #[must_use]
    pub fn rest(&self, now: Time) -> Option<Rest> {
        (self.failures > 0).then(|| Rest {
            failures: self.failures,
            left: self.rests_until - now,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const READ: Duration = Duration::from_secs(25);

    fn seconds(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn after_a_read_that_got_nothing_the_next_fail_at_once_and_each_rest_is_twice_as_long() {
        let mut patience = Patience::default();
        let (mut now, mut rests) = (seconds(100), Vec::new());
        for _ in 0..7 {
            let wanted = now + READ;
            let end = patience.deadline(now, wanted, Hope::Nobody);
            let expected = if rests.is_empty() { wanted } else { now + TRY };
            assert_eq!(end, expected);
            let rest = patience.failed(end, now).unwrap();
            assert_eq!(patience.deadline(end, end + READ, Hope::Nobody), end);
            assert_eq!(patience.failed(end, end), None, "one failure a rest");
            now = end + rest.left;
            rests.push(rest.left.as_secs());
        }
        assert_eq!(rests, [30, 60, 120, 240, 480, 600, 600]);
    }

    #[test]
    fn whoever_is_heard_of_ends_the_rest() {
        let mut patience = Patience::default();
        patience.failed(seconds(25), seconds(0)).unwrap();
        patience.heard(seconds(30));
        assert_eq!(patience.rest(seconds(31)), None);
        let wanted = seconds(31) + READ;
        assert_eq!(patience.deadline(seconds(31), wanted, Hope::Nobody), wanted);
        assert_eq!(
            patience.failed(seconds(50), seconds(29)),
            None,
            "somebody came in the meantime"
        );
        assert_eq!(
            patience.failed(seconds(56), seconds(31)).unwrap().failures,
            1
        );
    }

    #[test]
    fn a_read_that_nobody_can_be_asked_for_is_given_up_after_a_try_and_at_once_within_a_rest() {
        let mut patience = Patience::default();
        assert_eq!(patience.forlorn(seconds(10)), Some(seconds(15)));
        patience.heard(seconds(12));
        assert_eq!(patience.forlorn(seconds(10)), None, "they may come back");
        assert_eq!(patience.forlorn(seconds(13)), Some(seconds(18)));
        patience.failed(seconds(18), seconds(13)).unwrap();
        assert_eq!(patience.forlorn(seconds(20)), Some(seconds(20)));
        assert_eq!(patience.forlorn(seconds(48)), Some(seconds(53)));
    }

    #[test]
    fn a_torrent_that_wakes_within_a_rest_gets_a_moment_to_find_somebody() {
        let rest = Rest {
            failures: 3,
            left: Duration::from_secs(100),
        };
        let mut patience = Patience::waking(seconds(0), Some(rest));
        let end = |patience: &Patience, now, hope| {
            patience.deadline(seconds(now), seconds(now) + READ, hope)
        };
        assert_eq!(end(&patience, 1, Hope::Nobody), seconds(2));
        assert_eq!(end(&patience, 3, Hope::Nobody), seconds(3));
        assert_eq!(
            end(&patience, 3, Hope::Served),
            seconds(8),
            "there is somebody to ask"
        );
        assert_eq!(
            end(&patience, 50, Hope::Untried),
            seconds(52),
            "as a torrent that wakes"
        );
        assert_eq!(end(&patience, 101, Hope::Nobody), seconds(106));
        assert_eq!(end(&patience, 101, Hope::Untried), seconds(106));
        let longer = patience.failed(seconds(106), seconds(101)).unwrap();
        assert_eq!((longer.failures, longer.left.as_secs()), (4, 240));
    }
}
