//! One awake torrent: composition only. Each input goes to one part, and each part pushes outputs.
//!
//! Driven by one task: `handle` an input, drain `poll`, next input; `Input::Turn` ends a batch. After
//! each input the invariants hold (`check_invariants`): what is charged is what is held, what a peer
//! owes is what the picker says was asked of it, and held bytes fit the lease or are on their way out.

mod admission;
mod blocks;
mod exchange;
mod explain;
mod hashes;
mod memory;
mod peers;
mod readers;
mod responsive;
mod stats;
mod turn;
mod upload;
mod web_seeds;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::announce::Announce;
use crate::budget::Want;
use crate::config::Config;
use crate::connect::Connect;
use crate::demand::Demand;
use crate::event::{Input, Output, PeerKey, ReaderKey};
use crate::exposed::Exposed;
use crate::hash_requests::HashRequests;
use crate::hedge::Hedge;
use crate::held::Held;
use crate::inquiry::Inquiry;
use crate::layout::Layout;
use crate::pace::Pace;
use crate::patience::Patience;
use crate::peer::Peer;
use crate::picker::Picker;
use crate::resolve::Inherited;
use crate::stall::Stalls;
use crate::time::Time;
use crate::trees::HashTrees;
use crate::trust::Trust;
use crate::upload::Uploads;
use crate::verify::Verify;

pub use self::stats::{PeerStats, ReaderPlace, ReaderStats, Stats};

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
    /// Breaches of the protocol, by address.
    offences: BTreeMap<IpAddr, u32>,
    announce: Announce,
    inquiry: Inquiry,
    verify: Verify,
    /// Of a v2 torrent or a hybrid.
    trees: Option<HashTrees>,
    /// Pieces have a SHA-1.
    has_v1: bool,
    hash_requests: HashRequests,
    /// Blocks that were not as their hash says.
    spoilt_blocks: u64,
    trust: Trust,
    exposed: Exposed,
    /// The readers that accept unverified bytes.
    responsive: BTreeSet<ReaderKey>,
    /// Until then nobody gets any.
    verified_until: Time,
    unverified_reads: u64,
    hedge: Hedge,
    stalls: Stalls,
    patience: Patience,
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
    verified_pieces: u64,
    /// Bytes that came for pieces that were given up since: what a seek costs.
    abandoned: u64,
    asleep: bool,
    now: Time,
}

impl Swarm {
    /// A swarm without peers and readers; `seed` only changes the order of equals.
    #[must_use]
    pub fn new(config: Config, layout: Layout, seed: u64) -> Self {
        let mut connect = Connect::new(seed, config.banned.iter().copied());
        let mut announce = Announce::new(&config.tiers, seed);
        if config.private {
            connect.make_private();
            announce.make_private(config.own_trackers);
        }
        Self {
            picker: Picker::new(&layout),
            connect,
            announce,
            inquiry: Inquiry::new(),
            layout,
            config,
            offences: BTreeMap::new(),
            demand: Demand::default(),
            held: Held::default(),
            peers: BTreeMap::new(),
            addresses: BTreeMap::new(),
            verify: Verify::default(),
            trees: None,
            has_v1: true,
            hash_requests: HashRequests::default(),
            spoilt_blocks: 0,
            trust: Trust::default(),
            exposed: Exposed::default(),
            responsive: BTreeSet::new(),
            verified_until: Time::ZERO,
            unverified_reads: 0,
            hedge: Hedge::default(),
            stalls: Stalls::default(),
            patience: Patience::default(),
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
            verified_pieces: 0,
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
        if swarm.config.private {
            swarm.connect.make_private();
            swarm.announce.make_private(swarm.config.own_trackers);
        }
        swarm
    }

    /// The same, with what was found out about its readiness to serve before.
    #[must_use]
    pub const fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// How the torrent is cut.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Takes one input. Drain [`Swarm::poll`] before the next.
    pub fn handle(&mut self, now: Time, input: Input) {
        debug_assert!(self.outputs.is_empty(), "outputs are drained first");
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
            Input::Expect(expected) => self.expect(expected),
            Input::Confirm { reader, confirmed } => self.confirm(reader, confirmed),
            Input::Candidates { source, addrs } => self.connect.add(source, addrs),
            Input::KnownGood(known) => self.remember(&known),
            Input::DialFailed { addr } => self.connect.failed(self.now, addr),
            Input::Connected {
                peer,
                addr,
                incoming,
                fast,
                v2,
                rtt_us,
            } => {
                self.connected(peer, addr, incoming, fast, rtt_us);
                self.note_v2(peer, v2);
            }
            Input::WebSeed {
                peer,
                number,
                rtt_us,
            } => self.web_seed(peer, number, rtt_us),
            Input::Closed { peer } => self.closed(peer),
            Input::Offended { peer } => self.offended(peer),
            Input::Places { connections_max } => self.resize(connections_max),
            Input::Message { peer, message } => self.message(peer, message),
            Input::RequestQueue { peer, depth } => self.request_queue(peer, depth),
            Input::DontHave { peer, piece } => self.lost_piece(peer, piece),
            Input::AllowedFast { peer, pieces } => self.may_have_choked(peer, pieces),
            Input::UploadOnly { peer, upload_only } => self.wants_nothing(peer, upload_only),
            Input::TakesDontHave { peer, id } => self.takes_dont_have(peer, id),
            Input::TakesPex { peer, id } => self.takes_pex(peer, id),
            Input::ListensAt { peer, port } => self.listens_at(peer, port),
            Input::Pex { peer, message } => self.named(peer, &message),
            Input::Uploaded { peer, bytes } => self.written(peer, bytes),
            Input::Limits { download, upload } => self.limits(download, upload),
            Input::Block { peer, span } => self.block(peer, span),
            Input::Hashed { piece, ok, digests } => self.hashed(piece, ok, &digests),
            Input::Leaves { piece, leaves } => self.blocks_hashed(piece, &leaves),
            Input::Lease { bytes } => self.lease(bytes),
            Input::Announced { tracker, outcome } => self.announce.done(self.now, tracker, outcome),
            Input::LookedUp => self.inquiry.answered(),
            Input::AnnounceNow => {
                self.announce.tell_at_once(self.now);
                self.inquiry.tell_at_once();
            }
            Input::Network { up } => self.network(up),
            Input::Shutdown => self.shutdown(),
            Input::Turn => self.turn(),
        }
        self.check_quickly(fits);
    }

    /// In debug builds, after each input.
    fn check_quickly(&self, fits: bool) {
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
            self.asleep || self.connections() <= self.config.places(true),
            "connections are bounded"
        );
    }

    /// Panics when the parts disagree with each other: for tests, simulation and fuzzing.
    pub fn check_invariants(&self) {
        self.check_sums();
        self.picker.check_invariants();
        self.connect.check_invariants();
        self.hash_requests.check_invariants();
        if let Some(trees) = &self.trees {
            trees.check_invariants();
        }
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
