//! Blocks that are verified by themselves: in a v2 torrent each has a hash of its own (BEP 52).
//!
//! The hashes of the blocks that are wanted first are asked for as soon as somebody has them, beside the
//! blocks. A block whose hash is known is right or wrong the moment it was hashed: right, it is served
//! before its piece is complete; wrong, who sent it has lied for certain, is banned, and the block alone
//! comes again. Where no peer gives the hashes of blocks, a complete piece is judged by its own hash.

use std::net::SocketAddr;
use std::ops::Range;

use gostorm_wire::{BLOCK_LEN, HashRequest, Message, Node, PieceIndex};

use super::Swarm;
use crate::event::{DisconnectReason, Output, PeerKey};
use crate::hash_requests::Verdict;
use crate::layout::BlockRef;
use crate::picker::{Active, BlockState};
use crate::trees::{HashTrees, Part};

/// Wanted pieces whose hashes are asked for ahead.
const AHEAD_PIECES: usize = 16;
/// Steps through the wanted pieces for that: some come twice.
const STEPS_MAX: usize = 64;
/// Wrong blocks that may take memory beside the right ones, 1 MiB of them; with more their piece is begun anew.
const SPOILT_MAX: usize = 64;

impl Swarm {
    /// With the hash trees of a v2 torrent or a hybrid; before the first input.
    #[must_use]
    pub fn with_trees(mut self, trees: Option<HashTrees>, has_v1: bool) -> Self {
        self.demand.serve_by_blocks(trees.is_some());
        self.trees = trees;
        self.has_v1 = has_v1;
        self
    }

    /// What is known of the hash trees; `None` for a torrent of v1.
    #[must_use]
    pub const fn trees(&self) -> Option<&HashTrees> {
        self.trees.as_ref()
    }

    /// A peer that was let in speaks of v2, or does not.
    pub(super) fn note_v2(&mut self, key: PeerKey, v2: bool) {
        if v2 && self.peers.contains_key(&key) {
            self.hash_requests.connected(key);
        }
    }

    /// How a piece that is begun now is hashed: block by block where these hashes lead to something known,
    /// and always where there is nothing else.
    pub(super) fn hashes_by_blocks(&self, piece: PieceIndex) -> bool {
        let trees = self.trees.as_ref();
        trees.is_some_and(|trees| !self.has_v1 || trees.knows_piece(piece))
    }

    /// True when every byte of the range is verified.
    pub(super) fn is_verified(&self, range: &Range<u64>) -> bool {
        self.layout.pieces_of(range).map(PieceIndex).all(|piece| {
            self.picker.verified().contains(piece)
                || self
                    .picker
                    .active(piece)
                    .is_some_and(|active| active.has_verified(&self.layout.blocks_of(piece, range)))
        })
    }

    /// Asks for the hashes that are missing of the pieces that are wanted first.
    pub(super) fn ask_hashes(&mut self) {
        if self.hash_requests.give_up_late(self.now) {
            self.give_up_disputed();
        }
        let Some(trees) = &self.trees else { return };
        if !self.demand.has_readers() {
            return;
        }
        let mut wanted = self.demand.wanted(self.now, &self.layout);
        let mut pieces: Vec<PieceIndex> = Vec::new();
        let mut parts: Vec<(PieceIndex, Part)> = Vec::new();
        for _ in 0..STEPS_MAX {
            let Some(next) = wanted.next_missing(self.picker.verified()) else {
                break;
            };
            if pieces.len() == AHEAD_PIECES && !pieces.contains(&next.piece) {
                break;
            }
            if pieces.contains(&next.piece) && !next.is_read() {
                continue;
            }
            pieces.push(next.piece);
            let active = self.picker.active(next.piece);
            let judged_whole = active.is_some_and(|active| active.leaves.is_none());
            let missing = trees.missing(next.piece, next.from);
            for part in missing.filter(|part| part.of_pieces || !judged_whole) {
                if !self.hash_requests.is_asked(part)
                    && parts.iter().all(|(_, other)| *other != part)
                {
                    parts.push((next.piece, part));
                }
            }
        }
        for (piece, part) in parts {
            if self.hash_requests.is_full() {
                break;
            }
            self.ask_part(piece, part);
        }
    }

    /// Asks the peer that owes least and answers soonest, of those that have the piece.
    fn ask_part(&mut self, piece: PieceIndex, part: Part) {
        let Some(trees) = &self.trees else { return };
        let able = self.peers.values().filter(|peer| peer.have.contains(piece));
        let able = able.filter_map(|peer| {
            let owes = self.hash_requests.owes(self.now, peer.key, part)?;
            Some(((peer.snubbed, owes, peer.estimate.rtt()), peer.key))
        });
        if let Some((_, peer)) = able.min() {
            let request = trees.request(part);
            self.hash_requests.ask(self.now, peer, part, request);
            let message = Message::HashRequest(request);
            self.push(Output::Send { peer, message });
        }
    }

    /// A peer sent hashes.
    pub(super) fn hashes(&mut self, key: PeerKey, request: &HashRequest, hashes: &[u8]) {
        // What is too late, or was never asked for, has cost itself.
        let Some(part) = self.hash_requests.take(key, request) else {
            return;
        };
        let Some(trees) = &mut self.trees else { return };
        let Some(pieces) = trees.accept(part, hashes) else {
            let addr = self.addresses.get(&key).copied();
            return self.ban(
                addr.as_slice(),
                "sent hashes that do not lead to the torrent's",
            );
        };
        for piece in pieces {
            self.judge(piece);
        }
        self.trim_leaves();
    }

    /// A peer does not give hashes: others are asked.
    pub(super) fn hashes_refused(&mut self, key: PeerKey, request: &HashRequest) {
        if let Some(part) = self.hash_requests.take(key, request) {
            self.hash_requests.refuse(self.now, key, part);
            self.give_up_disputed();
        }
    }

    /// A peer asks for hashes; every request is answered or rejected.
    pub(super) fn hashes_asked(&mut self, key: PeerKey, request: HashRequest) {
        let hashes = match self.hash_requests.asks(self.now, key) {
            Verdict::Answer => self.trees.as_ref().and_then(|trees| trees.answer(&request)),
            Verdict::Reject => None,
            Verdict::Flood => {
                let reason = DisconnectReason::Protocol("requests for hashes without end");
                return self.disconnect(key, reason);
            }
        };
        let message = match hashes {
            Some(hashes) => Message::Hashes { request, hashes },
            None => Message::HashReject(request),
        };
        self.push(Output::Send { peer: key, message });
    }

    /// Blocks of a piece were hashed, each by itself.
    pub(super) fn blocks_hashed(&mut self, piece: PieceIndex, leaves: &[(u32, Node)]) {
        for (block, node) in leaves {
            let block = BlockRef {
                piece,
                block: *block,
            };
            self.picker.hashed(block, *node);
        }
        self.judge(piece);
    }

    /// Compares what was hashed with what is known.
    fn judge(&mut self, piece: PieceIndex) {
        let (Some(active), Some(trees)) = (self.picker.active(piece), &self.trees) else {
            return;
        };
        let Some(leaves) = &active.leaves else { return };
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for ((block, state), node) in (0..).zip(active.blocks()).zip(&leaves.hashed) {
            let (BlockState::Received(_), Some(node)) = (state, node) else {
                continue;
            };
            let block = BlockRef { piece, block };
            match trees.leaf(block) {
                Some(leaf) if leaf == *node => right.push(block),
                Some(_) => wrong.push(block),
                None => {}
            }
        }
        let moved = !right.is_empty();
        self.blocks_right(&right);
        for block in wrong {
            self.block_wrong(block);
        }
        self.judge_whole(piece);
        if moved && self.picker.active(piece).is_some() {
            self.serve_with(piece);
        }
    }

    /// Ends a piece of which all is known, or all is here and leads to its hash.
    fn judge_whole(&mut self, piece: PieceIndex) {
        let Some(active) = self.picker.active(piece) else {
            return;
        };
        let Some(nodes) = all_hashed(active) else {
            return;
        };
        let digests: Vec<u64> = nodes.iter().map(digest).collect();
        if !active.is_verified() {
            let trees = self.trees.as_mut();
            let proved = trees.and_then(|trees| {
                let proved = trees.proves_piece(piece, nodes.iter().copied());
                if proved == Some(true) {
                    trees.learn(piece, &nodes);
                }
                proved
            });
            match proved {
                // The hash of the piece has yet to come.
                None => return,
                // Which of the blocks is wrong is asked before the piece is given up.
                Some(false) if self.may_learn_leaves(piece) => return,
                Some(false) => return self.spoilt(piece, &digests),
                Some(true) => {
                    let blocks = 0..self.layout.blocks_in(piece);
                    let blocks: Vec<BlockRef> =
                        blocks.map(|block| BlockRef { piece, block }).collect();
                    self.blocks_right(&blocks);
                    self.trim_leaves();
                }
            }
        }
        self.verified(piece, &digests);
    }

    /// True when the hashes of a piece's blocks are on their way, or a peer can be asked for them.
    fn may_learn_leaves(&self, piece: PieceIndex) -> bool {
        let Some(trees) = &self.trees else {
            return false;
        };
        let mut parts = trees.missing(piece, 0).filter(|part| !part.of_pieces);
        parts.all(|part| {
            let able = self.peers.values().filter(|peer| peer.have.contains(piece));
            let may = |key| self.hash_requests.owes(self.now, key, part).is_some();
            self.hash_requests.is_asked(part) || able.map(|peer| peer.key).any(may)
        })
    }

    /// Gives up the pieces that are not right while nobody says which of their blocks is wrong.
    fn give_up_disputed(&mut self) {
        let complete = |(piece, active): (PieceIndex, &Active)| {
            (active.leaves.is_some() && active.is_complete()).then_some(piece)
        };
        let mut disputed: Vec<PieceIndex> = self.picker.actives().filter_map(complete).collect();
        disputed.sort_unstable();
        for piece in disputed {
            self.judge_whole(piece);
        }
    }

    fn blocks_right(&mut self, blocks: &[BlockRef]) {
        let mut ranges: Vec<(PieceIndex, Range<u32>)> = Vec::new();
        let mut last: Option<PeerKey> = None;
        for block in blocks {
            let Some(sender) = self.picker.verify_block(*block) else {
                continue;
            };
            if let Some(peer) = self.peers.get_mut(&sender) {
                peer.good_bytes += u64::from(BLOCK_LEN);
            }
            if last.replace(sender) != Some(sender)
                && let Some(addr) = self.addresses.get(&sender)
            {
                self.trust.prove(*addr);
            }
            match ranges.last_mut() {
                Some((piece, range)) if *piece == block.piece && range.end == block.block => {
                    range.end += 1;
                }
                Some(_) | None => ranges.push((block.piece, block.block..block.block + 1)),
            }
        }
        for (piece, blocks) in ranges {
            self.push(Output::Verified { piece, blocks });
        }
    }

    /// A block is wrong, and who sent it has lied for certain.
    fn block_wrong(&mut self, block: BlockRef) {
        let active = self.picker.active(block.piece);
        let state = active.and_then(|active| active.blocks().get(block.block as usize).copied());
        let Some(sender) = state.and_then(BlockState::sender) else {
            return;
        };
        self.wasted += u64::from(self.layout.block_len(block));
        self.spoilt_blocks += 1;
        let liar: Vec<SocketAddr> = self.addresses.get(&sender).copied().into_iter().collect();
        self.take_back_exposed(block.piece);
        self.fall_back(&liar);
        if self.picker.spoil(block) && self.picker.spoilt_count() <= SPOILT_MAX {
            self.push(Output::Spoilt { block });
        } else {
            self.evict(block.piece);
        }
        self.ban(&liar, "sent a block that is not the torrent's");
    }

    fn trim_leaves(&mut self) {
        let picker = &self.picker;
        if let Some(trees) = &mut self.trees {
            trees.trim(|piece| picker.active(piece).is_some());
        }
    }
}

/// The hashes of all blocks, when all are here and were hashed.
fn all_hashed(active: &Active) -> Option<Vec<Node>> {
    let leaves = active.leaves.as_ref().filter(|_| active.is_complete())?;
    leaves.hashed.iter().copied().collect()
}

/// What `verify` tells blocks apart by.
fn digest(node: &Node) -> u64 {
    node.0
        .first_chunk()
        .map_or(0, |head| u64::from_be_bytes(*head))
}
