//! Which ranges of a title a log holds, and where in it: a sorted list that never overlaps itself.
//!
//! Pure. 24 bytes for each record: a head of 64 MiB and a tail of 16 MiB are 640 records, 15 KiB.

use std::ops::Range;

/// A record of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// First byte in the title.
    pub(super) start: u64,
    /// Where in the log its header begins.
    pub(super) at: u64,
    /// Bytes of its payload; not 0.
    pub(super) len: u32,
}

impl Extent {
    /// The byte after its last one in the title.
    pub(super) const fn end(&self) -> u64 {
        self.start.saturating_add(self.len as u64)
    }
}

/// The records of a log, by where they begin in the title.
#[derive(Clone, Debug, Default)]
pub(super) struct Extents(Vec<Extent>);

impl Extents {
    /// Takes a record in. Those that it overlaps go: a range is written again only when what was there is bad.
    pub(super) fn insert(&mut self, extent: Extent) {
        let first = self.0.partition_point(|held| held.end() <= extent.start);
        let overlapped = self.0[first..]
            .iter()
            .take_while(|held| held.start < extent.end())
            .count();
        self.0.splice(first..first + overlapped, [extent]);
    }

    /// Forgets this record.
    pub(super) fn remove(&mut self, extent: &Extent) {
        self.0.retain(|held| held != extent);
    }

    /// The record that has the byte at `position`.
    pub(super) fn at(&self, position: u64) -> Option<&Extent> {
        let next = self.0.partition_point(|held| held.end() <= position);
        self.0.get(next).filter(|held| held.start <= position)
    }

    /// Where the first record begins that lies after `position`.
    pub(super) fn next_start(&self, position: u64) -> Option<u64> {
        let next = self.0.partition_point(|held| held.start <= position);
        self.0.get(next).map(|held| held.start)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Up to where several logs hold all bytes from `position`; `position` itself when none has that byte.
pub(super) fn covered_until<'a>(
    logs: impl Iterator<Item = &'a Extents> + Clone,
    position: u64,
) -> u64 {
    let mut reached = position;
    while let Some(extent) = logs.clone().find_map(|log| log.at(reached)) {
        reached = extent.end();
    }
    reached
}

/// What of `range` no log holds, in order.
pub(super) fn gaps<'a>(
    logs: impl Iterator<Item = &'a Extents> + Clone,
    range: &Range<u64>,
) -> Vec<Range<u64>> {
    let mut gaps = Vec::new();
    let mut position = range.start;
    while position < range.end {
        let held = covered_until(logs.clone(), position);
        if held > position {
            position = held;
            continue;
        }
        let next = logs.clone().filter_map(|log| log.next_start(position));
        let end = next.min().unwrap_or(range.end).min(range.end);
        gaps.push(position..end);
        position = end;
    }
    gaps
}

/// What the logs hold, in order.
pub(super) fn held<'a>(logs: impl Iterator<Item = &'a Extents> + Clone) -> Vec<Range<u64>> {
    let mut held = Vec::new();
    let mut position = 0;
    loop {
        let end = covered_until(logs.clone(), position);
        if end > position {
            held.push(position..end);
        }
        let next = logs.clone().filter_map(|log| log.next_start(end)).min();
        let Some(next) = next else {
            return held;
        };
        position = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_that_is_written_again_replaces_what_it_overlaps() {
        let mut extents = Extents::default();
        let extent = |start, len, at| Extent { start, at, len };
        for (at, start) in [(0, 0), (1, 10), (2, 20)] {
            extents.insert(extent(start, 10, at));
        }
        extents.insert(extent(15, 3, 3));
        assert_eq!(extents.at(9), Some(&extent(0, 10, 0)));
        assert_eq!(extents.at(12), None);
        assert_eq!(extents.at(17), Some(&extent(15, 3, 3)));
        assert_eq!(extents.at(18), None);
        assert_eq!(gaps([&extents].into_iter(), &(5..25)), [10..15, 18..20]);
    }

    /// Which record holds each byte, said naively.
    fn naive(records: &[(u16, u16)], size: usize) -> Vec<Option<u64>> {
        let mut bytes = vec![None; size];
        for (at, (start, len)) in (0_u64..).zip(records) {
            let range = usize::from(*start)..usize::from(start + len);
            let gone: Vec<Option<u64>> = bytes[range.clone()].to_vec();
            for byte in &mut bytes {
                if byte.is_some() && gone.contains(byte) {
                    *byte = None;
                }
            }
            bytes[range].fill(Some(at));
        }
        bytes
    }

    proptest! {
        #[test]
        fn the_map_agrees_with_one_that_names_the_record_of_each_byte(
            records in prop::collection::vec((0_u16..200, 1_u16..40), 0..40),
            other in prop::collection::vec((0_u16..200, 1_u16..40), 0..5),
            asked in (0_u64..240, 0_u64..240),
        ) {
            const SIZE: usize = 256;
            let build = |records: &[(u16, u16)]| {
                let mut extents = Extents::default();
                for (at, (start, len)) in (0_u64..).zip(records) {
                    extents.insert(Extent { start: u64::from(*start), at, len: u32::from(*len) });
                }
                extents
            };
            let (first, second) = (build(&records), build(&other));
            let (one, two) = (naive(&records, SIZE), naive(&other, SIZE));
            for (position, expected) in (0..).zip(&one) {
                let found = first.at(position).map(|extent| extent.at);
                prop_assert_eq!(found, *expected);
            }
            let has = |bytes: &[Option<u64>], position: u64| {
                usize::try_from(position).is_ok_and(|at| bytes[at].is_some())
            };
            let held = |position: u64| has(&one, position) || has(&two, position);
            let range = asked.0.min(asked.1)..asked.0.max(asked.1);
            let logs = [&first, &second];
            let missing = gaps(logs.into_iter(), &range);
            for position in range.clone() {
                let gap = missing.iter().any(|gap| gap.contains(&position));
                prop_assert_eq!(gap, !held(position));
            }
            prop_assert!(missing.iter().all(|gap| !gap.is_empty()));
            let until = (range.start..).find(|position| !held(*position));
            prop_assert_eq!(Some(covered_until(logs.into_iter(), range.start)), until);
        }
    }
}
