//! The task of one peer and the handle by which its driver speaks.
//!
//! [`spawn`] is called by the driver with a connected stream whose handshakes are done. The task ends when reading or
//! writing finds a reason to, or when the handle is dropped; in both cases the socket is closed.

use gostorm_wire::{BlockSpan, Message};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::receive::Receiver;
use super::transmit::{Transmitter, Upload};
use super::{PeerConfig, PeerEvent, PeerWhat};
use crate::cache::PieceBuf;
use crate::pool::Pool;

/// Bytes that the kernel may keep unsent: a block more than these is what a request of ours waits for at most.
/// Without it the send buffer of a peer that reads slowly grows to megabytes.
const UNSENT_MAX: u32 = 16 * 1024;

/// The driver's side of a peer. Dropping it closes the socket; what was queued is then not written, and no further
/// event is sent (events that already lie in the channel stay there).
#[derive(Debug)]
pub struct PeerHandle {
    messages: mpsc::Sender<Message>,
    uploads: mpsc::Sender<Upload>,
    task: AbortHandle,
}

impl PeerHandle {
    /// Queues a message. False if the queue is full, that is, if the peer does not read ([`PeerConfig::send_queue_len`]),
    /// or if the peer is closed; then the message is dropped, and the peer is best dropped as well.
    #[must_use]
    pub fn send(&self, message: Message) -> bool {
        self.messages.try_send(message).is_ok()
    }

    /// Queues a block of an upload behind all messages, also those that come later. Its bytes are copied: the piece may
    /// be evicted while the peer takes its time. False, with nothing queued, if as many as
    /// [`PeerConfig::upload_queue_len`] wait, if the peer is closed, or if `span` is not within one block that
    /// `piece` holds, or the piece is not verified.
    #[must_use]
    pub fn send_block(&self, span: BlockSpan, piece: &PieceBuf) -> bool {
        let bytes = piece
            .slice(span.begin as usize, span.len as usize)
            .filter(|bytes| !bytes.is_empty() && piece.is_verified());
        let (Some(bytes), Ok(place)) = (bytes, self.uploads.try_reserve()) else {
            return false;
        };
        let payload = bytes.into();
        place.send(Upload { span, payload });
        true
    }

    /// Whether the socket is closed, or about to be.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }
}

impl Drop for PeerHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the task of a peer on a stream whose handshakes are done. `peer` comes back in each of its events. Must be
/// called within a tokio runtime.
#[must_use]
pub fn spawn(
    peer: u64,
    stream: TcpStream,
    pool: Pool,
    events: mpsc::Sender<PeerEvent>,
    config: PeerConfig,
) -> PeerHandle {
    let (messages, message_queue) = mpsc::channel(config.send_queue_len.max(1));
    let (uploads, upload_queue) = mpsc::channel(config.upload_queue_len.max(1));
    let queues = (message_queue, upload_queue);
    let task = tokio::spawn(run(peer, stream, pool, events, queues, config));
    PeerHandle {
        messages,
        uploads,
        task: task.abort_handle(),
    }
}

async fn run(
    peer: u64,
    stream: TcpStream,
    pool: Pool,
    events: mpsc::Sender<PeerEvent>,
    queues: (mpsc::Receiver<Message>, mpsc::Receiver<Upload>),
    config: PeerConfig,
) {
    // Small requests must not wait for the answer to earlier ones.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    if let Err(error) = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_MAX) {
        tracing::debug!(%error, "no TCP_NOTSENT_LOWAT");
    }
    let receiver = Receiver {
        peer,
        stream: &stream,
        pool: &pool,
        events: &events,
        config: &config,
    };
    let mut transmitter = Transmitter {
        peer,
        stream: &stream,
        messages: queues.0,
        uploads: queues.1,
        events: &events,
        config: &config,
    };
    let reason = tokio::select! {
        reason = receiver.run() => reason,
        reason = transmitter.run() => reason,
    };
    // Makes the handle's `send` say false.
    drop(transmitter);
    drop(stream);
    let closed = PeerEvent {
        peer,
        what: PeerWhat::Closed(reason),
    };
    if events.send(closed).await.is_err() {
        tracing::trace!(peer, "a peer outlived its driver");
    }
}
