//! The task of one peer and the handle by which its driver speaks.
//!
//! [`spawn`] is called by the driver with a connected stream whose handshakes are done. The task ends when reading or
//! writing finds a reason to, or when the handle is dropped; in both cases the socket is closed.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use gostorm_wire::{BlockSpan, Message};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::flood::Sent;
use super::receive::Receiver;
use super::transmit::{Transmitter, Upload};
use super::{CloseReason, PeerConfig, PeerEvent, PeerWhat};
use crate::cache::PieceBuf;
use crate::pool::Pool;
use crate::transport::Transport;

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
    /// `piece` holds (zeros stand behind its end), or the piece is not verified.
    #[must_use]
    pub fn send_block(&self, span: BlockSpan, piece: &PieceBuf) -> bool {
        let payload = piece.for_peer(span.begin as usize, span.len as usize);
        let (Some(payload), Ok(place)) = (payload, self.uploads.try_reserve()) else {
            return false;
        };
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
    stream: impl Into<Transport>,
    pool: Pool,
    events: mpsc::Sender<PeerEvent>,
    config: PeerConfig,
) -> PeerHandle {
    let (messages, message_queue) = mpsc::channel(config.send_queue_len.max(1));
    let (uploads, upload_queue) = mpsc::channel(config.upload_queue_len.max(1));
    let queues = (message_queue, upload_queue);
    let task = tokio::spawn(run(peer, stream.into(), pool, events, queues, config));
    PeerHandle {
        messages,
        uploads,
        task: task.abort_handle(),
    }
}

async fn run(
    peer: u64,
    mut stream: Transport,
    pool: Pool,
    events: mpsc::Sender<PeerEvent>,
    queues: (mpsc::Receiver<Message>, mpsc::Receiver<Upload>),
    config: PeerConfig,
) {
    let (reader, writer) = stream.split();
    let sent = Sent::default();
    let mut receiver = Receiver {
        peer,
        stream: reader,
        pool: &pool,
        events: &events,
        config: &config,
        sent: &sent,
    };
    let mut transmitter = Transmitter {
        peer,
        stream: writer,
        messages: queues.0,
        uploads: queues.1,
        events: &events,
        config: &config,
        sent: &sent,
    };
    let works = async {
        tokio::select! {
            reason = receiver.run() => reason,
            reason = transmitter.run() => reason,
        }
    };
    // Its driver must hear of its end, or would wait for it.
    let reason = AssertUnwindSafe(works)
        .catch_unwind()
        .await
        .unwrap_or(CloseReason::Broken);
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
