//! What is missing: the verified pieces, and the pieces being filled with the state of each block.
//!
//! A block is missing, asked of one peer, received from one peer, or verified: in a v2 torrent each block
//! may be verified by itself. A piece becomes active when it is reserved, and leaves by being verified, or
//! by being dropped. After a hash failure the piece
//! comes again with its blocks `apart`: each from another sender than before; after some failures with
//! an `only` peer, so that a further one names the liar (see `verify`).

mod active;

use gostorm_wire::{Node, PieceIndex};
use rustc_hash::FxHashMap;

pub(crate) use self::active::{Active, BlockState, Leaves};

use crate::bits::Bits;
use crate::event::PeerKey;
use crate::layout::{BlockRef, Layout};

/// What came of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Nobody needs it: the piece is not active, or the block is here already.
    Unneeded,
    /// It fills its slot; others may have been asked for it.
    Filled { asked_of: [Option<PeerKey>; 2] },
}

/// All pieces of one torrent.
#[derive(Clone, Debug)]
pub(crate) struct Picker {
    verified: Bits,
    active: FxHashMap<PieceIndex, Active>,
}

impl Picker {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            verified: Bits::none(layout.piece_count()),
            active: FxHashMap::default(),
        }
    }

    pub(crate) const fn verified(&self) -> &Bits {
        &self.verified
    }

    pub(crate) fn active(&self, piece: PieceIndex) -> Option<&Active> {
        self.active.get(&piece)
    }

    pub(crate) fn active_mut(&mut self, piece: PieceIndex) -> Option<&mut Active> {
        self.active.get_mut(&piece)
    }

    pub(crate) fn actives(&self) -> impl Iterator<Item = (PieceIndex, &Active)> {
        self.active.iter().map(|(piece, active)| (*piece, active))
    }

    /// True when the piece has bytes of ours: verified or being filled.
    pub(crate) fn holds(&self, piece: PieceIndex) -> bool {
        self.verified.contains(piece) || self.active.contains_key(&piece)
    }

    /// Starts to fill a piece that is not held.
    pub(crate) fn activate(&mut self, layout: &Layout, piece: PieceIndex) {
        debug_assert!(!self.holds(piece), "a held piece is not started again");
        self.active
            .insert(piece, Active::new(layout.blocks_in(piece)));
    }

    /// Forgets a piece; its outstanding requests are the caller's to withdraw first.
    pub(crate) fn drop_piece(&mut self, piece: PieceIndex) {
        self.active.remove(&piece);
        self.verified.remove(piece);
    }

    /// Notes that a missing block was asked of `peer`.
    pub(crate) fn ask(&mut self, block: BlockRef, peer: PeerKey) {
        if let Some(active) = self.active.get_mut(&block.piece) {
            debug_assert_eq!(
                active.blocks[block.block as usize],
                BlockState::Missing,
                "a block is asked of one peer at a time"
            );
            active.set(block.block, BlockState::Asked(peer));
        }
    }

    /// Notes that an asked block is asked of a second peer; false when it cannot be.
    pub(crate) fn hedge(&mut self, block: BlockRef, second: PeerKey) -> bool {
        let Some(active) = self.active.get_mut(&block.piece) else {
            return false;
        };
        match active.blocks[block.block as usize] {
            BlockState::Asked(first) if first != second => {
                active.set(block.block, BlockState::Hedged(first, second));
                true
            }
            BlockState::Missing
            | BlockState::Asked(_)
            | BlockState::Hedged(..)
            | BlockState::Received(_)
            | BlockState::Verified(_) => false,
        }
    }

    /// `peer` will not send the block any more: it is left to the other peer that was asked, or
    /// missing again.
    pub(crate) fn release(&mut self, block: BlockRef, peer: PeerKey) {
        let Some(active) = self.active.get_mut(&block.piece) else {
            return;
        };
        match active.blocks[block.block as usize] {
            BlockState::Asked(asked) if asked == peer => {
                active.set(block.block, BlockState::Missing);
            }
            BlockState::Hedged(first, second) if first == peer => {
                active.set(block.block, BlockState::Asked(second));
            }
            BlockState::Hedged(first, second) if second == peer => {
                active.set(block.block, BlockState::Asked(first));
            }
            BlockState::Missing
            | BlockState::Asked(_)
            | BlockState::Hedged(..)
            | BlockState::Received(_)
            | BlockState::Verified(_) => {}
        }
    }

    /// A block came from `peer`.
    pub(crate) fn receive(&mut self, block: BlockRef, peer: PeerKey) -> Arrival {
        let Some(active) = self.active.get_mut(&block.piece) else {
            return Arrival::Unneeded;
        };
        let asked_of = match active.blocks[block.block as usize] {
            BlockState::Received(_) | BlockState::Verified(_) => return Arrival::Unneeded,
            BlockState::Hedged(first, second) => [Some(first), Some(second)],
            BlockState::Asked(other) => [Some(other), None],
            BlockState::Missing => [None, None],
        };
        active.set(block.block, BlockState::Received(peer));
        Arrival::Filled {
            asked_of: asked_of.map(|asked| asked.filter(|asked| *asked != peer)),
        }
    }

    /// The blocks of an active piece are hashed one by one.
    pub(crate) fn hash_by_blocks(&mut self, piece: PieceIndex) {
        if let Some(active) = self.active.get_mut(&piece) {
            active.leaves = Some(Leaves {
                hashed: vec![None; active.blocks.len()].into_boxed_slice(),
                spoilt: Vec::new(),
            });
        }
    }

    /// A block that is here was hashed.
    pub(crate) fn hashed(&mut self, block: BlockRef, node: Node) {
        if let Some(active) = self.active.get_mut(&block.piece)
            && let Some(BlockState::Received(_)) = active.blocks.get(block.block as usize)
            && let Some(leaves) = &mut active.leaves
        {
            leaves.hashed[block.block as usize] = Some(node);
        }
    }

    /// A block that is here is right; returns who sent it.
    pub(crate) fn verify_block(&mut self, block: BlockRef) -> Option<PeerKey> {
        let active = self.active.get_mut(&block.piece)?;
        let BlockState::Received(sender) = *active.blocks.get(block.block as usize)? else {
            return None;
        };
        active.set(block.block, BlockState::Verified(sender));
        Some(sender)
    }

    /// A block that is here is wrong: it is missing again. False when it was once before, so that
    /// its piece has no place for a third copy.
    pub(crate) fn spoil(&mut self, block: BlockRef) -> bool {
        let Some(active) = self.active.get_mut(&block.piece) else {
            return false;
        };
        let Some(leaves) = &mut active.leaves else {
            return false;
        };
        if leaves.spoilt.contains(&block.block) {
            return false;
        }
        leaves.spoilt.push(block.block);
        leaves.hashed[block.block as usize] = None;
        active.set(block.block, BlockState::Missing);
        true
    }

    /// Wrong blocks that still take memory.
    pub(crate) fn spoilt_count(&self) -> usize {
        let leaves = self
            .active
            .values()
            .filter_map(|active| active.leaves.as_ref());
        leaves.map(|leaves| leaves.spoilt.len()).sum()
    }

    /// The hash of a complete piece was right.
    pub(crate) fn verify(&mut self, piece: PieceIndex) -> Option<Active> {
        let active = self.active.remove(&piece)?;
        self.verified.insert(piece);
        Some(active)
    }

    /// One letter a block of an active piece, or the word `verified` or `none`: for tests and traces.
    #[cfg(test)]
    pub(crate) fn drawing(&self, piece: PieceIndex) -> String {
        let letter = |state: &BlockState| match state {
            BlockState::Missing => '.'.to_string(),
            BlockState::Asked(peer) => peer.0.to_string(),
            BlockState::Hedged(..) => '&'.to_string(),
            BlockState::Received(_) => '#'.to_string(),
            BlockState::Verified(_) => '*'.to_string(),
        };
        match self.active.get(&piece) {
            Some(active) => active.blocks.iter().map(letter).collect(),
            None if self.verified.contains(piece) => "verified".to_owned(),
            None => "none".to_owned(),
        }
    }

    /// Panics when the counters do not match the blocks, or a piece is both active and verified.
    pub(crate) fn check_invariants(&self) {
        for (piece, active) in &self.active {
            assert!(
                !self.verified.contains(*piece),
                "piece {piece} is active and verified"
            );
            let count = |wanted: fn(&BlockState) -> bool| {
                active.blocks.iter().filter(|state| wanted(state)).count()
            };
            assert_eq!(
                active.missing as usize,
                count(|state| *state == BlockState::Missing),
                "missing blocks of piece {piece}"
            );
            assert_eq!(
                active.received as usize,
                count(|state| state.sender().is_some()),
                "received blocks of piece {piece}"
            );
            assert_eq!(
                active.verified as usize,
                count(|state| matches!(state, BlockState::Verified(_))),
                "verified blocks of piece {piece}"
            );
            let hashed = |leaves: &Leaves| leaves.hashed.iter().flatten().count();
            assert!(
                active.leaves.as_ref().map_or(0, hashed) <= active.received as usize,
                "hashed blocks of piece {piece}"
            );
            let first = active
                .blocks
                .iter()
                .position(|state| *state == BlockState::Missing);
            assert_eq!(
                active.next_missing(0).map(|block| block as usize),
                first,
                "first missing block of piece {piece}"
            );
        }
    }

    /// Requests for blocks that peers owe.
    pub(crate) fn asked_count(&self) -> usize {
        let blocks = self.active.values().flat_map(|active| &active.blocks);
        blocks
            .map(|state| match state {
                BlockState::Hedged(..) => 2,
                BlockState::Asked(_) => 1,
                BlockState::Missing | BlockState::Received(_) | BlockState::Verified(_) => 0,
            })
            .sum()
    }

    /// The peers that a block was asked of.
    pub(crate) fn asked_of(&self, block: BlockRef) -> [Option<PeerKey>; 2] {
        let active = self.active.get(&block.piece);
        match active.and_then(|active| active.blocks.get(block.block as usize)) {
            Some(BlockState::Asked(peer)) => [Some(*peer), None],
            Some(BlockState::Hedged(first, second)) => [Some(*first), Some(*second)],
            Some(BlockState::Missing | BlockState::Received(_) | BlockState::Verified(_))
            | None => [None, None],
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use gostorm_wire::BLOCK_LEN;

    fn picker() -> Picker {
        let layout = Layout::new(8 * BLOCK_LEN, u64::from(20 * BLOCK_LEN), vec![]).unwrap();
        let mut picker = Picker::new(&layout);
        picker.activate(&layout, PieceIndex(0));
        picker
    }

    fn block(block: u32) -> BlockRef {
        BlockRef {
            piece: PieceIndex(0),
            block,
        }
    }

    #[test]
    fn blocks_go_from_missing_by_asked_to_received() {
        let mut picker = picker();
        picker.ask(block(0), PeerKey(1));
        picker.ask(block(1), PeerKey(2));
        assert_eq!(picker.drawing(PieceIndex(0)), "12......");
        picker.release(block(0), PeerKey(1));
        picker.release(block(1), PeerKey(1));
        assert_eq!(
            picker.drawing(PieceIndex(0)),
            ".2......",
            "only the asked peer can give a block back"
        );
        picker.ask(block(0), PeerKey(3));
        let arrival = picker.receive(block(0), PeerKey(1));
        assert_eq!(
            arrival,
            Arrival::Filled {
                asked_of: [Some(PeerKey(3)), None]
            }
        );
        assert!(!picker.active(PieceIndex(0)).unwrap().is_complete());
        assert_eq!(picker.receive(block(0), PeerKey(3)), Arrival::Unneeded);
        assert_eq!(picker.drawing(PieceIndex(0)), "#2......");
        picker.check_invariants();
    }

    #[test]
    fn a_verified_piece_can_go_missing_again() {
        let mut picker = picker();
        for at in 0..8 {
            assert_eq!(
                picker.receive(block(at), PeerKey(1)),
                Arrival::Filled {
                    asked_of: [None, None],
                }
            );
            let active = picker.active(PieceIndex(0)).unwrap();
            assert_eq!(active.is_complete(), at == 7);
        }
        assert_eq!(
            picker.verify(PieceIndex(0)).unwrap().senders(),
            vec![PeerKey(1); 8]
        );
        assert_eq!(picker.drawing(PieceIndex(0)), "verified");
        picker.drop_piece(PieceIndex(0));
        assert!(!picker.holds(PieceIndex(0)));
    }
}
