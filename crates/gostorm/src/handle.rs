//! An awake torrent as the rest of the engine sees it: the driver's queues, and who uses it.
//!
//! Made by the engine when a torrent wakes. The count of users is changed under the engine's lock when it
//! grows, so that going to sleep cannot come between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use gostorm_core::resolve::Progress;
use gostorm_core::{PeerStats, ReaderKey, ReaderStats, Stats};
use gostorm_wire::{InfoHash, PeerHint};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::error::ResolveError;
use crate::listen::Incoming;
use crate::place::Place;
use crate::read::{FileChoice, OnDoubt, Reply};

/// Commands that may wait for one driver: above what the kernel sends at a time (`max_background`
/// 1024 and a few synchronous reads), with a place kept for the close of each open stream.
pub(crate) const COMMANDS_MAX: usize = 8_192;
/// Incoming peers that may wait for one driver.
pub(crate) const INCOMING_MAX: usize = 32;

/// A read for the driver to answer.
pub(crate) struct ReadRequest {
    /// Who reads.
    pub(crate) reader: ReaderKey,
    /// In the file.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) len: u32,
    /// When it was asked; its deadline counts from here.
    pub(crate) since: Instant,
    /// Called once.
    pub(crate) reply: Reply,
}

/// A stream that opens.
pub(crate) struct Opening {
    pub(crate) reader: ReaderKey,
    pub(crate) choice: FileChoice,
    pub(crate) place: Arc<Place>,
    /// Whom to tell of doubts; without it every byte must be verified.
    pub(crate) on_doubt: Option<OnDoubt>,
}

/// What a driver is told.
pub(crate) enum Command {
    /// A stream opened.
    Open(Opening),
    /// A read that the cache could not answer.
    Read(ReadRequest),
    /// A read that the cache answered.
    Position {
        reader: ReaderKey,
        offset: u64,
        len: u32,
    },
    /// A stream closed.
    Close { reader: ReaderKey },
    /// Somebody wants the info dict.
    Resolve {
        progress: watch::Sender<Progress>,
        done: oneshot::Sender<Result<Bytes, ResolveError>>,
    },
    /// Somebody wants to look; wakes nothing.
    Inspect {
        reply: oneshot::Sender<TorrentState>,
    },
}

/// How an awake torrent stands.
#[derive(Clone, Debug, Default)]
pub struct TorrentState {
    /// The info dict is known.
    pub resolved: bool,
    /// Counters.
    pub stats: Stats,
    /// Connected peers.
    pub peers: Vec<PeerStats>,
    /// Open readers, and why they stood still.
    pub readers: Vec<ReaderStats>,
}

/// What a torrent needs to find its peers when the store knows nothing.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) info_hash: InfoHash,
    pub(crate) trackers: Vec<String>,
    pub(crate) hints: Vec<PeerHint>,
}

/// An awake torrent as the rest of the engine sees it.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) incoming: mpsc::Sender<Incoming>,
    users: AtomicUsize,
    left: Notify,
}

impl Handle {
    pub(crate) fn new(commands: mpsc::Sender<Command>, incoming: mpsc::Sender<Incoming>) -> Self {
        Self {
            commands,
            incoming,
            users: AtomicUsize::new(0),
            left: Notify::new(),
        }
    }

    /// One more stream or search; called under the engine's lock, so that sleep cannot come between.
    pub(crate) fn join(&self) {
        self.users.fetch_add(1, Ordering::AcqRel);
    }

    /// One less.
    pub(crate) fn leave(&self) {
        if self.users.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.left.notify_one();
        }
    }

    /// Open streams and searches.
    pub(crate) fn users(&self) -> usize {
        self.users.load(Ordering::Acquire)
    }

    /// The last user has left, at least once since the last call.
    pub(crate) async fn last_left(&self) {
        self.left.notified().await;
    }
}
