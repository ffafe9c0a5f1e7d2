//! The engine's front: one for the process, shared by file system, HTTP and command line.
//!
//! Owns what all torrents share (pool, hash threads, listener, tracker client, budget) and the table of
//! awake torrents. The table's lock is a leaf: opening a stream and going to sleep meet there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gostorm_core::ReaderKey;
use gostorm_core::resolve::Progress;
use gostorm_wire::{InfoHash, PeerHint, PeerId};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::error::{EngineError, ResolveError};
use crate::handle::{COMMANDS_MAX, Command, Handle, INCOMING_MAX, Origin, TorrentState};
use crate::hasher::Hasher;
use crate::limits::Limits;
use crate::listen::{Accept, Listener, Welcome};
use crate::memory::Memory;
use crate::read::{FileChoice, OnDoubt};
use crate::shared::Shared;
use crate::store::TorrentStore;
use crate::stream::Stream;
use crate::torrent;
use crate::tracker::TrackerClient;

/// How long the drivers may take to end when the engine stops.
const STOP_MAX: Duration = Duration::from_secs(4);

/// A torrent, with what helps to find it when the store knows nothing of it.
#[derive(Clone, Debug)]
pub struct OpenRequest {
    /// The torrent.
    pub info_hash: InfoHash,
    /// Tracker URLs of its magnet.
    pub trackers: Vec<String>,
    /// Peers that its magnet names.
    pub hints: Vec<PeerHint>,
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
        let mut awake = self.shared.awake.lock();
        if awake
            .get(&self.info_hash)
            .is_some_and(|listed| Arc::ptr_eq(listed, &self.handle))
        {
            awake.remove(&self.info_hash);
        }
        drop(awake);
        self.shared.memory.leave(self.tenant);
        self.shared.limits.leave(self.tenant);
    }
}

struct Door(std::sync::Weak<Shared>);

impl Accept for Door {
    fn accepts(&self, info_hash: InfoHash) -> Option<Welcome> {
        let shared = self.0.upgrade()?;
        let to = shared.awake.lock().get(&info_hash)?.incoming.clone();
        Some(Welcome {
            ours: shared.handshake(info_hash),
            to,
        })
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
        let hasher = Hasher::new(config.hash_threads).map_err(EngineError::Threads)?;
        let shared = Arc::new(Shared {
            peer_id: PeerId::new(rand::random()),
            announce_key: rand::random(),
            memory: Memory::new(config.budget_bytes),
            limits: Limits::new(config.download_limit, config.upload_limit),
            hasher,
            trackers: TrackerClient::new(),
            store,
            wakes: Arc::new(Semaphore::new(config.wakes_max.max(1))),
            stop: CancellationToken::new(),
            listener: Mutex::new(None),
            port: AtomicU64::new(0),
            awake: Mutex::new(FxHashMap::default()),
            keys: AtomicU64::new(1),
            peers: Arc::default(),
            tasks: TaskTracker::new(),
            runtime: tokio::runtime::Handle::current(),
            config,
        });
        if !shared.config.listen.is_empty() {
            let listener = Listener::bind(
                &shared.config.listen,
                Arc::new(Door(Arc::downgrade(&shared))),
            )?;
            let port = listener.addresses().first().map_or(0, SocketAddr::port);
            shared.port.store(u64::from(port), Ordering::Relaxed);
            *shared.listener.lock() = Some(listener);
        }
        Ok(Self { shared })
    }

    /// The port that peers reach us at; 0 when we do not listen.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.shared.port()
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
        let handle = self.shared.awake.lock().get(&info_hash).cloned()?;
        let (reply, state) = oneshot::channel();
        handle.commands.try_send(Command::Inspect { reply }).ok()?;
        state.await.ok()
    }

    /// True when a torrent is awake. Wakes nothing.
    #[must_use]
    pub fn is_awake(&self, info_hash: InfoHash) -> bool {
        self.shared.awake.lock().contains_key(&info_hash)
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
            .get(&request.info_hash)
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
            hints,
        } = request;
        let tenant = self.shared.next_key();
        let registration = Registration {
            shared: Arc::clone(&self.shared),
            info_hash,
            handle: Arc::clone(&handle),
            tenant,
        };
        let origin = Origin {
            info_hash,
            trackers,
            hints,
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
            driven.await;
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
