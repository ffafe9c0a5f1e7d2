//! One open file of a torrent: the reader's side of the engine.
//!
//! Made by [`Engine::open`](crate::Engine::open), used by file systems and HTTP handlers from any thread.
//! A read whose bytes are verified in the cache is answered at once on the caller's thread, and the driver
//! is told the new position; any other goes to the driver with its reply. Dropping the stream closes it.

use std::sync::Arc;
use std::time::Instant;

use gostorm_core::ReaderKey;
use tokio::sync::mpsc::{OwnedPermit, error::TrySendError};

use crate::handle::{Command, Handle, ReadRequest};
use crate::place::Place;
use crate::read::{FileChoice, ReadError, Reply};

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
    ) -> Option<Self> {
        let close = torrent.commands.clone().try_reserve_owned().ok()?;
        let place = Arc::new(Place::default());
        let opened = Command::Open {
            reader,
            choice,
            place: Arc::clone(&place),
        };
        torrent.commands.try_send(opened).ok()?;
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
        reply: impl FnOnce(Result<&[u8], ReadError>) + Send + 'static,
    ) {
        let Some(located) = self.place.located.get() else {
            return self.wait(offset, len, Reply::new(reply));
        };
        let len = u64::from(len).min(located.len.saturating_sub(offset));
        let Ok(len) = u32::try_from(len) else {
            return reply(Err(ReadError::Unavailable));
        };
        if len == 0 {
            return reply(Ok(&[]));
        }
        let mut reply = Some(reply);
        let serve = |bytes: &[u8]| {
            if let Some(reply) = reply.take() {
                reply(Ok(bytes));
            }
        };
        let served = located.cache.read(
            located.offset + offset,
            len as usize,
            located.piece_len,
            serve,
        );
        if served {
            // A position that finds the queue full is no loss: the next one says more.
            let _ = self.torrent.commands.try_send(Command::Position {
                reader: self.reader,
                offset,
                len,
            });
        } else if let Some(reply) = reply {
            self.wait(offset, len, Reply::new(reply));
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
