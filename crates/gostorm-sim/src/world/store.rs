//! The bytes that a torrent's driver holds, as digests: slots of reserved pieces, and their hashes.

use std::time::Duration;

use gostorm_core::{BlockRef, Input, Layout};
use gostorm_wire::PieceIndex;
use rustc_hash::FxHashMap;

use super::{Event, World};
use crate::peer::right_digest;

/// A reserved piece.
#[derive(Debug)]
struct Held {
    slots: Vec<Option<u64>>,
    empty: usize,
    bytes: u64,
    want_digests: bool,
    verified: bool,
    /// Tells this filling from an earlier one of the same piece.
    filling: u64,
}

/// The reserved pieces of one torrent.
#[derive(Debug, Default)]
pub(super) struct Store {
    pieces: FxHashMap<PieceIndex, Held>,
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

impl World {
    /// Moves the block in hand to its slot.
    #[expect(clippy::panic, reason = "a broken rule ends the run")]
    pub(super) fn store(&mut self, torrent: usize, block: BlockRef) {
        let one = &mut self.torrents[torrent];
        let Some((_, span, digest)) = self.in_hand.take() else {
            panic!("a block is stored and none is in hand");
        };
        assert_eq!(
            one.swarm.layout().block_of(span),
            Some(block),
            "the block in hand goes to its own slot"
        );
        let Some(held) = one.store.pieces.get_mut(&block.piece) else {
            panic!("block {block:?} is stored and its piece is not reserved");
        };
        let slot = &mut held.slots[block.block as usize];
        assert_eq!(*slot, None, "the slot of {block:?} is filled twice");
        *slot = Some(digest);
        held.empty -= 1;
        if held.empty == 0 {
            let micros = held.bytes.saturating_mul(1_000_000) / self.spec.hash_rate.max(1);
            let done = self.hasher_free.max(self.now) + Duration::from_micros(micros);
            self.hasher_free = done;
            let event = Event::Hashed(torrent, block.piece, held.filling);
            self.events.push(done, event);
        }
    }

    /// A hash is done. A piece that was evicted meanwhile has no result, as in the shell.
    pub(super) fn hashed(&mut self, torrent: usize, piece: PieceIndex, filling: u64) {
        let one = &mut self.torrents[torrent];
        let layout = one.swarm.layout();
        let Some(held) = one
            .store
            .pieces
            .get_mut(&piece)
            .filter(|held| held.filling == filling)
        else {
            return;
        };
        let right = |(block, slot): (u32, &Option<u64>)| {
            let span = layout.span(BlockRef { piece, block });
            *slot == Some(right_digest(torrent, span))
        };
        let ok = (0..).zip(&held.slots).all(right);
        held.verified = ok;
        let digests = if held.want_digests || !ok {
            held.slots.iter().map(|slot| slot.unwrap_or(0)).collect()
        } else {
            Vec::new()
        };
        self.give(torrent, Input::Hashed { piece, ok, digests });
    }
}
