//! When the DHT and the local network are asked for peers of one torrent.
//!
//! At once when it wakes; again soon while peers are short, then later each time; now and then while they are not, so that
//! others find us. Answers come when they come, as candidates.

use std::time::Duration;

use crate::time::Time;

/// Wait after the first question while peers are short; doubles up to `SHORT_MAX`.
const SHORT_MIN: Duration = Duration::from_secs(20);
const SHORT_MAX: Duration = Duration::from_secs(300);
/// Wait while there are peers enough: nodes forget who announced himself half an hour ago (BEP 5).
const CALM: Duration = Duration::from_secs(900);

#[derive(Clone, Debug)]
pub(crate) struct Inquiry {
    last: Option<Time>,
    wait: Duration,
    /// What was said with the last question is no longer true.
    outdated: bool,
    /// There is no network.
    paused: bool,
    /// Whoever was asked last has said all.
    answered: bool,
}

impl Inquiry {
    pub(crate) const fn new() -> Self {
        Self {
            last: None,
            wait: SHORT_MIN,
            outdated: false,
            paused: false,
            answered: false,
        }
    }

    /// There is no network: nobody is asked.
    pub(crate) const fn pause(&mut self) {
        self.paused = true;
    }

    /// There is one again, perhaps another: the question comes at once, as on a wake.
    pub(crate) const fn resume(&mut self) {
        *self = Self::new();
    }

    /// When the next question is due; `short` when peers are needed.
    pub(crate) fn next(&self, short: bool) -> Time {
        if self.paused {
            return Time::NEVER;
        }
        let wait = if self.outdated {
            SHORT_MIN
        } else if short {
            self.wait
        } else {
            CALM
        };
        self.last.map_or(Time::ZERO, |last| last + wait)
    }

    /// What we say of ourselves has changed: the next question comes as soon as one may.
    pub(crate) const fn tell_at_once(&mut self) {
        self.outdated = true;
    }

    /// True when the question is due; it is taken as asked then.
    pub(crate) fn ask(&mut self, now: Time, short: bool) -> bool {
        let due = self.next(short) <= now;
        if due {
            self.wait = if short && self.last.is_some() {
                SHORT_MAX.min(self.wait * 2)
            } else {
                SHORT_MIN
            };
            self.last = Some(now);
            self.outdated = false;
            self.answered = false;
        }
        due
    }

    /// Whoever was asked last has said all.
    pub(crate) const fn answered(&mut self) {
        self.answered = true;
    }

    /// True when the last question is answered: there is nobody to wait for.
    pub(crate) const fn is_answered(&self) -> bool {
        self.answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_asked_about_at_once_and_later_each_time_and_plenty_now_and_then() {
        let mut inquiry = Inquiry::new();
        let mut asked = Vec::new();
        for second in 0..2_000 {
            if inquiry.ask(Time(second * 1_000_000), true) {
                asked.push(second);
            }
        }
        assert_eq!(
            asked,
            vec![0, 20, 60, 140, 300, 600, 900, 1_200, 1_500, 1_800]
        );
        assert_eq!(inquiry.next(false), Time(2_700_000_000));
    }

    #[test]
    fn an_answer_holds_until_the_next_question() {
        let mut inquiry = Inquiry::new();
        inquiry.ask(Time::ZERO, true);
        assert!(!inquiry.is_answered());
        inquiry.answered();
        assert!(!inquiry.ask(Time(1_000_000), true) && inquiry.is_answered());
        assert!(inquiry.ask(Time(20_000_000), true) && !inquiry.is_answered());
    }

    #[test]
    fn nobody_is_asked_without_a_network_and_everybody_at_once_when_it_is_back() {
        let mut inquiry = Inquiry::new();
        assert!(inquiry.ask(Time::ZERO, true));
        inquiry.pause();
        assert_eq!(inquiry.next(true), Time::NEVER);
        assert!(!inquiry.ask(Time(900_000_000), true));
        inquiry.resume();
        assert!(inquiry.ask(Time(900_000_000), true));
    }

    #[test]
    fn what_has_changed_about_us_is_told_at_once_but_never_twice_in_a_row() {
        let mut inquiry = Inquiry::new();
        let at = |seconds: u64| Time(seconds * 1_000_000);
        assert!(inquiry.ask(at(100), false));
        inquiry.tell_at_once();
        assert!(!inquiry.ask(at(110), false));
        assert!(inquiry.ask(at(120), false));
        assert_eq!(inquiry.next(false), at(120) + CALM, "once");
        inquiry.tell_at_once();
        assert!(inquiry.ask(at(500), false));
    }
}
