//! One awake torrent: composition only. Each input goes to one part, and each part pushes outputs.
//!
//! Driven by one task: `handle` an input, drain `poll`, next input; `Input::Turn` ends a batch. After
//! each input the invariants hold (`check_invariants`): what is charged is what is held, what a peer
//! owes is what the picker says was asked of it, and held bytes fit the lease or are on their way out.

mod blocks;
mod explain;
mod memory;
mod peers;
mod readers;
mod responsive;
mod stats;
mod turn;
mod upload;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use crate::announce::Announce;
use crate::budget::Want;
use crate::config::Config;
use crate::connect::Connect;
use crate::demand::Demand;
use crate::event::{Input, Output, PeerKey, ReaderKey};
use crate::exposed::Exposed;
use crate::hedge::Hedge;
use crate::held::Held;
use crate::layout::Layout;
use crate::pace::Pace;
use crate::peer::Peer;
use crate::picker::Picker;
use crate::resolve::Inherited;
use crate::stall::Stalls;
use crate::time::Time;
use crate::trust::Trust;
use crate::upload::Uploads;
use crate::verify::Verify;

pub use self::stats::{PeerStats, ReaderStats, Stats};

/// The state machine of one torrent.
#[derive(Clone, Debug)]
pub struct Swarm {
    layout: Layout,
    config: Config,
    demand: Demand,
    picker: Picker,
    held: Held,
    /// A map in key order, so that equal inputs walk the peers in equal order.
    peers: BTreeMap<PeerKey, Peer>,
    /// Addresses of peers of this session, also of those that left: blame outlives a connection.
    addresses: BTreeMap<PeerKey, SocketAddr>,
    connect: Connect,
    announce: Announce,
    verify: Verify,
    trust: Trust,
    exposed: Exposed,
    /// The readers that accept unverified bytes.
    responsive: BTreeSet<ReaderKey>,
    /// Until then nobody gets any.
    verified_until: Time,
    unverified_reads: u64,
    hedge: Hedge,
    stalls: Stalls,
    uploads: Uploads,
    /// The download limit.
    intake: Pace,
    /// The limit kept back what could be asked for.
    held_back: bool,
    outputs: VecDeque<Output>,
    /// Windows or readers changed since the last turn: requests may be unwanted now.
    demand_moved: bool,
    /// What the arbiter was told last: want and held.
    told: (Want, u64),
    last_share: Time,
    last_drop: Time,
    /// When a bad peer may be replaced.
    replace_at: Time,
    downloaded: u64,
    wasted: u64,
    /// Bytes that came for pieces that were given up since: what a seek costs.
    abandoned: u64,
    asleep: bool,
    now: Time,
}

impl Swarm {
    /// A swarm without peers and readers; `seed` only changes the order of equals.
    #[must_use]
    pub fn new(config: Config, layout: Layout, seed: u64) -> Self {
        Self {
            picker: Picker::new(&layout),
            connect: Connect::new(seed, config.banned.iter().copied()),
            announce: Announce::new(config.trackers),
            layout,
            config,
            demand: Demand::default(),
            held: Held::default(),
            peers: BTreeMap::new(),
            addresses: BTreeMap::new(),
            verify: Verify::default(),
            trust: Trust::default(),
            exposed: Exposed::default(),
            responsive: BTreeSet::new(),
            verified_until: Time::ZERO,
            unverified_reads: 0,
            hedge: Hedge::default(),
            stalls: Stalls::default(),
            uploads: Uploads::new(seed),
            intake: Pace::default(),
            held_back: false,
            outputs: VecDeque::new(),
            demand_moved: false,
            told: (Want::default(), 0),
            last_share: Time::ZERO,
            last_drop: Time::ZERO,
            replace_at: Time::ZERO,
            downloaded: 0,
            wasted: 0,
            abandoned: 0,
            asleep: false,
            now: Time::ZERO,
        }
    }

    /// A swarm that goes on with the addresses and tracker clocks of a magnet's search. Its peers
    /// come as [`Input::Connected`] and their kept messages, like any others.
    #[must_use]
    pub fn inherit(config: Config, layout: Layout, seed: u64, inherited: Inherited) -> Self {
        let mut swarm = Self::new(config, layout, seed);
        swarm.connect = inherited.connect;
        swarm.announce = inherited.announce;
        swarm
    }

    /// How the torrent is cut.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Takes one input. Drain [`Swarm::poll`] before the next.
    pub fn handle(&mut self, now: Time, input: Input) {
        debug_assert!(
            self.outputs.is_empty(),
            "outputs are drained before the next input"
        );
        self.excuse_late_driver(now);
        self.now = self.now.max(now);
        let fits = matches!(input, Input::Turn | Input::Lease { .. });
        match input {
            Input::Open {
                reader,
                file,
                policy,
            } => self.open(reader, file, policy),
            Input::Close { reader } => self.close(reader),
            Input::Read {
                reader,
                read,
                range,
                deadline,
            } => self.read(reader, read, range, deadline),
            Input::Position { reader, range } => self.position(reader, &range),
            Input::Candidates { source, addrs } => self.connect.add(source, addrs),
            Input::KnownGood(known) => self.remember(&known),
            Input::DialFailed { addr } => self.connect.failed(self.now, addr),
            Input::Connected {
                peer,
                addr,
                incoming,
                fast,
                rtt_us,
            } => self.connected(peer, addr, incoming, fast, rtt_us),
            Input::Closed { peer } => self.closed(peer),
            Input::Message { peer, message } => self.message(peer, message),
            Input::RequestQueue { peer, depth } => self.request_queue(peer, depth),
            Input::DontHave { peer, piece } => self.lost_piece(peer, piece),
            Input::TakesDontHave { peer, id } => self.takes_dont_have(peer, id),
            Input::Uploaded { peer, bytes } => self.written(peer, bytes),
            Input::Limits { download, upload } => self.limits(download, upload),
            Input::Block { peer, span } => self.block(peer, span),
            Input::Hashed { piece, ok, digests } => self.hashed(piece, ok, &digests),
            Input::Lease { bytes } => self.lease(bytes),
            Input::Announced { tracker, outcome } => self.announce.done(self.now, tracker, outcome),
            Input::Shutdown => self.shutdown(),
            Input::Turn => self.turn(),
        }
        if cfg!(debug_assertions) {
            self.check_sums();
            assert!(
                !fits || self.fits_lease(),
                "what can go of what is held over the lease is gone"
            );
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// True when nothing is held over the lease but what is about to be read.
    fn fits_lease(&self) -> bool {
        self.held.lease() >= self.held.bytes()
            || self
                .held
                .victims(&self.layout, 0, &self.demand.protected(self.now))
                .is_empty()
    }

    /// Panics when a cheap sum is off: run after each input in debug builds.
    fn check_sums(&self) {
        assert!(
            self.asleep || self.peers.len() <= self.config.places(true),
            "connections are bounded"
        );
    }

    /// Panics when the parts disagree with each other: for tests, simulation and fuzzing.
    pub fn check_invariants(&self) {
        self.check_sums();
        self.picker.check_invariants();
        self.connect.check_invariants();
        for piece in self.exposed.pieces() {
            assert!(
                self.picker.active(piece).is_some(),
                "piece {piece} is exposed and being filled"
            );
        }
        self.check_uploads();
        let mut charged = 0;
        for piece in self.held.pieces() {
            assert!(
                self.picker.holds(piece),
                "piece {piece} is charged and not there"
            );
            charged += u64::from(self.layout.piece_size(piece));
        }
        assert_eq!(charged, self.held.bytes(), "charged bytes");
        for piece in (0..self.layout.piece_count()).map(gostorm_wire::PieceIndex) {
            assert!(
                !self.picker.holds(piece) || self.held.contains(piece),
                "piece {piece} is there and not charged"
            );
        }
        for peer in self.peers.values() {
            for asked in peer.asked() {
                let owners = self.picker.asked_of(asked.block);
                assert!(
                    owners.contains(&Some(peer.key)),
                    "block {:?} is owed by {:?}",
                    asked.block,
                    peer.key
                );
            }
        }
        let owed: usize = self.peers.values().map(|peer| peer.asked().count()).sum();
        assert_eq!(
            owed,
            self.picker.asked_count(),
            "every asked block is owed by a peer"
        );
    }
}

#[cfg(test)]
mod tests;
