//! The bytes that a torrent's driver holds, as digests: slots of reserved pieces, and their hashes.

use gostorm_core::{BlockRef, Layout};
use gostorm_wire::PieceIndex;
use rustc_hash::FxHashMap;

use crate::peer::right_digest;

/// A reserved piece.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) slots: Vec<Option<u64>>,
    pub(super) empty: usize,
    pub(super) bytes: u64,
    pub(super) want_digests: bool,
    pub(super) verified: bool,
    /// Tells this filling from an earlier one of the same piece.
    pub(super) filling: u64,
}

/// The reserved pieces of one torrent.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) pieces: FxHashMap<PieceIndex, Held>,
    bytes: u64,
    fillings: u64,
}

impl Store {
    /// Bytes reserved.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn reserve(&mut self, layout: &Layout, piece: PieceIndex, want_digests: bool) {
        let blocks = layout.blocks_in(piece) as usize;
        let bytes = u64::from(layout.piece_size(piece));
        self.fillings += 1;
        let held = Held {
            slots: vec![None; blocks],
            empty: blocks,
            bytes,
            want_digests,
            verified: false,
            filling: self.fillings,
        };
        assert!(
            self.pieces.insert(piece, held).is_none(),
            "piece {piece} is reserved twice"
        );
        self.bytes += bytes;
    }

    pub(super) fn evict(&mut self, piece: PieceIndex) {
        let held = self.pieces.remove(&piece);
        assert!(held.is_some(), "piece {piece} is evicted and not held");
        self.bytes -= held.map_or(0, |held| held.bytes);
    }

    /// True when the piece is here, verified and right in every block.
    fn is_verified(&self, piece: PieceIndex) -> bool {
        self.pieces.get(&piece).is_some_and(|held| held.verified)
    }

    /// True when every byte of the range can be read.
    pub(super) fn covers(&self, layout: &Layout, range: &std::ops::Range<u64>) -> bool {
        layout
            .pieces_of(range)
            .all(|piece| self.is_verified(PieceIndex(piece)))
    }

    /// Panics when a piece that may be served has a wrong block.
    pub(super) fn check_right(
        &self,
        torrent: usize,
        layout: &Layout,
        range: &std::ops::Range<u64>,
    ) {
        for piece in layout.pieces_of(range).map(PieceIndex) {
            assert!(
                self.is_verified(piece),
                "piece {piece} is served and not verified"
            );
            let slots = self.pieces.get(&piece).map(|held| held.slots.as_slice());
            for (block, slot) in (0..).zip(slots.unwrap_or_default()) {
                let right = right_digest(torrent, layout.span(BlockRef { piece, block }));
                assert_eq!(
                    *slot,
                    Some(right),
                    "a wrong byte is served: block {block} of piece {piece}"
                );
            }
        }
    }
}
