//! The wanted pieces in deadline order: waiting reads first, then a lazy merge of all windows.

use std::collections::VecDeque;
use std::ops::Range;

use gostorm_wire::PieceIndex;

use super::cursor::Cursor;
use crate::bits::Bits;
use crate::layout::Layout;
use crate::time::Time;

/// A piece and the time by which its first wanted byte is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) piece: PieceIndex,
    pub(crate) due: Time,
}

struct Lane<'a> {
    cursor: &'a Cursor,
    pieces: Range<u32>,
    due: Time,
}

/// Walks the wanted pieces. A piece can come twice, from two windows.
pub(crate) struct WantedPieces<'a> {
    now: Time,
    layout: &'a Layout,
    reads: VecDeque<Wanted>,
    lanes: Vec<Lane<'a>>,
}

impl<'a> WantedPieces<'a> {
    pub(super) fn new(
        now: Time,
        layout: &'a Layout,
        due: impl Iterator<Item = (Range<u64>, Time)>,
        cursors: impl Iterator<Item = &'a Cursor>,
    ) -> Self {
        let mut reads = Vec::new();
        for (range, due) in due {
            reads.extend(layout.pieces_of(&range).map(|piece| Wanted {
                piece: PieceIndex(piece),
                due,
            }));
        }
        reads.sort_by_key(|wanted| (wanted.due, wanted.piece));
        reads.dedup_by_key(|wanted| wanted.piece);
        let mut lanes = Vec::new();
        for cursor in cursors {
            let pieces = layout.pieces_of(&cursor.window_range());
            if !pieces.is_empty() {
                lanes.push(Lane {
                    cursor,
                    pieces,
                    due: Time::ZERO,
                });
            }
        }
        let mut wanted = Self {
            now,
            layout,
            reads: reads.into(),
            lanes,
        };
        for at in 0..wanted.lanes.len() {
            wanted.lanes[at].due = wanted.due_of(at);
        }
        wanted
    }

    fn due_of(&self, lane: usize) -> Time {
        let Lane { cursor, pieces, .. } = &self.lanes[lane];
        cursor.due(self.now, self.layout.piece_offset(PieceIndex(pieces.start)))
    }

    /// The next wanted piece that is not in `have`.
    pub(crate) fn next_missing(&mut self, have: &Bits) -> Option<Wanted> {
        loop {
            let lane = self
                .lanes
                .iter()
                .enumerate()
                .min_by_key(|(_, lane)| lane.due)
                .map(|(at, lane)| (at, lane.due));
            let read_first = |due: Time| lane.is_none_or(|(_, lane_due)| due <= lane_due);
            if let Some(read) = self.reads.pop_front_if(|read| read_first(read.due)) {
                if have.contains(read.piece) {
                    continue;
                }
                return Some(read);
            }
            let (at, _) = lane?;
            if let Some(wanted) = self.step(at, have) {
                return Some(wanted);
            }
        }
    }

    /// Takes the next piece of a lane if it is missing; otherwise moves the lane on to its next missing
    /// piece, which may be due after those of other lanes.
    fn step(&mut self, at: usize, have: &Bits) -> Option<Wanted> {
        let lane = &self.lanes[at];
        let (first, due) = (lane.pieces.start, lane.due);
        let missing = have
            .next_missing(PieceIndex(first))
            .filter(|piece| lane.pieces.contains(&piece.0));
        let taken = missing.filter(|piece| piece.0 == first);
        let next = match (missing, taken) {
            (None, _) => None,
            (Some(_), Some(_)) => Some(first + 1).filter(|next| lane.pieces.contains(next)),
            (Some(piece), None) => Some(piece.0),
        };
        match next {
            Some(next) => {
                self.lanes[at].pieces.start = next;
                self.lanes[at].due = self.due_of(at);
            }
            None => {
                self.lanes.swap_remove(at);
            }
        }
        taken.map(|piece| Wanted { piece, due })
    }
}
