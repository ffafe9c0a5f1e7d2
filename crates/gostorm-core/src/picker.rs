//! What is missing: the verified pieces, and the pieces being filled with the state of each block.
//!
//! A block is missing, asked of one peer, or received from one peer. A piece becomes active when it
//! is reserved, and leaves by being verified, or by being dropped. After a hash failure the piece
//! comes again with its blocks `apart`: each from another sender than before; after some failures with
//! an `only` peer, so that a further one names the liar (see `verify`).

use gostorm_wire::PieceIndex;
use rustc_hash::FxHashMap;

use crate::bits::Bits;
use crate::event::PeerKey;
use crate::layout::{BlockRef, Layout};

/// The state of one block of an active piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockState {
    Missing,
    Asked(PeerKey),
    /// Asked of a first peer, and of a second because it is late.
    Hedged(PeerKey, PeerKey),
    Received(PeerKey),
}

/// A piece that is being filled or hashed.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    blocks: Box<[BlockState]>,
    missing: u32,
    received: u32,
    /// The first block that may be missing: all before it are asked or received.
    first_missing: u32,
    /// The one peer that may fill it, after some hash failures.
    pub(crate) only: Option<PeerKey>,
    /// For each block the peers that sent it in earlier tries: it is asked of others if it can be.
    /// Empty when no try has failed.
    pub(crate) apart: Vec<[Option<PeerKey>; 2]>,
}

impl Active {
    fn new(blocks: u32) -> Self {
        Self {
            blocks: vec![BlockState::Missing; blocks as usize].into_boxed_slice(),
            missing: blocks,
            received: 0,
            first_missing: 0,
            only: None,
            apart: Vec::new(),
        }
    }

    /// True when all blocks are here and the hash is awaited.
    pub(crate) fn is_complete(&self) -> bool {
        self.received as usize == self.blocks.len()
    }

    /// True when no block is here or asked for: nothing is lost by dropping it.
    pub(crate) fn is_untouched(&self) -> bool {
        self.missing as usize == self.blocks.len()
    }

    /// The state of each block, in order.
    pub(crate) const fn blocks(&self) -> &[BlockState] {
        &self.blocks
    }

    /// True when all these blocks are here.
    pub(crate) fn has_received(&self, blocks: &std::ops::Range<u32>) -> bool {
        self.blocks
            .get(blocks.start as usize..blocks.end as usize)
            .is_some_and(|blocks| {
                let here = |state: &BlockState| matches!(state, BlockState::Received(_));
                blocks.iter().all(here)
            })
    }

    /// True when `peer` sent the block in an earlier try that failed.
    pub(crate) fn was_sent_by(&self, block: u32, peer: PeerKey) -> bool {
        let earlier = self.apart.get(block as usize);
        earlier.is_some_and(|senders| senders.contains(&Some(peer)))
    }

    /// Bytes received and wasted if the piece is dropped, in blocks, when `peers` sent a part of it
    /// and more than half is still to come.
    pub(crate) fn tainted_by(&self, peers: &[PeerKey]) -> Option<u32> {
        let tainted = self
            .blocks
            .iter()
            .any(|state| matches!(state, BlockState::Received(peer) if peers.contains(peer)));
        let early = (self.received as usize) * 2 < self.blocks.len();
        (tainted && early).then_some(self.received)
    }

    /// Who sent the blocks that are here, in order.
    pub(crate) fn senders(&self) -> Vec<PeerKey> {
        let sender = |state: &BlockState| match state {
            BlockState::Received(peer) => Some(*peer),
            BlockState::Missing | BlockState::Asked(_) | BlockState::Hedged(..) => None,
        };
        self.blocks.iter().filter_map(sender).collect()
    }

    /// The first missing block at or after `from`.
    pub(crate) fn next_missing(&self, from: u32) -> Option<u32> {
        if self.missing == 0 {
            return None;
        }
        let from = from.max(self.first_missing);
        let rest = self.blocks.get(from as usize..)?;
        (from..)
            .zip(rest)
            .find(|(_, state)| **state == BlockState::Missing)
            .map(|(block, _)| block)
    }

    fn set(&mut self, block: u32, state: BlockState) {
        let slot = &mut self.blocks[block as usize];
        match *slot {
            BlockState::Missing => self.missing -= 1,
            BlockState::Received(_) => self.received -= 1,
            BlockState::Asked(_) | BlockState::Hedged(..) => {}
        }
        *slot = state;
        match state {
            BlockState::Missing => {
                self.missing += 1;
                self.first_missing = self.first_missing.min(block);
            }
            BlockState::Received(_) => self.received += 1,
            BlockState::Asked(_) | BlockState::Hedged(..) => {}
        }
        while self
            .blocks
            .get(self.first_missing as usize)
            .is_some_and(|state| *state != BlockState::Missing)
        {
            self.first_missing += 1;
        }
    }
}

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
            | BlockState::Received(_) => false,
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
            | BlockState::Received(_) => {}
        }
    }

    /// A block came from `peer`.
    pub(crate) fn receive(&mut self, block: BlockRef, peer: PeerKey) -> Arrival {
        let Some(active) = self.active.get_mut(&block.piece) else {
            return Arrival::Unneeded;
        };
        let asked_of = match active.blocks[block.block as usize] {
            BlockState::Received(_) => return Arrival::Unneeded,
            BlockState::Hedged(first, second) => [Some(first), Some(second)],
            BlockState::Asked(other) => [Some(other), None],
            BlockState::Missing => [None, None],
        };
        active.set(block.block, BlockState::Received(peer));
        Arrival::Filled {
            asked_of: asked_of.map(|asked| asked.filter(|asked| *asked != peer)),
        }
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
                count(|state| matches!(state, BlockState::Received(_))),
                "received blocks of piece {piece}"
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
                BlockState::Missing | BlockState::Received(_) => 0,
            })
            .sum()
    }

    /// The peers that a block was asked of.
    pub(crate) fn asked_of(&self, block: BlockRef) -> [Option<PeerKey>; 2] {
        let active = self.active.get(&block.piece);
        match active.and_then(|active| active.blocks.get(block.block as usize)) {
            Some(BlockState::Asked(peer)) => [Some(*peer), None],
            Some(BlockState::Hedged(first, second)) => [Some(*first), Some(*second)],
            Some(BlockState::Missing | BlockState::Received(_)) | None => [None, None],
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
