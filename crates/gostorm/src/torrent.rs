//! One awake torrent: the driver task that owns its state machine, peers and waiting reads.
//!
//! `drive` is the loop: await one event (`Driver::next_event`, the only await), apply it and what else
//! is already there (`Driver::apply`, which never awaits), then one turn of the scheduler for the whole
//! batch. The files: `driver` the loop's two halves, `links` the peers and errands that both phases use,
//! `search` the phase before the info dict is known, `running` the phase with a swarm, `reads` those that
//! wait, `errand` what is done beside the driver (dial, announce, load).

mod driver;
mod errand;
mod links;
mod reads;
mod running;
mod search;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use gostorm_core::resolve::Progress;
use gostorm_core::{PeerStats, ReaderKey, Stats};
use gostorm_wire::{InfoHash, PeerHint, Reserved};
use tokio::sync::{Notify, mpsc, oneshot, watch};

pub(crate) use self::driver::drive;
use crate::engine::ResolveError;
use crate::listen::Incoming;
use crate::stream::{FileChoice, Place, ReadError};

/// Commands that may wait for one driver: above what the kernel sends at a time (`max_background`
/// 1024 and a few synchronous reads), with a place kept for the close of each open stream.
pub(crate) const COMMANDS_MAX: usize = 8_192;
/// Incoming peers that may wait for one driver.
pub(crate) const INCOMING_MAX: usize = 32;

/// The feature bits that we set in a handshake.
pub(crate) const fn reserved() -> Reserved {
    Reserved {
        fast: true,
        extended: true,
        dht: false,
    }
}

/// How a read is answered.
pub(crate) type Reply = Box<dyn FnOnce(Result<&[u8], ReadError>) + Send>;

/// What a driver is told.
pub(crate) enum Command {
    /// A stream opened.
    Open {
        reader: ReaderKey,
        choice: FileChoice,
        place: Arc<Place>,
    },
    /// A read that the cache could not answer; `offset` is in the file.
    Read {
        reader: ReaderKey,
        offset: u64,
        len: u32,
        since: Instant,
        reply: Reply,
    },
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
