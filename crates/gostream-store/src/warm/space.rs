//! How much the cache may hold, and whether it may write at all just now.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::statvfs;

/// Of what would be free without the cache, it takes this part at most.
const FREE_DIVISOR: u64 = 5;
/// How long an answer of the file system is believed.
const FRESH: Duration = Duration::from_secs(10);
/// How much may be written on one answer.
const WRITTEN_MAX: u64 = 16 << 20;
/// After a write failed nothing is written for so long.
const PAUSE: Duration = Duration::from_secs(300);

/// The limit, looked up now and then.
pub(super) struct Space {
    quota: u64,
    limit: u64,
    looked: Option<Instant>,
    written: u64,
    paused_until: Option<Instant>,
}

impl Space {
    pub(super) const fn new(quota: u64) -> Self {
        Self {
            quota,
            limit: 0,
            looked: None,
            written: 0,
            paused_until: None,
        }
    }

    /// How many bytes the cache may hold, of which it holds `held` now.
    pub(super) fn limit(&mut self, folder: &Path, held: u64) -> u64 {
        let fresh = self.looked.is_some_and(|looked| looked.elapsed() < FRESH);
        if !fresh || self.written >= WRITTEN_MAX {
            self.looked = Some(Instant::now());
            self.written = 0;
            self.limit = free(folder).map_or(0, |free| within(self.quota, free, held));
        }
        self.limit
    }

    /// So much was written.
    pub(super) const fn wrote(&mut self, bytes: u64) {
        self.written = self.written.saturating_add(bytes);
    }

    /// A write failed: the disk is full, read-only or broken. True when that is news.
    pub(super) fn pause(&mut self) -> bool {
        let news = self.paused_until.is_none();
        // Whatever was seen of the disk before, it is not so any more.
        self.looked = None;
        self.paused_until = Some(Instant::now() + PAUSE);
        news
    }

    /// Whether nothing may be written now.
    pub(super) fn is_paused(&self) -> bool {
        self.paused_until
            .is_some_and(|until| Instant::now() < until)
    }

    /// A write went well. True when one had failed before.
    pub(super) const fn resume(&mut self) -> bool {
        self.paused_until.take().is_some()
    }
}

fn free(folder: &Path) -> io::Result<u64> {
    let stat = statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The quota, or a part of what would be free without the cache.
const fn within(quota: u64, free: u64, held: u64) -> u64 {
    let part = free.saturating_add(held) / FREE_DIVISOR;
    if part < quota { part } else { quota }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_shrinks_as_the_disk_fills() {
        let gib = 1 << 30;
        assert_eq!(within(32 * gib, 1_000 * gib, 0), 32 * gib);
        assert_eq!(within(32 * gib, 50 * gib, 0), 10 * gib);
        // What the cache holds itself does not count as filled.
        assert_eq!(within(32 * gib, 40 * gib, 10 * gib), 10 * gib);
        assert_eq!(within(32 * gib, 0, 10 * gib), 2 * gib);
        assert_eq!(within(32 * gib, 0, 0), 0);
    }

    #[test]
    fn one_warning_is_given_until_a_write_goes_well_again() {
        let mut space = Space::new(1);
        assert!(space.pause());
        assert!(!space.pause());
        assert!(space.is_paused());
        assert!(space.resume());
        assert!(!space.resume());
        assert!(space.pause());
    }
}
