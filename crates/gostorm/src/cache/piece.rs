//! One piece's bytes, block by block, in buffers of the pool.
//!
//! Filled by the driver as blocks arrive, in any order; hashed by [`crate::hasher`]; read by everyone. A filled slot
//! never changes, so whoever sees a slot may read it without a lock. `verified` is set once, after the hash matched,
//! and never cleared: a piece that fails is removed from the cache as a whole. In a piece whose blocks are hashed each by
//! itself (v2) a block is good or spoilt alone: the place of a spoilt one is taken by a second slot, and what was seen
//! in the first stays where it is.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use gostorm_wire::BLOCK_LEN;

use crate::pool::{BLOCK_BYTES, BlockBuf};

/// What became of a block that was given to [`PieceBuf::fill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// It is in its slot now.
    Stored,
    /// Another copy came first; this one was dropped.
    Late,
    /// No block of this piece has that beginning and length; it was dropped.
    Misfit,
}

/// What else there is of each block where blocks are hashed by themselves.
#[derive(Default)]
struct Single {
    good: AtomicBool,
    spoilt: AtomicBool,
    again: OnceLock<BlockBuf>,
}

/// The buffer of one piece.
pub struct PieceBuf {
    len: u32,
    slots: Box<[OnceLock<BlockBuf>]>,
    filled: AtomicU32,
    verified: AtomicBool,
    /// One for each slot, or none.
    singles: Box<[Single]>,
    good: AtomicU32,
    /// How many slots were filled when hashing was last asked for; see [`PieceBuf::wants_hashing`].
    hash_mark: AtomicU32,
}

impl PieceBuf {
    /// An empty buffer for a piece of `len` bytes.
    #[must_use]
    pub fn new(len: u32) -> Self {
        Self {
            len,
            slots: (0..len.div_ceil(BLOCK_LEN))
                .map(|_| OnceLock::new())
                .collect(),
            filled: AtomicU32::new(0),
            verified: AtomicBool::new(false),
            singles: Box::default(),
            good: AtomicU32::new(0),
            hash_mark: AtomicU32::new(0),
        }
    }

    /// An empty buffer for a piece of `len` bytes whose blocks are hashed each by itself.
    #[must_use]
    pub fn by_blocks(len: u32) -> Self {
        let mut piece = Self::new(len);
        piece.singles = piece.slots.iter().map(|_| Single::default()).collect();
        piece
    }

    /// Whether blocks are hashed each by itself.
    #[must_use]
    pub fn is_by_blocks(&self) -> bool {
        !self.singles.is_empty()
    }

    /// States that these blocks are right; when all are, so is the piece. Only of [`PieceBuf::by_blocks`].
    pub fn mark_good(&self, blocks: std::ops::Range<u32>) {
        let blocks = blocks.start as usize..blocks.end as usize;
        for single in self.singles.get(blocks).unwrap_or_default() {
            if !single.good.swap(true, Ordering::AcqRel)
                && self.good.fetch_add(1, Ordering::AcqRel) + 1 == self.slots()
            {
                self.mark_verified();
            }
        }
    }

    /// States that a block is wrong: its slot is empty again. Once for each block; it takes the memory of the wrong one
    /// until the piece goes. Only of [`PieceBuf::by_blocks`].
    pub fn spoil(&self, slot: u32) {
        if let Some(single) = self.singles.get(slot as usize)
            && !single.spoilt.swap(true, Ordering::AcqRel)
        {
            self.filled.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Whether `len` bytes from `begin` are right: the piece is, or each block that they touch.
    #[must_use]
    pub fn is_right(&self, begin: usize, len: usize) -> bool {
        let touched = begin / BLOCK_BYTES..(begin + len).div_ceil(BLOCK_BYTES);
        let good = |single: &Single| single.good.load(Ordering::Acquire);
        self.is_verified()
            || self
                .singles
                .get(touched)
                .is_some_and(|singles| singles.iter().all(good))
    }

    /// The slot that a block is in, or goes to.
    fn slot(&self, slot: usize) -> Option<&OnceLock<BlockBuf>> {
        match self.singles.get(slot) {
            Some(single) if single.spoilt.load(Ordering::Acquire) => Some(&single.again),
            Some(_) | None => self.slots.get(slot),
        }
    }

    /// The piece's length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a piece is never empty")]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// The number of blocks, filled or not.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.len.div_ceil(BLOCK_LEN)
    }

    /// The number of blocks that have arrived.
    #[must_use]
    pub fn filled(&self) -> u32 {
        self.filled.load(Ordering::Acquire)
    }

    /// Whether every block has arrived.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.filled() == self.slots()
    }

    /// Puts in the block that begins at byte `begin` of the piece. The first copy wins.
    pub fn fill(&self, begin: u32, data: BlockBuf) -> Fill {
        let slot = (begin / BLOCK_LEN) as usize;
        let fits = begin.is_multiple_of(BLOCK_LEN)
            && begin < self.len
            && data.len() == (self.len - begin).min(BLOCK_LEN) as usize;
        let Some(slot) = self.slot(slot).filter(|_| fits) else {
            return Fill::Misfit;
        };
        if slot.set(data).is_err() {
            return Fill::Late;
        }
        self.filled.fetch_add(1, Ordering::AcqRel);
        Fill::Stored
    }

    /// The bytes of the block with this number within the piece, if it has arrived. Verified or not.
    #[must_use]
    pub fn block(&self, slot: usize) -> Option<&[u8]> {
        self.slot(slot)?.get().map(|block| &**block)
    }

    /// `len` bytes from `begin` in the piece, if they lie in one block, and that block has arrived. Verified or not.
    #[must_use]
    pub fn slice(&self, begin: usize, len: usize) -> Option<&[u8]> {
        let within = begin % BLOCK_BYTES;
        self.block(begin / BLOCK_BYTES)?
            .get(within..within.checked_add(len)?)
    }

    /// `len` bytes from `begin` for a peer, within one block: the bytes of the piece if it is verified, and zeros behind
    /// its end, where a hybrid has padding.
    #[must_use]
    pub fn for_peer(&self, begin: usize, len: usize) -> Option<Box<[u8]>> {
        let end = self.len as usize;
        let here = end.saturating_sub(begin).min(len);
        let of_one_block = (begin % BLOCK_BYTES).checked_add(len)? <= BLOCK_BYTES;
        if len == 0 || !of_one_block || !self.is_verified() {
            return None;
        }
        if here == 0 {
            return Some(vec![0; len].into());
        }
        let mut bytes = self.slice(begin, here)?.to_vec();
        bytes.resize(len, 0);
        Some(bytes.into())
    }

    /// Appends `len` bytes from `begin` to `out`; false, with only a part appended, if some have not arrived.
    pub(super) fn append_to(&self, out: &mut Vec<u8>, mut begin: usize, mut len: usize) -> bool {
        while len > 0 {
            let within = begin % BLOCK_BYTES;
            let Some(rest) = self
                .block(begin / BLOCK_BYTES)
                .and_then(|block| block.get(within..))
                .filter(|rest| !rest.is_empty())
            else {
                return false;
            };
            let part = &rest[..rest.len().min(len)];
            out.extend_from_slice(part);
            begin += part.len();
            len -= part.len();
        }
        true
    }

    /// Whether the piece's hash has matched.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified.load(Ordering::Acquire)
    }

    /// States that the piece's hash has matched. [`crate::hasher::Hasher`] does so; else for pieces that were
    /// verified before (a warm cache).
    pub fn mark_verified(&self) {
        self.verified.store(true, Ordering::Release);
    }

    /// Whether `batch` blocks, or the last one, have come since [`PieceBuf::hashing_asked`].
    pub(crate) fn wants_hashing(&self, batch: u32) -> Option<u32> {
        let filled = self.filled();
        let new = filled.saturating_sub(self.hash_mark.load(Ordering::Relaxed));
        (new >= batch || (new > 0 && filled == self.slots())).then_some(filled)
    }

    /// Notes that the first `filled` blocks to arrive are in the hands of a hash thread.
    pub(crate) fn hashing_asked(&self, filled: u32) {
        self.hash_mark.fetch_max(filled, Ordering::Relaxed);
    }
}

impl fmt::Debug for PieceBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PieceBuf")
            .field("len", &self.len)
            .field("filled", &self.filled())
            .field("verified", &self.is_verified())
            .finish_non_exhaustive()
    }
}
