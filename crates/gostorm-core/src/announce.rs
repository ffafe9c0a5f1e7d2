//! When each tracker is told what (BEP 3).
//!
//! Every tracker of the torrent has its own clock: started when the torrent wakes, again after its
//! interval, sooner (but never below its minimum) when peers are short, later and later when it
//! fails, and stopped when the torrent goes to sleep. `completed` is never sent and `left` is never 0:
//! evicted pieces are missing again.

use std::time::Duration;

use gostorm_wire::AnnounceEvent;

use crate::time::Time;

/// Trackers used of one torrent.
const TRACKERS_MAX: usize = 24;
/// Interval when the tracker does not say (BEP 3 names none; half an hour is usual).
const INTERVAL_DEFAULT: Duration = Duration::from_secs(1_800);
/// No tracker is asked more often, whatever it says.
const INTERVAL_MIN: Duration = Duration::from_secs(30);
/// Least time between announces when peers are short and the tracker names no minimum.
const SHORTAGE_MIN: Duration = Duration::from_secs(60);
/// An answer later than this is not awaited.
const INTERVAL_MAX: Duration = Duration::from_secs(7_200);
/// Wait after the first failure; doubles up to `FAILURE_MAX`.
const FAILURE_MIN: Duration = Duration::from_secs(5);
const FAILURE_MAX: Duration = Duration::from_secs(900);
/// Peers asked for.
const NUM_WANT: u32 = 100;

/// One announce to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncePlan {
    /// Index into the torrent's flat tracker list.
    pub tracker: usize,
    /// The event.
    pub event: AnnounceEvent,
    /// Peers asked for.
    pub num_want: u32,
    /// Bytes received of this torrent in this session.
    pub downloaded: u64,
    /// Bytes sent.
    pub uploaded: u64,
    /// Bytes that we do not hold; at least 1.
    pub left: u64,
}

/// What came of an announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnounceOutcome {
    /// The tracker answered; the peers come as candidates.
    Answered {
        /// Its interval.
        interval: Option<Duration>,
        /// Its shortest interval.
        min_interval: Option<Duration>,
    },
    /// No answer, or a refusal.
    Failed,
}

#[derive(Clone, Debug)]
struct Tracker {
    next: Time,
    not_before: Time,
    pending: bool,
    failures: u32,
    started: bool,
}

/// The clocks of all trackers of one torrent.
#[derive(Clone, Debug)]
pub(crate) struct Announce {
    trackers: Vec<Tracker>,
}

impl Announce {
    pub(crate) fn new(trackers: usize) -> Self {
        let fresh = Tracker {
            next: Time::ZERO,
            not_before: Time::ZERO,
            pending: false,
            failures: 0,
            started: false,
        };
        Self {
            trackers: vec![fresh; trackers.min(TRACKERS_MAX)],
        }
    }

    /// The trackers to ask now; `short` when peers are needed.
    pub(crate) fn due(&mut self, now: Time, short: bool) -> Vec<(usize, AnnounceEvent)> {
        let mut due = Vec::new();
        for (index, tracker) in self.trackers.iter_mut().enumerate() {
            let at = if short {
                tracker.not_before
            } else {
                tracker.next
            };
            if !tracker.pending && at <= now {
                tracker.pending = true;
                let event = if tracker.started {
                    AnnounceEvent::None
                } else {
                    AnnounceEvent::Started
                };
                due.push((index, event));
            }
        }
        due
    }

    /// When the next announce is due.
    pub(crate) fn next(&self, short: bool) -> Time {
        let waiting = self.trackers.iter().filter(|tracker| !tracker.pending);
        waiting
            .map(|tracker| {
                if short {
                    tracker.not_before
                } else {
                    tracker.next
                }
            })
            .min()
            .unwrap_or(Time::NEVER)
    }

    pub(crate) fn done(&mut self, now: Time, tracker: usize, outcome: AnnounceOutcome) {
        let Some(tracker) = self.trackers.get_mut(tracker) else {
            return;
        };
        tracker.pending = false;
        match outcome {
            AnnounceOutcome::Answered {
                interval,
                min_interval,
            } => {
                tracker.started = true;
                tracker.failures = 0;
                let shortest = min_interval
                    .unwrap_or(SHORTAGE_MIN)
                    .clamp(INTERVAL_MIN, INTERVAL_MAX);
                let interval = interval
                    .unwrap_or(INTERVAL_DEFAULT)
                    .clamp(shortest, INTERVAL_MAX);
                tracker.next = now + interval;
                tracker.not_before = now + shortest;
            }
            AnnounceOutcome::Failed => {
                let wait = FAILURE_MAX.min(FAILURE_MIN * (1 << tracker.failures.min(10)));
                tracker.failures += 1;
                tracker.next = now + wait;
                tracker.not_before = now + wait;
            }
        }
    }

    /// The trackers that must be told that we stop.
    pub(crate) fn stop(&mut self) -> Vec<usize> {
        let started = self
            .trackers
            .iter_mut()
            .enumerate()
            .filter(|(_, tracker)| tracker.started);
        started
            .map(|(index, tracker)| {
                tracker.started = false;
                index
            })
            .collect()
    }

    pub(crate) const fn num_want() -> u32 {
        NUM_WANT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracker_is_started_once_and_asked_again_after_its_interval() {
        let mut announce = Announce::new(1);
        assert_eq!(
            announce.due(Time::ZERO, true),
            vec![(0, AnnounceEvent::Started)]
        );
        assert_eq!(
            announce.due(Time::ZERO, true),
            vec![],
            "one question at a time"
        );
        let outcome = AnnounceOutcome::Answered {
            interval: Some(Duration::from_secs(1_800)),
            min_interval: Some(Duration::from_secs(300)),
        };
        announce.done(Time::ZERO, 0, outcome);
        assert_eq!(announce.next(false), Time(1_800_000_000));
        assert_eq!(
            announce.next(true),
            Time(300_000_000),
            "never below the minimum"
        );
        assert_eq!(
            announce.due(Time(300_000_000), true),
            vec![(0, AnnounceEvent::None)]
        );
        assert_eq!(announce.stop(), vec![0]);
        assert_eq!(announce.stop(), vec![]);
    }

    #[test]
    fn a_failing_tracker_is_asked_later_each_time() {
        let mut announce = Announce::new(1);
        let mut now = Time::ZERO;
        let mut last = Duration::ZERO;
        for _ in 0..6 {
            assert_eq!(announce.due(now, true).len(), 1);
            announce.done(now, 0, AnnounceOutcome::Failed);
            let wait = announce.next(true) - now;
            assert!(wait > last);
            last = wait;
            now = announce.next(true);
        }
        assert_eq!(announce.stop(), vec![], "it never heard that we started");
    }
}
