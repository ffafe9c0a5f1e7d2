//! The limits of the process, shared out among the awake torrents: bytes per second in both directions, and connections.
//!
//! Every driver joins when its torrent wakes, says what it does, and hears when the shares change. Upload is shared by all
//! that run, download by those that somebody reads: a film that was closed a moment ago takes nothing from the one that
//! is played. Where a media server says that somebody watches, those torrents have three quarters of either before all
//! others. Connections go to them first, as many as they may use of three quarters of all; then to those that are read or
//! looked for, in equal parts; what these leave is divided among the others. Nothing is waited for: a torrent whose share shrinks lets peers go, so that there is no deadlock, and for
//! that moment there may be more than the limit. The lock is a leaf.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::tuning::Tuning;

/// What a torrent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It looks for its info dict.
    Searching,
    /// It runs, and nobody reads it.
    Unread,
    /// It runs, and somebody reads it.
    Read,
    /// It runs, and somebody is known to watch what is read.
    Watched,
}

/// Among how many a limit is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sharers {
    searching: u64,
    unread: u64,
    read: u64,
    watched: u64,
}

/// What one torrent may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Bytes per second; `None`: no limit.
    pub(crate) download: Option<u64>,
    pub(crate) upload: Option<u64>,
    /// Connections that are dialled at most; an eighth as many more may dial us.
    pub(crate) connections: usize,
}

/// What there is to share.
#[derive(Clone, Copy, Debug)]
struct Terms {
    all: Share,
    /// What one torrent gets at most.
    each: Share,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Limits {
    terms: Mutex<Terms>,
    torrents: Mutex<BTreeMap<u64, Activity>>,
    sharers: watch::Sender<Sharers>,
}

impl Limits {
    pub(crate) fn new(tuning: &Tuning) -> Self {
        Self {
            terms: Mutex::new(Terms::new(tuning)),
            torrents: Mutex::new(BTreeMap::new()),
            sharers: watch::Sender::new(Sharers::default()),
        }
    }

    /// There is more or less to share from now on: every torrent hears of it.
    pub(crate) fn retune(&self, tuning: &Tuning) {
        *self.terms.lock() = Terms::new(tuning);
        self.sharers.send_modify(|_| {});
    }

    /// A torrent wakes. What is received changes with the shares.
    pub(crate) fn join(&self, tenant: u64) -> watch::Receiver<Sharers> {
        let sharers = self.sharers.subscribe();
        self.change(|torrents| {
            torrents.insert(tenant, Activity::Searching);
        });
        sharers
    }

    /// A torrent that joined does something else.
    pub(crate) fn set(&self, tenant: u64, activity: Activity) {
        self.change(|torrents| {
            if let Some(known) = torrents.get_mut(&tenant) {
                *known = activity;
            }
        });
    }

    /// A torrent went to sleep, whether it ever joined or not.
    pub(crate) fn leave(&self, tenant: u64) {
        self.change(|torrents| {
            torrents.remove(&tenant);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<u64, Activity>)) {
        let mut torrents = self.torrents.lock();
        change(&mut torrents);
        let count = |activity| {
            torrents
                .values()
                .filter(|known| **known == activity)
                .count() as u64
        };
        let now = Sharers {
            searching: count(Activity::Searching),
            unread: count(Activity::Unread),
            read: count(Activity::Read),
            watched: count(Activity::Watched),
        };
        self.sharers
            .send_if_modified(|last| std::mem::replace(last, now) != now);
    }

    /// The share of one torrent.
    pub(crate) fn share(&self, sharers: Sharers, activity: Activity) -> Share {
        let terms = *self.terms.lock();
        terms.share(sharers, activity)
    }
}

impl Terms {
    fn new(tuning: &Tuning) -> Self {
        Self {
            all: Share {
                download: tuning.download_limit,
                upload: tuning.upload_limit,
                connections: tuning.connections_max,
            },
            each: Share {
                download: tuning.download_limit_per_torrent,
                upload: tuning.upload_limit_per_torrent,
                connections: tuning.connections_per_torrent,
            },
        }
    }

    fn share(&self, sharers: Sharers, activity: Activity) -> Share {
        let watched = activity == Activity::Watched;
        let rate = |all: Option<u64>, each: Option<u64>, others: u64| {
            let part = all.map(|limit| part_of_rate(limit, sharers.watched, others, watched));
            part.into_iter().chain(each).min()
        };
        let not_watched = sharers.read + sharers.unread;
        Share {
            download: rate(self.all.download, self.each.download, sharers.read),
            upload: rate(self.all.upload, self.each.upload, not_watched),
            connections: self.connections(sharers, activity),
        }
    }

    fn connections(&self, sharers: Sharers, activity: Activity) -> usize {
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        // A ninth of the places is for those who dial us.
        let part =
            |all: usize, among: usize| (all / among.max(1) * 8 / 9).min(self.each.connections);
        let left = |all: usize, among: usize, each: usize| {
            all.saturating_sub(among.saturating_mul(each + each / 8))
        };
        let all = self.all.connections;
        let (watched, read) = (
            count(sharers.watched),
            count(sharers.read + sharers.searching),
        );
        let for_others = if read > 0 { read.max(all / 4) } else { 0 };
        let of_watched = part(all.saturating_sub(for_others), watched).max(1);
        let for_read = left(all, watched, of_watched);
        let of_read = part(for_read, read).max(1);
        match activity {
            Activity::Watched => of_watched,
            Activity::Read | Activity::Searching => of_read,
            Activity::Unread => part(left(for_read, read, of_read), count(sharers.unread)),
        }
    }
}

/// The part of one torrent in a rate, beside so many `others`: three quarters are for those that are watched.
fn part_of_rate(limit: u64, watched: u64, others: u64, is_watched: bool) -> u64 {
    let for_others = limit / 4;
    let part = match (is_watched, watched, others) {
        (true, watched, 0) => limit / watched.max(1),
        (true, watched, _) => (limit - for_others) / watched.max(1),
        (false, 0, others) => limit / others.max(1),
        (false, _, others) => for_others / others.max(1),
    };
    // Only a limit of nothing is nothing.
    part.max(limit.min(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn tuning(download: Option<u64>, upload: Option<u64>, connections: usize) -> Tuning {
        Tuning {
            download_limit: download,
            upload_limit: upload,
            connections_max: connections,
            ..Config::default().tuning()
        }
    }

    fn limits(download: Option<u64>, upload: Option<u64>, connections: usize) -> Limits {
        Limits::new(&tuning(download, upload, connections))
    }

    fn rates(share: Share) -> (Option<u64>, Option<u64>) {
        (share.download, share.upload)
    }

    #[test]
    fn a_limit_is_shared_by_those_who_use_it() {
        let limits = limits(Some(900), Some(600), 500);
        let mut first = limits.join(1);
        assert!(first.has_changed().is_ok_and(|changed| changed));
        for tenant in [2, 3] {
            let _ = limits.join(tenant);
        }
        for tenant in [1, 2, 3] {
            limits.set(tenant, Activity::Unread);
        }
        let shares = |limits: &Limits, of: &mut watch::Receiver<Sharers>| {
            rates(limits.share(*of.borrow_and_update(), Activity::Read))
        };
        assert_eq!(shares(&limits, &mut first), (Some(900), Some(200)));
        limits.set(1, Activity::Read);
        limits.set(2, Activity::Read);
        assert_eq!(shares(&limits, &mut first), (Some(450), Some(200)));
        limits.set(2, Activity::Read);
        assert!(first.has_changed().is_ok_and(|changed| !changed));
        limits.leave(2);
        limits.leave(7);
        limits.set(7, Activity::Read);
        assert_eq!(shares(&limits, &mut first), (Some(900), Some(300)));
    }

    #[test]
    fn who_shares_hears_of_other_limits() {
        let limits = limits(Some(900), None, 500);
        let mut first = limits.join(1);
        limits.set(1, Activity::Read);
        let share = |of: &mut watch::Receiver<Sharers>| {
            limits.share(*of.borrow_and_update(), Activity::Read)
        };
        assert_eq!(rates(share(&mut first)), (Some(900), None));
        limits.retune(&tuning(None, Some(7), 9));
        assert!(first.has_changed().is_ok_and(|changed| changed));
        let now = share(&mut first);
        assert_eq!((rates(now), now.connections), ((None, Some(7)), 8));
    }

    #[test]
    fn no_limit_is_shared_as_none_and_nothing_as_nothing() {
        let many = Sharers {
            read: 1_000,
            ..Sharers::default()
        };
        let share =
            |download, upload| rates(limits(download, upload, 500).share(many, Activity::Read));
        assert_eq!(share(None, None), (None, None));
        assert_eq!(share(Some(5), Some(0)), (Some(1), Some(0)));
    }

    #[test]
    fn one_torrent_has_a_limit_of_its_own_as_well() {
        let limits = Limits::new(&Tuning {
            download_limit_per_torrent: Some(400),
            upload_limit_per_torrent: Some(70),
            ..tuning(Some(1_000), None, 500)
        });
        let read = |read| Sharers {
            read,
            ..Sharers::default()
        };
        let share = |among| rates(limits.share(read(among), Activity::Read));
        assert_eq!(share(1), (Some(400), Some(70)));
        assert_eq!(share(4), (Some(250), Some(70)));
    }

    #[test]
    fn connections_go_to_what_is_played_first_and_are_never_more_than_there_are() {
        for all in [10, 100, 500] {
            let limits = limits(None, None, all);
            let numbers =
                (0..40_u64).flat_map(|read| (0..40_u64).map(move |unread| (read, unread)));
            for ((read, unread), watched) in
                numbers.flat_map(|some| [0, 1, 2, 7, 30].map(|n| (some, n)))
            {
                let sharers = Sharers {
                    searching: read / 3,
                    read: read - read / 3,
                    unread,
                    watched,
                };
                let places = |activity| {
                    let share = limits.share(sharers, activity).connections;
                    assert!(share <= 25);
                    u64::try_from(share + share / 8).unwrap_or(u64::MAX)
                };
                let (most, first) = (places(Activity::Watched), places(Activity::Read));
                let rest = places(Activity::Unread);
                assert!(first >= 1 && first >= rest.min(first));
                let used = watched * most + read * first + unread * rest;
                assert!(
                    used <= (all as u64).max(watched + read),
                    "{used} of {all} for {watched}, {read} and {unread}"
                );
            }
            let alone = Sharers {
                read: 1,
                unread: 100,
                ..Sharers::default()
            };
            let expected = 25.min(all * 8 / 9);
            assert_eq!(limits.share(alone, Activity::Read).connections, expected);
        }
    }

    #[test]
    fn what_somebody_watches_has_its_part_before_all_others() {
        let limits = limits(Some(800), Some(400), 100);
        let sharers = Sharers {
            searching: 4,
            unread: 10,
            read: 16,
            watched: 2,
        };
        let share = |activity| {
            let share = limits.share(sharers, activity);
            (share.connections, share.download, share.upload)
        };
        assert_eq!(share(Activity::Watched), (25, Some(300), Some(150)));
        assert_eq!(share(Activity::Read), (1, Some(12), Some(3)));
        assert_eq!(share(Activity::Unread), (1, Some(12), Some(3)));
        let alone = Sharers {
            watched: 2,
            ..Sharers::default()
        };
        let share = limits.share(alone, Activity::Watched);
        assert_eq!(
            rates(share),
            (Some(400), Some(200)),
            "nothing is kept for nobody"
        );
    }
}
