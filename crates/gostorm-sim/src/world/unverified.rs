//! Reads that are served before their pieces are verified, where the world's policy allows it, and how they are taken
//! back: an [`Output::Invalidate`](gostorm_core::Output::Invalidate) of what was never served breaks a rule.

use std::ops::Range;

use gostorm_core::{BlockRef, Policy, ReadKey};
use gostorm_wire::{BLOCK_LEN, PieceIndex};

use super::readers::HOP;
use super::{Event, World};
use crate::peer::right_digest;

impl World {
    /// A read is served from blocks that are here, verified or not.
    #[expect(clippy::panic, reason = "a broken rule ends the run")]
    pub(super) fn serve_unverified(&mut self, torrent: usize, read: ReadKey) {
        assert_eq!(
            self.spec.policy,
            Policy::Responsive,
            "only verified bytes were wanted"
        );
        let order = self.decide(read);
        let one = &mut self.torrents[torrent];
        let layout = one.swarm.layout();
        let pieces = layout.pieces_of(&order.range).map(PieceIndex);
        let blocks = pieces.flat_map(|piece| {
            let blocks = layout.blocks_of(piece, &order.range);
            blocks.map(move |block| BlockRef { piece, block })
        });
        for block in blocks {
            let held = one.store.pieces.get(&block.piece);
            let Some(digest) = held.and_then(|held| held.slots[block.block as usize]) else {
                panic!("{block:?} is served and not here");
            };
            let wrong = digest != right_digest(torrent, layout.span(block));
            let verified = held.is_some_and(|held| held.verified);
            assert!(!(wrong && verified), "{block:?} is verified and wrong");
            let start = layout.piece_offset(block.piece) + u64::from(block.block * BLOCK_LEN);
            let end = start + u64::from(layout.block_len(block));
            if !verified {
                let part = start.max(order.range.start)..end.min(order.range.end);
                one.exposed.add(self.now, part, wrong);
            }
        }
        self.events
            .push(self.now + HOP, Event::Answered(read.0, true));
    }

    /// The kernel forgets a range.
    pub(super) fn take_back(&mut self, torrent: usize, file: usize, range: &Range<u64>) {
        let one = &mut self.torrents[torrent];
        let span = one.swarm.layout().files()[file];
        assert!(
            span.offset <= range.start && range.end <= span.offset + span.len,
            "{range:?} lies in file {file}"
        );
        // A block that two files share is taken back of both.
        let block = u64::from(BLOCK_LEN);
        let shared = !range.start.is_multiple_of(block) || !range.end.is_multiple_of(block);
        assert!(
            one.exposed.take_back(range) || shared,
            "{range:?} is taken back and was never served"
        );
    }

    /// A piece is right: nothing of it is on trust any more.
    pub(super) fn forget_exposed(&mut self, torrent: usize, piece: PieceIndex) {
        let one = &mut self.torrents[torrent];
        let start = one.swarm.layout().piece_offset(piece);
        let end = start + u64::from(one.swarm.layout().piece_size(piece));
        one.exposed.forget(&(start..end));
    }

    /// Wrong blocks that were served to readers of a torrent.
    #[must_use]
    pub fn wrong_blocks_served(&self, torrent: usize) -> u64 {
        self.torrents[torrent].exposed.wrong()
    }
}
