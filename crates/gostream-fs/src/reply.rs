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
    /// By number: the inode that is read, and the kernel's side.
    replies: FxHashMap<u64, (u64, ReplyData)>,
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
            waiting.replies.insert(id, (ino, reply));
        }
        FsMetrics::add(&self.metrics.reads, 1);
        FsMetrics::add(&self.metrics.reads_waiting, 1);
        Some(ReadReply {
            reader: Reader::Kernel {
                inflight: Arc::clone(self),
                id,
            },
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
        self.refuse(replies.into_values());
    }

    /// Fails every read of one file that waits.
    pub(crate) fn fail_file(&self, ino: u64) {
        let of_file: Vec<(u64, ReplyData)> = {
            let mut waiting = self.waiting.lock();
            let all = waiting.replies.iter();
            let ids: Vec<u64> = all
                .filter(|(_, (read, _))| *read == ino)
                .map(|(id, _)| *id)
                .collect();
            ids.iter()
                .filter_map(|id| waiting.replies.remove(id))
                .collect()
        };
        self.refuse(of_file.into_iter());
    }

    fn refuse(&self, replies: impl Iterator<Item = (u64, ReplyData)>) {
        for (_, reply) in replies {
            FsMetrics::take(&self.metrics.reads_waiting, 1);
            FsMetrics::add(&self.metrics.reads_shut_down, 1);
            reply.error(ReadFailure::ShuttingDown.into());
        }
    }

    fn take(&self, id: u64) -> Option<ReplyData> {
        let (_, reply) = self.waiting.lock().replies.remove(&id)?;
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
    reader: Reader,
    ino: u64,
    offset: u64,
    len: u32,
}

type Call = Box<dyn FnOnce(Result<&[u8], ReadFailure>) + Send>;

/// Who waits for the bytes.
enum Reader {
    /// The kernel; the number of its read.
    Kernel { inflight: Arc<Inflight>, id: u64 },
    /// A program that reads past the mount.
    Program(Call),
    /// Nobody any more.
    Answered,
}

impl Reader {
    fn answer(self, result: Result<&[u8], ReadFailure>) {
        match (self, result) {
            (Self::Kernel { inflight, id }, Ok(bytes)) => {
                if let Some(reply) = inflight.take(id) {
                    FsMetrics::add(&inflight.metrics.read_bytes, bytes.len() as u64);
                    reply.data(bytes);
                }
            }
            (Self::Kernel { inflight, id }, Err(failure)) => inflight.fail(id, failure),
            (Self::Program(call), result) => call(result),
            (Self::Answered, _) => {}
        }
    }
}

impl ReadReply {
    /// For a program that reads a film as the mount does: `call` is called once, from any thread.
    pub fn to_program(
        ino: u64,
        offset: u64,
        len: u32,
        call: impl FnOnce(Result<&[u8], ReadFailure>) + Send + 'static,
    ) -> Self {
        Self {
            reader: Reader::Program(Box::new(call)),
            ino,
            offset,
            len,
        }
    }

    /// Answers with the bytes: exactly as many as were asked for. Any other number is a fault of the source;
    /// the reader gets EIO, since a short answer would look like the end of the file.
    pub fn data(mut self, bytes: &[u8]) {
        if u32::try_from(bytes.len()) != Ok(self.len) {
            tracing::error!(
                ino = self.ino,
                offset = self.offset,
                wanted = self.len,
                got = bytes.len(),
                "a read was answered with the wrong number of bytes"
            );
            return self.answer(Err(ReadFailure::Io));
        }
        self.answer(Ok(bytes));
    }

    /// Answers that the bytes cannot be had.
    pub fn fail(mut self, failure: ReadFailure) {
        self.answer(Err(failure));
    }

    /// Where the read begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes it wants: what [`ReadReply::data`] must be given.
    pub fn wanted(&self) -> u32 {
        self.len
    }

    fn answer(&mut self, result: Result<&[u8], ReadFailure>) {
        std::mem::replace(&mut self.reader, Reader::Answered).answer(result);
    }
}

impl Drop for ReadReply {
    fn drop(&mut self) {
        self.answer(Err(ReadFailure::Io));
    }
}

impl std::fmt::Debug for ReadReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReadReply({}: {}+{})", self.ino, self.offset, self.len)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// What a program hears of a read of 3 bytes.
    fn heard(answer: impl FnOnce(ReadReply)) -> Vec<Result<Vec<u8>, ReadFailure>> {
        let (tell, told) = mpsc::channel();
        answer(ReadReply::to_program(7, 10, 3, move |result| {
            // The receiver outlives the call.
            let _ = tell.send(result.map(<[u8]>::to_vec));
        }));
        told.try_iter().collect()
    }

    #[test]
    fn a_program_is_called_once_with_all_bytes_or_a_reason() {
        assert_eq!(heard(|reply| reply.data(b"abc")), [Ok(b"abc".to_vec())]);
        assert_eq!(
            heard(|reply| reply.fail(ReadFailure::TimedOut)),
            [Err(ReadFailure::TimedOut)]
        );
        assert_eq!(heard(|reply| reply.data(b"ab")), [Err(ReadFailure::Io)]);
        assert_eq!(heard(drop), [Err(ReadFailure::Io)]);
    }
}
