//! When each tracker is told what (BEP 3), and which tracker of a tier is asked (BEP 12).
//!
//! A tier is a set of trackers that stand for each other. Its order is shuffled when the torrent wakes; the first that
//! works is the one that is asked, and moves to the front. When it fails, the next one is asked at once; when all have
//! failed, the one whose wait ends first.
//!
//! BEP 12 asks tier after tier, and a later one only when all before it failed. A film that somebody waits for cannot
//! stand behind a dead first tier, so one tracker of *every* tier is asked at the same time, as other clients do too;
//! and while no tracker at all has answered, the next of a tier is asked after [`PATIENCE`] beside the one that is
//! silent. The load stays that of one client: one tracker of a tier, at most [`ASKED_MAX`] at a time, none below its
//! interval, and each that answered is told when we stop. A private torrent has one tracker at a time (BEP 27).
//!
//! Every tracker has its own clock: started when it is first asked, again after its interval, sooner (but never below
//! its minimum) when peers are short, later and later when it fails. `completed` is never sent and `left` is never 0:
//! evicted pieces are missing again.

use std::ops::Range;
use std::time::Duration;

use gostorm_wire::{AnnounceEvent, RetryIn};

use crate::time::Time;

/// Trackers used of one torrent.
const TRACKERS_MAX: usize = 64;
/// Announces under way at a time.
const ASKED_MAX: usize = 24;
/// How long the first tracker of a tier is waited for alone while none has answered.
const PATIENCE: Duration = Duration::from_secs(2);
/// Interval when the tracker does not say (BEP 3 names none; half an hour is usual).
const INTERVAL_DEFAULT: Duration = Duration::from_secs(1_800);
/// No tracker is asked more often, whatever it says.
const INTERVAL_MIN: Duration = Duration::from_secs(5);
/// Least time between announces when peers are short and the tracker names no minimum.
const SHORTAGE_MIN: Duration = Duration::from_secs(60);
/// An answer later than this is not awaited.
const INTERVAL_MAX: Duration = Duration::from_secs(7_200);
/// Wait after the first failure; doubles up to `FAILURE_MAX`.
const FAILURE_MIN: Duration = Duration::from_secs(5);
const FAILURE_MAX: Duration = Duration::from_secs(900);
/// Least time between two announces that a change of our port makes.
const NEWS_MIN: Duration = Duration::from_secs(10);
/// Peers asked for.
const NUM_WANT: u32 = 100;

/// One announce to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncePlan {
    /// Index into the torrent's trackers, one tier after the other.
    pub tracker: usize,
    /// The event.
    pub event: AnnounceEvent,
    /// Peers asked for.
    pub num_want: u32,
    /// Payload bytes received of this torrent since it woke.
    pub downloaded: u64,
    /// Payload bytes sent.
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
    Failed {
        /// When it wants to be asked again, if it said (BEP 31).
        retry_in: Option<RetryIn>,
    },
}

/// How the machine stands with one tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerClock {
    /// Its tier, from 0.
    pub tier: usize,
    /// When it is asked next, unless another of its tier works; never, while an announce is under way.
    pub next: Time,
    /// Announces in a row that failed.
    pub failures: u32,
    /// It has answered, and was not told that we stop.
    pub started: bool,
}

#[derive(Clone, Debug, Default)]
struct Tracker {
    next: Time,
    not_before: Time,
    /// Since when an answer is awaited.
    asked: Option<Time>,
    /// When it was last told out of turn.
    told_at: Option<Time>,
    failures: u32,
    started: bool,
    /// Our port changed while an answer was awaited: what was told is old.
    stale: bool,
}

impl Tracker {
    const fn is_alive(&self) -> bool {
        self.failures == 0
    }

    const fn due(&self, short: bool) -> Time {
        if short { self.not_before } else { self.next }
    }

    fn answered(&mut self, now: Time, interval: Option<Duration>, min_interval: Option<Duration>) {
        self.started = true;
        self.failures = 0;
        let interval = interval.unwrap_or(INTERVAL_DEFAULT);
        let shortest = min_interval
            .unwrap_or(SHORTAGE_MIN.min(interval))
            .clamp(INTERVAL_MIN, INTERVAL_MAX);
        let interval = interval.clamp(shortest, INTERVAL_MAX);
        self.next = now + interval;
        self.not_before = now + shortest;
    }

    fn failed(&mut self, now: Time, retry_in: Option<RetryIn>) {
        let usual = FAILURE_MAX.min(FAILURE_MIN * (1 << self.failures.min(10)));
        self.failures = self.failures.saturating_add(1);
        self.next = match retry_in {
            Some(RetryIn::Never) => Time::NEVER,
            Some(RetryIn::After(wait)) => now + wait.max(usual),
            None => now + usual,
        };
        self.not_before = self.next;
    }

    fn tell_at_once(&mut self, now: Time) {
        let at = self.told_at.map_or(now, |last| now.max(last + NEWS_MIN));
        if at < self.next {
            self.told_at = Some(at);
            self.next = at;
            self.not_before = self.not_before.min(at);
        }
    }
}

/// The tiers and clocks of all trackers of one torrent.
#[derive(Clone, Debug)]
pub(crate) struct Announce {
    trackers: Vec<Tracker>,
    /// Each tracker's tier, as given.
    tier_of: Vec<usize>,
    /// Indices into `trackers`, in the order in which a tier asks them.
    tiers: Vec<Vec<usize>>,
    /// Some tracker has answered since the torrent woke.
    answered: bool,
    private: bool,
    /// There is no network.
    paused: bool,
    /// Trackers that shall not know of us any more.
    disowned: Range<usize>,
}

impl Announce {
    /// `tiers` are the numbers of trackers in each tier; `salt` shuffles within them.
    pub(crate) fn new(tiers: &[usize], salt: u64) -> Self {
        let mut announce = Self {
            trackers: Vec::new(),
            tier_of: Vec::new(),
            tiers: Vec::new(),
            answered: false,
            private: false,
            paused: false,
            disowned: 0..0,
        };
        let mut random = salt;
        for (number, size) in tiers.iter().enumerate() {
            let first = announce.trackers.len();
            let last = first.saturating_add(*size).min(TRACKERS_MAX);
            let mut tier: Vec<usize> = (first..last).collect();
            for end in (1..tier.len()).rev() {
                random = next_random(random);
                let among = u64::try_from(end + 1).unwrap_or(u64::MAX);
                tier.swap(end, usize::try_from((random >> 33) % among).unwrap_or(0));
            }
            announce.trackers.resize(last, Tracker::default());
            announce.tier_of.resize(last, number);
            announce
                .tiers
                .extend(Some(tier).filter(|tier| !tier.is_empty()));
        }
        announce
    }

    /// From now on one tracker at a time is asked, of the first `own` ones only and over all tiers (BEP 27); the others
    /// are told with the next turn that we stop.
    pub(crate) fn make_private(&mut self, own: usize) {
        self.private = true;
        let mut order = std::mem::take(&mut self.tiers).concat();
        order.retain(|tracker| *tracker < own);
        // Who has answered stays in use.
        order.sort_by_key(|tracker| !self.trackers[*tracker].started);
        self.tiers = vec![order];
        self.disowned = own..self.trackers.len();
    }

    /// The network is gone: nobody is asked, and questions under way have no answer.
    pub(crate) fn pause(&mut self) {
        self.paused = true;
        for tracker in &mut self.trackers {
            tracker.asked = None;
        }
    }

    /// There is a network again, perhaps with another address of ours: tell that we started, at once.
    pub(crate) fn resume(&mut self, now: Time) {
        self.paused = false;
        self.answered = false;
        let refuses = |tracker: &Tracker| tracker.next == Time::NEVER;
        for tracker in self.trackers.iter_mut().filter(|one| !refuses(one)) {
            *tracker = Tracker {
                next: now,
                not_before: now,
                told_at: tracker.told_at,
                ..Tracker::default()
            };
        }
    }

    /// The trackers to ask now; `short` when peers are needed.
    pub(crate) fn due(&mut self, now: Time, short: bool) -> Vec<(usize, AnnounceEvent)> {
        let mut due = Vec::new();
        if self.paused {
            return due;
        }
        for tracker in self.disowned.clone() {
            if std::mem::take(&mut self.trackers[tracker].started) {
                due.push((tracker, AnnounceEvent::Stopped));
            }
        }
        for index in 0..self.tiers.len() {
            if self.under_way() >= ASKED_MAX {
                break;
            }
            let upcoming = self.upcoming(&self.tiers[index], short);
            let Some((_, tracker)) = upcoming.filter(|(at, _)| *at <= now) else {
                continue;
            };
            let state = &mut self.trackers[tracker];
            state.asked = Some(now);
            let event = if state.started {
                AnnounceEvent::None
            } else {
                AnnounceEvent::Started
            };
            due.push((tracker, event));
        }
        due
    }

    /// When the next announce is due.
    pub(crate) fn next(&self, short: bool) -> Time {
        if self.paused {
            return Time::NEVER;
        }
        let disowned = self.trackers.get(self.disowned.clone()).unwrap_or_default();
        if disowned.iter().any(|tracker| tracker.started) {
            return Time::ZERO;
        }
        if self.under_way() >= ASKED_MAX {
            return Time::NEVER;
        }
        let upcoming = |tier: &Vec<usize>| self.upcoming(tier, short).map(|(at, _)| at);
        self.tiers
            .iter()
            .filter_map(upcoming)
            .min()
            .unwrap_or(Time::NEVER)
    }

    /// Which tracker of a tier is asked next, and when.
    fn upcoming(&self, tier: &[usize], short: bool) -> Option<(Time, usize)> {
        let trackers = || tier.iter().map(|index| (*index, &self.trackers[*index]));
        let waiting_since = trackers().filter_map(|(_, tracker)| tracker.asked).max();
        if let Some(since) = waiting_since {
            let (next, _) = trackers()
                .find(|(_, tracker)| tracker.is_alive() && tracker.asked.is_none())
                .filter(|_| short && !self.answered && !self.private)?;
            return Some((since + PATIENCE, next));
        }
        let alive = trackers().find(|(_, tracker)| tracker.is_alive());
        let (index, tracker) =
            alive.or_else(|| trackers().min_by_key(|(_, tracker)| tracker.due(short)))?;
        Some((tracker.due(short), index))
    }

    pub(crate) fn under_way(&self) -> usize {
        self.trackers
            .iter()
            .filter(|tracker| tracker.asked.is_some())
            .count()
    }

    /// What came of asking a tracker.
    pub(crate) fn done(&mut self, now: Time, index: usize, outcome: AnnounceOutcome) {
        let Some(tracker) = self.trackers.get_mut(index).filter(|_| !self.paused) else {
            return;
        };
        tracker.asked = None;
        match outcome {
            AnnounceOutcome::Answered {
                interval,
                min_interval,
            } => {
                tracker.answered(now, interval, min_interval);
                self.answered = true;
                self.promote(index);
            }
            AnnounceOutcome::Failed { retry_in } => tracker.failed(now, retry_in),
        }
        let tracker = &mut self.trackers[index];
        if std::mem::take(&mut tracker.stale) && tracker.started {
            tracker.tell_at_once(now);
        }
    }

    /// To the front of its tier, unless the one there works.
    fn promote(&mut self, index: usize) {
        let Self {
            tiers, trackers, ..
        } = self;
        for tier in tiers {
            let works = |tracker: &Tracker| tracker.started && tracker.is_alive();
            if let Some(at) = tier.iter().position(|tracker| *tracker == index)
                && !works(&trackers[tier[0]])
            {
                tier[..=at].rotate_right(1);
            }
        }
    }

    /// What the trackers were told is no longer true: those that know us are told anew, with the next turn.
    pub(crate) fn tell_at_once(&mut self, now: Time) {
        for tracker in &mut self.trackers {
            if tracker.asked.is_some() {
                tracker.stale = true;
            } else if tracker.started {
                tracker.tell_at_once(now);
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

    /// True when no tracker can be asked for peers now: one has answered, or there is none, and no answer is awaited.
    pub(crate) fn is_spent(&self, now: Time) -> bool {
        let answered = self.answered || self.tiers.iter().all(Vec::is_empty);
        !self.paused && answered && self.under_way() == 0 && self.next(true) > now
    }

    /// How each tracker stands, in the order of the list.
    pub(crate) fn clocks(&self) -> impl Iterator<Item = TrackerClock> {
        let clocks = self.trackers.iter().zip(&self.tier_of);
        clocks.map(|(tracker, tier)| TrackerClock {
            tier: *tier,
            next: tracker.asked.map_or(tracker.next, |_| Time::NEVER),
            failures: tracker.failures,
            started: tracker.started,
        })
    }

    pub(crate) const fn num_want() -> u32 {
        NUM_WANT
    }
}

/// A step of Knuth's MMIX generator; its high bits are good enough for a shuffle.
const fn next_random(state: u64) -> u64 {
    state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407)
}

#[cfg(test)]
mod tests;
