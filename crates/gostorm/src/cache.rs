//! The shared read side of one torrent: piece buffers that peers fill, hash threads read and readers are served from.
//!
//! The driver inserts a buffer when the core reserves a piece and removes it when the core evicts it; reads come from
//! any thread. What always holds: the first to fill a slot wins and a filled slot never changes; [`PieceCache::read`]
//! serves verified pieces only, [`PieceCache::read_unverified`] what the core allows; the lock is held to clone `Arc`s
//! and never while bytes are copied. A piece that is evicted during a read, an upload or hashing lives until that ends.

mod piece;

pub use piece::{Fill, PieceBuf};

use std::cell::Cell;
use std::sync::Arc;

use gostorm_wire::PieceIndex;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The longest [`PieceCache::read`] in bytes: the kernel asks for 1 MiB at most. It bounds each thread's scratch.
pub const READ_LEN_MAX: usize = 2 << 20;

thread_local! {
    /// Where a read that crosses blocks is made contiguous. Taken out during use, so that reads may nest.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Pieces in order, and where in the first of them a range begins.
type Pieces = (SmallVec<[Arc<PieceBuf>; 2]>, usize);

/// The pieces of one torrent that are held, complete or not.
#[derive(Debug, Default)]
pub struct PieceCache {
    pieces: RwLock<FxHashMap<PieceIndex, Arc<PieceBuf>>>,
}

impl PieceCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The buffer of `piece`, if it is held.
    #[must_use]
    pub fn piece(&self, piece: PieceIndex) -> Option<Arc<PieceBuf>> {
        self.pieces.read().get(&piece).cloned()
    }

    /// Starts to hold `piece` of `len` bytes: an empty buffer, or the one that is there already.
    pub fn insert(&self, piece: PieceIndex, len: u32) -> Arc<PieceBuf> {
        self.hold(piece, || PieceBuf::new(len))
    }

    /// Like [`PieceCache::insert`], for a piece whose blocks are hashed each by itself.
    pub fn insert_by_blocks(&self, piece: PieceIndex, len: u32) -> Arc<PieceBuf> {
        self.hold(piece, || PieceBuf::by_blocks(len))
    }

    fn hold(&self, piece: PieceIndex, new: impl FnOnce() -> PieceBuf) -> Arc<PieceBuf> {
        let mut pieces = self.pieces.write();
        Arc::clone(pieces.entry(piece).or_insert_with(|| Arc::new(new())))
    }

    /// Stops holding `piece`; its memory is freed when the last user lets go of what this returns.
    pub fn remove(&self, piece: PieceIndex) -> Option<Arc<PieceBuf>> {
        self.pieces.write().remove(&piece)
    }

    /// Stops holding anything.
    pub fn clear(&self) {
        // Bound to a name: the buffers go back to the pool after the lock is gone.
        let pieces = std::mem::take(&mut *self.pieces.write());
        drop(pieces);
    }

    /// The number of pieces held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.read().len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces that are held, complete or not, in order.
    #[must_use]
    pub fn held(&self) -> Vec<(PieceIndex, Arc<PieceBuf>)> {
        let pieces = self.pieces.read();
        let mut held: Vec<_> = pieces
            .iter()
            .map(|(index, piece)| (*index, Arc::clone(piece)))
            .collect();
        drop(pieces);
        held.sort_unstable_by_key(|(index, _)| *index);
        held
    }

    /// The pieces that are held whole and verified, in order.
    #[must_use]
    pub fn verified(&self) -> Vec<PieceIndex> {
        let pieces = self.pieces.read();
        let whole = pieces.iter().filter(|(_, piece)| piece.is_verified());
        let mut whole: Vec<PieceIndex> = whole.map(|(index, _)| *index).collect();
        drop(pieces);
        whole.sort_unstable();
        whole
    }

    /// Whether [`PieceCache::read`] would serve this range now.
    #[must_use]
    pub fn has(&self, offset: u64, len: usize, piece_len: u32) -> bool {
        self.verified_pieces(offset, len, piece_len).is_some()
    }

    /// Calls `serve` with the `len` bytes from `offset` in the torrent, and returns true, if every piece that the
    /// range touches is verified, or the blocks of it that it touches; else false, without a call. `piece_len` is the torrent's piece length (the last
    /// piece may be shorter). A range within one block is served in place, a longer one is copied once.
    ///
    /// False also for a `len` above [`READ_LEN_MAX`] and for a range past the end of the torrent.
    pub fn read(&self, offset: u64, len: usize, piece_len: u32, serve: impl FnOnce(&[u8])) -> bool {
        let pieces = self.verified_pieces(offset, len, piece_len);
        Self::serve(pieces, len, serve)
    }

    /// Like [`PieceCache::read`], for bytes that need not be verified: true if every block that the range touches is
    /// here. Only where the core has said so ([`gostorm_core::Output::ServeUnverified`]); never for an upload, and never
    /// for what is kept on a disk.
    pub fn read_unverified(
        &self,
        offset: u64,
        len: usize,
        piece_len: u32,
        serve: impl FnOnce(&[u8]),
    ) -> bool {
        let pieces = self.held_pieces(offset, len, piece_len);
        Self::serve(pieces, len, serve)
    }

    /// Serves `len` bytes of these pieces, if there are any and all blocks are here.
    fn serve(pieces: Option<Pieces>, len: usize, serve: impl FnOnce(&[u8])) -> bool {
        let Some((pieces, begin)) = pieces else {
            return false;
        };
        if len == 0 {
            serve(&[]);
            return true;
        }
        if let Some(bytes) = pieces.first().and_then(|piece| piece.slice(begin, len)) {
            serve(bytes);
            return true;
        }
        let mut scratch = SCRATCH.take();
        scratch.clear();
        scratch.reserve(len);
        let mut begin = begin;
        let mut complete = true;
        for piece in &pieces {
            let wanted = (len - scratch.len()).min(piece.len() as usize - begin);
            complete &= piece.append_to(&mut scratch, begin, wanted);
            begin = 0;
        }
        let complete = complete && scratch.len() == len;
        if complete {
            serve(&scratch);
        }
        SCRATCH.set(scratch);
        complete
    }

    /// The pieces that the range touches, all of it verified, and where in the first one it begins.
    fn verified_pieces(&self, offset: u64, len: usize, piece_len: u32) -> Option<Pieces> {
        let (pieces, begin) = self.held_pieces(offset, len, piece_len)?;
        let mut at = begin;
        let mut rest = len;
        let verified = pieces.iter().all(|piece| {
            let part = rest.min((piece.len() as usize).saturating_sub(at));
            let right = piece.is_right(at, part);
            at = 0;
            rest -= part;
            right
        });
        verified.then_some((pieces, begin))
    }

    /// The pieces that the range touches, and where in the first one it begins.
    fn held_pieces(&self, offset: u64, len: usize, piece_len: u32) -> Option<Pieces> {
        if len > READ_LEN_MAX || piece_len == 0 {
            return None;
        }
        let mut pieces = SmallVec::new();
        let begin = usize::try_from(offset % u64::from(piece_len)).ok()?;
        if len == 0 {
            return Some((pieces, begin));
        }
        let last_byte = offset.checked_add(u64::try_from(len).ok()? - 1)?;
        let first = u32::try_from(offset / u64::from(piece_len)).ok()?;
        let last = u32::try_from(last_byte / u64::from(piece_len)).ok()?;
        {
            let held = self.pieces.read();
            for index in first..=last {
                pieces.push(Arc::clone(held.get(&PieceIndex(index))?));
            }
        }
        let end = last_byte % u64::from(piece_len);
        let reaches = |piece: &Arc<PieceBuf>| u64::from(piece.len()) > end;
        pieces
            .last()
            .is_some_and(reaches)
            .then_some((pieces, begin))
    }
}

#[cfg(test)]
mod tests;
