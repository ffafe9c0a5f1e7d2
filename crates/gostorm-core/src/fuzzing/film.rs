//! A torrent of v2 whose blocks are but their numbers: all of its hash tree is known here, so that fuzzing can
//! play peers that tell the truth about it, and hash blocks that nobody has.

use bytes::Bytes;
use gostorm_wire::merkle::{layers_over, root};
use gostorm_wire::metainfo::{encode_single_file_v2, piece_layer};
use gostorm_wire::{BLOCK_LEN, HashRequest, Metainfo, Node, PieceIndex, PieceLayers};

use crate::{BlockRef, HashTrees};

pub(crate) struct Film {
    metainfo: Metainfo,
    full: HashTrees,
    piece_blocks: u32,
}

impl Film {
    pub(crate) fn new(len: u64, piece_len: u32) -> Option<Self> {
        let blocks = u32::try_from(len.div_ceil(u64::from(BLOCK_LEN))).ok()?;
        let leaves: Vec<Node> = (0..blocks).map(right).collect();
        let piece_blocks = piece_len / BLOCK_LEN;
        let pieces = || leaves.chunks(piece_blocks as usize);
        let layer: Vec<Node> = pieces()
            .map(|leaves| root(leaves.iter().copied(), 0, piece_layer(piece_len)))
            .collect();
        let top = root(leaves.iter().copied(), 0, layers_over(u64::from(blocks)));
        let torrent = encode_single_file_v2("film", len, piece_len, top, &layer, None);
        let metainfo = Metainfo::parse(&torrent).ok()?;
        let mut full = HashTrees::of(&metainfo.info, &metainfo.layers)?;
        for (piece, leaves) in (0..).zip(pieces()) {
            full.learn(PieceIndex(piece), leaves);
        }
        Some(Self {
            metainfo,
            full,
            piece_blocks,
        })
    }

    /// What a swarm knows that begins: the layers of a .torrent, or the root of a magnet.
    pub(crate) fn trees(&self, layers: bool) -> HashTrees {
        let known = if layers {
            self.metainfo.layers.clone()
        } else {
            PieceLayers::default()
        };
        HashTrees::of(&self.metainfo.info, &known).unwrap_or_else(|| self.full.clone())
    }

    pub(crate) fn leaf(&self, block: BlockRef, wrong: bool) -> Node {
        let number = block.piece.0 * self.piece_blocks + block.block;
        right(if wrong { u32::MAX } else { number })
    }

    pub(crate) fn answer(&self, request: &HashRequest) -> Option<Bytes> {
        self.full.answer(request)
    }

    /// A request that may be answered.
    pub(crate) fn request(&self, number: u8) -> HashRequest {
        let count = 1 << (number % 4);
        HashRequest {
            root: self.metainfo.info.trees()[0].root,
            layer: u32::from(number / 4 % 4),
            index: u32::from(number / 16) * count,
            count,
            proof_layers: u32::from(number % 8),
        }
    }
}

fn right(number: u32) -> Node {
    Node::of_block(&number.to_be_bytes())
}
