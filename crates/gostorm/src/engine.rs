//! The engine's front: one for the process, shared by file system, HTTP and command line.
//!
//! Owns what all torrents share (pool, hash threads, listener, tracker client, budget) and the table of
//! awake torrents. The table's lock is a leaf: opening a stream and going to sleep meet there.

mod doors;
mod forwarding;
mod glimpse;
mod list;
mod retune;
mod survey;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use self::survey::Hold;
use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::FutureExt;
use gostorm_core::ReaderKey;
use gostorm_core::resolve::Progress;
use gostorm_wire::{InfoHash, InfoHashV2, Magnet, PeerHint, PeerId};
use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::dial::{DialTimeouts, Dialer};
use crate::discovery::Discovery;
use crate::error::{EngineError, ResolveError};
use crate::filter::{Filter, FilterState};
use crate::handle::{COMMANDS_MAX, Command, Handle, INCOMING_MAX, Origin, TorrentState};
use crate::happening::{HAPPENINGS_MAX, Happening};
use crate::hasher::Hasher;
use crate::idle::Idle;
use crate::limits::Limits;
use crate::memory::Memory;
use crate::nat::NatState;
use crate::net::{Gate, Net};
use crate::offences::Offences;
use crate::read::{FileChoice, OnDoubt};
use crate::rests::Rests;
use crate::room::Room;
use crate::scrape::scrape;
use crate::shared::Shared;
use crate::store::TorrentStore;
use crate::stream::Stream;
use crate::torrent;
use crate::totals::Counters;
use crate::tracker::{TrackerClient, TrackerState};
use crate::utp::Endpoints;

/// How long the drivers may take to end when the engine stops.
const STOP_MAX: Duration = Duration::from_secs(4);

/// A torrent, with what helps to find it when the store knows nothing of it.
#[derive(Clone, Debug)]
pub struct OpenRequest {
    /// The torrent.
    pub info_hash: InfoHash,
    /// Tracker URLs of its magnet, in tiers (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Web seed URLs of its magnet (BEP 19).
    pub web_seeds: Vec<String>,
    /// Peers that its magnet names.
    pub hints: Vec<PeerHint>,
    /// Its v2 hash, where it is of v2 and that is known (BEP 52).
    pub info_hash_v2: Option<InfoHashV2>,
}

impl From<InfoHash> for OpenRequest {
    /// A torrent of which the store knows enough.
    fn from(info_hash: InfoHash) -> Self {
        Self {
            info_hash,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            hints: Vec::new(),
            info_hash_v2: None,
        }
    }
}

impl From<&Magnet> for OpenRequest {
    /// A magnet does not say which trackers stand for each other: each is a tier of its own.
    fn from(magnet: &Magnet) -> Self {
        Self {
            info_hash: magnet.info_hash,
            trackers: magnet
                .trackers
                .iter()
                .map(|url| vec![url.clone()])
                .collect(),
            web_seeds: magnet.web_seeds.clone(),
            hints: magnet.peers.clone(),
            info_hash_v2: magnet.info_hash_v2,
        }
    }
}

/// Cleans up after a driver, however it ended.
struct Registration {
    shared: Arc<Shared>,
    info_hash: InfoHash,
    handle: Arc<Handle>,
    tenant: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared
            .awake
            .lock()
            .remove(self.info_hash, &self.handle);
        self.shared.idle.leave(&self.handle);
        self.shared.memory.leave(self.tenant);
        self.shared.limits.leave(self.tenant);
        self.shared.tell(Happening::Asleep(self.info_hash));
    }
}

/// The process's BitTorrent client; clones share it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Starts the shared parts; no torrent is awake. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the port is taken or the system refuses a thread.
    pub fn start(config: Config, store: Arc<dyn TorrentStore>) -> Result<Self, EngineError> {
        let tuning = config.tuning();
        let hasher = Hasher::new(config.hash_threads).map_err(EngineError::Threads)?;
        let net = Arc::new(Net::with(config.net.clone()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let utp = Arc::new(Endpoints::default());
        let timeouts = DialTimeouts {
            connect: config.timeouts.connect,
            handshake: config.timeouts.handshake,
        };
        let filter = Arc::new(Filter::default());
        let discovery = Discovery::start(&config.discovery, &net, &store, &filter, &tasks, &stop);
        let shared = Arc::new(Shared {
            peer_id: PeerId::new(rand::random()),
            announce_key: rand::random(),
            memory: Memory::new(config.budget_bytes),
            filter,
            limits: Limits::new(&tuning),
            list_keeper: Mutex::default(),
            totals: Counters::default(),
            offences: Offences::default(),
            dials: Room::new(config.half_open_max),
            hasher,
            trackers: TrackerClient::new(Arc::clone(&net)),
            dialer: Dialer::new(
                Arc::clone(&net),
                config.encryption,
                timeouts,
                Arc::clone(&utp),
            ),
            utp,
            net,
            discovery,
            store,
            wakes: Room::new(config.wakes_max),
            idle: Idle::new(config.wakes_max),
            rests: Rests::default(),
            stop,
            listener: Mutex::new(None),
            port: watch::Sender::new(0),
            listening: watch::Sender::new(0),
            nat: watch::Sender::default(),
            awake: Mutex::default(),
            keys: AtomicU64::new(1),
            peers: Arc::default(),
            happenings: broadcast::Sender::new(HAPPENINGS_MAX),
            tasks,
            runtime: tokio::runtime::Handle::current(),
            config,
            tuning: ArcSwap::from_pointee(tuning),
        });
        list::keep_list(&shared, shared.tuning.load().blocklist.as_ref());
        doors::open(&shared)?;
        forwarding::start(&shared);
        let (net, stop) = (Arc::clone(&shared.net), shared.stop.clone());
        shared.runtime.spawn(async move {
            stop.run_until_cancelled(net.keep_watch()).await;
        });
        Ok(Self { shared })
    }

    /// The port that peers are told to reach us at; 0 when we do not listen.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.shared.announced_port()
    }

    /// Peers reach us at another port from now on (a router or VPN gateway maps it): every awake torrent tells its
    /// trackers at once. Connections stay.
    pub fn set_port(&self, port: u16) {
        self.shared.announce_port(port);
    }

    /// How it stands with the port at the router or VPN gateway; a receiver that changes with it.
    #[must_use]
    pub fn nat(&self) -> watch::Receiver<NatState> {
        self.shared.nat.subscribe()
    }

    /// Whether there is a network for BitTorrent, and which; a receiver that changes with it.
    #[must_use]
    pub fn network(&self) -> watch::Receiver<Gate> {
        self.shared.net.gate()
    }

    /// What happens to torrents and to the blocklist from now on. A receiver that is not read loses the oldest.
    #[must_use]
    pub fn happenings(&self) -> broadcast::Receiver<Happening> {
        self.shared.happenings.subscribe()
    }

    /// Opens a file of a torrent and wakes it; never waits. May be called from any thread.
    ///
    /// # Errors
    /// When the engine stops, or the torrent has too much to do.
    pub fn open(&self, request: OpenRequest, choice: FileChoice) -> Result<Stream, EngineError> {
        self.open_stream(request, choice, None)
    }

    /// Like [`Engine::open`], for someone who can forget what turns out wrong: where [`Config::policy`] is
    /// [`Policy::Responsive`](crate::Policy::Responsive), a read that would have to wait for a piece may get its
    /// bytes before the piece is verified, from trusted peers only. `on_doubt` is told of those that may be wrong.
    ///
    /// # Errors
    /// When the engine stops, or the torrent has too much to do.
    pub fn open_doubtful(
        &self,
        request: OpenRequest,
        choice: FileChoice,
        on_doubt: OnDoubt,
    ) -> Result<Stream, EngineError> {
        self.open_stream(request, choice, Some(on_doubt))
    }

    fn open_stream(
        &self,
        request: OpenRequest,
        choice: FileChoice,
        on_doubt: Option<OnDoubt>,
    ) -> Result<Stream, EngineError> {
        let handle = self.awake(request)?;
        let reader = ReaderKey(self.shared.next_key());
        Stream::open(Arc::clone(&handle), reader, choice, on_doubt).ok_or_else(|| {
            handle.leave();
            EngineError::Overloaded
        })
    }

    /// Looks for a torrent's info dict, among what is stored and in its swarm.
    #[must_use]
    pub fn resolve(&self, request: OpenRequest) -> Resolution {
        let (progress, watch) = watch::channel(Progress::default());
        let (done, info) = oneshot::channel();
        let user = self.awake(request).ok();
        if let Some(handle) = &user {
            // A driver that does not take it drops `done`, which the receiver sees.
            let _ = handle
                .commands
                .try_send(Command::Resolve { progress, done });
        }
        Resolution {
            progress: watch,
            info,
            user,
        }
    }

    /// How an awake torrent stands; `None` when it sleeps. Wakes nothing.
    pub async fn peek(&self, info_hash: InfoHash) -> Option<TorrentState> {
        let handle = self.shared.awake.lock().get(info_hash).cloned()?;
        let (reply, state) = oneshot::channel();
        handle.commands.try_send(Command::Inspect { reply }).ok()?;
        state.await.ok()
    }

    /// Ends a torrent that leaves the library, if it is awake: its reads fail, its trackers hear that we stop, and
    /// nothing of it is saved any more. Does not wait.
    pub fn forget(&self, info_hash: InfoHash) {
        let handle = self.shared.awake.lock().get(info_hash).cloned();
        // A driver that has too much to do sleeps when its readers have gone.
        if let Some(handle) = handle
            && handle.commands.try_send(Command::Forget).is_err()
        {
            tracing::debug!(torrent = %info_hash, "ends by itself");
        }
    }

    /// What the trackers of a torrent say of it: of an awake one what it knows, of another what they answer now to the
    /// question for numbers (BEP 48). Wakes nothing.
    pub async fn trackers(&self, info_hash: InfoHash) -> Vec<TrackerState> {
        match self.peek(info_hash).await {
            Some(state) => state.trackers,
            None => scrape(Arc::clone(&self.shared), info_hash).await,
        }
    }

    /// True when a torrent is awake. Wakes nothing.
    #[must_use]
    pub fn is_awake(&self, info_hash: InfoHash) -> bool {
        self.shared.awake.lock().get(info_hash).is_some()
    }

    /// The UDP port of our node of the DHT; `None` while there is none.
    #[must_use]
    pub fn dht_port(&self) -> Option<u16> {
        self.shared.discovery.dht_port()
    }

    /// Nodes of the DHT that ours knows, IPv4 and IPv6; `None` when it is off.
    #[must_use]
    pub fn dht_nodes(&self) -> Option<[usize; 2]> {
        self.shared.discovery.dht_nodes()
    }

    /// Connected peers of all torrents.
    #[must_use]
    pub fn peer_count(&self) -> usize {
        self.shared.peers.load(Ordering::Relaxed)
    }

    /// Torrents that are awake.
    #[must_use]
    pub fn awake_count(&self) -> usize {
        self.shared.awake.lock().len()
    }

    /// Bytes held by all torrents, and the budget.
    #[must_use]
    pub fn memory(&self) -> (u64, u64) {
        self.shared.memory.usage()
    }

    /// The blocklist and what it kept away.
    #[must_use]
    pub fn filter(&self) -> FilterState {
        self.shared.filter.state()
    }

    /// How often peers broke the rules, by the name of what they did, since the start.
    #[must_use]
    pub fn offences(&self) -> BTreeMap<String, u64> {
        self.shared.offences.counts()
    }

    /// Ends every torrent: reads fail, trackers hear that we stop. Later opens are refused.
    pub async fn shutdown(&self) {
        {
            let _no_open_between = self.shared.awake.lock();
            self.shared.stop.cancel();
        }
        *self.shared.listener.lock() = None;
        self.shared.tasks.close();
        if tokio::time::timeout(STOP_MAX, self.shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some torrents did not end in time");
        }
    }

    /// The handle of a torrent, awake from now on, with one more user.
    fn awake(&self, request: OpenRequest) -> Result<Arc<Handle>, EngineError> {
        let mut awake = self.shared.awake.lock();
        if self.shared.stop.is_cancelled() {
            return Err(EngineError::ShuttingDown);
        }
        if let Some(handle) = awake
            .get(request.info_hash)
            .filter(|handle| !handle.commands.is_closed())
        {
            handle.join();
            return Ok(Arc::clone(handle));
        }
        let (commands, command_queue) = mpsc::channel(COMMANDS_MAX);
        let (incoming, incoming_queue) = mpsc::channel(INCOMING_MAX);
        let handle = Arc::new(Handle::new(commands, incoming));
        handle.join();
        awake.insert(request.info_hash, Arc::clone(&handle));
        // Counted under the lock: a shutdown waits for this driver, or refuses the open.
        let counted = self.shared.tasks.token();
        drop(awake);
        let OpenRequest {
            info_hash,
            trackers,
            web_seeds,
            hints,
            info_hash_v2,
        } = request;
        self.shared.totals.woke();
        let tenant = self.shared.next_key();
        self.shared.tell(Happening::Awake(info_hash));
        let registration = Registration {
            shared: Arc::clone(&self.shared),
            info_hash,
            handle: Arc::clone(&handle),
            tenant,
        };
        let origin = Origin {
            info_hash,
            trackers,
            web_seeds,
            hints,
            info_hash_v2,
        };
        let driven = torrent::drive(
            Arc::clone(&self.shared),
            tenant,
            Arc::clone(&handle),
            origin,
            command_queue,
            incoming_queue,
        );
        self.shared.runtime.spawn(async move {
            let _counted = counted;
            let _registration = registration;
            // What the driver owned is dropped by then: its reads have failed.
            if AssertUnwindSafe(driven).catch_unwind().await.is_err() {
                tracing::error!(torrent = %info_hash, "the torrent's driver panicked; its reads fail, and the next open wakes it afresh");
            }
        });
        Ok(handle)
    }
}

/// A search for an info dict; dropping it gives up.
pub struct Resolution {
    progress: watch::Receiver<Progress>,
    info: oneshot::Receiver<Result<Bytes, ResolveError>>,
    user: Option<Arc<Handle>>,
}

impl Resolution {
    /// How far it is; a receiver that changes as it goes on.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits for the info dict. No time limit of its own.
    ///
    /// # Errors
    /// When the dict is invalid or the engine stops.
    pub async fn info(&mut self) -> Result<Bytes, ResolveError> {
        (&mut self.info).await.unwrap_or(Err(ResolveError::Ended))
    }
}

impl Drop for Resolution {
    fn drop(&mut self) {
        if let Some(handle) = self.user.take() {
            handle.leave();
        }
    }
}

#[cfg(test)]
mod tests;
