//! Connected peers: one task for each, between its socket and the driver of its torrent.
//!
//! The driver calls [`spawn`] after the handshake, takes [`PeerEvent`]s from one bounded channel and speaks through
//! the [`PeerHandle`]. A task's files: `inbox` cuts the byte stream into messages and blocks (no I/O), `receive` feeds
//! it from the socket, `transmit` writes. What always holds: a block's payload goes from the socket straight into its
//! pooled buffer; everything that waits is bounded; when the pool or the driver is full, the socket is not read, so
//! the remote is slowed down; what a remote does wrong ends in a [`CloseReason`], never in a panic. A peer whose
//! handle lives ends with exactly one [`PeerWhat::Closed`]; one whose handle was dropped ends without an event.

mod connection;
mod flood;
mod inbox;
mod receive;
mod transmit;

pub use connection::{PeerHandle, spawn};

use std::io;
use std::time::Duration;

use gostorm_wire::{BlockSpan, FrameLimits, Message, Violation};

use crate::pool::BlockBuf;
use crate::web_seed::WebSeedError;

/// What holds for one connection.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// What is accepted. A driver that knows the torrent lowers `message_len_max` to what its bitfield needs.
    pub limits: FrameLimits,
    /// After this long without writing, a keep-alive is sent. BEP 3 has peers close after 120 s.
    pub keep_alive: Duration,
    /// A peer that completes no message or block for this long is closed. Waiting for the pool or the driver does
    /// not count. Above 120 s, since a silent peer need not write more often.
    pub idle_timeout: Duration,
    /// A peer that does not take what was written (at most 32 KiB at a time) for this long is closed.
    pub write_timeout: Duration,
    /// How many messages may wait to be written.
    pub send_queue_len: usize,
    /// How many blocks may wait to be written; each is a copy of 16 KiB at most.
    pub upload_queue_len: usize,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            limits: FrameLimits::default(),
            keep_alive: Duration::from_secs(100),
            idle_timeout: Duration::from_secs(150),
            write_timeout: Duration::from_secs(60),
            send_queue_len: 2048,
            upload_queue_len: 8,
        }
    }
}

/// What happened at a peer.
#[derive(Debug)]
pub struct PeerEvent {
    /// The key that [`spawn`] was given.
    pub peer: u64,
    /// What it was.
    pub what: PeerWhat,
}

/// The kinds of event.
#[derive(Debug)]
pub enum PeerWhat {
    /// A message came. Keep-alives and messages of unknown ids are not reported.
    Message(Message),
    /// A block came. It has the shape of one that could have been asked for (`begin` a multiple of 16 KiB, 1 to
    /// 16 KiB long); whether it was asked for is for the driver to judge.
    Block {
        /// What the peer says it is.
        span: BlockSpan,
        /// `span.len` bytes.
        data: BlockBuf,
    },
    /// Blocks of [`PeerHandle::send_block`] were written: so many bytes of payload since the last report.
    Uploaded(u64),
    /// The connection is closed; the last event of this peer.
    Closed(CloseReason),
}

/// Why a connection was closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The peer closed its side, perhaps in the middle of a message.
    #[error("the peer closed the connection")]
    Eof,
    /// The system closed it.
    #[error("the connection failed: {0}")]
    Io(io::ErrorKind),
    /// The peer broke the protocol.
    #[error("protocol violation: {0}")]
    Violation(#[from] Violation),
    /// A block that we cannot have asked for.
    #[error("a block that nobody asks for: {0}")]
    MisalignedBlock(BlockSpan),
    /// More messages than its blocks and the time account for: it makes us work for nothing.
    #[error("the peer floods us with messages")]
    Flood,
    /// No message was completed within [`PeerConfig::idle_timeout`].
    #[error("the peer was silent for too long")]
    Idle,
    /// Nothing could be written within [`PeerConfig::write_timeout`].
    #[error("the peer does not read what it is sent")]
    WriteStalled,
    /// Our own task of the peer panicked.
    #[error("our side of the connection broke")]
    Broken,
    /// A web seed does not serve any more.
    #[error(transparent)]
    WebSeed(#[from] WebSeedError),
}

impl CloseReason {
    /// Whether the peer did what no honest peer does.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        matches!(
            self,
            Self::Violation(_) | Self::MisalignedBlock(_) | Self::Flood
        )
    }
}

#[cfg(test)]
mod tests;
