//! How a torrent's bytes are cut: files ↔ pieces ↔ blocks.
//!
//! Built once from a validated info dict; after that every [`BlockRef`] it hands out is in range,
//! and every [`BlockSpan`] from a peer is checked here before it becomes one. Offsets are bytes from
//! the start of the torrent, as the v1 piece hashes see them (BEP 3). In a v2 torrent or a hybrid each
//! file begins at a piece (BEP 52): the last piece of a file is as long as the file has bytes for it,
//! and what fills it up is in no block.

use std::ops::Range;

use gostorm_wire::{BLOCK_LEN, BlockSpan, Info, PieceIndex};
use thiserror::Error;

/// One block of one piece: 16 KiB, or the shorter last one of the torrent or of a file of v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockRef {
    /// The piece.
    pub piece: PieceIndex,
    /// The block in it, from 0.
    pub block: u32,
}

/// Where a file lies in the torrent, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSpan {
    /// First byte of the file, from the start of the torrent.
    pub offset: u64,
    /// Bytes in the file.
    pub len: u64,
}

/// Why lengths do not make a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// The piece length is not a power of two from 16 KiB to 64 MiB.
    #[error("piece length {0} is not a power of two from 16384 to 67108864")]
    PieceLen(u32),
    /// There are no bytes, or more pieces than 2^31.
    #[error("{total_len} bytes do not fit pieces of {piece_len}")]
    TotalLen {
        /// Bytes in the torrent.
        total_len: u64,
        /// Bytes in a piece.
        piece_len: u32,
    },
    /// A file reaches beyond the end.
    #[error("file {0} reaches beyond the end of the torrent")]
    File(usize),
}

/// The cut of one torrent.
#[derive(Clone, Debug)]
pub struct Layout {
    piece_len: u32,
    piece_count: u32,
    total_len: u64,
    files: Box<[FileSpan]>,
    /// The pieces that end a file before they are full, and their bytes, in order.
    tails: Box<[(PieceIndex, u32)]>,
}

impl Layout {
    /// Checks lengths in bytes and keeps them.
    ///
    /// # Errors
    /// Says which length is impossible.
    pub fn new(piece_len: u32, total_len: u64, files: Vec<FileSpan>) -> Result<Self, LayoutError> {
        if !piece_len.is_power_of_two() || !(BLOCK_LEN..=64 << 20).contains(&piece_len) {
            return Err(LayoutError::PieceLen(piece_len));
        }
        let piece_count = u32::try_from(total_len.div_ceil(u64::from(piece_len)))
            .ok()
            .filter(|count| (1..1 << 31).contains(count))
            .ok_or(LayoutError::TotalLen {
                total_len,
                piece_len,
            })?;
        for (index, file) in files.iter().enumerate() {
            if file
                .offset
                .checked_add(file.len)
                .is_none_or(|end| end > total_len)
            {
                return Err(LayoutError::File(index));
            }
        }
        Ok(Self {
            piece_len,
            piece_count,
            total_len,
            files: files.into(),
            tails: Box::default(),
        })
    }

    /// With these pieces shorter than the others, in order: each is in range and has 1 byte at least.
    #[must_use]
    pub fn with_tails(mut self, tails: &[(PieceIndex, u32)]) -> Self {
        let fits = |(piece, len): &&(PieceIndex, u32)| {
            piece.0 < self.piece_count && (1..self.piece_size(*piece)).contains(len)
        };
        self.tails = tails.iter().filter(fits).copied().collect();
        debug_assert!(self.tails.is_sorted(), "the tails are in order");
        self
    }

    /// The cut of a validated info dict, its files in the dict's order.
    ///
    /// # Errors
    /// None that an [`Info`] can cause; the checks are the same as in [`Layout::new`].
    pub fn of(info: &Info) -> Result<Self, LayoutError> {
        let files = info.files().iter().map(|file| FileSpan {
            offset: file.offset,
            len: file.length,
        });
        let layout = Self::new(info.piece_length(), info.total_length(), files.collect())?;
        Ok(layout.with_tails(info.tails()))
    }

    /// Bytes in a piece, but for the last.
    #[must_use]
    pub const fn piece_len(&self) -> u32 {
        self.piece_len
    }

    /// Pieces in the torrent.
    #[must_use]
    pub const fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// Bytes in the torrent.
    #[must_use]
    pub const fn total_len(&self) -> u64 {
        self.total_len
    }

    /// The files, in the order of the info dict.
    #[must_use]
    pub fn files(&self) -> &[FileSpan] {
        &self.files
    }

    /// First byte of `piece`.
    #[must_use]
    pub fn piece_offset(&self, piece: PieceIndex) -> u64 {
        u64::from(piece.0) * u64::from(self.piece_len)
    }

    /// Bytes in `piece`: the last of the torrent or of a file may be short.
    #[must_use]
    pub fn piece_size(&self, piece: PieceIndex) -> u32 {
        match self.tails.binary_search_by_key(&piece, |(tail, _)| *tail) {
            Ok(at) => self.tails[at].1,
            Err(_) => self.full_size(piece),
        }
    }

    /// Bytes that a peer may ask for of `piece`: those in it and, where a file ends, the zeros that fill
    /// it up. To clients that know v1 they are a part of it, and others ask for whole blocks as well.
    #[must_use]
    pub fn padded_size(&self, piece: PieceIndex) -> u32 {
        let ends_file = self.tails.binary_search_by_key(&piece, |(tail, _)| *tail);
        if ends_file.is_ok() {
            self.piece_len
        } else {
            self.full_size(piece)
        }
    }

    fn full_size(&self, piece: PieceIndex) -> u32 {
        let rest = self.total_len.saturating_sub(self.piece_offset(piece));
        u32::try_from(rest).map_or(self.piece_len, |rest| rest.min(self.piece_len))
    }

    /// Blocks in `piece`.
    #[must_use]
    pub fn blocks_in(&self, piece: PieceIndex) -> u32 {
        self.piece_size(piece).div_ceil(BLOCK_LEN)
    }

    /// Bytes in a block.
    #[must_use]
    pub fn block_len(&self, block: BlockRef) -> u32 {
        (self.piece_size(block.piece) - block.block * BLOCK_LEN).min(BLOCK_LEN)
    }

    /// The block as the wire names it.
    #[must_use]
    pub fn span(&self, block: BlockRef) -> BlockSpan {
        BlockSpan {
            piece: block.piece,
            begin: block.block * BLOCK_LEN,
            len: self.block_len(block),
        }
    }

    /// The block that the wire names, when it is exactly one of ours.
    #[must_use]
    pub fn block_of(&self, span: BlockSpan) -> Option<BlockRef> {
        let block = BlockRef {
            piece: span.piece,
            block: span.begin / BLOCK_LEN,
        };
        let inside = span.piece.0 < self.piece_count
            && span.begin.is_multiple_of(BLOCK_LEN)
            && block.block < self.blocks_in(span.piece);
        (inside && self.block_len(block) == span.len).then_some(block)
    }

    /// The blocks of `piece` that hold bytes of `range`, as a half-open range of block numbers.
    #[must_use]
    pub fn blocks_of(&self, piece: PieceIndex, range: &Range<u64>) -> Range<u32> {
        let start = self.piece_offset(piece);
        let within = |offset: u64| {
            u32::try_from(offset.saturating_sub(start))
                .unwrap_or(u32::MAX)
                .min(self.piece_size(piece))
        };
        within(range.start) / BLOCK_LEN..within(range.end).div_ceil(BLOCK_LEN)
    }

    /// The piece that holds the byte at `offset`; the last piece for one beyond the end.
    #[must_use]
    pub fn piece_at(&self, offset: u64) -> PieceIndex {
        let last = self.piece_count - 1;
        PieceIndex(
            u32::try_from(offset / u64::from(self.piece_len)).map_or(last, |piece| piece.min(last)),
        )
    }

    /// The pieces that a non-empty byte range touches, as a half-open range of indices.
    #[must_use]
    pub fn pieces_of(&self, bytes: &Range<u64>) -> Range<u32> {
        if bytes.is_empty() {
            return 0..0;
        }
        self.piece_at(bytes.start).0..self.piece_at(bytes.end - 1).0 + 1
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn impossible_lengths_are_named() {
        assert_eq!(
            Layout::new(0, 1, vec![]).unwrap_err(),
            LayoutError::PieceLen(0)
        );
        assert_eq!(
            Layout::new(3 << 14, 1, vec![]).unwrap_err(),
            LayoutError::PieceLen(3 << 14)
        );
        assert!(matches!(
            Layout::new(1 << 14, 0, vec![]),
            Err(LayoutError::TotalLen { .. })
        ));
        assert!(matches!(
            Layout::new(1 << 14, u64::MAX, vec![]),
            Err(LayoutError::TotalLen { .. })
        ));
        let file = FileSpan {
            offset: u64::MAX,
            len: 2,
        };
        assert_eq!(
            Layout::new(1 << 14, 9, vec![file]).unwrap_err(),
            LayoutError::File(0)
        );
    }

    #[test]
    fn a_file_of_v2_ends_its_last_piece_and_what_fills_it_up_is_no_block() {
        let tail = (PieceIndex(1), 20_000);
        let layout = Layout::new(1 << 16, 3 << 16, vec![]).unwrap();
        let layout = layout.with_tails(&[tail]);
        assert_eq!(layout.piece_size(PieceIndex(1)), 20_000);
        assert_eq!(layout.padded_size(PieceIndex(1)), 1 << 16);
        assert_eq!(layout.blocks_in(PieceIndex(1)), 2);
        assert_eq!(layout.piece_size(PieceIndex(2)), 1 << 16);
        let last = BlockRef {
            piece: PieceIndex(1),
            block: 1,
        };
        assert_eq!(layout.block_len(last), 20_000 - BLOCK_LEN);
        let whole = BlockSpan {
            len: BLOCK_LEN,
            ..layout.span(last)
        };
        assert_eq!(layout.block_of(whole), None);
        assert_eq!(layout.block_of(layout.span(last)), Some(last));
    }

    proptest! {
        #[test]
        fn every_block_maps_to_its_span_and_back(shift in 14u32..20, total in 1u64..3_000_000) {
            let layout = Layout::new(1 << shift, total, vec![]).unwrap();
            let mut bytes = 0;
            for piece in (0..layout.piece_count()).map(PieceIndex) {
                prop_assert_eq!(layout.piece_at(layout.piece_offset(piece)), piece);
                for block in 0..layout.blocks_in(piece) {
                    let block = BlockRef { piece, block };
                    let span = layout.span(block);
                    prop_assert!(span.len > 0);
                    prop_assert_eq!(layout.block_of(span), Some(block));
                    prop_assert_eq!(layout.block_of(BlockSpan { len: span.len - 1, ..span }), None);
                    bytes += u64::from(span.len);
                }
            }
            prop_assert_eq!(bytes, total);
        }
    }
}
