//! The torrents that clients brought and did not save, and those that they took from the list though the library needs
//! them. In RAM, bounded, gone with the process. Pure.

use std::time::{Duration, Instant};

use gostream_http::Labels;
use gostream_library::TorrentHash;
use rustc_hash::{FxHashMap, FxHashSet};

/// Torrents in the table.
const ENTRIES_MAX: usize = 1_000;
/// Torrents of the library that are hidden. Beyond that the list shows them again.
const HIDDEN_MAX: usize = 100_000;
/// How long one that sleeps is known after it was last used.
const IDLE: Duration = Duration::from_secs(600);

/// A torrent that is not saved, or not yet.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) labels: Labels,
    pub(super) added_unix: i64,
    /// It is saved as soon as its metadata is known.
    pub(super) save: bool,
    /// Its metadata is looked for.
    pub(super) resolving: bool,
    used: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: FxHashMap<TorrentHash, Entry>,
    hidden: FxHashSet<TorrentHash>,
}

impl Table {
    pub(super) fn get(&self, hash: TorrentHash) -> Option<&Entry> {
        self.entries.get(&hash)
    }

    /// An entry, which is used now.
    pub(super) fn touch(&mut self, now: Instant, hash: TorrentHash) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&hash)?;
        entry.used = now;
        Some(entry)
    }

    /// Whether another one fits.
    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < ENTRIES_MAX
    }

    pub(super) fn put(
        &mut self,
        now: Instant,
        hash: TorrentHash,
        labels: Labels,
        added_unix: i64,
        save: bool,
    ) {
        let entry = Entry {
            labels,
            added_unix,
            save,
            resolving: false,
            used: now,
        };
        self.entries.insert(hash, entry);
    }

    pub(super) fn remove(&mut self, hash: TorrentHash) -> Option<Entry> {
        self.entries.remove(&hash)
    }

    pub(super) fn hashes(&self) -> impl Iterator<Item = TorrentHash> {
        self.entries.keys().copied()
    }

    /// Takes out those that nobody has used for long.
    pub(super) fn sweep(
        &mut self,
        now: Instant,
        mut is_awake: impl FnMut(TorrentHash) -> bool,
    ) -> Vec<TorrentHash> {
        let stale = self.entries.iter().filter(|(hash, entry)| {
            !entry.resolving
                && now.saturating_duration_since(entry.used) >= IDLE
                && !is_awake(**hash)
        });
        let stale: Vec<TorrentHash> = stale.map(|(hash, _)| *hash).collect();
        for hash in &stale {
            self.entries.remove(hash);
        }
        stale
    }

    pub(super) fn hide(&mut self, hash: TorrentHash) {
        if self.hidden.len() < HIDDEN_MAX {
            self.hidden.insert(hash);
        }
    }

    pub(super) fn show(&mut self, hash: TorrentHash) {
        self.hidden.remove(&hash);
    }

    pub(super) fn is_hidden(&self, hash: TorrentHash) -> bool {
        self.hidden.contains(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_nobody_uses_goes_when_it_sleeps() {
        let (start, hash) = (Instant::now(), TorrentHash([1; 20]));
        let mut table = Table::default();
        table.put(start, hash, Labels::default(), 7, false);
        assert_eq!(table.sweep(start + IDLE / 2, |_| false), []);
        assert_eq!(table.sweep(start + IDLE, |_| true), []);
        assert!(table.touch(start + IDLE, hash).is_some());
        assert_eq!(table.sweep(start + IDLE, |_| false), []);
        assert_eq!(table.sweep(start + IDLE * 2, |_| false), [hash]);
        assert!(table.get(hash).is_none());
    }

    #[test]
    fn it_is_bounded() {
        let mut table = Table::default();
        let mut number = 0_u64;
        while table.has_room() {
            number += 1;
            let mut hash = [0; 20];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            table.put(
                Instant::now(),
                TorrentHash(hash),
                Labels::default(),
                0,
                false,
            );
        }
        assert_eq!(table.hashes().count(), ENTRIES_MAX);
    }
}
