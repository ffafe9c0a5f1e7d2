//! What one hash thread does: it takes jobs in order and keeps a SHA-1 state for each unfinished piece.
//!
//! Started by [`Hasher`](super::Hasher); ends when that is dropped. The states hold weak references only, so that a piece
//! that was evicted half-way frees its memory at once; such states are swept when their number has doubled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use crossbeam_channel::Receiver;
use gostorm_wire::{Node, PieceIndex, Sha1, sha1};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc::UnboundedSender;

use crate::cache::PieceBuf;

/// Below this number of states a sweep is not worth its while.
const SWEEP_MIN: usize = 64;

/// Names one piece among all torrents: the torrent's number in this process, and the piece.
pub type HashKey = (u64, PieceIndex);

/// The verdict on one piece buffer.
#[derive(Debug)]
pub struct HashResult {
    /// Which piece it is.
    pub piece: PieceIndex,
    /// The buffer that was hashed. If the cache holds another one by now, the verdict is of no interest any more.
    pub buffer: Arc<PieceBuf>,
    /// Whether the hash matched.
    pub ok: bool,
    /// The first 8 bytes (big endian) of each block's own SHA-1, by which the block that was spoiled is found when
    /// the piece is had a second time. Empty if `ok`, unless the digests were wanted.
    pub digests: Vec<u64>,
}

/// The hashes of some blocks of a piece buffer.
#[derive(Debug)]
pub struct LeafResult {
    /// Which piece it is.
    pub piece: PieceIndex,
    /// The buffer that they are in. If the cache holds another one by now, they are of no interest any more.
    pub buffer: Arc<PieceBuf>,
    /// The number of each block, and its SHA-256.
    pub leaves: Vec<(u32, Node)>,
}

/// What a thread has to say.
#[derive(Debug)]
pub enum Hashed {
    /// Of a whole piece.
    Piece(HashResult),
    /// Of single blocks.
    Leaves(LeafResult),
    /// The thread panicked over a piece of this torrent: there will be no verdict.
    Broken,
}

/// What a thread is asked to do.
pub(super) enum Job {
    /// Hash on, and send the verdict after the last block.
    Advance {
        key: HashKey,
        buffer: Arc<PieceBuf>,
        expected: [u8; 20],
        zeros: u32,
        want_digests: bool,
        done: UnboundedSender<Hashed>,
    },
    /// Hash these blocks, each by itself, and send their hashes.
    Leaves {
        piece: PieceIndex,
        buffer: Arc<PieceBuf>,
        blocks: Box<[u32]>,
        done: UnboundedSender<Hashed>,
    },
    /// Drop the state.
    Forget { key: HashKey },
    /// Panic over the piece whose hash is to be this.
    #[cfg(test)]
    PanicOver { expected: [u8; 20] },
}

impl Job {
    /// Who waits for what comes of it.
    fn done(&self) -> Option<UnboundedSender<Hashed>> {
        match self {
            Self::Advance { done, .. } | Self::Leaves { done, .. } => Some(done.clone()),
            Self::Forget { .. } => None,
            #[cfg(test)]
            Self::PanicOver { .. } => None,
        }
    }
}

/// How far the hashing of one buffer is.
struct Progress {
    buffer: Weak<PieceBuf>,
    /// Blocks before this one are in `state`.
    next: usize,
    /// `None` after the verdict.
    state: Option<Sha1>,
}

/// The states of one thread.
pub(super) struct Worker {
    pieces: FxHashMap<HashKey, Progress>,
    sweep_at: usize,
    #[cfg(test)]
    panics_over: Option<[u8; 20]>,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            pieces: FxHashMap::default(),
            sweep_at: SWEEP_MIN,
            #[cfg(test)]
            panics_over: None,
        }
    }
}

impl Worker {
    /// Works until the queue is closed.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            let done = job.done();
            // A broken state is never used again: its piece belongs to a torrent that ends.
            let worked = catch_unwind(AssertUnwindSafe(|| self.work(job)));
            if worked.is_err()
                && let Some(done) = done
            {
                tell(&done, Hashed::Broken);
            }
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Advance {
                key,
                buffer,
                expected,
                zeros,
                want_digests,
                done,
            } => {
                #[cfg(test)]
                if self.panics_over == Some(expected) {
                    self.panics_over = None;
                    panic!("as it was told");
                }
                let Some(hash) = self.advance(key, &buffer, zeros) else {
                    return;
                };
                let ok = hash == expected;
                if ok {
                    buffer.mark_verified();
                }
                let digests = if ok && !want_digests {
                    Vec::new()
                } else {
                    digests(&buffer)
                };
                let result = HashResult {
                    piece: key.1,
                    buffer,
                    ok,
                    digests,
                };
                tell(&done, Hashed::Piece(result));
            }
            Job::Leaves {
                piece,
                buffer,
                blocks,
                done,
            } => {
                let hashed = |block: &u32| {
                    let bytes = buffer.block(*block as usize)?;
                    Some((*block, Node::of_block(bytes)))
                };
                let leaves = blocks.iter().filter_map(hashed).collect();
                let result = LeafResult {
                    piece,
                    buffer,
                    leaves,
                };
                tell(&done, Hashed::Leaves(result));
            }
            Job::Forget { key } => {
                self.pieces.remove(&key);
            }
            #[cfg(test)]
            Job::PanicOver { expected } => self.panics_over = Some(expected),
        }
    }

    /// Hashes the blocks that follow on; the piece's hash when that was the last one.
    fn advance(&mut self, key: HashKey, buffer: &Arc<PieceBuf>, zeros: u32) -> Option<[u8; 20]> {
        if self.pieces.len() >= self.sweep_at {
            self.pieces
                .retain(|_, progress| progress.buffer.strong_count() > 0);
            self.sweep_at = (2 * self.pieces.len()).max(SWEEP_MIN);
        }
        let fresh = || Progress {
            buffer: Arc::downgrade(buffer),
            next: 0,
            state: Some(Sha1::new()),
        };
        let progress = self.pieces.entry(key).or_insert_with(fresh);
        // The piece was evicted and is being fetched anew, into another buffer.
        if !std::ptr::eq(progress.buffer.as_ptr(), Arc::as_ptr(buffer)) {
            *progress = fresh();
        }
        let state = progress.state.as_mut()?;
        while let Some(block) = buffer.block(progress.next) {
            state.update(block);
            progress.next += 1;
        }
        if progress.next < buffer.slots() as usize {
            return None;
        }
        let mut state = progress.state.take()?;
        let mut zeros = zeros as usize;
        while zeros > 0 {
            let part = zeros.min(ZEROS.len());
            state.update(&ZEROS[..part]);
            zeros -= part;
        }
        Some(state.finish())
    }
}

/// Padding, in parts.
const ZEROS: [u8; 4096] = [0; 4096];

fn tell(done: &UnboundedSender<Hashed>, hashed: Hashed) {
    if done.send(hashed).is_err() {
        tracing::trace!("a verdict came after its torrent had gone");
    }
}

fn digests(buffer: &PieceBuf) -> Vec<u64> {
    (0..buffer.slots() as usize)
        .filter_map(|slot| buffer.block(slot))
        .filter_map(|block| sha1(block).first_chunk().copied())
        .map(u64::from_be_bytes)
        .collect()
}
