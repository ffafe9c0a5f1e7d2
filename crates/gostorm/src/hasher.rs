//! Threads that verify pieces while they arrive.
//!
//! The driver calls [`Hasher::advance`] whenever blocks of a piece have been filled; a thread hashes those that
//! follow on what it hashed before, so that a complete piece is known good a moment after its last block. A piece
//! always goes to the same thread, which keeps its SHA-1 state. What always holds: no caller ever waits; a buffer
//! yields exactly one [`HashResult`], however often it is advanced; a piece whose hash matches is marked verified
//! before the result is sent, so that readers need not wait for the driver.
//!
//! The blocks of a v2 torrent are hashed each by itself, in any order ([`Hasher::leaves`]); what their hashes mean is for
//! the driver's swarm to say.
//!
//! A thread is woken once for [`HASH_BATCH`] blocks, since a wake-up costs as much as hashing a third of a block.

mod worker;

pub use worker::{HashKey, HashResult, Hashed, LeafResult};

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Sender, TrySendError, bounded};
use gostorm_wire::PieceIndex;
use tokio::sync::mpsc::UnboundedSender;

use crate::cache::PieceBuf;
use worker::{Job, Worker};

/// How many new blocks of a piece are worth a thread's wake-up (256 KiB; the last block of a piece always is).
pub const HASH_BATCH: u32 = 16;

/// How many jobs may wait for one thread.
const QUEUE_LEN: usize = 1024;

/// What to hash, and where to send the verdict.
#[derive(Debug, Clone)]
pub struct HashRequest<'a> {
    /// Which piece.
    pub key: HashKey,
    /// Its buffer, as far as it is filled.
    pub buffer: &'a Arc<PieceBuf>,
    /// The SHA-1 that the metainfo states.
    pub expected: [u8; 20],
    /// Zeros behind the bytes of the buffer that are hashed as well: a hybrid's padding.
    pub zeros: u32,
    /// Whether the block digests are wanted even if the piece is good.
    pub want_digests: bool,
    /// Where the verdict goes. Unbounded, since there is one for each piece buffer, and the budget bounds these.
    pub done: &'a UnboundedSender<Hashed>,
}

/// The hash threads. They end when this is dropped; verdicts that are still due are then not sent.
#[derive(Debug)]
pub struct Hasher {
    queues: Vec<Sender<Job>>,
}

impl Hasher {
    /// Starts `threads` threads, at least one.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let mut queues = Vec::new();
        for number in 0..threads.max(1) {
            let (queue, jobs) = bounded(QUEUE_LEN);
            thread::Builder::new()
                .name(format!("gostorm-hash-{number}"))
                .spawn(move || Worker::default().run(&jobs))?;
            queues.push(queue);
        }
        Ok(Self { queues })
    }

    /// Lets a thread hash what has newly arrived. Cheap, and to be called freely: it does nothing until
    /// [`HASH_BATCH`] blocks, or the last one, have come. False if the thread's queue is full: call it again later,
    /// nothing is lost by that.
    pub fn advance(&self, request: &HashRequest<'_>) -> bool {
        let Some(filled) = request.buffer.wants_hashing(HASH_BATCH) else {
            return true;
        };
        let job = Job::Advance {
            key: request.key,
            buffer: Arc::clone(request.buffer),
            expected: request.expected,
            zeros: request.zeros,
            want_digests: request.want_digests,
            done: request.done.clone(),
        };
        let queued = self.send(request.key, job);
        if queued {
            request.buffer.hashing_asked(filled);
        }
        queued
    }

    /// Has blocks of a piece hashed, each by itself; they are filled. False if the thread's queue is full: ask again
    /// later.
    pub fn leaves(
        &self,
        key: HashKey,
        buffer: &Arc<PieceBuf>,
        blocks: &[u32],
        done: &UnboundedSender<Hashed>,
    ) -> bool {
        let job = Job::Leaves {
            piece: key.1,
            buffer: Arc::clone(buffer),
            blocks: blocks.into(),
            done: done.clone(),
        };
        self.send(key, job)
    }

    /// Drops the state of a piece that is given up. Best effort: the state of a buffer that nobody holds any more
    /// is found and dropped in any case.
    pub fn forget(&self, key: HashKey) {
        self.send(key, Job::Forget { key });
    }

    /// The thread of a piece panics, once, over a piece whose hash is to be `expected`.
    #[cfg(test)]
    pub(crate) fn panic_over(&self, key: HashKey, expected: [u8; 20]) {
        assert!(self.send(key, Job::PanicOver { expected }));
    }

    /// Whether there was room in the queue.
    fn send(&self, key: HashKey, job: Job) -> bool {
        let (torrent, PieceIndex(piece)) = key;
        let threads = u64::try_from(self.queues.len()).unwrap_or(1).max(1);
        let number = torrent.wrapping_add(u64::from(piece)) % threads;
        let queue = usize::try_from(number)
            .ok()
            .and_then(|number| self.queues.get(number));
        match queue.map(|queue| queue.try_send(job)) {
            Some(Ok(())) => true,
            Some(Err(TrySendError::Full(_))) => false,
            Some(Err(TrySendError::Disconnected(_))) | None => {
                tracing::error!("a hash thread has ended before its time");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
