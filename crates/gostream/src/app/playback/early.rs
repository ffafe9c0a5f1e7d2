//! Webhooks that came before the film was opened: a media server tells, and its player opens a moment later.

use std::time::{Duration, Instant};

use gostream_http::Notice;

/// How long one is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How many are; the oldest goes for a further one.
const EARLY_MAX: usize = 32;

/// Those that are remembered, each of a different viewer, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Early {
    notices: Vec<(Instant, Notice)>,
    taken: Vec<(Instant, String)>,
}

impl Early {
    /// Remembers; how many were given up for it.
    pub(super) fn remember(&mut self, now: Instant, notice: Notice) -> u64 {
        self.forget(&notice.viewer);
        let full = self.notices.len() >= EARLY_MAX;
        if full {
            self.notices.remove(0);
        }
        self.notices.push((now, notice));
        u64::from(full)
    }

    /// A viewer plays something else, or nothing.
    pub(super) fn forget(&mut self, viewer: &str) {
        self.notices.retain(|(_, notice)| notice.viewer != viewer);
    }

    /// All of them, to be tried; those that still mean nothing are given back by [`Early::keep`].
    pub(super) fn take(&mut self) -> Vec<Notice> {
        let all = std::mem::take(&mut self.notices);
        self.taken = all
            .iter()
            .map(|(since, notice)| (*since, notice.viewer.clone()))
            .collect();
        all.into_iter().map(|(_, notice)| notice).collect()
    }

    /// Remembers one of those that were taken, since when it was.
    pub(super) fn keep(&mut self, notice: Notice) {
        let mut taken = self.taken.iter();
        if let Some((since, _)) = taken.find(|(_, viewer)| *viewer == notice.viewer) {
            self.notices.push((*since, notice));
        }
    }

    /// Forgets those whose time is over; how many.
    pub(super) fn expire(&mut self, now: Instant) -> u64 {
        let before = self.notices.len();
        self.notices
            .retain(|(since, _)| now.duration_since(*since) < REMEMBERED);
        (before - self.notices.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(viewer: &str) -> Notice {
        Notice {
            viewer: viewer.to_owned(),
            ..Notice::default()
        }
    }

    #[test]
    fn one_is_tried_until_its_minute_is_over() {
        let (mut early, start) = (Early::default(), Instant::now());
        early.remember(start, of("a"));
        early.remember(start + Duration::from_secs(30), of("b"));
        early.remember(start + Duration::from_secs(31), of("b"));
        for _ in 0..2 {
            let taken = early.take();
            assert_eq!(taken.len(), 2);
            taken.into_iter().for_each(|notice| early.keep(notice));
        }
        assert_eq!(early.expire(start + Duration::from_secs(60)), 1);
        early.forget("b");
        assert_eq!(early.take(), []);
    }

    #[test]
    fn no_more_than_a_few_are_remembered() {
        let (mut early, start) = (Early::default(), Instant::now());
        let given_up: u64 = (0..100)
            .map(|n| early.remember(start, of(&n.to_string())))
            .sum();
        assert_eq!(given_up, 68);
        assert_eq!(early.take().first(), Some(&of("68")));
    }
}
