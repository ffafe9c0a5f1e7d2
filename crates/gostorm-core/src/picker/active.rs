//! A piece that is being filled: the state of each of its blocks, and the hashes of those that are hashed
//! one by one. Counted as they change, so that nobody walks the blocks to know whether some are missing.

use gostorm_wire::Node;

use crate::event::PeerKey;

/// The state of one block of an active piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockState {
    Missing,
    Asked(PeerKey),
    /// Asked of a first peer, and of a second because it is late.
    Hedged(PeerKey, PeerKey),
    Received(PeerKey),
    /// Received, and right.
    Verified(PeerKey),
}

impl BlockState {
    /// Who sent it, when it is here.
    pub(crate) const fn sender(self) -> Option<PeerKey> {
        match self {
            Self::Received(peer) | Self::Verified(peer) => Some(peer),
            Self::Missing | Self::Asked(_) | Self::Hedged(..) => None,
        }
    }
}

/// What is known of a piece whose blocks are hashed one by one (v2).
#[derive(Clone, Debug)]
pub(crate) struct Leaves {
    /// The hash of each block that is here and was hashed.
    pub(crate) hashed: Box<[Option<Node>]>,
    /// Blocks that turned out wrong: each may be filled a second time.
    pub(crate) spoilt: Vec<u32>,
}

/// A piece that is being filled or hashed.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub(super) blocks: Box<[BlockState]>,
    pub(super) missing: u32,
    pub(super) received: u32,
    pub(super) verified: u32,
    /// The hashes of its blocks, when they are hashed one by one.
    pub(crate) leaves: Option<Leaves>,
    /// The first block that may be missing: all before it are asked or received.
    first_missing: u32,
    /// The one peer that may fill it, after some hash failures.
    pub(crate) only: Option<PeerKey>,
    /// For each block the peers that sent it in earlier tries: it is asked of others if it can be.
    /// Empty when no try has failed.
    pub(crate) apart: Vec<[Option<PeerKey>; 2]>,
}

impl Active {
    pub(super) fn new(blocks: u32) -> Self {
        Self {
            blocks: vec![BlockState::Missing; blocks as usize].into_boxed_slice(),
            missing: blocks,
            received: 0,
            verified: 0,
            leaves: None,
            first_missing: 0,
            only: None,
            apart: Vec::new(),
        }
    }

    /// True when all blocks are here and the hash is awaited.
    pub(crate) fn is_complete(&self) -> bool {
        self.received as usize == self.blocks.len()
    }

    /// True when all blocks are verified.
    pub(crate) fn is_verified(&self) -> bool {
        self.verified as usize == self.blocks.len()
    }

    /// True when all these blocks are verified.
    pub(crate) fn has_verified(&self, blocks: &std::ops::Range<u32>) -> bool {
        self.blocks
            .get(blocks.start as usize..blocks.end as usize)
            .is_some_and(|blocks| {
                let right = |state: &BlockState| matches!(state, BlockState::Verified(_));
                blocks.iter().all(right)
            })
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
            .is_some_and(|blocks| blocks.iter().all(|state| state.sender().is_some()))
    }

    /// True when `peer` sent the block in an earlier try that failed.
    pub(crate) fn was_sent_by(&self, block: u32, peer: PeerKey) -> bool {
        let earlier = self.apart.get(block as usize);
        earlier.is_some_and(|senders| senders.contains(&Some(peer)))
    }

    /// Bytes received and wasted if the piece is dropped, in blocks, when `peers` sent a part of it
    /// and more than half is still to come. Blocks that are hashed one by one taint no other.
    pub(crate) fn tainted_by(&self, peers: &[PeerKey]) -> Option<u32> {
        if self.leaves.is_some() {
            return None;
        }
        let tainted = self
            .blocks
            .iter()
            .any(|state| matches!(state, BlockState::Received(peer) if peers.contains(peer)));
        let early = (self.received as usize) * 2 < self.blocks.len();
        (tainted && early).then_some(self.received)
    }

    /// Who sent the blocks that are here, in order.
    pub(crate) fn senders(&self) -> Vec<PeerKey> {
        let here = self.blocks.iter();
        here.filter_map(|state| state.sender()).collect()
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

    pub(super) fn set(&mut self, block: u32, state: BlockState) {
        let slot = &mut self.blocks[block as usize];
        match *slot {
            BlockState::Missing => self.missing -= 1,
            BlockState::Received(_) => self.received -= 1,
            BlockState::Verified(_) => {
                self.received -= 1;
                self.verified -= 1;
            }
            BlockState::Asked(_) | BlockState::Hedged(..) => {}
        }
        *slot = state;
        match state {
            BlockState::Missing => {
                self.missing += 1;
                self.first_missing = self.first_missing.min(block);
            }
            BlockState::Received(_) => self.received += 1,
            BlockState::Verified(_) => {
                self.received += 1;
                self.verified += 1;
            }
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
