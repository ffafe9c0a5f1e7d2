//! The hash trees of v2 torrents (BEP 52).
//!
//! Each file has a binary tree of SHA-256 hashes: a leaf for each block of
//! 16 KiB, leaves of zeros up to a power of two, and above them the hash of
//! two neighbours. A layer is counted from the leaves, which are layer 0. The
//! root stands in the info dictionary; the layer whose nodes cover a piece each
//! stands in the .torrent beside it; anything else comes from peers, with the
//! hashes beside its path to what is known as the proof ([`prove`]). Used by
//! `metainfo` and by the engine. Nothing here allocates more than its input.

use std::fmt;

use crate::hash::sha256;

/// Bytes of a hash.
pub const NODE_LEN: usize = 32;

/// The most layers above the leaves that a file can have: 2^53 bytes are 2^39
/// blocks.
pub const LAYER_MAX: u32 = 39;

/// One hash of a tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub [u8; NODE_LEN]);

impl Node {
    /// The leaf that stands for no block.
    pub const ZERO: Self = Self([0; NODE_LEN]);

    /// The leaf of a block: 16 KiB, or what the file has left.
    #[must_use]
    pub fn of_block(block: &[u8]) -> Self {
        Self(sha256(block))
    }

    /// The node above two neighbours.
    #[must_use]
    pub fn above(left: Self, right: Self) -> Self {
        let mut both = [0; 2 * NODE_LEN];
        both[..NODE_LEN].copy_from_slice(&left.0);
        both[NODE_LEN..].copy_from_slice(&right.0);
        Self(sha256(&both))
    }

    /// The node of `layer` above which no leaf stands for a block.
    #[must_use]
    pub fn padding(layer: u32) -> Self {
        (0..layer.min(LAYER_MAX)).fold(Self::ZERO, |node, _| Self::above(node, node))
    }

    /// The nodes that these bytes are; a rest of less than a node is left out.
    pub fn all_of(bytes: &[u8]) -> impl ExactSizeIterator<Item = Self> {
        bytes.as_chunks::<NODE_LEN>().0.iter().copied().map(Self)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({self})")
    }
}

/// The layer at which one node covers `count` nodes of layer 0.
#[must_use]
pub fn layers_over(count: u64) -> u32 {
    count.max(1).next_power_of_two().trailing_zeros()
}

/// The node `height` layers above the first of `nodes`, which are consecutive
/// nodes of `layer`, the first of them at a multiple of 2^`height`; padding
/// stands for those that are not there. `nodes` beyond 2^`height` are ignored.
#[must_use]
pub fn root(nodes: impl IntoIterator<Item = Node>, layer: u32, height: u32) -> Node {
    let height = height.min(LAYER_MAX);
    let width = usize::try_from(1_u64 << height).unwrap_or(usize::MAX);
    let mut nodes: Vec<Node> = nodes.into_iter().take(width).collect();
    for step in 0..height {
        let mut pairs = nodes.as_chunks::<2>().0.iter();
        let mut above: Vec<Node> = pairs.by_ref().map(|[l, r]| Node::above(*l, *r)).collect();
        if let (1, Some(last)) = (nodes.len() % 2, nodes.last()) {
            above.push(Node::above(*last, Node::padding(layer + step)));
        }
        nodes = above;
    }
    // Nothing at all is padding to the top.
    let top = nodes.first().copied();
    top.unwrap_or_else(|| Node::padding(layer + height))
}

/// The node to which `node`, number `index` of its layer, leads by the hashes
/// beside its path, from below to above.
#[must_use]
pub fn prove(node: Node, index: u64, beside: impl IntoIterator<Item = Node>) -> Node {
    let path = beside.into_iter().enumerate();
    path.fold(node, |node, (step, beside)| {
        if index
            .checked_shr(u32::try_from(step).unwrap_or(u32::MAX))
            .unwrap_or(0)
            & 1
            == 0
        {
            Node::above(node, beside)
        } else {
            Node::above(beside, node)
        }
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(number: u8) -> Node {
        Node([number; NODE_LEN])
    }

    /// The definition, word for word.
    fn naive(nodes: &[Node], layer: u32, height: u32) -> Node {
        if height == 0 {
            return nodes
                .first()
                .copied()
                .unwrap_or_else(|| Node::padding(layer));
        }
        let middle = (1 << (height - 1)).min(nodes.len());
        let (left, right) = nodes.split_at(middle);
        Node::above(
            naive(left, layer, height - 1),
            naive(right, layer, height - 1),
        )
    }

    #[test]
    fn a_file_of_one_block_is_its_own_root() {
        assert_eq!(root([node(7)], 0, 0), node(7));
        assert_eq!(layers_over(1), 0);
        assert_eq!(layers_over(0), 0);
        assert_eq!(layers_over(5), 3);
    }

    proptest! {
        #[test]
        fn a_root_is_that_of_the_definition(
            count in 0_u8..40, layer in 0_u32..5, more in 0_u32..3,
        ) {
            let nodes: Vec<Node> = (0..count).map(node).collect();
            let height = layers_over(u64::from(count)) + more;
            prop_assert_eq!(root(nodes.iter().copied(), layer, height), naive(&nodes, layer, height));
        }

        #[test]
        fn a_proof_leads_from_any_part_to_the_root(
            count in 2_u8..40, at in 0_u8..40, part in 0_u32..3,
        ) {
            let nodes: Vec<Node> = (0..count).map(node).collect();
            let height = layers_over(u64::from(count));
            let part = part.min(height);
            let index = usize::from(at % count) >> part;
            let covered = |layer: u32, index: usize| {
                let nodes = nodes.iter().copied().skip(index << layer);
                root(nodes, 0, layer)
            };
            let beside: Vec<Node> = (part..height)
                .map(|layer| covered(layer, (index >> (layer - part)) ^ 1))
                .collect();
            let proved = prove(covered(part, index), u64::try_from(index).unwrap(), beside.clone());
            prop_assert_eq!(proved, covered(height, 0));
            if !beside.is_empty() {
                let wrong = prove(node(200), u64::try_from(index).unwrap(), beside);
                prop_assert_ne!(wrong, covered(height, 0));
            }
        }
    }
}
