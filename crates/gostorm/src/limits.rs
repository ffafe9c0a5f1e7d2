//! The limits of the process in both directions, shared out among the awake torrents.
//!
//! Every driver joins when its torrent runs, says when it has readers, and hears when the shares change.
//! Upload is shared by all that are awake, download by those that somebody reads: a film that was closed a
//! moment ago takes nothing from the one that is played. The lock is a leaf.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Among how many a limit is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sharers {
    awake: u64,
    reading: u64,
}

/// The limits, bytes per second; `None`: no limit.
#[derive(Debug)]
pub(crate) struct Limits {
    download: Option<u64>,
    upload: Option<u64>,
    /// The running torrents, and whether somebody reads each.
    torrents: Mutex<BTreeMap<u64, bool>>,
    sharers: watch::Sender<Sharers>,
}

impl Limits {
    pub(crate) fn new(download: Option<u64>, upload: Option<u64>) -> Self {
        Self {
            download,
            upload,
            torrents: Mutex::new(BTreeMap::new()),
            sharers: watch::Sender::new(Sharers::default()),
        }
    }

    /// A torrent runs. What is received changes with the shares.
    pub(crate) fn join(&self, tenant: u64) -> watch::Receiver<Sharers> {
        let sharers = self.sharers.subscribe();
        self.change(|torrents| {
            torrents.insert(tenant, false);
        });
        sharers
    }

    /// Somebody reads a running torrent, or nobody does any more.
    pub(crate) fn set_reading(&self, tenant: u64, reading: bool) {
        self.change(|torrents| {
            if let Some(known) = torrents.get_mut(&tenant) {
                *known = reading;
            }
        });
    }

    /// A torrent went to sleep, whether it ever ran or not.
    pub(crate) fn leave(&self, tenant: u64) {
        self.change(|torrents| {
            torrents.remove(&tenant);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<u64, bool>)) {
        let mut torrents = self.torrents.lock();
        change(&mut torrents);
        let now = Sharers {
            awake: torrents.len() as u64,
            reading: torrents.values().filter(|reading| **reading).count() as u64,
        };
        self.sharers
            .send_if_modified(|last| std::mem::replace(last, now) != now);
    }

    /// The share of one torrent: download, upload.
    pub(crate) fn share(&self, sharers: Sharers) -> (Option<u64>, Option<u64>) {
        let part = |limit: u64, among: u64| {
            // Only a limit of nothing is nothing.
            (limit / among.max(1)).max(limit.min(1))
        };
        (
            self.download.map(|limit| part(limit, sharers.reading)),
            self.upload.map(|limit| part(limit, sharers.awake)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shared_by_those_who_use_it() {
        let limits = Limits::new(Some(900), Some(600));
        let mut first = limits.join(1);
        assert!(first.has_changed().is_ok_and(|changed| changed));
        let _second = limits.join(2);
        let _third = limits.join(3);
        let shares = |limits: &Limits, of: &mut watch::Receiver<Sharers>| {
            limits.share(*of.borrow_and_update())
        };
        assert_eq!(shares(&limits, &mut first), (Some(900), Some(200)));
        limits.set_reading(1, true);
        limits.set_reading(2, true);
        assert_eq!(shares(&limits, &mut first), (Some(450), Some(200)));
        limits.set_reading(2, true);
        assert!(first.has_changed().is_ok_and(|changed| !changed));
        limits.leave(2);
        limits.leave(7);
        limits.set_reading(7, true);
        assert_eq!(shares(&limits, &mut first), (Some(900), Some(300)));
    }

    #[test]
    fn no_limit_is_shared_as_none_and_nothing_as_nothing() {
        let many = Sharers {
            awake: 1_000,
            reading: 1_000,
        };
        assert_eq!(Limits::new(None, None).share(many), (None, None));
        assert_eq!(
            Limits::new(Some(5), Some(0)).share(many),
            (Some(1), Some(0))
        );
    }
}
