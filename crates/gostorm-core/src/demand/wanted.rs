//! The wanted pieces in deadline order: waiting reads first, then a lazy merge of all windows.

use std::collections::VecDeque;
use std::ops::Range;

use gostorm_wire::PieceIndex;

use super::cursor::Cursor;
use crate::bits::Bits;
use crate::layout::Layout;
use crate::time::Time;

/// Blocks of a piece, and the time by which the first wanted byte of them is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) piece: PieceIndex,
    pub(crate) due: Time,
    /// The first block.
    pub(crate) from: u32,
    /// The block after the last one; `u32::MAX` for all to the end.
    pub(crate) until: u32,
}

impl Wanted {
    const fn whole(piece: PieceIndex, due: Time) -> Self {
        Self {
            piece,
            due,
            from: 0,
            until: u32::MAX,
        }
    }

    /// True when a read waits for just these blocks, and not for the piece.
    pub(crate) const fn is_read(&self) -> bool {
        self.until != u32::MAX
    }
}

struct Lane<'a> {
    cursor: &'a Cursor,
    pieces: Range<u32>,
    /// The block of the first piece at which the window begins; blocks before it come after.
    start: u32,
    due: Time,
}

/// Walks the wanted pieces. A piece can come twice: from two windows, or its blocks first that are needed first.
pub(crate) struct WantedPieces<'a> {
    now: Time,
    layout: &'a Layout,
    reads: VecDeque<Wanted>,
    lanes: Vec<Lane<'a>>,
}

/// A range, the time by which it is needed, and whether its blocks are enough.
type Due = (Range<u64>, Time, bool);

impl<'a> WantedPieces<'a> {
    pub(super) fn new(
        now: Time,
        layout: &'a Layout,
        due: impl Iterator<Item = Due>,
        cursors: impl Iterator<Item = &'a Cursor>,
    ) -> Self {
        let mut lanes = Vec::new();
        for cursor in cursors {
            let window = cursor.window_range();
            let pieces = layout.pieces_of(&window);
            if !pieces.is_empty() {
                let start = if cursor.blockwise {
                    layout.blocks_of(PieceIndex(pieces.start), &window).start
                } else {
                    0
                };
                lanes.push(Lane {
                    cursor,
                    pieces,
                    start,
                    due: Time::ZERO,
                });
            }
        }
        let mut wanted = Self {
            now,
            layout,
            reads: reads_of(now, layout, due).into(),
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
        if let Some(piece) = taken
            && lane.start > 0
        {
            // The piece comes again, whole.
            let from = std::mem::take(&mut self.lanes[at].start);
            return Some(Wanted {
                from,
                ..Wanted::whole(piece, due)
            });
        }
        let next = match (missing, taken) {
            (None, _) => None,
            (Some(_), Some(_)) => Some(first + 1).filter(|next| lane.pieces.contains(next)),
            (Some(piece), None) => Some(piece.0),
        };
        match next {
            Some(next) => {
                self.lanes[at].pieces.start = next;
                self.lanes[at].start = 0;
                self.lanes[at].due = self.due_of(at);
            }
            None => {
                self.lanes.swap_remove(at);
            }
        }
        taken.map(|piece| Wanted::whole(piece, due))
    }
}

/// What the reads that wait need, in order: their blocks first where these are enough, then the pieces.
fn reads_of(now: Time, layout: &Layout, due: impl Iterator<Item = Due>) -> Vec<Wanted> {
    let mut blocks = Vec::new();
    let mut pieces = Vec::new();
    for (range, due, blockwise) in due {
        for piece in layout.pieces_of(&range).map(PieceIndex) {
            let whole = Wanted::whole(piece, due);
            if blockwise {
                let wanted = layout.blocks_of(piece, &range);
                let from = wanted.start;
                // Its blocks are due now, and in any case before a window's.
                if due <= now {
                    blocks.push(Wanted {
                        from,
                        until: wanted.end,
                        ..whole
                    });
                }
                pieces.push(Wanted { from, ..whole });
            }
            pieces.push(whole);
        }
    }
    blocks.sort_by_key(|wanted| (wanted.due, wanted.piece, wanted.from));
    // What a reader needs next lies behind what it needs now: the beginning of its piece comes last.
    pieces.sort_by_key(|wanted| (wanted.due, wanted.piece, wanted.from == 0, wanted.from));
    pieces.dedup_by_key(|wanted| (wanted.piece, wanted.from));
    blocks.extend(pieces);
    blocks
}
