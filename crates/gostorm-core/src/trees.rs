//! The hash trees of a v2 torrent: what is known of them, and of which parts (BEP 52).
//!
//! The root of each file is known from the start, the hashes of its pieces (the piece layer) from the
//! .torrent, the store or peers, and the hashes of single blocks (leaves) from peers. Used by
//! `swarm/hashes`, which asks peers for the parts that are missing. What always holds: all that is known here
//! leads to a root, so that it is right whoever sent it; pieces know their hash before their leaves.
//! Leaves are kept for the pieces that are being filled, and up to [`LEAVES_MAX`] others.

use std::collections::BTreeMap;

use bytes::Bytes;
use gostorm_wire::merkle::{NODE_LEN, prove, root};
use gostorm_wire::metainfo::piece_layer;
use gostorm_wire::{BLOCK_LEN, FileTree, HashRequest, Info, Node, PieceIndex, PieceLayers};

use crate::layout::BlockRef;

/// Hashes of one layer in a request (BEP 52 recommends this limit).
const CHUNK: u32 = 512;
/// Leaves of other pieces than those being filled that are kept, 32 bytes each.
const LEAVES_MAX: usize = 65_536;

/// A part of a file's tree that is asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    /// Index into the trees.
    pub(crate) tree: usize,
    /// Hashes of pieces; else of blocks.
    pub(crate) of_pieces: bool,
    /// Which, counted in parts of equal size.
    pub(crate) number: u32,
}

#[derive(Clone, Debug)]
struct Tree {
    file: FileTree,
    pieces: u32,
    /// The hashes of its pieces, in parts of [`CHUNK`]; empty when it is one piece.
    layer: BTreeMap<u32, Box<[Node]>>,
}

/// What is known of the hash trees of a torrent.
#[derive(Clone, Debug)]
pub struct HashTrees {
    piece_len: u32,
    /// The layer of the hashes of pieces.
    piece_layer: u32,
    trees: Vec<Tree>,
    /// Leaves in parts of [`CHUNK`], by piece and number of the part in it.
    leaves: BTreeMap<(PieceIndex, u32), Box<[Node]>>,
    kept: usize,
}

impl HashTrees {
    /// The trees of a torrent with v2, and the layers that are known; `None` for one of v1 alone.
    #[must_use]
    pub fn of(info: &Info, layers: &PieceLayers) -> Option<Self> {
        let piece_len = info.piece_length();
        let tree = |file: &FileTree| {
            let nodes: Vec<Node> = layers
                .get(file.root)
                .map(|layer| Node::all_of(layer).collect())
                .unwrap_or_default();
            Tree {
                file: *file,
                pieces: file.pieces(piece_len),
                layer: (0..)
                    .zip(nodes.chunks(CHUNK as usize).map(Box::from))
                    .collect(),
            }
        };
        info.has_v2().then(|| Self {
            piece_len,
            piece_layer: piece_layer(piece_len),
            trees: info.trees().iter().map(tree).collect(),
            leaves: BTreeMap::new(),
            kept: 0,
        })
    }

    /// The piece layers of the files of which all is known, for the store.
    #[must_use]
    pub fn layers(&self) -> PieceLayers {
        let mut layers = PieceLayers::default();
        for tree in &self.trees {
            let nodes: Vec<[u8; NODE_LEN]> = tree
                .layer
                .values()
                .flat_map(|part| part.iter().map(|node| node.0))
                .collect();
            if !nodes.is_empty() {
                let layer = Bytes::from(nodes.as_flattened().to_vec());
                layers.insert(&tree.file, self.piece_len, layer);
            }
        }
        layers
    }

    /// The tree of the file that a piece is of, and the number of the piece in it.
    fn place(&self, piece: PieceIndex) -> Option<(usize, u32)> {
        let after = self
            .trees
            .partition_point(|tree| tree.file.first_piece <= piece.0);
        let at = after.checked_sub(1)?;
        let tree = &self.trees[at];
        let number = piece.0 - tree.file.first_piece;
        (number < tree.pieces).then_some((at, number))
    }

    /// The layer of the hash of each piece of a file.
    fn top(&self, tree: &Tree) -> u32 {
        if tree.pieces == 1 {
            tree.file.height()
        } else {
            self.piece_layer
        }
    }

    /// The hash of a piece and its layer.
    fn of_piece(&self, piece: PieceIndex) -> Option<(Node, u32)> {
        let (at, number) = self.place(piece)?;
        let tree = &self.trees[at];
        let node = if tree.pieces == 1 {
            tree.file.root
        } else {
            let part = tree.layer.get(&(number / CHUNK))?;
            *part.get((number % CHUNK) as usize)?
        };
        Some((node, self.top(tree)))
    }

    /// True when the hash of the piece is known.
    pub(crate) fn knows_piece(&self, piece: PieceIndex) -> bool {
        self.of_piece(piece).is_some()
    }

    /// Whether these leaves, all of the piece's blocks, are right; `None` when its hash is not known.
    pub(crate) fn proves_piece(
        &self,
        piece: PieceIndex,
        leaves: impl Iterator<Item = Node>,
    ) -> Option<bool> {
        let (node, top) = self.of_piece(piece)?;
        Some(root(leaves, 0, top) == node)
    }

    /// The leaf of a block, when it is known.
    pub(crate) fn leaf(&self, block: BlockRef) -> Option<Node> {
        if let Some((node, 0)) = self.of_piece(block.piece) {
            return Some(node);
        }
        let part = self.leaves.get(&(block.piece, block.block / CHUNK))?;
        part.get((block.block % CHUNK) as usize).copied()
    }

    /// Keeps the leaves of a whole piece, which are known to be right.
    pub fn learn(&mut self, piece: PieceIndex, leaves: &[Node]) {
        for (number, part) in (0..).zip(leaves.chunks(CHUNK as usize)) {
            self.keep(piece, number, part);
        }
    }

    fn keep(&mut self, piece: PieceIndex, number: u32, part: &[Node]) {
        let before = self.leaves.insert((piece, number), part.into());
        self.kept += part.len();
        self.kept -= before.map_or(0, |part| part.len());
    }

    /// Forgets leaves of pieces that are not being filled, when there are too many.
    pub(crate) fn trim(&mut self, is_filled: impl Fn(PieceIndex) -> bool) {
        if self.kept <= LEAVES_MAX {
            return;
        }
        let mut over = self.kept - LEAVES_MAX / 2;
        self.leaves.retain(|(piece, _), part| {
            let goes = over > 0 && !is_filled(*piece);
            if goes {
                over = over.saturating_sub(part.len());
                self.kept -= part.len();
            }
            !goes
        });
    }

    /// The parts that are missing of what judges the blocks of a piece: those from a block on first.
    pub(crate) fn missing(&self, piece: PieceIndex, from_block: u32) -> impl Iterator<Item = Part> {
        let parts = self.place(piece).map(|(tree, number)| {
            let of_pieces = self.of_piece(piece).is_none().then_some(Part {
                tree,
                of_pieces: true,
                number: number / CHUNK,
            });
            of_pieces
                .into_iter()
                .chain(self.missing_leaves(piece, (tree, number), from_block))
        });
        parts.into_iter().flatten()
    }

    /// Leaves can be proved only where the hash of their piece is known.
    fn missing_leaves(
        &self,
        piece: PieceIndex,
        (tree, number): (usize, u32),
        from_block: u32,
    ) -> impl Iterator<Item = Part> {
        let top = self.of_piece(piece).map_or(0, |(_, top)| top);
        let parts = if top == 0 {
            0
        } else {
            self.blocks_in(tree, number).div_ceil(CHUNK)
        };
        let at_once = self.leaves_at_once(tree);
        (0..parts)
            .map(move |part| (part + from_block / CHUNK) % parts.max(1))
            .filter(move |part| !self.leaves.contains_key(&(piece, *part)))
            .filter_map(move |part| {
                // A file of so many blocks that numbers on the wire do not reach them goes without.
                let first = number.checked_mul(1 << top)?.checked_add(part * CHUNK)?;
                Some(Part {
                    tree,
                    of_pieces: false,
                    number: first / at_once,
                })
            })
    }

    /// Blocks of a piece, by its number in its file.
    fn blocks_in(&self, tree: usize, number: u32) -> u32 {
        let start = u64::from(number) * u64::from(self.piece_len);
        let rest = self.trees[tree].file.length.saturating_sub(start);
        let len = u32::try_from(rest).map_or(self.piece_len, |rest| rest.min(self.piece_len));
        len.div_ceil(BLOCK_LEN)
    }

    /// Leaves in one request of a file.
    fn leaves_at_once(&self, tree: usize) -> u32 {
        let height = self.trees[tree].file.height();
        CHUNK.min(1_u32.checked_shl(height).unwrap_or(CHUNK))
    }

    /// How a part is asked for.
    pub(crate) fn request(&self, part: Part) -> HashRequest {
        let tree = &self.trees[part.tree];
        let height = tree.file.height();
        let (layer, count, reach) = if part.of_pieces {
            let over = height - self.piece_layer;
            let count = CHUNK.min(1_u32.checked_shl(over).unwrap_or(CHUNK));
            (self.piece_layer, count, over)
        } else {
            (0, self.leaves_at_once(part.tree), self.top(tree))
        };
        // Where the hashes themselves reach what is known there is nothing beside their path.
        let proof_layers = if count.trailing_zeros() < reach {
            reach - 1
        } else {
            0
        };
        HashRequest {
            root: tree.file.root,
            layer,
            index: part.number * count,
            count,
            proof_layers,
        }
    }

    /// A part came as it was asked for: keeps it and returns the pieces whose blocks can be judged now;
    /// `None` when it is not right.
    pub(crate) fn accept(&mut self, part: Part, hashes: &[u8]) -> Option<Vec<PieceIndex>> {
        let request = self.request(part);
        let nodes: Vec<Node> = Node::all_of(hashes).collect();
        let (nodes, beside) = nodes.split_at_checked(request.count as usize)?;
        if part.of_pieces {
            self.accept_pieces(part, &request, nodes, beside)
        } else {
            self.accept_leaves(part, &request, nodes, beside)
        }
    }

    fn accept_pieces(
        &mut self,
        part: Part,
        request: &HashRequest,
        nodes: &[Node],
        beside: &[Node],
    ) -> Option<Vec<PieceIndex>> {
        let width = request.count.trailing_zeros();
        let over = root(nodes.iter().copied(), request.layer, width);
        let index = u64::from(request.index >> width);
        let tree = &mut self.trees[part.tree];
        if prove(over, index, beside.iter().copied()) != tree.file.root {
            return None;
        }
        let last = tree.pieces.min(request.index + request.count);
        let known = nodes.get(..last.saturating_sub(request.index) as usize)?;
        tree.layer.insert(part.number, known.into());
        let first = tree.file.first_piece;
        Some(
            (first + request.index..first + last)
                .map(PieceIndex)
                .collect(),
        )
    }

    fn accept_leaves(
        &mut self,
        part: Part,
        request: &HashRequest,
        nodes: &[Node],
        beside: &[Node],
    ) -> Option<Vec<PieceIndex>> {
        let top = self.top(&self.trees[part.tree]);
        let first_piece = self.trees[part.tree].file.first_piece;
        let in_piece = 1_u32 << top;
        let mut judged = Vec::new();
        for (begin, leaves) in (request.index..)
            .step_by(in_piece.min(request.count) as usize)
            .zip(nodes.chunks(in_piece as usize))
        {
            let number = begin / in_piece;
            let piece = PieceIndex(first_piece + number);
            let width = top.min(request.count.trailing_zeros());
            let over = root(leaves.iter().copied(), 0, width);
            let index = u64::from((begin % in_piece) >> width);
            if number >= self.trees[part.tree].pieces {
                // Beyond the end of the file there is nothing.
                if leaves.iter().any(|leaf| *leaf != Node::ZERO) {
                    return None;
                }
                continue;
            }
            let Some((node, _)) = self.of_piece(piece) else {
                continue;
            };
            if prove(over, index, beside.iter().copied()) != node {
                return None;
            }
            let in_part = begin % in_piece / CHUNK;
            let blocks = self.blocks_in(part.tree, number) - in_part * CHUNK;
            let known = leaves.get(..blocks.min(CHUNK) as usize).unwrap_or(leaves);
            self.keep(piece, in_part, known);
            judged.push(piece);
        }
        Some(judged)
    }

    /// The answer to a peer's request, as far as all of it is known.
    #[must_use]
    pub fn answer(&self, request: &HashRequest) -> Option<Bytes> {
        let at = self
            .trees
            .iter()
            .position(|tree| tree.file.root == request.root)?;
        let tree = &self.trees[at];
        let height = tree.file.height();
        let HashRequest {
            layer,
            index,
            count,
            proof_layers,
            ..
        } = *request;
        let width = 1_u64.checked_shl(height.checked_sub(layer)?)?;
        if u64::from(index) + u64::from(count) > width || layer + proof_layers >= height {
            return None;
        }
        // Every node above the layer of pieces is made anew from these: not for ever so many.
        if tree.pieces > ANSWERED_PIECES_MAX && proof_layers > 0 {
            return None;
        }
        let mut out = Vec::with_capacity(request.answer_len());
        for number in index..index + count {
            out.extend_from_slice(&self.node(at, layer, u64::from(number))?.0);
        }
        let lowest = count.trailing_zeros();
        for over in lowest..lowest + request.proof_len() {
            let beside = (u64::from(index) >> over) ^ 1;
            out.extend_from_slice(&self.node(at, layer + over, beside)?.0);
        }
        Some(Bytes::from(out))
    }

    /// A node of a tree, when all below it that is needed is known.
    fn node(&self, at: usize, layer: u32, number: u64) -> Option<Node> {
        let tree = &self.trees[at];
        if layer == tree.file.height() {
            return Some(tree.file.root);
        }
        if (number << layer) >= tree.file.blocks() {
            return Some(Node::padding(layer));
        }
        let top = self.top(tree);
        if layer < top {
            let first = number << layer;
            let piece = u32::try_from(first >> top).ok()?;
            let in_piece = u32::try_from(first & ((1 << top) - 1)).ok()?;
            let blocks = self.blocks_in(at, piece);
            let end = blocks.min(in_piece + (1 << layer));
            let leaf = |block| {
                self.leaf(BlockRef {
                    piece: PieceIndex(tree.file.first_piece + piece),
                    block,
                })
            };
            let leaves: Option<Vec<Node>> = (in_piece..end).map(leaf).collect();
            return Some(root(leaves?, 0, layer));
        }
        let over = layer - top;
        let first = u32::try_from(number << over).ok()?;
        let end = tree
            .pieces
            .min(first.saturating_add(1_u32.checked_shl(over)?));
        let hash = |piece| self.of_piece(PieceIndex(tree.file.first_piece + piece));
        let pieces: Option<Vec<Node>> = (first..end).map(|piece| Some(hash(piece)?.0)).collect();
        Some(root(pieces?, top, over))
    }

    /// Panics when a bound is broken.
    pub(crate) fn check_invariants(&self) {
        let kept: usize = self.leaves.values().map(|part| part.len()).sum();
        assert_eq!(kept, self.kept, "leaves that are kept");
    }
}

/// Files of more pieces are not proved to others, who can have the layer from others.
const ANSWERED_PIECES_MAX: u32 = 65_536;

#[cfg(test)]
mod tests;
