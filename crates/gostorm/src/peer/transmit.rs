//! The loop that writes to a peer's socket: messages in the order in which they were queued, and uploads behind them.
//!
//! Runs within the peer's task (`connection`) beside `receive`. All that is queued goes out in one write, up to
//! [`COALESCE_LEN`] bytes and one block. A message overtakes the blocks that wait: what we ask for is never held up by
//! more than the one block that is being written. What was written of blocks is reported to the driver, as soon as its
//! queue has room; meanwhile writing goes on.

use std::future::poll_fn;
use std::io::{self, IoSlice};

use bytes::{Buf, BytesMut};
use gostorm_wire::{BlockSpan, Message, encode_piece_header};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::flood::Sent;
use super::{CloseReason, PeerConfig, PeerEvent, PeerWhat};
use crate::transport::WriteHalf;

/// Beyond this much, messages wait for the next write.
const COALESCE_LEN: usize = 16 * 1024;

/// A block to write.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) span: BlockSpan,
    pub(super) payload: Box<[u8]>,
}

/// What the loop works with.
pub(super) struct Transmitter<'a> {
    pub(super) peer: u64,
    pub(super) stream: WriteHalf<'a>,
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) uploads: mpsc::Receiver<Upload>,
    pub(super) events: &'a mpsc::Sender<PeerEvent>,
    pub(super) config: &'a PeerConfig,
    pub(super) sent: &'a Sent,
}

/// What is written next.
enum Next {
    Message(Message),
    Upload(Upload),
}

impl Transmitter<'_> {
    /// Writes until there is a reason to close, or the handle is gone.
    pub(super) async fn run(&mut self) -> CloseReason {
        let mut out = BytesMut::new();
        let mut last_write = Instant::now();
        // Bytes of blocks that the driver has not heard of.
        let mut unreported = 0;
        let keep_alive = sleep_until(last_write + self.config.keep_alive);
        tokio::pin!(keep_alive);
        loop {
            let next = tokio::select! {
                biased;
                place = self.events.reserve(), if unreported > 0 => {
                    let Ok(place) = place else {
                        return CloseReason::Eof;
                    };
                    let what = PeerWhat::Uploaded(std::mem::take(&mut unreported));
                    place.send(PeerEvent { peer: self.peer, what });
                    continue;
                }
                message = self.messages.recv() => match message {
                    Some(message) => Next::Message(message),
                    None => return CloseReason::Eof,
                },
                Some(upload) = self.uploads.recv() => Next::Upload(upload),
                () = &mut keep_alive => {
                    // Not moved at each write, but only when it goes off.
                    let due = last_write + self.config.keep_alive;
                    if due > Instant::now() {
                        keep_alive.as_mut().reset(due);
                        continue;
                    }
                    keep_alive.as_mut().reset(Instant::now() + self.config.keep_alive);
                    Next::Message(Message::KeepAlive)
                }
            };
            let mut upload = self.gather(next, &mut out);
            self.stream.seal(&mut out);
            let payload = upload
                .as_mut()
                .map_or(&mut [][..], |upload| &mut upload.payload);
            self.stream.seal(payload);
            last_write = Instant::now();
            let deadline = last_write + self.config.write_timeout;
            match timeout_at(deadline, write_all(&mut self.stream, &mut out, payload)).await {
                Ok(Ok(())) => {
                    unreported += payload.len() as u64;
                    self.sent.add(payload.len());
                }
                Ok(Err(error)) => return CloseReason::Io(error.kind()),
                Err(_) => return CloseReason::WriteStalled,
            }
            if out.capacity() > 2 * COALESCE_LEN {
                out = BytesMut::new();
            }
        }
    }

    /// Encodes what comes next and all that is queued, as far as it fits one write: messages first, then a block.
    fn gather(&mut self, next: Next, out: &mut BytesMut) -> Option<Upload> {
        out.clear();
        let mut upload = None;
        match next {
            Next::Message(message) => message.encode(out),
            Next::Upload(next) => upload = Some(next),
        }
        while out.len() < COALESCE_LEN {
            let Ok(message) = self.messages.try_recv() else {
                upload = upload.or_else(|| self.uploads.try_recv().ok());
                break;
            };
            message.encode(out);
        }
        if let Some(upload) = &upload {
            encode_piece_header(upload.span, out);
        }
        upload
    }
}

async fn write_all(
    stream: &mut WriteHalf<'_>,
    head: &mut BytesMut,
    mut payload: &[u8],
) -> Result<(), io::Error> {
    while !head.is_empty() || !payload.is_empty() {
        let parts = [IoSlice::new(head), IoSlice::new(payload)];
        let count = poll_fn(|cx| stream.poll_write(cx, &parts)).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let of_head = count.min(head.len());
        head.advance(of_head);
        payload = &payload[count - of_head..];
    }
    Ok(())
}
