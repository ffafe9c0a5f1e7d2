//! Asking a peer for a part of a hash tree, and its answers (BEP 52).
//!
//! [`HashRequest`] is the body of all three messages: `hash request`, `hashes`
//! (which append the hashes) and `hash reject`. A value that was decoded from a
//! peer is as on the wire but for what [`HashRequest::read`] checks; that it fits
//! a file is checked where the file is known.

use bytes::{BufMut, BytesMut};

use crate::merkle::{LAYER_MAX, NODE_LEN, Node};
use crate::violation::Violation;

/// The most hashes of one layer in a message, those of the proof not counted.
/// BEP 52 recommends 512 for a request; clients ask for all blocks of a piece
/// at once, which may be 8,192 of them.
pub const HASHES_MAX: u32 = 8_192;

/// Bytes of the body: the root and five numbers.
pub(crate) const BODY_LEN: usize = NODE_LEN + 4 * 4;

/// A part of the hash tree of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashRequest {
    /// The root of the file's tree, which names the file.
    pub root: Node,
    /// The layer that the hashes are of; 0 is that of the blocks.
    pub layer: u32,
    /// The first hash; a multiple of `count`.
    pub index: u32,
    /// How many hashes: a power of two.
    pub count: u32,
    /// Layers above `layer` that the proof reaches through: with the hashes
    /// beside the path in them the node in the layer above them all can be
    /// computed. Those that the hashes themselves give are left out of the answer.
    pub proof_layers: u32,
}

impl HashRequest {
    /// Hashes of the proof that an answer brings.
    #[must_use]
    pub const fn proof_len(&self) -> u32 {
        // The lowest hash beside the path is that beside the node over all `count` hashes.
        (self.proof_layers + 1).saturating_sub(self.count.trailing_zeros())
    }

    /// Bytes of hashes that an answer brings.
    #[must_use]
    pub const fn answer_len(&self) -> usize {
        (self.count + self.proof_len()) as usize * NODE_LEN
    }

    pub(crate) fn write(&self, out: &mut BytesMut) {
        out.put_slice(&self.root.0);
        for number in [self.layer, self.index, self.count, self.proof_layers] {
            out.put_u32(number);
        }
    }

    /// Reads the body at the start of a payload; gives it and what follows.
    pub(crate) fn read<'a>(
        name: &'static str,
        payload: &'a [u8],
    ) -> Result<(Self, &'a [u8]), Violation> {
        let too_short = || Violation::WrongLength {
            name,
            len: u32::try_from(payload.len().saturating_add(1)).unwrap_or(u32::MAX),
            expected: 1 + u32::try_from(BODY_LEN).unwrap_or(u32::MAX),
        };
        let (root, rest) = payload.split_first_chunk().ok_or_else(too_short)?;
        let (numbers, rest) = rest.split_first_chunk::<16>().ok_or_else(too_short)?;
        let mut numbers = numbers.as_chunks::<4>().0.iter();
        let mut number = || numbers.next().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let request = Self {
            root: Node(*root),
            layer: number(),
            index: number(),
            count: number(),
            proof_layers: number(),
        };
        let Self {
            layer,
            index,
            count,
            proof_layers,
            ..
        } = request;
        let fits = layer <= LAYER_MAX
            && count.is_power_of_two()
            && count <= HASHES_MAX
            && index.is_multiple_of(count)
            && proof_layers <= LAYER_MAX;
        if fits {
            Ok((request, rest))
        } else {
            Err(Violation::HashRange {
                name,
                layer,
                index,
                count,
                proof_layers,
            })
        }
    }
}
