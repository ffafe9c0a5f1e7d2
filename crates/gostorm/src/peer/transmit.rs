//! The loop that writes to a peer's socket: messages and uploads, in the order in which they were queued.
//!
//! Runs within the peer's task (`connection`) beside `receive`. All that is queued goes out in one write, up to
//! [`COALESCE_LEN`] bytes and one block; a block's payload is written from its piece buffer, not copied.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::{Buf, BytesMut};
use gostorm_wire::{BlockSpan, Message, encode_piece_header};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{CloseReason, PeerConfig};
use crate::cache::PieceBuf;

/// Beyond this much, messages wait for the next write.
const COALESCE_LEN: usize = 16 * 1024;

/// What is queued for writing.
pub(super) enum Command {
    /// A message.
    Message(Message),
    /// A block of an upload.
    Block(Upload),
}

/// A block to write. Counted in `waiting` as long as it lives.
pub(super) struct Upload {
    span: BlockSpan,
    piece: Arc<PieceBuf>,
    waiting: Arc<AtomicU32>,
}

impl Upload {
    /// Counts itself in, unless `max` wait already.
    pub(super) fn new(
        span: BlockSpan,
        piece: Arc<PieceBuf>,
        waiting: &Arc<AtomicU32>,
        max: u32,
    ) -> Option<Self> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= max {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self {
            span,
            piece,
            waiting: Arc::clone(waiting),
        })
    }

    fn payload(&self) -> &[u8] {
        self.piece
            .slice(self.span.begin as usize, self.span.len as usize)
            .unwrap_or_default()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Writes until there is a reason to close, or the handle is gone.
pub(super) async fn run(
    stream: &TcpStream,
    commands: &mut mpsc::Receiver<Command>,
    config: &PeerConfig,
) -> CloseReason {
    let mut out = BytesMut::new();
    let mut last_write = Instant::now();
    let keep_alive = sleep_until(last_write + config.keep_alive);
    tokio::pin!(keep_alive);
    loop {
        let command = tokio::select! {
            command = commands.recv() => match command {
                Some(command) => command,
                None => return CloseReason::Eof,
            },
            () = &mut keep_alive => {
                // Not moved at each write, but only when it goes off.
                let due = last_write + config.keep_alive;
                if due > Instant::now() {
                    keep_alive.as_mut().reset(due);
                    continue;
                }
                keep_alive.as_mut().reset(Instant::now() + config.keep_alive);
                Command::Message(Message::KeepAlive)
            }
        };
        let upload = gather(command, commands, &mut out);
        let payload = upload.as_ref().map_or(&[][..], Upload::payload);
        last_write = Instant::now();
        let deadline = last_write + config.write_timeout;
        match timeout_at(deadline, write_all(stream, &mut out, payload)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return CloseReason::Io(error.kind()),
            Err(_) => return CloseReason::WriteStalled,
        }
        if out.capacity() > 2 * COALESCE_LEN {
            out = BytesMut::new();
        }
    }
}

/// Encodes this command and those behind it, as far as they fit one write.
fn gather(
    first: Command,
    commands: &mut mpsc::Receiver<Command>,
    out: &mut BytesMut,
) -> Option<Upload> {
    out.clear();
    let mut command = first;
    loop {
        match command {
            Command::Message(message) => message.encode(out),
            Command::Block(upload) => {
                encode_piece_header(upload.span, out);
                return Some(upload);
            }
        }
        if out.len() >= COALESCE_LEN {
            return None;
        }
        command = commands.try_recv().ok()?;
    }
}

async fn write_all(
    stream: &TcpStream,
    head: &mut BytesMut,
    mut payload: &[u8],
) -> Result<(), io::Error> {
    while !head.is_empty() || !payload.is_empty() {
        let parts = [IoSlice::new(head), IoSlice::new(payload)];
        match stream.try_write_vectored(&parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                let of_head = count.min(head.len());
                head.advance(of_head);
                payload = &payload[count - of_head..];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
