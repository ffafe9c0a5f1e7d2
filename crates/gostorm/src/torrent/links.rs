//! What both phases of a driver share: the connected peers, and the errands under way.
//!
//! Carries out those outputs of the state machines that need no more than this; the rest is handed back.
//! A peer that does not take a message is lost: its key is kept in `lost` until the machine was told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gostorm_core::{
    AnnounceOutcome, AnnouncePlan, DisconnectReason, Input, Output, PeerKey, Source,
    web_seed_number,
};
use gostorm_wire::{
    BlockSpan, EXTENDED_HANDSHAKE_ID, ExtendedHandshake, Handshake, InfoHash, InfoHashV2, Message,
    PeerHint, PeerId,
};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::errand::{self, Errand};
use super::metadata::Given;
use super::trackers::Trackers;
use super::web_seeds::WebSeeds;
use crate::cache::PieceBuf;
use crate::dial::Dialled;
use crate::discovery::{FOUND_MAX, Found};
use crate::peer::{self, PeerConfig, PeerEvent, PeerHandle};
use crate::shared::Shared;
use crate::tracker::{Announced, TrackerError};
use crate::transport::Transport;
use crate::web_seed::WebSeedError;

/// The id under which we take `ut_metadata` messages (BEP 10: our choice).
pub(super) const UT_METADATA_ID: u8 = 1;
/// The id under which we take `lt_donthave` messages.
pub(super) const LT_DONTHAVE_ID: u8 = 2;
/// The id under which we take `upload_only` messages.
pub(super) const UPLOAD_ONLY_ID: u8 = 4;
/// The id under which we take `ut_pex` messages.
pub(super) const UT_PEX_ID: u8 = 3;
/// Requests that we keep queued of a peer (`reqq`).
const REQUEST_QUEUE: u32 = 250;
/// Peer events that may wait for the driver: 2 MiB of blocks.
const PEER_EVENTS_MAX: usize = 128;
/// Host names of peers that are looked up for one torrent: each look-up takes a thread.
const HOSTS_MAX: usize = 16;

/// Counts a connected peer for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connected peer.
pub(super) struct Remote {
    handle: PeerHandle,
    _counted: Counted,
    pub(super) addr: SocketAddr,
    pub(super) incoming: bool,
    pub(super) fast: bool,
    pub(super) id: PeerId,
    pub(super) utp: bool,
    pub(super) encrypted: bool,
    /// The name of the torrent that the handshakes agreed on.
    agreed: InfoHash,
    pub(super) rtt_us: Option<u64>,
    /// What it said of itself (BEP 10).
    pub(super) extended: Option<ExtendedHandshake>,
    /// The length of the info dict that it was told of.
    metadata_size: Option<u32>,
    given: Given,
    /// It has refused to give the info dict.
    refused: bool,
    /// It has said where its node is.
    has_node: bool,
}

/// How a peer was greeted.
pub(super) struct Greeted {
    pub(super) theirs: Handshake,
    /// The name of the torrent that the later handshake gave: a hybrid has two.
    pub(super) agreed: InfoHash,
    pub(super) incoming: bool,
    pub(super) rtt_us: Option<u64>,
}

/// The peers and errands of one torrent.
pub(super) struct Links {
    pub(super) shared: Arc<Shared>,
    pub(super) info_hash: InfoHash,
    /// Its v2 hash, where it is of v2 and that is known.
    pub(super) info_hash_v2: Option<InfoHashV2>,
    /// The torrent is known to be private (BEP 27).
    pub(super) private: bool,
    pub(super) trackers: Trackers,
    pub(super) peers: FxHashMap<PeerKey, Remote>,
    next_peer: u64,
    pub(super) events: mpsc::Receiver<PeerEvent>,
    to_events: mpsc::Sender<PeerEvent>,
    pub(super) errands: JoinSet<Errand>,
    /// Announces that say `stopped` and writes to the store: awaited for a moment when the driver ends.
    pub(super) farewells: JoinSet<Errand>,
    pub(super) lost: Vec<PeerKey>,
    pub(super) web_seeds: WebSeeds,
    /// What the DHT and the local network found.
    pub(super) found: mpsc::Receiver<Found>,
    to_found: mpsc::Sender<Found>,
}

impl Links {
    pub(super) fn new(shared: Arc<Shared>, info_hash: InfoHash) -> Self {
        let (to_events, events) = mpsc::channel(PEER_EVENTS_MAX);
        let (to_found, found) = mpsc::channel(FOUND_MAX);
        Self {
            shared,
            info_hash,
            info_hash_v2: None,
            private: false,
            trackers: Trackers::default(),
            peers: FxHashMap::default(),
            next_peer: 1,
            events,
            to_events,
            errands: JoinSet::new(),
            farewells: JoinSet::new(),
            lost: Vec::new(),
            web_seeds: WebSeeds::default(),
            found,
            to_found,
        }
    }

    /// The name that a hybrid has as a torrent of v2, when it goes by its v1 hash.
    fn twin(&self) -> Option<InfoHash> {
        let of_v2 = self.info_hash_v2.map(|hash| hash.truncated());
        of_v2.filter(|name| *name != self.info_hash)
    }

    /// Addresses that the magnet names; names are looked up beside the driver.
    pub(super) fn hints(&mut self, hints: Vec<PeerHint>) -> Vec<SocketAddr> {
        let mut addrs = Vec::new();
        let mut hosts = 0;
        for hint in hints {
            match hint {
                PeerHint::Addr(addr) => addrs.push(addr),
                PeerHint::Host { host, port } if hosts < HOSTS_MAX => {
                    hosts += 1;
                    let shared = Arc::clone(&self.shared);
                    self.errands.spawn(errand::look_up(shared, host, port));
                }
                PeerHint::Host { .. } => {}
            }
        }
        addrs
    }

    /// Carries out an output, or hands it back.
    pub(super) fn act(&mut self, output: Output) -> Option<Output> {
        match output {
            Output::Dial { addr } => {
                let twin = self.twin();
                let ours = self.shared.handshake(self.info_hash, twin.is_some());
                let shared = Arc::clone(&self.shared);
                self.errands
                    .spawn(errand::connect(shared, addr, ours, twin));
            }
            Output::Disconnect { peer, reason } => self.disconnect(peer, reason),
            Output::Send { peer, message } => self.send(peer, message),
            Output::Announce(plan) => self.announce(plan),
            Output::LookUp { announce } => {
                let port = self.shared.announced_port();
                let port = Some(port).filter(|port| announce && *port != 0);
                let discovery = &self.shared.discovery;
                discovery.look_up(self.info_hash, port, &self.to_found);
            }
            Output::Ban { ip, reason } => {
                if let Some(number) = web_seed_number(ip) {
                    tracing::warn!(reason, torrent = %self.info_hash, "web seed given up");
                    self.web_seeds.give_up(number);
                } else {
                    tracing::warn!(%ip, reason, torrent = %self.info_hash, "peer banned");
                }
                let write = move |shared: &Shared| shared.store.ban(ip, reason);
                self.farewells
                    .spawn(errand::store(Arc::clone(&self.shared), "a ban", write));
            }
            other @ (Output::Upload { .. }
            | Output::Reserve { .. }
            | Output::Store { .. }
            | Output::Verified { .. }
            | Output::Spoilt { .. }
            | Output::Evict { .. }
            | Output::Serve { .. }
            | Output::ServeUnverified { .. }
            | Output::Invalidate { .. }
            | Output::Fail { .. }
            | Output::Rests(_)
            | Output::Stalled(_)
            | Output::Lease { .. }) => return Some(other),
        }
        None
    }

    pub(super) fn send(&mut self, peer: PeerKey, message: Message) {
        let Some(remote) = self.peers.get(&peer) else {
            return self.web_seeds.send(peer, message);
        };
        if !remote.handle.send(message) {
            self.lost.push(peer);
        }
    }

    /// Hands a block to a peer's socket. The swarm gives no more than the socket's queue takes.
    pub(super) fn upload(&mut self, peer: PeerKey, span: BlockSpan, piece: Option<&PieceBuf>) {
        let taken =
            |remote: &Remote| piece.is_some_and(|piece| remote.handle.send_block(span, piece));
        if self.peers.get(&peer).is_some_and(|remote| !taken(remote)) {
            self.lost.push(peer);
        }
    }

    /// Lets go of peers that a new blocklist names; the machine hears of it with the next input.
    pub(super) fn drop_blocked(&mut self) {
        let filter = &self.shared.filter;
        let blocked = self
            .peers
            .iter()
            .filter(|(_, remote)| filter.blocks_connected(remote.addr.ip()));
        self.lost.extend(blocked.map(|(key, _)| *key));
    }

    fn disconnect(&mut self, peer: PeerKey, reason: DisconnectReason) {
        if let Some(remote) = self.peers.remove(&peer) {
            tracing::debug!(addr = %remote.addr, ?reason, "peer disconnected");
            self.shared.offences.disconnected(reason);
        } else {
            self.web_seeds.disconnect(peer, reason);
        }
    }

    fn announce(&mut self, plan: AnnouncePlan) {
        let Some((url, id)) = self.trackers.target(plan.tracker) else {
            return;
        };
        let stopped = plan.event == gostorm_wire::AnnounceEvent::Stopped;
        let task = errand::announce(Arc::clone(&self.shared), url, self.info_hash, plan, id);
        if stopped {
            self.farewells.spawn(task);
        } else {
            self.errands.spawn(task);
        }
    }

    /// What a tracker said, for the machine, with the addresses it named and what these are worth.
    pub(super) fn announced(
        &mut self,
        tracker: usize,
        outcome: Result<Announced, TrackerError>,
    ) -> (AnnounceOutcome, Source, Vec<SocketAddr>) {
        let source = if tracker < self.trackers.own {
            Source::Tracker
        } else {
            Source::AddedTracker
        };
        let outcome = outcome.map(|Announced { answer, more }| {
            if let Some(more) = more {
                self.errands.spawn(async move {
                    let addrs = more.await;
                    Errand::Found { source, addrs }
                });
            }
            answer
        });
        if let Some(url) = self.trackers.wants_scrape(tracker, &outcome) {
            let task = errand::scrape(Arc::clone(&self.shared), tracker, url, self.info_hash);
            self.errands.spawn(task);
        }
        let heard = self.trackers.announced(self.info_hash, tracker, outcome);
        let (outcome, mut addrs) = heard;
        let ours = self.shared.announced_port();
        addrs.retain(|addr| !(addr.ip().is_loopback() && addr.port() == ours));
        (outcome, source, addrs)
    }

    /// Takes a peer that we dialled.
    pub(super) fn adopt_dialled(
        &mut self,
        dialled: Dialled,
        addr: SocketAddr,
        metadata_size: Option<u32>,
    ) -> PeerKey {
        let Dialled {
            transport,
            theirs,
            took,
        } = dialled;
        let rtt_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let agreed = theirs.info_hash;
        let how = Greeted {
            theirs,
            agreed,
            incoming: false,
            rtt_us: Some(rtt_us),
        };
        self.adopt(transport, addr, how, metadata_size)
    }

    /// A web seed was asked whether it serves: what the swarm is told when it does.
    pub(super) fn web_seed(
        &mut self,
        place: usize,
        outcome: Result<u64, WebSeedError>,
    ) -> Option<Input> {
        match outcome {
            Ok(rtt_us) => {
                let peer = self.next_key();
                let pool = self.shared.memory.pool().clone();
                let events = self.to_events.clone();
                let number = self.web_seeds.serves(place, peer, pool, events)?;
                Some(Input::WebSeed {
                    peer,
                    number,
                    rtt_us,
                })
            }
            Err(error) => {
                tracing::info!(torrent = %self.info_hash, place, %error, "a web seed does not serve");
                self.web_seeds.failed(place, &error);
                None
            }
        }
    }

    fn next_key(&mut self) -> PeerKey {
        let key = PeerKey(self.next_peer);
        self.next_peer += 1;
        key
    }

    /// Takes a stream on which both handshakes are done: starts its task and greets the peer.
    pub(super) fn adopt(
        &mut self,
        stream: Transport,
        addr: SocketAddr,
        how: Greeted,
        metadata_size: Option<u32>,
    ) -> PeerKey {
        let Greeted {
            theirs,
            agreed,
            incoming,
            rtt_us,
        } = how;
        let key = self.next_key();
        let (utp, encrypted) = (stream.is_utp(), stream.is_encrypted());
        let handle = peer::spawn(
            key.0,
            stream,
            self.shared.memory.pool().clone(),
            self.to_events.clone(),
            PeerConfig {
                idle_timeout: self.shared.tuning.load().timeouts.idle,
                ..PeerConfig::default()
            },
        );
        let fast = theirs.reserved.fast;
        self.peers.insert(
            key,
            Remote {
                handle,
                _counted: Counted::new(&self.shared.peers),
                addr,
                incoming,
                fast,
                id: theirs.peer_id,
                utp,
                encrypted,
                agreed,
                rtt_us,
                extended: None,
                metadata_size,
                given: Given::default(),
                refused: false,
                has_node: false,
            },
        );
        if fast {
            // BEP 6 wants one of bitfield, have_all, have_none first; evicted pieces are missing again,
            // so nothing is promised.
            self.send(key, Message::HaveNone);
        }
        let node = self.shared.discovery.dht_port();
        if let Some(port) = node.filter(|_| theirs.reserved.dht && !self.private) {
            self.send(key, Message::Port(port));
        }
        if theirs.reserved.extended {
            self.send(key, self.introduction(addr, metadata_size));
        }
        key
    }

    /// What we say of ourselves to a peer at `addr` (BEP 10).
    fn introduction(&self, addr: SocketAddr, metadata_size: Option<u32>) -> Message {
        let ours = ExtendedHandshake {
            lt_donthave: Some(LT_DONTHAVE_ID),
            upload_only_id: Some(UPLOAD_ONLY_ID),
            ut_metadata: Some(UT_METADATA_ID),
            ut_pex: Some(UT_PEX_ID).filter(|_| !self.private),
            metadata_size,
            reqq: Some(REQUEST_QUEUE),
            port: Some(self.shared.announced_port()).filter(|port| *port != 0),
            client: Some(concat!("GoStream ", env!("CARGO_PKG_VERSION")).to_owned()),
            yourip: Some(addr.ip().to_canonical()),
            ..ExtendedHandshake::default()
        };
        Message::Extended {
            id: EXTENDED_HANDSHAKE_ID,
            payload: ours.encode(),
        }
    }

    /// Says it anew to those who take it, whole: some clients forget what a second one leaves out.
    pub(super) fn introduce_again(&mut self) {
        let takes = |(key, remote): (&PeerKey, &Remote)| {
            let takes = remote.extended.is_some();
            takes.then_some((*key, remote.addr, remote.metadata_size))
        };
        let all: Vec<_> = self.peers.iter().filter_map(takes).collect();
        for (key, addr, metadata_size) in all {
            self.send(key, self.introduction(addr, metadata_size));
        }
    }

    /// True when the connection is one of v2: the peer may be asked for hashes (BEP 52).
    pub(super) fn speaks_v2(&self, remote: &Remote) -> bool {
        let of_v2 = self.info_hash_v2.map(|hash| hash.truncated());
        of_v2 == Some(remote.agreed)
    }

    /// Notes that a peer refused a part of the info dict; true the first time.
    ///
    /// The search hears that once only: it asks again when nobody is left who did not refuse, and a second
    /// refusal would be answered by a third question, at the line's pace. Unheard, it is left to time out.
    pub(super) fn refuses_first(&mut self, peer: PeerKey) -> bool {
        self.peers
            .get_mut(&peer)
            .is_some_and(|remote| !std::mem::replace(&mut remote.refused, true))
    }

    /// A peer says at which port its node of the DHT is; once, and not where the DHT has no business (BEP 27).
    pub(super) fn met_node(&mut self, peer: PeerKey, port: u16) {
        if let Some(remote) = self.peers.get_mut(&peer)
            && !std::mem::replace(&mut remote.has_node, true)
            && !self.private
            && port != 0
        {
            let addr = SocketAddr::new(remote.addr.ip(), port);
            self.shared.discovery.met_node(addr);
        }
    }

    /// Gives a peer a part of our info dict, under the id that it chose (BEP 9).
    pub(super) fn give_metadata(&mut self, peer: PeerKey, info: &Bytes, piece: u32) {
        let Some(remote) = self.peers.get_mut(&peer) else {
            return;
        };
        let id = remote.extended.as_ref().and_then(|them| them.ut_metadata);
        let answer = id.and_then(|id| Some((id, remote.given.answer(info, piece)?)));
        if let Some((id, answer)) = answer {
            let payload = answer.encode();
            self.send(peer, Message::Extended { id, payload });
        }
    }
}
