//! What was served before its piece was verified, until it is: a debt to whoever keeps those bytes.
//!
//! Filled and emptied by `swarm/responsive`. What always holds: an exposed piece is being filled or hashed;
//! its ranges are whole blocks cut to the piece, sorted and apart, so there are no more than blocks; when the
//! piece goes without being verified, or has not been in time, the ranges come out to be taken back.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use gostorm_wire::{BLOCK_LEN, PieceIndex};

use crate::layout::Layout;
use crate::time::Time;

/// The rest of an exposed piece is due so long after it was first served from: behind the reads and the
/// blocks that a player needs next, before the far end of its window.
const DUE: Duration = Duration::from_secs(2);
/// An exposed piece that is not verified by then is taken back.
const KEPT: Duration = Duration::from_secs(15);

#[derive(Clone, Debug)]
struct Debt {
    since: Time,
    ranges: Vec<Range<u64>>,
}

/// The exposed ranges of all pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exposed {
    debts: BTreeMap<PieceIndex, Debt>,
}

impl Exposed {
    /// Bytes of `piece` are served now; `range` lies in the torrent and is not empty.
    pub(crate) fn add(
        &mut self,
        now: Time,
        layout: &Layout,
        piece: PieceIndex,
        range: &Range<u64>,
    ) {
        let block = u64::from(BLOCK_LEN);
        let start = layout.piece_offset(piece);
        let end = start + u64::from(layout.piece_size(piece));
        let mut range = (range.start / block * block).max(start)
            ..range.end.div_ceil(block).saturating_mul(block).min(end);
        let debt = self.debts.entry(piece).or_insert_with(|| Debt {
            since: now,
            ranges: Vec::new(),
        });
        let touching = |other: &Range<u64>| other.start <= range.end && range.start <= other.end;
        let (joined, mut apart): (Vec<_>, Vec<_>) = debt.ranges.drain(..).partition(touching);
        for other in joined {
            range = range.start.min(other.start)..range.end.max(other.end);
        }
        let at = apart.partition_point(|other| other.start < range.start);
        apart.insert(at, range);
        debt.ranges = apart;
    }

    /// Takes out the ranges of a piece.
    pub(crate) fn take(&mut self, piece: PieceIndex) -> Vec<Range<u64>> {
        self.debts
            .remove(&piece)
            .map(|debt| debt.ranges)
            .unwrap_or_default()
    }

    /// The exposed pieces.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = PieceIndex> {
        self.debts.keys().copied()
    }

    /// The pieces that have not been verified in time.
    pub(crate) fn overdue(&self, now: Time) -> Vec<PieceIndex> {
        let overdue = self
            .debts
            .iter()
            .filter(|(_, debt)| debt.since + KEPT <= now);
        overdue.map(|(piece, _)| *piece).collect()
    }

    /// When the next piece is overdue.
    pub(crate) fn next_overdue(&self) -> Time {
        let ends = self.debts.values().map(|debt| debt.since + KEPT);
        ends.min().unwrap_or(Time::NEVER)
    }

    /// The exposed pieces as bytes of the torrent, each with the time by which it should be here.
    pub(crate) fn dues(&self, layout: &Layout) -> Vec<(Range<u64>, Time)> {
        let due = |(piece, debt): (&PieceIndex, &Debt)| {
            let start = layout.piece_offset(*piece);
            let end = start + u64::from(layout.piece_size(*piece));
            (start..end, debt.since + DUE)
        };
        self.debts.iter().map(due).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.debts.is_empty()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const BLOCK: u64 = BLOCK_LEN as u64;

    #[test]
    fn ranges_are_whole_blocks_of_the_piece_and_join_where_they_touch() {
        let layout = Layout::new(8 * BLOCK_LEN, 16 * BLOCK + 100, vec![]).unwrap();
        let mut exposed = Exposed::default();
        let piece = PieceIndex(1);
        let mut add = |from: u64, to: u64| exposed.add(Time(1), &layout, piece, &(from..to));
        add(12 * BLOCK + 5, 12 * BLOCK + 6);
        add(8 * BLOCK, 9 * BLOCK);
        add(10 * BLOCK, 11 * BLOCK);
        add(9 * BLOCK, 9 * BLOCK + 1);
        assert_eq!(
            exposed.take(piece),
            [8 * BLOCK..11 * BLOCK, 12 * BLOCK..13 * BLOCK]
        );
        assert!(exposed.is_empty());
        let last = PieceIndex(2);
        exposed.add(Time(1), &layout, last, &(16 * BLOCK..16 * BLOCK + 3));
        assert_eq!(exposed.take(last), vec![16 * BLOCK..16 * BLOCK + 100]);
    }

    #[test]
    fn a_piece_is_overdue_from_its_first_exposure_on() {
        let layout = Layout::new(8 * BLOCK_LEN, 16 * BLOCK, vec![]).unwrap();
        let mut exposed = Exposed::default();
        assert_eq!(exposed.next_overdue(), Time::NEVER);
        exposed.add(Time(5), &layout, PieceIndex(1), &(8 * BLOCK..9 * BLOCK));
        exposed.add(Time(99), &layout, PieceIndex(1), &(9 * BLOCK..10 * BLOCK));
        assert_eq!(
            exposed.dues(&layout),
            [(8 * BLOCK..16 * BLOCK, Time(5) + DUE)]
        );
        assert_eq!(exposed.next_overdue(), Time(5) + KEPT);
        assert_eq!(exposed.overdue(Time(4) + KEPT), []);
        assert_eq!(exposed.overdue(Time(5) + KEPT), [PieceIndex(1)]);
    }
}
