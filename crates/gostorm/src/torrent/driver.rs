//! The driver's two halves: `next_event` awaits, `apply` mutates; and the ways from phase to phase.
//!
//! Phases: starting (waiting for a place to wake and for the store), searching (no info dict yet),
//! running. Streams may open and read in any of them; reads that come too early are kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gostorm_core::resolve::{Progress, ResolveInput};
use gostorm_core::{Config, Input, PeerKey, ReaderKey, Source, Swarm, Time};
use gostorm_wire::Info;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::errand::{self, Errand};
use super::links::Links;
use super::reads::{EarlyRead, EarlyReads};
use super::running::Running;
use super::search::Search;
use super::{Command, Handle, Origin, TorrentState};
use crate::engine::{ResolveError, Shared};
use crate::hasher::HashResult;
use crate::listen::Incoming;
use crate::peer::PeerEvent;
use crate::store::StoredTorrent;
use crate::stream::{FileChoice, Place, ReadError};

/// Events taken in one batch, before the scheduler has its turn.
const BATCH_MAX: usize = 256;
/// A torrent that has no peer after this no longer counts as waking.
const WAKE_MAX: Duration = Duration::from_secs(5);
/// When the good peers of a session are kept for the first time, should the process be killed later.
const REMEMBER_AFTER: Duration = Duration::from_secs(60);
/// How long trackers may take to hear that we stop.
const FAREWELL_MAX: Duration = Duration::from_secs(2);
/// When a full hash queue is tried again.
const HASH_RETRY: Duration = Duration::from_millis(2);

enum Phase {
    Starting,
    Searching(Box<Search>),
    Running(Box<Running>),
}

enum Event {
    Command(Command),
    Peer(PeerEvent),
    Hashed(HashResult),
    Errand(Errand),
    Incoming(Incoming),
    Lease(u64),
    /// A timer, or the last user left: look what is due.
    Due,
    Stop,
}

type Wish = (
    watch::Sender<Progress>,
    oneshot::Sender<Result<Bytes, ResolveError>>,
);

struct Driver {
    links: Links,
    handle: Arc<Handle>,
    origin: Option<Origin>,
    phase: Phase,
    commands: mpsc::Receiver<Command>,
    incoming: mpsc::Receiver<Incoming>,
    verdicts: mpsc::UnboundedReceiver<HashResult>,
    to_verdicts: mpsc::UnboundedSender<HashResult>,
    lease: Option<watch::Receiver<u64>>,
    start: Instant,
    tenant: u64,
    early: EarlyReads,
    opened: Vec<(ReaderKey, FileChoice, Arc<Place>)>,
    wishes: Vec<Wish>,
    wake: Option<OwnedSemaphorePermit>,
    idle_since: Option<Instant>,
    remembered: bool,
    hash_retry: bool,
}

/// Runs one torrent until it sleeps or the engine stops.
pub(crate) async fn drive(
    shared: Arc<Shared>,
    tenant: u64,
    handle: Arc<Handle>,
    origin: Origin,
    commands: mpsc::Receiver<Command>,
    incoming: mpsc::Receiver<Incoming>,
) {
    let mut driver = Driver::new(shared, tenant, handle, origin, commands, incoming);
    loop {
        let event = driver.next_event().await;
        if matches!(event, Event::Stop) {
            break;
        }
        driver.apply(event);
        driver.apply_waiting();
        driver.turn();
        if driver.goes_to_sleep() {
            break;
        }
    }
    driver.finish().await;
}

impl Driver {
    fn new(
        shared: Arc<Shared>,
        tenant: u64,
        handle: Arc<Handle>,
        origin: Origin,
        commands: mpsc::Receiver<Command>,
        incoming: mpsc::Receiver<Incoming>,
    ) -> Self {
        let (to_verdicts, verdicts) = mpsc::unbounded_channel();
        let mut links = Links::new(Arc::clone(&shared), origin.info_hash);
        links.errands.spawn(errand::load(shared, origin.info_hash));
        Self {
            links,
            handle,
            origin: Some(origin),
            phase: Phase::Starting,
            commands,
            incoming,
            verdicts,
            to_verdicts,
            lease: None,
            start: Instant::now(),
            tenant,
            early: EarlyReads::default(),
            opened: Vec::new(),
            wishes: Vec::new(),
            wake: None,
            idle_since: None,
            remembered: false,
            hash_retry: false,
        }
    }

    fn time_of(&self, moment: Instant) -> Time {
        Time(
            u64::try_from(moment.saturating_duration_since(self.start).as_micros())
                .unwrap_or(u64::MAX),
        )
    }

    fn now(&self) -> Time {
        self.time_of(Instant::now())
    }

    async fn next_event(&mut self) -> Event {
        let due = self.due_at();
        let shared = Arc::clone(&self.links.shared);
        let lease = async {
            if let Some(lease) = &mut self.lease
                && lease.changed().await.is_ok()
            {
                return *lease.borrow_and_update();
            }
            std::future::pending().await
        };
        tokio::select! {
            () = shared.stop.cancelled() => Event::Stop,
            Some(command) = self.commands.recv() => Event::Command(command),
            Some(event) = self.links.events.recv() => Event::Peer(event),
            Some(verdict) = self.verdicts.recv() => Event::Hashed(verdict),
            Some(done) = self.links.errands.join_next() => done.map_or(Event::Due, Event::Errand),
            Some(_) = self.links.farewells.join_next() => Event::Due,
            Some(incoming) = self.incoming.recv() => Event::Incoming(incoming),
            bytes = lease => Event::Lease(bytes),
            () = self.handle.last_left() => Event::Due,
            () = tokio::time::sleep_until(due.into()) => Event::Due,
        }
    }

    /// When something is due if nothing happens.
    fn due_at(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3_600);
        let machine = match &self.phase {
            Phase::Starting => Time::NEVER,
            Phase::Searching(search) => search.machine.wake_at(),
            Phase::Running(running) => running.swarm.wake_at(),
        };
        let machine = self
            .start
            .checked_add(Duration::from_micros(machine.0))
            .unwrap_or(far);
        let config = &self.links.shared.config;
        let mut due = far.min(machine);
        due = due.min(
            self.early
                .next_deadline(config.read_deadline)
                .unwrap_or(far),
        );
        due = due.min(
            self.idle_since
                .map_or(far, |idle| idle + config.sleep_after),
        );
        if self.wake.is_some() {
            due = due.min(self.start + WAKE_MAX);
        }
        if !self.remembered {
            due = due.min(self.start + REMEMBER_AFTER);
        }
        if self.hash_retry {
            due = due.min(Instant::now() + HASH_RETRY);
        }
        due
    }

    fn apply(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Command(command) => self.command(now, command),
            Event::Peer(PeerEvent { peer, what }) => match &mut self.phase {
                Phase::Running(running) => running.peer(now, &mut self.links, PeerKey(peer), what),
                Phase::Searching(search) => search.peer(now, &mut self.links, PeerKey(peer), what),
                Phase::Starting => {}
            },
            Event::Hashed(verdict) => {
                if let Phase::Running(running) = &mut self.phase {
                    running.hashed(now, &mut self.links, verdict);
                }
            }
            Event::Errand(errand) => self.errand(now, errand),
            Event::Incoming(incoming) => self.accept(now, incoming),
            Event::Lease(bytes) => {
                if let Phase::Running(running) = &mut self.phase {
                    running.input(now, &mut self.links, Input::Lease { bytes }, None);
                }
            }
            Event::Due | Event::Stop => {}
        }
    }

    /// Applies what is already there, so that the scheduler sees it at once.
    fn apply_waiting(&mut self) {
        for _ in 0..BATCH_MAX {
            if let Ok(event) = self.links.events.try_recv() {
                self.apply(Event::Peer(event));
            } else if let Ok(verdict) = self.verdicts.try_recv() {
                self.apply(Event::Hashed(verdict));
            } else if let Ok(command) = self.commands.try_recv() {
                self.apply(Event::Command(command));
            } else {
                break;
            }
        }
    }

    fn command(&mut self, now: Time, command: Command) {
        match (command, &mut self.phase) {
            (
                Command::Open {
                    reader,
                    choice,
                    place,
                },
                Phase::Running(running),
            ) => running.open(now, &mut self.links, reader, &choice, &place),
            (
                Command::Open {
                    reader,
                    choice,
                    place,
                },
                _,
            ) => self.opened.push((reader, choice, place)),
            (
                Command::Read {
                    reader,
                    offset,
                    len,
                    since,
                    reply,
                },
                Phase::Running(_),
            ) => self.read(
                now,
                EarlyRead {
                    reader,
                    offset,
                    len,
                    since,
                    reply,
                },
            ),
            (
                Command::Read {
                    reader,
                    offset,
                    len,
                    since,
                    reply,
                },
                _,
            ) => self.early.push(EarlyRead {
                reader,
                offset,
                len,
                since,
                reply,
            }),
            (
                Command::Position {
                    reader,
                    offset,
                    len,
                },
                Phase::Running(running),
            ) => running.position(now, &mut self.links, reader, offset, len),
            (Command::Position { .. }, _) => {}
            (Command::Close { reader }, Phase::Running(running)) => {
                running.close(now, &mut self.links, reader)
            }
            (Command::Close { reader }, _) => {
                self.opened.retain(|(open, _, _)| *open != reader);
                self.early.close(reader);
            }
            (Command::Resolve { progress, done }, Phase::Running(running)) => {
                progress.send_replace(Progress::default());
                // Who asked may have gone.
                let _ = done.send(Ok(running.info_bytes.clone()));
            }
            (Command::Resolve { progress, done }, _) => self.wishes.push((progress, done)),
            (Command::Inspect { reply }, _) => {
                let _ = reply.send(self.state());
            }
        }
    }

    fn read(&mut self, now: Time, read: EarlyRead) {
        let deadline = self.time_of(read.since + self.links.shared.config.read_deadline);
        if let Phase::Running(running) = &mut self.phase {
            running.read(
                now,
                &mut self.links,
                read.reader,
                read.offset,
                read.len,
                deadline,
                read.reply,
            );
        }
    }

    fn state(&self) -> TorrentState {
        match &self.phase {
            Phase::Running(running) => TorrentState {
                resolved: true,
                stats: running.swarm.stats(),
                peers: running.swarm.peer_stats().collect(),
            },
            Phase::Starting | Phase::Searching(_) => TorrentState::default(),
        }
    }

    fn errand(&mut self, now: Time, errand: Errand) {
        if matches!(errand, Errand::Dialed { outcome: Ok(_), .. }) {
            self.wake = None;
        }
        match (&mut self.phase, errand) {
            (
                Phase::Starting,
                Errand::Loaded {
                    wake,
                    stored,
                    banned,
                },
            ) => {
                self.wake = Some(wake);
                let stored = stored.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the store cannot say what it knows of a torrent");
                    None
                });
                self.begin(now, stored.unwrap_or_default(), banned);
            }
            (Phase::Running(running), errand) => running.errand(now, &mut self.links, errand),
            (Phase::Searching(search), errand) => search.errand(now, &mut self.links, errand),
            (Phase::Starting, _) => {}
        }
    }

    fn accept(
        &mut self,
        now: Time,
        Incoming {
            stream,
            address,
            theirs,
        }: Incoming,
    ) {
        match &mut self.phase {
            Phase::Running(running) => {
                let size = u32::try_from(running.info_bytes.len()).ok();
                let peer = self.links.adopt(stream, address, &theirs, true, None, size);
                running.connected(now, &mut self.links, peer);
            }
            Phase::Searching(search) => {
                let peer = self.links.adopt(stream, address, &theirs, true, None, None);
                search.input(
                    now,
                    &mut self.links,
                    ResolveInput::Connected {
                        peer,
                        addr: address,
                        incoming: true,
                    },
                );
            }
            Phase::Starting => {}
        }
    }

    /// The store has spoken: search for the info dict, or run.
    fn begin(&mut self, now: Time, stored: StoredTorrent, banned: Vec<std::net::IpAddr>) {
        let Some(origin) = self.origin.take() else {
            return;
        };
        let mut trackers = stored.trackers;
        trackers.extend(origin.trackers);
        let mut seen = rustc_hash::FxHashSet::default();
        trackers.retain(|url| seen.insert(url.clone()));
        self.links.set_trackers(trackers);
        let config = Config {
            connections_max: self.links.shared.config.connections_per_torrent,
            trackers: self.links.tracker_count(),
            banned,
        };
        let mut hints = stored.hints;
        hints.extend(origin.hints);
        let addrs = self.links.hints(hints);
        let seed = self.links.shared.next_key();
        let known = stored.info.and_then(|bytes| {
            let info = Info::parse(&bytes).inspect_err(|error| tracing::error!(%error, "the stored info dict is broken; it is fetched again")).ok();
            info.filter(|_| Info::info_hash_of(&bytes) == self.links.info_hash).map(|info| (info, bytes))
        });
        if let Some((info, bytes)) = known
            && let Some(layout) = Running::layout(&info)
        {
            let swarm = Swarm::new(config, layout, seed);
            self.run(now, swarm, info, bytes);
            self.feed(now, Input::KnownGood(stored.known_good));
            self.feed(
                now,
                Input::Candidates {
                    source: Source::Hint,
                    addrs,
                },
            );
        } else {
            let mut search = Search::new(&self.links, config, seed);
            search.input(
                now,
                &mut self.links,
                ResolveInput::Candidates {
                    source: Source::Hint,
                    addrs,
                },
            );
            let known = stored.known_good.iter().map(|peer| peer.addr).collect();
            search.input(
                now,
                &mut self.links,
                ResolveInput::Candidates {
                    source: Source::KnownGood,
                    addrs: known,
                },
            );
            self.phase = Phase::Searching(Box::new(search));
        }
    }

    fn feed(&mut self, now: Time, input: Input) {
        if let Phase::Running(running) = &mut self.phase {
            running.input(now, &mut self.links, input, None);
        }
    }

    /// Enters the running phase with all that waited for it.
    fn run(&mut self, now: Time, swarm: Swarm, info: Info, bytes: Bytes) {
        self.lease = Some(
            self.links
                .shared
                .memory
                .join(self.tenant, swarm.layout().piece_len()),
        );
        let running = Running::new(
            swarm,
            info,
            bytes.clone(),
            self.to_verdicts.clone(),
            self.tenant,
        );
        self.phase = Phase::Running(Box::new(running));
        for (_, done) in std::mem::take(&mut self.wishes) {
            let _ = done.send(Ok(bytes.clone()));
        }
        for (reader, choice, place) in std::mem::take(&mut self.opened) {
            self.command(
                now,
                Command::Open {
                    reader,
                    choice,
                    place,
                },
            );
        }
        for read in self.early.take() {
            self.read(now, read);
        }
    }

    fn turn(&mut self) {
        let now = self.now();
        self.early
            .fail_late(Instant::now(), self.links.shared.config.read_deadline);
        if self.start.elapsed() >= WAKE_MAX {
            self.wake = None;
        }
        match &mut self.phase {
            Phase::Starting => {}
            Phase::Searching(search) => {
                search.input(now, &mut self.links, ResolveInput::Turn);
                let progress = search.machine.progress();
                self.wishes.retain(|(watch, done)| {
                    watch.send_if_modified(|last| std::mem::replace(last, progress) != progress);
                    !done.is_closed()
                });
                self.resolved(now);
            }
            Phase::Running(running) => {
                running.input(now, &mut self.links, Input::Turn, None);
                self.hash_retry = running.advance_hashes(&self.links);
            }
        }
        if !self.remembered && self.start.elapsed() >= REMEMBER_AFTER {
            self.remembered = true;
            self.remember_peers();
        }
    }

    /// When the search has the info dict: keep it, and run with the peers that it found.
    fn resolved(&mut self, now: Time) {
        let Phase::Searching(search) = &mut self.phase else {
            return;
        };
        let Some(bytes) = search.machine.take_info() else {
            return;
        };
        let info = match Info::parse(&bytes) {
            Ok(info) => info,
            Err(error) => {
                // The hash is right and the dict is not: no peer can mend that.
                tracing::warn!(torrent = %self.links.info_hash, %error, "the torrent's info dict is invalid");
                for (_, done) in std::mem::take(&mut self.wishes) {
                    let _ = done.send(Err(ResolveError::Invalid(error.clone())));
                }
                self.early.fail_all(ReadError::Unavailable);
                return;
            }
        };
        let Some(layout) = Running::layout(&info) else {
            return;
        };
        let Phase::Searching(search) = std::mem::replace(&mut self.phase, Phase::Starting) else {
            return;
        };
        let (inherited, preludes) = search.machine.into_parts();
        let shared = Arc::clone(&self.links.shared);
        let config = Config {
            connections_max: shared.config.connections_per_torrent,
            trackers: self.links.tracker_count(),
            banned: Vec::new(),
        };
        let bytes = Bytes::from(bytes);
        let (info_hash, kept) = (self.links.info_hash, bytes.clone());
        self.links.farewells.spawn(errand::store(
            shared,
            "an info dict",
            move |shared: &Shared| shared.store.save_info(info_hash, &kept),
        ));
        self.run(
            now,
            Swarm::inherit(config, layout, self.tenant, inherited),
            info,
            bytes,
        );
        if let Phase::Running(running) = &mut self.phase {
            for prelude in preludes {
                running.connected(now, &mut self.links, prelude.peer);
                for message in prelude.messages {
                    running.input(
                        now,
                        &mut self.links,
                        Input::Message {
                            peer: prelude.peer,
                            message,
                        },
                        None,
                    );
                }
            }
            running.input(now, &mut self.links, Input::Turn, None);
        }
    }

    fn remember_peers(&mut self) {
        let Phase::Running(running) = &self.phase else {
            return;
        };
        let good = running.swarm.known_good();
        if good.is_empty() {
            return;
        }
        let info_hash = self.links.info_hash;
        let write = move |shared: &Shared| shared.store.save_known_good(info_hash, &good);
        self.links.farewells.spawn(errand::store(
            Arc::clone(&self.links.shared),
            "the good peers",
            write,
        ));
    }

    /// True when nobody has used the torrent for long enough, and nobody comes in between.
    fn goes_to_sleep(&mut self) -> bool {
        if self.handle.users() > 0 {
            self.idle_since = None;
            return false;
        }
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        let shared = &self.links.shared;
        since.elapsed() >= shared.config.sleep_after
            && shared.retire(self.links.info_hash, &self.handle)
    }

    /// Answers every read, tells the trackers, gives every byte back.
    async fn finish(mut self) {
        let now = self.now();
        self.remember_peers();
        self.early.fail_all(ReadError::ShuttingDown);
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Read { reply, .. } = command {
                reply(Err(ReadError::ShuttingDown));
            }
        }
        match &mut self.phase {
            Phase::Starting => {}
            Phase::Searching(search) => {
                for plan in search.machine.stop() {
                    let _ = self.links.act(gostorm_core::Output::Announce(plan));
                }
            }
            Phase::Running(running) => running.input(now, &mut self.links, Input::Shutdown, None),
        }
        self.links.peers.clear();
        self.links.errands.abort_all();
        let farewells = async { while self.links.farewells.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL_MAX, farewells).await.is_err() {
            tracing::debug!(torrent = %self.links.info_hash, "a tracker did not take our farewell in time");
        }
    }
}
