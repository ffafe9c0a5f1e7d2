//! The world of one run: it drives swarms and the arbiter as the shell does, on virtual time.
//!
//! The rule is the shell's: one input, every output acted upon, the next input; `Turn` ends a batch.
//! A batch is all that happens within one `quantum`. After each input safety is checked (`check`):
//! memory within the budget, slots filled once, nothing served that is not right and verified, and
//! no wake-up that spins. A broken rule panics with what is wrong; the caller adds the seed.

mod check;
mod connection;
mod driver;
mod exposed;
mod figures;
mod hashing;
mod naps;
mod network;
mod readers;
mod report;
mod seated;
mod spec;
mod store;
mod torrent;
mod trace;
mod unverified;
mod uploads;

use std::collections::VecDeque;

use gostorm_core::budget::Arbiter;
use gostorm_core::{Input, PeerKey, Swarm, Time};
use gostorm_wire::{BlockSpan, Message, PieceIndex};

use self::connection::Connection;
pub use self::report::{Report, TorrentReport};
use self::seated::{ReadOrder, Seated};
pub use self::spec::{Nap, TorrentSpec, WorldSpec};
use self::torrent::Torrent;
pub use self::trace::Text;
use self::trace::Trace;
use crate::events::Events;
use crate::link::Link;
use crate::peer::{PeerTimer, Saying};
use crate::player::PlayerKind;
use crate::rng::Rng;

/// Turns that one batch may cause.
const TURNS_MAX: u32 = 10_000;

/// Something that will happen.
#[derive(Debug)]
enum Event {
    /// The driver of a torrent takes an input.
    Input(usize, Input),
    /// The driver of a torrent looks into its mailbox for a lease.
    Lease(usize),
    /// A torrent's wake-up time, if it still is the one with this number.
    Wake(usize, u64),
    /// A dial of ours to a peer ends.
    Dialled(usize, usize),
    /// A peer dials us.
    Knock(usize, usize),
    /// What a peer said reaches our line; then us.
    Reaches(usize, Saying),
    /// What a peer said has arrived.
    Hears(usize, Saying),
    /// What we said reaches a peer.
    Tells(usize, Message),
    /// A block of ours was written to a peer's socket.
    Written(usize, u64),
    /// A block of ours has arrived at a peer.
    Takes(usize, BlockSpan),
    /// A peer's timer.
    PeerTimer(usize, PeerTimer),
    /// A complete piece was hashed; the number tells this filling from another.
    Hashed(usize, PieceIndex, u64),
    /// A tracker answers.
    TrackerAnswers(usize, usize),
    /// A player opens its file.
    Starts(usize),
    /// A player's timer, if it still is the one with this number.
    PlayerTimer(usize, u64),
    /// A read's answer reaches its player.
    Answered(u64, bool),
    /// Nobody has had a torrent open for a while.
    Sleeps(usize),
}

/// One run.
pub struct World {
    spec: WorldSpec,
    /// The driver's clock: the end of the batch.
    now: Time,
    /// How far the machine's clock is behind, after the naps in which it stood still, microseconds.
    lag: u64,
    /// Naps taken, and peers that were snubbed at the end of one.
    naps: usize,
    snubbed_by_naps: u64,
    /// When the event being applied happened: the clock of all that is not the driver.
    moment: Time,
    events: Events<Event>,
    /// Inputs that follow from the outputs of the one being handled.
    pending: VecDeque<(usize, Input)>,
    /// Torrents whose mailbox has a lease.
    leases: VecDeque<usize>,
    rng: Rng,
    arbiter: Arbiter,
    torrents: Vec<Torrent>,
    connections: Vec<Connection>,
    access: Option<Link>,
    seats: Vec<Option<Seated>>,
    /// Players that open when a scan has ended.
    scans: VecDeque<usize>,
    reads: rustc_hash::FxHashMap<u64, ReadOrder>,
    next_read: u64,
    inputs: u64,
    held_max: u64,
    healthy_from: Time,
    hasher_free: Time,
    trace: Trace,
    /// What a block in hand is, for `Output::Store`.
    in_hand: Option<(PeerKey, BlockSpan, u64)>,
}

impl World {
    /// A world at time 0; the same spec and seed give the same run.
    #[must_use]
    pub fn new(spec: WorldSpec, seed: u64) -> Self {
        let rng = Rng::new(seed);
        let mut events = Events::default();
        let torrents: Vec<Torrent> = spec
            .torrents
            .iter()
            .map(|torrent| Torrent::new(torrent.clone(), seed))
            .collect();
        let mut scanners = spec.scanners.unwrap_or(usize::MAX);
        let mut scans = VecDeque::new();
        for (at, player) in spec.players.iter().enumerate() {
            let scan = matches!(player.kind, PlayerKind::Scan);
            if scan && scanners == 0 {
                scans.push_back(at);
                continue;
            }
            scanners -= usize::from(scan);
            events.push(Time::ZERO + player.starts, Event::Starts(at));
        }
        let mut world = Self {
            now: Time::ZERO,
            lag: 0,
            naps: 0,
            snubbed_by_naps: 0,
            moment: Time::ZERO,
            events,
            pending: VecDeque::new(),
            leases: VecDeque::new(),
            arbiter: Arbiter::new(spec.budget),
            torrents,
            connections: Vec::new(),
            access: spec.access.map(Link::new),
            scans,
            seats: spec.players.iter().map(|_| None).collect(),
            reads: rustc_hash::FxHashMap::default(),
            next_read: 0,
            inputs: 0,
            held_max: 0,
            healthy_from: Time::NEVER,
            hasher_free: Time::ZERO,
            trace: Trace::default(),
            in_hand: None,
            rng,
            spec,
        };
        (0..world.torrents.len()).for_each(|torrent| world.introduce(torrent));
        world.settle();
        world
    }

    /// Keeps the trace as text too, for `replay --trace`, from now on.
    pub fn keep_text(&mut self) -> Text {
        self.trace.keep_text()
    }

    /// Every read made at `from` or later must be served: the network is healthy then.
    pub const fn expect_service_from(&mut self, from: Time) {
        self.healthy_from = from;
    }

    /// The present.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The state machine of a torrent.
    #[must_use]
    pub fn swarm(&self, torrent: usize) -> &Swarm {
        &self.torrents[torrent].swarm
    }

    /// Runs until nothing happens before `until`, and moves the clock there.
    pub fn run_until(&mut self, until: Time) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Runs until every player has all it wanted, or `until`. True when they have.
    pub fn run_until_done(&mut self, until: Time) -> bool {
        while !self.all_done() && self.step(until) {}
        if !self.all_done() {
            self.now = self.now.max(until);
        }
        self.all_done()
    }

    /// Takes one batch of events; false when there is none before `until`.
    fn step(&mut self, until: Time) -> bool {
        let Some(at) = self.events.next_at().filter(|at| *at <= until) else {
            return false;
        };
        // The driver comes a little late and takes all that has come in the meantime.
        let quantum = u64::try_from(self.spec.quantum.as_micros())
            .unwrap_or(0)
            .max(1);
        self.now = self.now.max(Time(at.0.div_ceil(quantum) * quantum));
        let napped = self.nap();
        while let Some((at, event)) = self.events.pop(self.now) {
            self.moment = at;
            self.apply(event);
            self.drain_pending();
        }
        self.settle();
        if let Some(snubbed) = napped {
            self.snubbed_by_naps += self.snubbed().saturating_sub(snubbed);
        }
        true
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Input(torrent, input) => self.give(torrent, input),
            Event::Lease(torrent) => self.take_lease(torrent),
            Event::Wake(torrent, number) => {
                if self.torrents[torrent].wake_number == number {
                    self.torrents[torrent].woke();
                }
            }
            Event::Dialled(torrent, peer) => self.dialled(torrent, peer),
            Event::Knock(torrent, peer) => self.knocks(torrent, peer),
            Event::Reaches(connection, saying) => self.reaches(connection, saying),
            Event::Hears(connection, saying) => self.hears(connection, saying),
            Event::Tells(connection, message) => self.tells(connection, &message),
            Event::Written(connection, bytes) => self.written(connection, bytes),
            Event::Takes(connection, span) => self.takes(connection, span),
            Event::PeerTimer(connection, timer) => self.peer_timer(connection, timer),
            Event::Hashed(torrent, piece, filling) => self.hashed(torrent, piece, filling),
            Event::TrackerAnswers(torrent, tracker) => self.tracker_answers(torrent, tracker),
            Event::Starts(player) => self.starts(player),
            Event::PlayerTimer(player, number) => self.player_timer(player, number),
            Event::Answered(read, served) => self.answered(read, served),
            Event::Sleeps(torrent) => self.shut_down(torrent),
        }
    }

    /// Hands an input to a swarm and acts on its outputs.
    fn give(&mut self, torrent: usize, input: Input) {
        self.inputs += 1;
        let clock = self.clock();
        self.trace.input(clock, torrent, &input);
        let one = &mut self.torrents[torrent];
        one.dirty = true;
        one.swarm.handle(clock, input);
        while let Some(output) = self.torrents[torrent].swarm.poll() {
            self.trace.output(clock, torrent, &output);
            self.act(torrent, output);
        }
        self.in_hand = None;
        self.check_after_input(torrent);
    }

    fn drain_pending(&mut self) {
        loop {
            if let Some((torrent, input)) = self.pending.pop_front() {
                self.give(torrent, input);
            } else if let Some(torrent) = self.leases.pop_front() {
                self.take_lease(torrent);
            } else {
                return;
            }
        }
    }

    /// Ends the batch: a turn for each swarm that took an input or was woken.
    fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            self.drain_pending();
            let Some(torrent) = self.torrents.iter().position(|torrent| torrent.dirty) else {
                return;
            };
            self.give(torrent, Input::Turn);
            self.torrents[torrent].dirty = false;
            self.set_wake(torrent);
        }
        panic!("a batch at {} does not end", self.now);
    }

    fn set_wake(&mut self, torrent: usize) {
        let (clock, lag) = (self.clock(), self.lag);
        let one = &mut self.torrents[torrent];
        let at = one.swarm.wake_at();
        one.check_spin(clock, at);
        if one.wake_at != at {
            one.wake_at = at;
            one.wake_number += 1;
            let later = Time(at.0.saturating_add(lag)).max(Time(self.now.0 + 1));
            let number = one.wake_number;
            if at != Time::NEVER {
                self.events.push(later, Event::Wake(torrent, number));
            }
        }
    }
}
