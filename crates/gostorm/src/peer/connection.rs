//! The task of one peer and the handle by which its driver speaks.
//!
//! [`spawn`] is called by the driver with a connected stream whose handshakes are done. The task ends when reading or
//! writing finds a reason to, or when the handle is dropped; in both cases the socket is closed.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use gostorm_wire::{BlockSpan, Message};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::receive::Receiver;
use super::transmit::{self, Command, Upload};
use super::{PeerConfig, PeerEvent, PeerWhat};
use crate::cache::PieceBuf;
use crate::pool::Pool;

/// The driver's side of a peer. Dropping it closes the socket; what was queued is then not written, and no further
/// event is sent (events that already lie in the channel stay there).
#[derive(Debug)]
pub struct PeerHandle {
    commands: mpsc::Sender<Command>,
    uploads_waiting: Arc<AtomicU32>,
    upload_queue_len: u32,
    task: AbortHandle,
}

impl PeerHandle {
    /// Queues a message. False if the queue is full, that is, if the peer does not read ([`PeerConfig::send_queue_len`]),
    /// or if the peer is closed; then the message is dropped, and the peer is best dropped as well.
    #[must_use]
    pub fn send(&self, message: Message) -> bool {
        self.commands.try_send(Command::Message(message)).is_ok()
    }

    /// Queues a block of an upload; it holds the piece until it is written. False, with nothing queued, if as many as
    /// [`PeerConfig::upload_queue_len`] wait, if the peer is closed, or if `span` is not within one block that
    /// `piece` holds, or the piece is not verified.
    #[must_use]
    pub fn send_block(&self, span: BlockSpan, piece: Arc<PieceBuf>) -> bool {
        let held = span.len > 0
            && piece.is_verified()
            && piece
                .slice(span.begin as usize, span.len as usize)
                .is_some();
        if !held {
            return false;
        }
        let Some(upload) = Upload::new(span, piece, &self.uploads_waiting, self.upload_queue_len)
        else {
            return false;
        };
        self.commands.try_send(Command::Block(upload)).is_ok()
    }

    /// Whether the socket is closed, or about to be.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.commands.is_closed()
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
    let (commands, queue) = mpsc::channel(config.send_queue_len.max(1));
    let upload_queue_len = config.upload_queue_len;
    let task = tokio::spawn(run(peer, stream, pool, events, queue, config));
    PeerHandle {
        commands,
        uploads_waiting: Arc::new(AtomicU32::new(0)),
        upload_queue_len,
        task: task.abort_handle(),
    }
}

async fn run(
    peer: u64,
    stream: TcpStream,
    pool: Pool,
    events: mpsc::Sender<PeerEvent>,
    mut commands: mpsc::Receiver<Command>,
    config: PeerConfig,
) {
    // Small requests must not wait for the answer to earlier ones.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let receiver = Receiver {
        peer,
        stream: &stream,
        pool: &pool,
        events: &events,
        config: &config,
    };
    let reason = tokio::select! {
        reason = receiver.run() => reason,
        reason = transmit::run(&stream, &mut commands, &config) => reason,
    };
    drop(stream);
    // Frees the pieces of queued uploads, and makes the handle's `send` say false.
    drop(commands);
    let closed = PeerEvent {
        peer,
        what: PeerWhat::Closed(reason),
    };
    if events.send(closed).await.is_err() {
        tracing::trace!(peer, "a peer outlived its driver");
    }
}
