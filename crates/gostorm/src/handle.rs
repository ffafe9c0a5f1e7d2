//! An awake torrent as the rest of the engine sees it: the driver's queues, and who uses it.
//!
//! Made by the engine when a torrent wakes. The count of users is changed under the engine's lock when it
//! grows, so that going to sleep cannot come between.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use gostorm_core::resolve::Progress;
use gostorm_core::{PeerStats, ReaderKey, ReaderPlace, ReaderStats, Stats, Time};
use gostorm_wire::{InfoHash, InfoHashV2, PeerHint, PieceIndex};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::error::ResolveError;
use crate::listen::Incoming;
use crate::place::Place;
use crate::read::{FileChoice, OnDoubt, Reply};
use crate::tracker::TrackerState;
use crate::web_seed::WebSeedError;

/// Commands that may wait for one driver: above what the kernel sends at a time (`max_background`
/// 3072 and a few synchronous reads), with a place kept for the close of each open stream.
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
    /// Where it will come to, and what it has before that, if it said so before the files were known.
    pub(crate) expected: Option<(u64, u64)>,
    /// Somebody watches; said before the files were known.
    pub(crate) confirmed: bool,
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
    /// A reader will come to a place of the file, from `read` bytes that it has from elsewhere.
    Expect {
        reader: ReaderKey,
        offset: u64,
        read: u64,
    },
    /// Somebody watches what a reader reads, or does no longer.
    Confirm { reader: ReaderKey, confirmed: bool },
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
    /// Somebody wants to look at one file; wakes nothing.
    Glimpse {
        choice: FileChoice,
        tell: Box<dyn FnOnce(Glimpse) + Send>,
    },
    /// Somebody wants to see what is held; wakes nothing.
    Survey { reply: oneshot::Sender<Holdings> },
    /// The torrent leaves the library: it ends now, whoever reads it, and nothing of it is kept.
    Forget,
}

/// How an awake torrent stands.
#[derive(Clone, Debug, Default)]
pub struct TorrentState {
    /// The info dict is known.
    pub resolved: bool,
    /// Counters.
    pub stats: Stats,
    /// Bytes per second of the last second or so.
    pub rates: Rates,
    /// Connected peers.
    pub peers: Vec<PeerStats>,
    /// Open readers, and why they stood still.
    pub readers: Vec<ReaderStats>,
    /// Its trackers, tier after tier.
    pub trackers: Vec<TrackerState>,
    /// Its web seeds (BEP 19).
    pub web_seeds: Vec<WebSeedState>,
    /// How the connected peers are connected, and what they call themselves.
    pub remotes: Vec<RemoteState>,
    /// The time of the state machine, by which stalls are told.
    pub now: Time,
}

/// The connection of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteState {
    /// The peer's address, as [`PeerStats::addr`] has it.
    pub addr: SocketAddr,
    /// What it calls itself, or what its id says.
    pub client: Option<String>,
    /// What it is connected by.
    pub via: Via,
    /// What is said is encrypted.
    pub encrypted: bool,
}

/// What a peer is connected by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// TCP.
    Tcp,
    /// uTP (BEP 29).
    Utp,
    /// It is a web seed of this URL.
    Http(String),
}

/// Payload bytes per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Received.
    pub download: f64,
    /// Sent.
    pub upload: f64,
}

/// What an awake torrent holds; empty before its info dict is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Length of a piece in bytes.
    pub piece_len: u32,
    /// Pieces of the torrent.
    pub piece_count: u32,
    /// Bytes that may be held.
    pub lease: u64,
    /// Those that are held or on their way, in order.
    pub pieces: Vec<HeldPiece>,
    /// Where the readers are.
    pub readers: Vec<ReaderPlace>,
    /// Which bytes of the torrent each of its files has, as they lie in it.
    pub files: Vec<Range<u64>>,
}

/// A piece that is held or on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldPiece {
    /// Which.
    pub piece: PieceIndex,
    /// Its length in bytes.
    pub len: u32,
    /// Bytes of it that are here.
    pub filled: u32,
    /// It passed its hash.
    pub verified: bool,
}

/// How one file of an awake torrent stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glimpse {
    /// The info dict is known.
    pub resolved: bool,
    /// Connected peers of the torrent.
    pub peers: usize,
    /// The verified bytes of the file that are held, in order and apart from each other.
    pub buffered: Vec<Range<u64>>,
}

/// How a web seed of an awake torrent stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSeedState {
    /// As the torrent names it.
    pub url: String,
    /// Blocks can be asked of it.
    pub serving: bool,
    /// It is not asked again while the torrent is awake.
    pub given_up: bool,
    /// What was wrong with it last.
    pub error: Option<WebSeedError>,
}

/// What a torrent needs to find its peers when the store knows nothing.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) info_hash: InfoHash,
    pub(crate) trackers: Vec<Vec<String>>,
    pub(crate) web_seeds: Vec<String>,
    pub(crate) hints: Vec<PeerHint>,
    pub(crate) info_hash_v2: Option<InfoHashV2>,
}

/// An awake torrent as the rest of the engine sees it.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) incoming: mpsc::Sender<Incoming>,
    users: AtomicUsize,
    left: Notify,
    /// Too many torrents are idle, and this one is for longest.
    may_sleep: AtomicBool,
}

impl Handle {
    pub(crate) fn new(commands: mpsc::Sender<Command>, incoming: mpsc::Sender<Incoming>) -> Self {
        Self {
            commands,
            incoming,
            users: AtomicUsize::new(0),
            left: Notify::new(),
            may_sleep: AtomicBool::new(false),
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

    /// It need not wait for users any longer than now.
    pub(crate) fn ask_to_sleep(&self) {
        self.may_sleep.store(true, Ordering::Release);
        self.left.notify_one();
    }

    /// It was asked to, and nobody has used it since.
    pub(crate) fn may_sleep_now(&self) -> bool {
        self.may_sleep.load(Ordering::Acquire)
    }

    /// It is used again.
    pub(crate) fn stay_awake(&self) {
        self.may_sleep.store(false, Ordering::Release);
    }

    /// The last user has left, or it was asked to sleep, at least once since the last call.
    pub(crate) async fn last_left(&self) {
        self.left.notified().await;
    }
}
