//! Blocks move from the line to their slots, and complete pieces to the hasher.

use std::time::Duration;

use gostorm_core::{BlockRef, Input};
use gostorm_wire::PieceIndex;

use super::{Event, World};
use crate::peer::right_digest;

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
        if ok {
            self.forget_exposed(torrent, piece);
        }
        self.give(torrent, Input::Hashed { piece, ok, digests });
    }
}
