//! The torrents that are awake though nobody uses them, and that nobody has played: few of them stay.
//!
//! A scan opens thousands of files for a moment each. Whoever looks at a title mostly comes back within seconds, so that
//! its torrent stays awake for a while; a scan with many readers would pile them up. When there are more than may wake at
//! a time, the one that has been idle for longest sleeps first. Held by [`Shared`](crate::shared::Shared) behind a leaf
//! lock; drivers tell when they become idle and when they do no longer.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::handle::Handle;

/// See the module.
#[derive(Debug)]
pub(crate) struct Idle(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    /// The longest idle first.
    torrents: VecDeque<Arc<Handle>>,
}

impl Idle {
    /// At most `most` of them stay awake.
    pub(crate) fn new(most: usize) -> Self {
        Self(Mutex::new(Inner {
            most: most.max(1),
            torrents: VecDeque::new(),
        }))
    }

    /// At most `most` from now on. Asks those to sleep that are too many.
    pub(crate) fn resize(&self, most: usize) {
        let mut inner = self.0.lock();
        inner.most = most.max(1);
        inner.trim();
    }

    /// A torrent that was only probed became idle, if it was not before. Asks others to sleep that are too many.
    pub(crate) fn enter(&self, torrent: &Arc<Handle>) {
        let mut inner = self.0.lock();
        let mut others = inner.torrents.iter();
        if others.any(|other| Arc::ptr_eq(other, torrent)) {
            return;
        }
        inner.torrents.push_back(Arc::clone(torrent));
        inner.trim();
    }

    /// A torrent is used again, or sleeps.
    pub(crate) fn leave(&self, torrent: &Arc<Handle>) {
        let mut inner = self.0.lock();
        inner.torrents.retain(|other| !Arc::ptr_eq(other, torrent));
    }
}

impl Inner {
    fn trim(&mut self) {
        while self.torrents.len() > self.most {
            if let Some(longest) = self.torrents.pop_front() {
                longest.ask_to_sleep();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    fn handle() -> Arc<Handle> {
        Arc::new(Handle::new(mpsc::channel(1).0, mpsc::channel(1).0))
    }

    #[test]
    fn the_longest_idle_is_asked_to_sleep_when_there_are_too_many() {
        let idle = Idle::new(2);
        let torrents: Vec<_> = (0..4).map(|_| handle()).collect();
        let asked = || {
            torrents
                .iter()
                .map(|one| one.may_sleep_now())
                .collect::<Vec<_>>()
        };
        for torrent in [0, 1, 1, 0] {
            idle.enter(&torrents[torrent]);
        }
        assert_eq!(asked(), [false; 4], "no more than may be");
        idle.leave(&torrents[0]);
        idle.enter(&torrents[0]);
        idle.enter(&torrents[2]);
        assert_eq!(
            asked(),
            [false, true, false, false],
            "the first was used in between"
        );
        idle.enter(&torrents[3]);
        assert_eq!(asked(), [true, true, false, false]);
        idle.resize(1);
        assert_eq!(asked(), [true, true, true, false]);
    }
}
