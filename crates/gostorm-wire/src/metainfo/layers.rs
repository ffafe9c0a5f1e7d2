//! The piece layers of a v2 torrent (BEP 52): for each file of more than one
//! piece the hashes of its pieces.
//!
//! They stand beside the info dictionary in a .torrent, and a magnet's come from
//! peers; the store keeps them in the form of the .torrent. What always holds
//! for a [`PieceLayers`]: each layer is that of a file of the torrent, has a hash
//! for each of its pieces, and leads to the file's root.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::error::{Key, MetainfoError};
use super::fields::dict_of;
use super::info::Info;
use super::tree::FileTree;
use crate::bencode::{Value, put_bytes};
use crate::block::BLOCK_LEN;
use crate::merkle::{NODE_LEN, Node, layers_over, root};

const KEY: Key = Key::of("piece layers");

/// The layer of the hash trees whose nodes cover one piece each.
#[must_use]
pub fn piece_layer(piece_length: u32) -> u32 {
    layers_over(u64::from(piece_length / BLOCK_LEN))
}

/// The piece layers that are known of a torrent, by the root of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PieceLayers {
    layers: BTreeMap<Node, Bytes>,
}

impl PieceLayers {
    /// Reads the bencoded dictionary of layers. A layer that is missing is no
    /// error, since peers have it too; one of no file of the torrent is skipped.
    ///
    /// # Errors
    /// When it is no such dictionary, or a layer does not lead to its root.
    pub fn parse(text: &[u8], info: &Info) -> Result<Self, MetainfoError> {
        Self::read(Value::parse(text)?, info)
    }

    pub(super) fn read(value: Value<'_>, info: &Info) -> Result<Self, MetainfoError> {
        let mut given: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        for (key, value) in dict_of(value, KEY)? {
            let layer = value.as_bytes().ok_or(MetainfoError::WrongType {
                key: KEY,
                expected: "a dictionary of strings",
            })?;
            given.insert(key, layer);
        }
        let mut layers = Self::default();
        for tree in info.trees() {
            if let Some(layer) = given.get(tree.root.0.as_slice())
                && !layers.insert(tree, info.piece_length(), Bytes::copy_from_slice(layer))
            {
                return Err(MetainfoError::PieceLayer { root: tree.root });
            }
        }
        Ok(layers)
    }

    /// Keeps the layer of a file; false when it is not the file's. That of a file
    /// of one piece is its root, and is not kept.
    pub fn insert(&mut self, tree: &FileTree, piece_length: u32, layer: Bytes) -> bool {
        let pieces = tree.pieces(piece_length);
        if usize::try_from(pieces).ok() != Some(layer.len() / NODE_LEN)
            || !layer.len().is_multiple_of(NODE_LEN)
        {
            return false;
        }
        if pieces == 1 {
            return layer.as_ref() == tree.root.0;
        }
        let from = piece_layer(piece_length);
        let right = root(Node::all_of(&layer), from, tree.height() - from) == tree.root;
        if right {
            self.layers.insert(tree.root, layer);
        }
        right
    }

    /// The hashes of the pieces of the file with this root, 32 bytes each.
    #[must_use]
    pub fn get(&self, root: Node) -> Option<&Bytes> {
        self.layers.get(&root)
    }

    /// No layer is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// The bencoded dictionary.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![b'd'];
        for (root, layer) in &self.layers {
            put_bytes(&mut out, &root.0);
            put_bytes(&mut out, layer);
        }
        out.push(b'e');
        out
    }
}
