//! One open file of a torrent: the reader's side of the engine.
//!
//! Made by [`Engine::open`](crate::Engine::open), used by file systems and HTTP handlers from any thread.
//! A read whose bytes are verified in the cache is answered at once on the caller's thread, and the driver
//! is told the new position; any other goes to the driver with its reply. Dropping the stream closes it.

use std::sync::Arc;
use std::time::Instant;

use gostorm_core::ReaderKey;
use tokio::sync::mpsc::{OwnedPermit, error::TrySendError};

use crate::handle::{Command, Handle, Opening, ReadRequest};
use crate::place::Place;
use crate::read::{FileChoice, OnDoubt, ReadError, Reply, Served};

/// An open file.
#[derive(Debug)]
pub struct Stream {
    reader: ReaderKey,
    place: Arc<Place>,
    torrent: Arc<Handle>,
    /// A place in the driver's queue that is kept for the close.
    close: Option<OwnedPermit<Command>>,
}

impl Stream {
    /// Opens; `None` when the driver's queue is full or its end closed.
    pub(crate) fn open(
        torrent: Arc<Handle>,
        reader: ReaderKey,
        choice: FileChoice,
        on_doubt: Option<OnDoubt>,
    ) -> Option<Self> {
        let close = torrent.commands.clone().try_reserve_owned().ok()?;
        let place = Arc::new(Place::default());
        let opening = Opening {
            reader,
            choice,
            place: Arc::clone(&place),
            on_doubt,
            expected: None,
            confirmed: false,
        };
        torrent.commands.try_send(Command::Open(opening)).ok()?;
        Some(Self {
            reader,
            place,
            torrent,
            close: Some(close),
        })
    }

    /// Reads `len` bytes at `offset` of the file. `reply` is called once: now on this thread, or later on
    /// another; the bytes are exactly `len`, less only at the end of the file. A read of more than
    /// [`READ_LEN_MAX`](crate::cache::READ_LEN_MAX) bytes is refused as unavailable.
    pub fn read(
        &self,
        offset: u64,
        len: u32,
        reply: impl FnOnce(Result<Served<'_>, ReadError>) + Send + 'static,
    ) {
        let Some(located) = self.place.located.get() else {
            return self.wait(offset, len, Reply::new(reply));
        };
        let len = u64::from(len).min(located.len.saturating_sub(offset));
        let Ok(len) = u32::try_from(len) else {
            return reply(Err(ReadError::Unavailable));
        };
        if len == 0 {
            return reply(Ok(Served::NOTHING));
        }
        let mut reply = Some(reply);
        let serve = |bytes: &[u8]| {
            if let Some(reply) = reply.take() {
                reply(Ok(Served {
                    bytes,
                    verified: true,
                    waited: false,
                }));
            }
        };
        let served = located.cache.read(
            located.offset + offset,
            len as usize,
            located.piece_len,
            serve,
        );
        if served {
            self.post_position(offset, len);
        } else if let Some(reply) = reply {
            self.wait(offset, len, Reply::new(reply));
        }
    }

    /// The reader will come to `offset`: it has the `read` bytes before that, in sequence, from elsewhere (a disk). Its
    /// window begins there, and what is before is not fetched. To be said again while it is on its way.
    pub fn expect(&self, offset: u64, read: u64) {
        self.post(Command::Expect {
            reader: self.reader,
            offset,
            read,
        });
    }

    /// Somebody watches what this stream reads, as a media server says: it plays from now on, whatever it reads, and has
    /// what a player needs before others have theirs; also while it is paused. Or nobody does any longer: its window goes
    /// at once, and what it reads from now on tells again what it is.
    pub fn confirm(&self, confirmed: bool) {
        let reader = self.reader;
        let command = Command::Confirm { reader, confirmed };
        // A driver that has ended serves nobody.
        if let Err(TrySendError::Full(_)) = self.torrent.commands.try_send(command) {
            tracing::debug!(confirmed, "too busy to hear who watches");
        }
    }

    /// Tells the driver how far this reader is.
    fn post_position(&self, offset: u64, len: u32) {
        self.post(Command::Position {
            reader: self.reader,
            offset,
            len,
        });
    }

    /// Tells the driver where this reader is. One that is behind is not told: the next such word says more, and the
    /// room in its queue is for reads that wait.
    fn post(&self, command: Command) {
        let commands = &self.torrent.commands;
        if commands.capacity() > commands.max_capacity() / 2 {
            let _ = commands.try_send(command);
        }
    }

    fn wait(&self, offset: u64, len: u32, reply: Reply) {
        let since = Instant::now();
        let read = ReadRequest {
            reader: self.reader,
            offset,
            len,
            since,
            reply,
        };
        match self.torrent.commands.try_send(Command::Read(read)) {
            Err(TrySendError::Full(Command::Read(read))) => {
                read.reply.send(Err(ReadError::Overloaded))
            }
            Err(TrySendError::Closed(Command::Read(read))) => {
                read.reply.send(Err(ReadError::Unavailable))
            }
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {}
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(permit) = self.close.take() {
            permit.send(Command::Close {
                reader: self.reader,
            });
        }
        self.torrent.leave();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::mpsc as answers;

    use gostorm_wire::{BLOCK_LEN, PieceIndex};
    use tokio::sync::mpsc;

    use super::*;
    use crate::cache::PieceCache;
    use crate::handle::COMMANDS_MAX;
    use crate::place::Located;
    use crate::pool::Pool;

    /// A cache with one verified block.
    fn cache() -> Arc<PieceCache> {
        let cache = Arc::new(PieceCache::new());
        let piece = cache.insert(PieceIndex(0), BLOCK_LEN);
        let pool = Pool::new(1 << 20);
        let mut block = pool.try_take().unwrap();
        block.copy_from(&[7; BLOCK_LEN as usize]);
        piece.fill(0, block);
        piece.mark_verified();
        cache
    }

    #[test]
    fn positions_leave_room_for_the_reads_that_wait() {
        let (commands, mut queue) = mpsc::channel(COMMANDS_MAX);
        let (incoming, _peers) = mpsc::channel(1);
        let torrent = Arc::new(Handle::new(commands, incoming));
        torrent.join();
        let stream = Stream::open(torrent, ReaderKey(1), Arc::new(|_| Some(0)), None).unwrap();
        let located = Located {
            offset: 0,
            len: 1 << 20,
            piece_len: BLOCK_LEN,
            cache: cache(),
        };
        stream.place.located.set(located).unwrap();
        let (answer, answered) = answers::channel();
        for _ in 0..2 * COMMANDS_MAX {
            let answer = answer.clone();
            stream.read(5, 10, move |bytes| {
                answer.send(bytes.map(|bytes| bytes.len())).unwrap()
            });
            assert_eq!(answered.try_recv(), Ok(Ok(10)));
        }
        // Nobody has drained the queue, and still a read that must wait finds a place.
        stream.read(500_000, 10, |_| {});
        drop(stream);
        let mut last = Vec::new();
        while let Ok(command) = queue.try_recv() {
            last = vec![last.pop(), Some(command)]
                .into_iter()
                .flatten()
                .collect();
        }
        assert!(matches!(
            last[..],
            [Command::Read(_), Command::Close { .. }]
        ));
    }
}
