//! What concerns v2 in the fuzz target: blocks that are hashed by themselves, and parts of hash trees.

use std::ops::Range;

use bytes::Bytes;
use gostorm_wire::{Message, PieceIndex};

use super::{Model, Numbers};
use crate::{BlockRef, Input};

impl Model {
    /// Blocks that were stored are hashed, some of them wrong ones.
    pub(super) fn hashed_blocks(&mut self, numbers: &mut Numbers<'_>) -> Input {
        let (Some(film), Some(first)) = (&self.film, self.stored.front().copied()) else {
            return Input::Turn;
        };
        let count = usize::from(numbers.byte() % 8) + 1;
        let of_piece = |block: &BlockRef| block.piece == first.piece;
        let blocks: Vec<BlockRef> = self
            .stored
            .iter()
            .copied()
            .filter(of_piece)
            .take(count)
            .collect();
        self.stored.retain(|block| !blocks.contains(block));
        let leaves = blocks.iter().map(|block| {
            let wrong = numbers.byte().is_multiple_of(16);
            (block.block, film.leaf(*block, wrong))
        });
        Input::Leaves {
            piece: first.piece,
            leaves: leaves.collect(),
        }
    }

    /// A peer answers a request for hashes, or asks for some.
    pub(super) fn hashes(&mut self, numbers: &mut Numbers<'_>) -> Input {
        let Some(film) = &self.film else {
            return Input::Turn;
        };
        let (peer, request) = match self.hash_requests.pop_front() {
            Some(asked) if !numbers.byte().is_multiple_of(8) => asked,
            Some((_, request)) => (self.peer(numbers), request),
            None => (self.peer(numbers), film.request(numbers.byte())),
        };
        let message = match numbers.byte() % 8 {
            0 => Message::HashReject(request),
            1 => Message::HashRequest(request),
            2 => Message::Hashes {
                request,
                hashes: Bytes::from(vec![numbers.byte(); request.answer_len()]),
            },
            _right => match film.answer(&request) {
                Some(hashes) => Message::Hashes { request, hashes },
                None => Message::HashReject(request),
            },
        };
        Input::Message { peer, message }
    }

    pub(super) fn note_stored(&mut self, block: BlockRef) {
        if self.by_blocks.contains(&block.piece) {
            assert!(!self.stored.contains(&block), "stored twice");
            self.stored.push_back(block);
        }
    }

    pub(super) fn check_spoilt(&self, block: BlockRef) {
        assert!(self.by_blocks.contains(&block.piece), "not by blocks");
        assert!(!self.stored.contains(&block), "spoilt unhashed");
    }

    pub(super) fn check_verified(&self, piece: PieceIndex, blocks: &Range<u32>) {
        assert!(self.by_blocks.contains(&piece), "not by blocks");
        assert!(!blocks.is_empty());
        let waits = |block: &BlockRef| block.piece == piece && blocks.contains(&block.block);
        assert!(!self.stored.iter().any(waits), "verified unhashed");
    }
}
