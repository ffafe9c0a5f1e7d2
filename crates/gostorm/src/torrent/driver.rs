//! The driver's two halves: `next_event` awaits, `apply` mutates.
//!
//! Phases: starting (waiting for a place to wake and for the store), searching (no info dict yet),
//! running; or hopeless, when the info dict turns out to be none. Streams may open and read in any of them; reads that
//! come too early are kept. What one event changes is in `apply`, what the end and the return of the network change in
//! `network`, the ways from phase to phase in `phases`, the end in `finish`.

mod apply;
mod finish;
mod network;
mod phases;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gostorm_core::resolve::{Progress, ResolveInput};
use gostorm_core::{Input, Patience, PeerKey, Stats, Time};
use tokio::sync::{mpsc, oneshot, watch};

use super::errand::{self, Errand};
use super::links::Links;
use super::meter::Meter;
use super::reads::EarlyReads;
use super::running::Running;
use super::search::Search;
use crate::discovery::Found;
use crate::error::ResolveError;
use crate::handle::{Command, Handle, Opening, Origin};
use crate::hasher::Hashed;
use crate::limits::{Activity, Sharers};
use crate::listen::Incoming;
use crate::net::Gate;
use crate::peer::PeerEvent;
use crate::room::Seat;
use crate::shared::Shared;

/// Events taken from each queue in one batch, before the scheduler has its turn.
const BATCH_MAX: usize = 256;
/// A torrent that has no peer after this no longer counts as waking: those that nobody shares must not keep others from
/// their turn.
const WAKE_MAX: Duration = Duration::from_secs(1);
/// When the good peers of a session are kept for the first time, should the process be killed later.
const REMEMBER_AFTER: Duration = Duration::from_secs(60);
/// A machine that still calls for a turn which it has just had is not asked sooner than this again.
const OVERDUE_RETRY: Duration = Duration::from_millis(5);
/// When a full hash queue is tried again.
const HASH_RETRY: Duration = Duration::from_millis(2);

enum Phase {
    Starting,
    Searching(Box<Search>),
    Running(Box<Running>),
    /// The info dict is had and is none: nothing can be served, whatever peers come.
    Hopeless(ResolveError),
}

enum Event {
    Command(Command),
    Peer(PeerEvent),
    Hashed(Hashed),
    Errand(Errand),
    Incoming(Incoming),
    /// Peers from the DHT or the local network.
    Found(Found),
    Lease(u64),
    /// The limits are shared by others than before.
    Limits(Sharers),
    /// Peers reach us at another port than before.
    Port,
    /// The network went, came back, or changed.
    Network,
    /// Other addresses are blocked than before.
    Filter,
    /// The last user left, and perhaps another came since.
    Left,
    /// A timer: look what is due.
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
    verdicts: mpsc::UnboundedReceiver<Hashed>,
    to_verdicts: mpsc::UnboundedSender<Hashed>,
    lease: Option<watch::Receiver<u64>>,
    sharers: Option<watch::Receiver<Sharers>>,
    port: watch::Receiver<u16>,
    gate: watch::Receiver<Gate>,
    /// The generation of the network that peers are connected by; `None`: there is none.
    generation: Option<u64>,
    filter: watch::Receiver<u64>,
    /// What the limits were told last.
    activity: Activity,
    start: Instant,
    tenant: u64,
    early: EarlyReads,
    /// How long reads wait before there is a swarm.
    patience: Patience,
    /// A hash thread broke over a piece of it: it ends, and its reads with it.
    broken: bool,
    opened: Vec<Opening>,
    wishes: Vec<Wish>,
    /// The place among the waking torrents, and since when it is held.
    wake: Option<(Seat, Instant)>,
    /// What the totals of the process were told last.
    told: Stats,
    /// The last turn.
    turned: Instant,
    idle_since: Option<Instant>,
    remembered: bool,
    /// It left the library: it ends, and saves nothing.
    forgotten: bool,
    hash_retry: bool,
    meter: Meter,
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
        if driver.forgotten || driver.broken || driver.goes_to_sleep() {
            break;
        }
    }
    driver.finish().await;
}

/// The core's time of a driver that began at `start`.
fn time_since(start: Instant, moment: Instant) -> Time {
    let span = moment.saturating_duration_since(start).as_micros();
    Time(u64::try_from(span).unwrap_or(u64::MAX))
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
        let port = shared.port.subscribe();
        let mut gate = shared.net.gate();
        let generation = gate.borrow_and_update().generation();
        let filter = shared.filter.changes();
        let rest = shared
            .rests
            .of(Instant::now(), origin.info_hash, generation);
        let patience = Patience::waking(Time::ZERO, rest);
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
            sharers: None,
            port,
            gate,
            generation,
            filter,
            activity: Activity::Unread,
            start: Instant::now(),
            tenant,
            early: EarlyReads::default(),
            patience,
            broken: false,
            opened: Vec::new(),
            wishes: Vec::new(),
            wake: None,
            told: Stats::default(),
            turned: Instant::now(),
            idle_since: None,
            remembered: false,
            forgotten: false,
            hash_retry: false,
            meter: Meter::new(Instant::now()),
        }
    }

    /// Keeps the rates that are shown up to date.
    fn measure(&mut self) {
        if let Phase::Running(running) = &self.phase {
            let (received, sent) = running.swarm.traffic();
            self.meter.note(Instant::now(), received, sent);
        }
    }

    fn time_of(&self, moment: Instant) -> Time {
        time_since(self.start, moment)
    }

    fn now(&self) -> Time {
        self.time_of(Instant::now())
    }

    async fn next_event(&mut self) -> Event {
        let due = self.due_at();
        let shared = Arc::clone(&self.links.shared);
        let sharers = async {
            if let Some(sharers) = &mut self.sharers
                && sharers.changed().await.is_ok()
            {
                return *sharers.borrow_and_update();
            }
            std::future::pending().await
        };
        let lease = async {
            if let Some(lease) = &mut self.lease
                && lease.changed().await.is_ok()
            {
                return *lease.borrow_and_update();
            }
            std::future::pending().await
        };
        let network = async {
            if self.gate.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => Event::Stop,
            Some(command) = self.commands.recv() => Event::Command(command),
            Some(event) = self.links.events.recv() => Event::Peer(event),
            Some(verdict) = self.verdicts.recv() => Event::Hashed(verdict),
            Some(done) = self.links.errands.join_next() => done.map_or(Event::Due, Event::Errand),
            Some(_) = self.links.farewells.join_next() => Event::Due,
            Some(incoming) = self.incoming.recv() => Event::Incoming(incoming),
            Some(found) = self.links.found.recv() => Event::Found(found),
            bytes = lease => Event::Lease(bytes),
            sharers = sharers => Event::Limits(sharers),
            Ok(()) = self.port.changed() => Event::Port,
            () = network => Event::Network,
            Ok(()) = self.filter.changed() => Event::Filter,
            () = self.handle.last_left() => Event::Left,
            () = tokio::time::sleep_until(due.into()) => Event::Due,
        }
    }

    /// When something is due if nothing happens.
    fn due_at(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3_600);
        let machine = match &self.phase {
            Phase::Starting | Phase::Hopeless(_) => Time::NEVER,
            Phase::Searching(search) => search.machine.wake_at(),
            Phase::Running(running) => running.swarm.wake_at(),
        };
        let mut machine = self
            .start
            .checked_add(Duration::from_micros(machine.0))
            .unwrap_or(far);
        if machine <= self.turned {
            machine = self.turned + OVERDUE_RETRY;
        }
        let mut due = far.min(machine);
        let early = self.early.next_end(self.early_ends());
        due = due.min(early.unwrap_or(far));
        due = due.min(
            self.idle_since
                .map_or(far, |idle| idle + self.sleep_after()),
        );
        if let Some((_, since)) = &self.wake {
            due = due.min(*since + WAKE_MAX);
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
                Phase::Starting | Phase::Hopeless(_) => {}
            },
            Event::Hashed(Hashed::Broken) => self.broken = true,
            Event::Hashed(verdict) => {
                if let Phase::Running(running) = &mut self.phase {
                    running.hashed(now, &mut self.links, verdict);
                }
            }
            Event::Errand(errand) => self.errand(now, errand),
            Event::Incoming(incoming) => self.accept(now, incoming),
            Event::Found(found) => self.found(now, found),
            Event::Lease(bytes) => {
                if let Phase::Running(running) = &mut self.phase {
                    running.input(now, &mut self.links, Input::Lease { bytes }, None);
                    self.links.shared.memory.confirm(self.tenant, bytes);
                }
            }
            Event::Limits(sharers) => {
                self.shared_out(now, sharers);
            }
            Event::Port => self.announce_now(now),
            Event::Network => self.network(now),
            Event::Filter => self.links.drop_blocked(),
            // Sleep is counted from the last close, also when nobody looked in between.
            Event::Left => self.idle_since = None,
            Event::Due | Event::Stop => {}
        }
    }

    /// Applies what is already there, so that the scheduler sees it at once. In turns: a stream of blocks
    /// must not keep the reads waiting.
    fn apply_waiting(&mut self) {
        for _ in 0..BATCH_MAX {
            let event = self.links.events.try_recv().map(Event::Peer).ok();
            let verdict = self.verdicts.try_recv().map(Event::Hashed).ok();
            let command = self.commands.try_recv().map(Event::Command).ok();
            if event.is_none() && verdict.is_none() && command.is_none() {
                break;
            }
            for event in [event, verdict, command].into_iter().flatten() {
                self.apply(event);
            }
        }
    }

    fn turn(&mut self) {
        let now = self.now();
        self.turned = Instant::now();
        self.measure();
        self.fail_late_early(now);
        match &mut self.phase {
            Phase::Starting | Phase::Hopeless(_) => {}
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
                if self.generation.is_some() {
                    running.open_web_seeds(&mut self.links);
                }
                self.hash_retry = running.advance_hashes(&self.links);
                let activity = running.activity();
                if std::mem::replace(&mut self.activity, activity) != activity {
                    self.links.shared.limits.set(self.tenant, activity);
                }
            }
        }
        let tried = match &self.phase {
            Phase::Starting | Phase::Hopeless(_) => false,
            Phase::Searching(search) => search.machine.has_tried_all(),
            Phase::Running(running) => running.swarm.has_tried_all(),
        };
        self.wake
            .take_if(|(_, since)| tried || since.elapsed() >= WAKE_MAX);
        if !self.remembered && self.start.elapsed() >= REMEMBER_AFTER {
            self.remembered = true;
            self.remember_peers();
            self.remember_layers();
        }
    }
}
