//! What lies on the disk: how much of which title, and when it was last played. Pure.
//!
//! Decides who goes when room is short: bulk before probes, of each the one whose last playback is the longest ago.
//! Only playback counts as use; a scan of the library, which touches every title, would make all of them equal.

use std::collections::BTreeMap;

use super::key::{Shelf, TitleKey};

/// Titles that are kept at most, whatever their size: it bounds memory (about 80 bytes each) and the folder.
pub(super) const TITLES_MAX: usize = 100_000;
/// What a file takes beside its bytes: half a block, and its inode.
const FILE_COST: u64 = 4096;

/// What is on the disk of one title.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry {
    /// Bytes of each log; 0 when there is none.
    len: [u64; 2],
    /// When it was last written or played, in seconds since 1970.
    used: u64,
}

impl Entry {
    fn cost(&self) -> u64 {
        let of = |len: &u64| if *len == 0 { 0 } else { len + FILE_COST };
        self.len.iter().map(of).sum()
    }
}

/// All titles on the disk.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    titles: BTreeMap<TitleKey, Entry>,
    total: u64,
    /// The folder was read: what is not in here is not there.
    complete: bool,
}

impl Catalogue {
    /// A log has `added` more bytes.
    pub(super) fn grew(&mut self, key: TitleKey, shelf: Shelf, added: u64, now: u64) {
        let entry = self.titles.entry(key).or_default();
        let before = entry.cost();
        entry.len[shelf.at()] += added;
        entry.used = entry.used.max(now);
        self.total = self.total + entry.cost() - before;
    }

    /// One of its logs is deleted.
    pub(super) fn evicted(&mut self, key: TitleKey, shelf: Shelf) {
        if let Some(mut entry) = self.titles.remove(&key) {
            self.total -= entry.cost();
            entry.len[shelf.at()] = 0;
            self.total += entry.cost();
            if entry.len != [0, 0] {
                self.titles.insert(key, entry);
            }
        }
    }

    /// Both of its logs are deleted.
    pub(super) fn forgot(&mut self, key: TitleKey) {
        if let Some(entry) = self.titles.remove(&key) {
            self.total -= entry.cost();
        }
    }

    /// It was played at `now`. True when that is worth noting on the disk: once an hour.
    pub(super) fn played(&mut self, key: TitleKey, now: u64) -> bool {
        let Some(entry) = self.titles.get_mut(&key) else {
            return false;
        };
        let worth = now.saturating_sub(entry.used) >= 3600;
        if worth {
            entry.used = now;
        }
        worth
    }

    /// The log to delete next, other than those of `but`.
    pub(super) fn next_to_go(&self, but: Option<TitleKey>) -> Option<(TitleKey, Shelf)> {
        let oldest = |shelf: Shelf| {
            let titles = self.titles.iter();
            let held =
                titles.filter(|(key, entry)| entry.len[shelf.at()] > 0 && Some(**key) != but);
            held.min_by_key(|(_, entry)| entry.used)
                .map(|(key, _)| (*key, shelf))
        };
        oldest(Shelf::Bulk).or_else(|| oldest(Shelf::Probe))
    }

    /// Whether anything of a title is on the disk; `None` while the folder is still being read.
    pub(super) fn has(&self, key: TitleKey) -> Option<bool> {
        let has = self.titles.contains_key(&key);
        (has || self.complete).then_some(has)
    }

    /// Bytes of a log.
    pub(super) fn len_of(&self, key: TitleKey, shelf: Shelf) -> u64 {
        self.titles
            .get(&key)
            .map_or(0, |entry| entry.len[shelf.at()])
    }

    /// The folder was read to its end.
    pub(super) const fn completed(&mut self) {
        self.complete = true;
    }

    /// Bytes on the disk.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Number of titles.
    pub(super) fn titles(&self) -> usize {
        self.titles.len()
    }
}

#[cfg(test)]
mod tests {
    use gostream_library::TorrentHash;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn key(index: u32) -> TitleKey {
        TitleKey {
            hash: TorrentHash([1; 20]),
            index,
        }
    }

    #[test]
    fn bulk_goes_before_probes_and_what_was_played_long_ago_first() {
        let mut held = Catalogue::default();
        for (index, used) in [(1, 300), (2, 100), (3, 200)] {
            held.grew(key(index), Shelf::Probe, MIB, used);
            held.grew(key(index), Shelf::Bulk, 64 * MIB, used);
        }
        let mut order = Vec::new();
        while let Some((key, shelf)) = held.next_to_go(None) {
            order.push((key.index, shelf));
            held.evicted(key, shelf);
        }
        let (bulk, probe) = (Shelf::Bulk, Shelf::Probe);
        let expected = [
            (2, bulk),
            (3, bulk),
            (1, bulk),
            (2, probe),
            (3, probe),
            (1, probe),
        ];
        assert_eq!(order, expected);
        assert_eq!((held.total(), held.titles()), (0, 0));
    }

    #[test]
    fn a_scan_of_all_titles_does_not_change_who_goes_first() {
        let mut held = Catalogue::default();
        for index in 1..=3 {
            held.grew(key(index), Shelf::Bulk, MIB, u64::from(index));
        }
        // Only a playback says so.
        assert!(held.played(key(1), 10_000));
        assert_eq!(held.next_to_go(None), Some((key(2), Shelf::Bulk)));
        assert_eq!(held.next_to_go(Some(key(2))), Some((key(3), Shelf::Bulk)));
        // And is noted once an hour.
        assert!(!held.played(key(1), 13_599));
        assert!(held.played(key(1), 13_600));
    }

    #[test]
    fn the_total_follows_what_comes_and_goes() {
        let mut held = Catalogue::default();
        held.grew(key(1), Shelf::Probe, 100, 0);
        held.grew(key(1), Shelf::Probe, 100, 0);
        held.grew(key(1), Shelf::Bulk, 1000, 0);
        assert_eq!(held.total(), 1200 + 2 * FILE_COST);
        held.evicted(key(1), Shelf::Bulk);
        assert_eq!(held.total(), 200 + FILE_COST);
        held.forgot(key(1));
        held.forgot(key(1));
        assert_eq!(held.total(), 0);
    }

    #[test]
    fn a_title_is_known_to_be_absent_only_when_the_folder_was_read() {
        let mut held = Catalogue::default();
        assert_eq!(held.has(key(1)), None);
        held.grew(key(1), Shelf::Probe, 1, 0);
        assert_eq!(held.has(key(1)), Some(true));
        held.completed();
        assert_eq!(held.has(key(2)), Some(false));
    }
}
