//! What all drivers share: made once by the engine, handed to each as an `Arc`.
//!
//! The table of awake torrents has a leaf lock: opening a stream and going to sleep meet there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use gostorm_wire::{Handshake, InfoHash, PeerId, Reserved};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::handle::Handle;
use crate::hasher::Hasher;
use crate::limits::Limits;
use crate::listen::Listener;
use crate::memory::Memory;
use crate::store::TorrentStore;
use crate::tracker::TrackerClient;

/// The feature bits that we set in a handshake.
const RESERVED: Reserved = Reserved {
    fast: true,
    extended: true,
    dht: false,
};

/// What all drivers share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) peer_id: PeerId,
    pub(crate) announce_key: u32,
    pub(crate) memory: Memory,
    pub(crate) limits: Limits,
    pub(crate) hasher: Hasher,
    pub(crate) trackers: TrackerClient,
    pub(crate) store: Arc<dyn TorrentStore>,
    pub(crate) wakes: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pub(crate) listener: Mutex<Option<Listener>>,
    pub(crate) port: AtomicU64,
    pub(crate) awake: Mutex<FxHashMap<InfoHash, Arc<Handle>>>,
    pub(crate) keys: AtomicU64,
    /// Connected peers of all torrents.
    pub(crate) peers: Arc<AtomicUsize>,
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Shared {
    /// The port that peers reach us at; 0 when we do not listen.
    pub(crate) fn port(&self) -> u16 {
        u16::try_from(self.port.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// A number that was not given before in this process.
    pub(crate) fn next_key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// What we say first to a peer of this torrent.
    pub(crate) fn handshake(&self, info_hash: InfoHash) -> Handshake {
        Handshake {
            reserved: RESERVED,
            info_hash,
            peer_id: self.peer_id,
        }
    }

    /// Takes a torrent out of the table, unless somebody uses it again.
    pub(crate) fn retire(&self, info_hash: InfoHash, handle: &Arc<Handle>) -> bool {
        let mut awake = self.awake.lock();
        let unused = handle.users() == 0;
        if unused
            && awake
                .get(&info_hash)
                .is_some_and(|listed| Arc::ptr_eq(listed, handle))
        {
            awake.remove(&info_hash);
        }
        unused
    }
}
