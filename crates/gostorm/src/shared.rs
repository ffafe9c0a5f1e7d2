//! What all drivers share: made once by the engine, handed to each as an `Arc`.
//!
//! The table of awake torrents has a leaf lock: opening a stream and going to sleep meet there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use gostorm_wire::{Handshake, InfoHash, PeerId, Reserved};
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::awake::Awake;
use crate::config::Config;
use crate::dial::Dialer;
use crate::discovery::Discovery;
use crate::filter::Filter;
use crate::handle::Handle;
use crate::happening::Happening;
use crate::hasher::Hasher;
use crate::idle::Idle;
use crate::limits::Limits;
use crate::listen::Listener;
use crate::memory::Memory;
use crate::nat::NatState;
use crate::net::Net;
use crate::offences::Offences;
use crate::rests::Rests;
use crate::room::Room;
use crate::store::TorrentStore;
use crate::totals::Counters;
use crate::tracker::TrackerClient;
use crate::tuning::Tuning;
use crate::utp::Endpoints;

/// What all drivers share.
pub(crate) struct Shared {
    /// What stays as it was at the start; see `tuning` for the rest.
    pub(crate) config: Config,
    /// What can be changed; looked up whenever it acts.
    pub(crate) tuning: ArcSwap<Tuning>,
    pub(crate) peer_id: PeerId,
    pub(crate) announce_key: u32,
    pub(crate) memory: Memory,
    pub(crate) limits: Limits,
    pub(crate) filter: Arc<Filter>,
    /// Ends the task that keeps the filter's list.
    pub(crate) list_keeper: Mutex<CancellationToken>,
    pub(crate) offences: Offences,
    pub(crate) totals: Counters,
    /// Dials that may be under way.
    pub(crate) dials: Room,
    pub(crate) hasher: Hasher,
    pub(crate) net: Arc<Net>,
    pub(crate) dialer: Dialer,
    pub(crate) discovery: Discovery,
    /// Where uTP is spoken; none when it is off.
    pub(crate) utp: Arc<Endpoints>,
    pub(crate) trackers: TrackerClient,
    pub(crate) store: Arc<dyn TorrentStore>,
    /// Torrents that may be on the way from asleep to their first peer.
    pub(crate) wakes: Room,
    /// Torrents that were only probed, awake though nobody uses them.
    pub(crate) idle: Idle,
    /// Swarms that are taken for dead.
    pub(crate) rests: Rests,
    pub(crate) stop: CancellationToken,
    pub(crate) listener: Mutex<Option<Listener>>,
    /// What we tell others to reach us at; see [`Shared::announced_port`].
    pub(crate) port: watch::Sender<u16>,
    /// The port that we listen at; 0 until it is known.
    pub(crate) listening: watch::Sender<u16>,
    /// The port at the router or VPN gateway.
    pub(crate) nat: watch::Sender<NatState>,
    pub(crate) awake: Mutex<Awake>,
    pub(crate) keys: AtomicU64,
    /// Connected peers of all torrents.
    pub(crate) peers: Arc<AtomicUsize>,
    /// Whoever wants to hear what happens.
    pub(crate) happenings: broadcast::Sender<Happening>,
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Shared {
    /// The port that peers are told to reach us at, by trackers and by ourselves; 0 when we do not listen.
    pub(crate) fn announced_port(&self) -> u16 {
        *self.port.borrow()
    }

    /// Changes it. Drivers watch it, and tell their trackers at once.
    pub(crate) fn announce_port(&self, port: u16) {
        self.port
            .send_if_modified(|told| std::mem::replace(told, port) != port);
    }

    /// We listen at this port: it is the one to announce, unless a gateway has another for us.
    pub(crate) fn listens_at(&self, port: u16) {
        self.listening.send_replace(port);
        if self.nat.borrow().forwarded.is_none() {
            self.announce_port(port);
        }
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, happening: Happening) {
        // Nobody need listen.
        let _ = self.happenings.send(happening);
    }

    /// A number that was not given before in this process.
    pub(crate) fn next_key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// What we say first to a peer of this torrent; with `v2` it may answer with a hybrid's other name (BEP 52).
    pub(crate) fn handshake(&self, info_hash: InfoHash, v2: bool) -> Handshake {
        Handshake {
            reserved: Reserved {
                fast: true,
                extended: true,
                dht: self.discovery.dht_port().is_some(),
                v2,
            },
            info_hash,
            peer_id: self.peer_id,
        }
    }

    /// Takes a torrent out of the table, whoever uses it.
    pub(crate) fn leave_awake(&self, info_hash: InfoHash, handle: &Arc<Handle>) {
        self.awake.lock().remove(info_hash, handle);
    }

    /// Takes a torrent out of the table, unless somebody uses it again.
    pub(crate) fn retire(&self, info_hash: InfoHash, handle: &Arc<Handle>) -> bool {
        let mut awake = self.awake.lock();
        let unused = handle.users() == 0;
        if unused {
            awake.remove(info_hash, handle);
        }
        unused
    }
}
