//! What both phases of a driver share: the connected peers, and the errands under way.
//!
//! Carries out those outputs of the state machines that need no more than this; the rest is handed back.
//! A peer that does not take a message is lost: its key is kept in `lost` until the machine was told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gostorm_core::{AnnounceOutcome, AnnouncePlan, DisconnectReason, Output, PeerKey};
use gostorm_wire::{
    BlockSpan, EXTENDED_HANDSHAKE_ID, ExtendedHandshake, Handshake, InfoHash, Message, PeerHint,
};
use rustc_hash::FxHashMap;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::errand::{self, Errand};
use super::metadata::Given;
use crate::cache::PieceBuf;
use crate::peer::{self, PeerConfig, PeerEvent, PeerHandle};
use crate::shared::Shared;
use crate::tracker::TrackerError;

/// The id under which we take `ut_metadata` messages (BEP 10: our choice).
pub(super) const UT_METADATA_ID: u8 = 1;
/// The id under which we take `lt_donthave` messages.
pub(super) const LT_DONTHAVE_ID: u8 = 2;
/// Requests that we keep queued of a peer (`reqq`).
const REQUEST_QUEUE: u32 = 250;
/// Peer events that may wait for the driver: 2 MiB of blocks.
const PEER_EVENTS_MAX: usize = 128;
/// Host names of peers that are looked up for one torrent: each look-up takes a thread.
const HOSTS_MAX: usize = 16;
/// Longest list of trackers that is used of one torrent.
pub(super) const TRACKERS_MAX: usize = 24;

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
    pub(super) rtt_us: Option<u64>,
    /// What it said of itself (BEP 10).
    pub(super) extended: Option<ExtendedHandshake>,
    given: Given,
    /// It has refused to give the info dict.
    refused: bool,
}

/// The peers and errands of one torrent.
pub(super) struct Links {
    pub(super) shared: Arc<Shared>,
    pub(super) info_hash: InfoHash,
    /// The flat list of tracker URLs; an index into it names a tracker.
    trackers: Vec<String>,
    tracker_ids: Vec<Option<Vec<u8>>>,
    pub(super) peers: FxHashMap<PeerKey, Remote>,
    next_peer: u64,
    pub(super) events: mpsc::Receiver<PeerEvent>,
    to_events: mpsc::Sender<PeerEvent>,
    pub(super) errands: JoinSet<Errand>,
    /// Announces that say `stopped` and writes to the store: awaited for a moment when the driver ends.
    pub(super) farewells: JoinSet<Errand>,
    pub(super) lost: Vec<PeerKey>,
}

impl Links {
    pub(super) fn new(shared: Arc<Shared>, info_hash: InfoHash) -> Self {
        let (to_events, events) = mpsc::channel(PEER_EVENTS_MAX);
        Self {
            shared,
            info_hash,
            trackers: Vec::new(),
            tracker_ids: Vec::new(),
            peers: FxHashMap::default(),
            next_peer: 1,
            events,
            to_events,
            errands: JoinSet::new(),
            farewells: JoinSet::new(),
            lost: Vec::new(),
        }
    }

    pub(super) fn set_trackers(&mut self, trackers: Vec<String>) {
        self.trackers = trackers;
        self.trackers.truncate(TRACKERS_MAX);
        self.tracker_ids = vec![None; self.trackers.len()];
    }

    pub(super) fn tracker_count(&self) -> usize {
        self.trackers.len()
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
                    self.errands.spawn(errand::look_up(host, port));
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
                let ours = self.shared.handshake(self.info_hash);
                self.errands.spawn(errand::connect(addr, ours));
            }
            Output::Disconnect { peer, reason } => self.disconnect(peer, reason),
            Output::Send { peer, message } => self.send(peer, message),
            Output::Announce(plan) => self.announce(plan),
            Output::Ban { ip, reason } => {
                tracing::warn!(%ip, reason, torrent = %self.info_hash, "peer banned");
                let write = move |shared: &Shared| shared.store.ban(ip, reason);
                self.farewells
                    .spawn(errand::store(Arc::clone(&self.shared), "a ban", write));
            }
            other @ (Output::Upload { .. }
            | Output::Reserve { .. }
            | Output::Store { .. }
            | Output::Evict { .. }
            | Output::Serve { .. }
            | Output::ServeUnverified { .. }
            | Output::Invalidate { .. }
            | Output::Fail { .. }
            | Output::Stalled(_)
            | Output::Lease { .. }) => return Some(other),
        }
        None
    }

    pub(super) fn send(&mut self, peer: PeerKey, message: Message) {
        if let Some(remote) = self.peers.get(&peer)
            && !remote.handle.send(message)
        {
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

    fn disconnect(&mut self, peer: PeerKey, reason: DisconnectReason) {
        if let Some(remote) = self.peers.remove(&peer) {
            tracing::debug!(addr = %remote.addr, ?reason, "peer disconnected");
        }
    }

    fn announce(&mut self, plan: AnnouncePlan) {
        let Some(url) = self.trackers.get(plan.tracker).cloned() else {
            return;
        };
        let id = self.tracker_ids.get(plan.tracker).cloned().flatten();
        let stopped = plan.event == gostorm_wire::AnnounceEvent::Stopped;
        let task = errand::announce(Arc::clone(&self.shared), url, self.info_hash, plan, id);
        if stopped {
            self.farewells.spawn(task);
        } else {
            self.errands.spawn(task);
        }
    }

    /// What a tracker said, for the machine, with the addresses it named.
    pub(super) fn announced(
        &mut self,
        tracker: usize,
        outcome: Result<gostorm_wire::AnnounceResponse, TrackerError>,
    ) -> (AnnounceOutcome, Vec<SocketAddr>) {
        match outcome {
            Ok(answer) => {
                if let Some(id) = self
                    .tracker_ids
                    .get_mut(tracker)
                    .filter(|_| answer.tracker_id.is_some())
                {
                    *id = answer.tracker_id;
                }
                let ours = self.shared.port();
                let addrs = answer
                    .peers
                    .into_iter()
                    .filter(|addr| !(addr.ip().is_loopback() && addr.port() == ours))
                    .collect();
                (
                    AnnounceOutcome::Answered {
                        interval: Some(answer.interval),
                        min_interval: answer.min_interval,
                    },
                    addrs,
                )
            }
            Err(error) => {
                tracing::info!(torrent = %self.info_hash, tracker, %error, "announce failed");
                (AnnounceOutcome::Failed, Vec::new())
            }
        }
    }

    /// Takes a stream on which both handshakes are done: starts its task and greets the peer.
    pub(super) fn adopt(
        &mut self,
        stream: TcpStream,
        addr: SocketAddr,
        theirs: &Handshake,
        incoming: bool,
        rtt_us: Option<u64>,
        metadata_size: Option<u32>,
    ) -> PeerKey {
        let key = PeerKey(self.next_peer);
        self.next_peer += 1;
        let handle = peer::spawn(
            key.0,
            stream,
            self.shared.memory.pool().clone(),
            self.to_events.clone(),
            PeerConfig::default(),
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
                rtt_us,
                extended: None,
                given: Given::default(),
                refused: false,
            },
        );
        if fast {
            // BEP 6 wants one of bitfield, have_all, have_none first; evicted pieces are missing again,
            // so nothing is promised.
            self.send(key, Message::HaveNone);
        }
        if theirs.reserved.extended {
            let port = Some(self.shared.port()).filter(|port| *port != 0);
            let client = Some(concat!("GoStream ", env!("CARGO_PKG_VERSION")).to_owned());
            let ours = ExtendedHandshake {
                lt_donthave: Some(LT_DONTHAVE_ID),
                ut_metadata: Some(UT_METADATA_ID),
                metadata_size,
                reqq: Some(REQUEST_QUEUE),
                port,
                client,
                ..ExtendedHandshake::default()
            };
            self.send(
                key,
                Message::Extended {
                    id: EXTENDED_HANDSHAKE_ID,
                    payload: ours.encode(),
                },
            );
        }
        key
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
