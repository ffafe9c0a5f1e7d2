//! The answer to a read: made by `ops/read.rs`, carried through the engine, used once from any thread.
//!
//! [`Inflight`] holds the kernel's side of every read that waits, and a [`ReadReply`] only its number. So an
//! unmount can fail all waiting readers at once ([`Inflight::close`]) though their replies are still somewhere
//! in the engine; those come too late then and find nothing. What always holds: each read is answered exactly
//! once, with all its bytes or with EIO.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fuser::ReplyData;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::failure::ReadFailure;
use crate::metrics::FsMetrics;

/// The reads that wait for their bytes. Its size is bounded by the kernel: one entry for each request that is
/// under way.
pub(crate) struct Inflight {
    waiting: Mutex<Waiting>,
    next: AtomicU64,
    metrics: Arc<FsMetrics>,
}

#[derive(Default)]
struct Waiting {
    replies: FxHashMap<u64, ReplyData>,
    closed: bool,
}

impl Inflight {
    pub(crate) fn new(metrics: Arc<FsMetrics>) -> Self {
        Self {
            waiting: Mutex::default(),
            next: AtomicU64::new(0),
            metrics,
        }
    }

    /// Takes the kernel's side of a read in; the source gets the other. `None` when closed: it is answered EIO.
    pub(crate) fn enter(
        self: &Arc<Self>,
        ino: u64,
        offset: u64,
        len: u32,
        reply: ReplyData,
    ) -> Option<ReadReply> {
        let id = self.next.fetch_add(1, Relaxed);
        {
            let mut waiting = self.waiting.lock();
            if waiting.closed {
                drop(waiting);
                reply.error(ReadFailure::ShuttingDown.into());
                return None;
            }
            waiting.replies.insert(id, reply);
        }
        FsMetrics::add(&self.metrics.reads, 1);
        FsMetrics::add(&self.metrics.reads_waiting, 1);
        Some(ReadReply {
            inflight: Arc::clone(self),
            id: Some(id),
            ino,
            offset,
            len,
        })
    }

    /// Fails every read that waits, and from now on every new one.
    pub(crate) fn close(&self) {
        let replies = {
            let mut waiting = self.waiting.lock();
            waiting.closed = true;
            std::mem::take(&mut waiting.replies)
        };
        for reply in replies.into_values() {
            FsMetrics::take(&self.metrics.reads_waiting, 1);
            FsMetrics::add(&self.metrics.reads_shut_down, 1);
            reply.error(ReadFailure::ShuttingDown.into());
        }
    }

    fn take(&self, id: u64) -> Option<ReplyData> {
        let reply = self.waiting.lock().replies.remove(&id)?;
        FsMetrics::take(&self.metrics.reads_waiting, 1);
        Some(reply)
    }

    fn fail(&self, id: u64, failure: ReadFailure) {
        let Some(reply) = self.take(id) else {
            return;
        };
        let counter = match failure {
            ReadFailure::TimedOut => &self.metrics.reads_timed_out,
            ReadFailure::Unavailable => &self.metrics.reads_unavailable,
            ReadFailure::ShuttingDown => &self.metrics.reads_shut_down,
            ReadFailure::Io => &self.metrics.reads_failed,
        };
        FsMetrics::add(counter, 1);
        reply.error(failure.into());
    }
}

/// The one answer to one read. Dropped without an answer, the reader gets EIO.
#[must_use = "a read without an answer fails with EIO"]
pub struct ReadReply {
    inflight: Arc<Inflight>,
    /// Number of the read; `None` once it is used.
    id: Option<u64>,
    ino: u64,
    offset: u64,
    len: u32,
}

impl ReadReply {
    /// Answers with the bytes: exactly as many as were asked for. Any other number is a fault of the source;
    /// the reader gets EIO, since a short answer would look like the end of the file.
    pub fn data(mut self, bytes: &[u8]) {
        let Some(id) = self.id.take() else {
            return;
        };
        if u32::try_from(bytes.len()) != Ok(self.len) {
            tracing::error!(
                ino = self.ino,
                offset = self.offset,
                wanted = self.len,
                got = bytes.len(),
                "a read was answered with the wrong number of bytes"
            );
            self.inflight.fail(id, ReadFailure::Io);
            return;
        }
        if let Some(reply) = self.inflight.take(id) {
            FsMetrics::add(&self.inflight.metrics.read_bytes, u64::from(self.len));
            reply.data(bytes);
        }
    }

    /// Answers that the bytes cannot be had.
    pub fn fail(mut self, failure: ReadFailure) {
        if let Some(id) = self.id.take() {
            self.inflight.fail(id, failure);
        }
    }

    /// Where the read begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes it wants: what [`ReadReply::data`] must be given.
    pub fn wanted(&self) -> u32 {
        self.len
    }
}

impl Drop for ReadReply {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.inflight.fail(id, ReadFailure::Io);
        }
    }
}

impl std::fmt::Debug for ReadReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReadReply({}: {}+{})", self.ino, self.offset, self.len)
    }
}
