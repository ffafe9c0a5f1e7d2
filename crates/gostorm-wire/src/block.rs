//! The numbers that name a part of a torrent on the wire.
//!
//! Used by the peer messages and by everything above them. A [`PieceIndex`] or
//! [`BlockSpan`] that was decoded from a peer is as it stood on the wire: it
//! was not compared with a torrent. The layout of `gostorm-core` does that.

use std::fmt;

/// The length of a block in bytes: 16 KiB, the unit of requests (BEP 3).
pub const BLOCK_LEN: u32 = 16 * 1024;

/// The number of a piece, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceIndex(pub u32);

impl fmt::Display for PieceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a request, cancel, reject or piece message names: `len` bytes from
/// byte `begin` of a piece (BEP 3, BEP 6). Unchecked against a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSpan {
    /// The piece.
    pub piece: PieceIndex,
    /// The first byte, counted from the start of the piece.
    pub begin: u32,
    /// How many bytes.
    pub len: u32,
}

impl fmt::Display for BlockSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "piece {} [{} +{}]", self.piece, self.begin, self.len)
    }
}
