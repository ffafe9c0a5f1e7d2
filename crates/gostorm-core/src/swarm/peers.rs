//! The peer side: connections, choking, what they have, what they refuse.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gostorm_wire::{BlockSpan, Message, PieceIndex};

use super::Swarm;
use crate::bits::Bits;
use crate::connect::KnownPeer;
use crate::estimate::Estimate;
use crate::event::{DisconnectReason, Output, PeerKey};
use crate::layout::BlockRef;
use crate::peer::Peer;

/// Addresses of this session that blame can still reach.
const ADDRESSES_MAX: usize = 4_096;
/// Pieces a choking peer may name as served nevertheless (BEP 6 suggests 10).
const ALLOWED_FAST_MAX: usize = 32;

/// How often the worst peer may be replaced.
const REPLACE_EVERY: Duration = Duration::from_secs(5);
/// A new peer has so long to show what it can: most unchoke at their next 10 s tick.
const TRIAL: Duration = Duration::from_secs(12);
/// A peer so many times slower than the mean gives its place to another.
const FAR_SLOWER: f64 = 10.0;

/// Connections that one host may make to us. Behind one address there may be a few people.
const INCOMING_PER_HOST: usize = 3;

/// What one host can choose addresses from: an IPv6 subscriber has a /64 at least.
fn host(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => u64::try_from(ip.to_bits() >> 64).unwrap_or(0),
    }
}

impl Swarm {
    pub(super) fn remember(&mut self, known: &[KnownPeer]) {
        for peer in known {
            self.connect.learn(*peer);
            if peer.trusted {
                self.trust.prove(peer.addr);
            }
        }
    }

    pub(super) fn connected(
        &mut self,
        key: PeerKey,
        addr: SocketAddr,
        incoming: bool,
        fast: bool,
        rtt_us: Option<u64>,
    ) {
        let refused = if self.connect.is_banned(addr.ip()) {
            Some(DisconnectReason::Banned)
        } else if self.asleep {
            Some(DisconnectReason::Sleep)
        } else if self.connections() >= self.config.places(incoming)
            || (incoming && self.is_overrun())
        {
            Some(DisconnectReason::Full)
        } else if incoming && self.is_crowd(addr.ip()) {
            Some(DisconnectReason::Crowd)
        } else if self.is_here(addr, incoming) {
            Some(DisconnectReason::Duplicate)
        } else if !incoming && self.config.private && !self.connect.contains(addr) {
            // Dialled while it was not known that the torrent is private.
            Some(DisconnectReason::Private)
        } else {
            None
        };
        if let Some(reason) = refused {
            if !incoming {
                self.connect.failed(self.now, addr);
            }
            return self.push(Output::Disconnect { peer: key, reason });
        }
        if !incoming {
            self.connect.connected(addr);
        }
        let known = self.connect.known(addr);
        // From the dial to the handshake are two round trips where the connection itself costs one: what an
        // earlier session measured is nearer, unless the peer has come nearer since.
        let known_rtt = known.map(|known| known.rtt_us).filter(|rtt| *rtt > 0);
        let rtt_us = rtt_us.into_iter().chain(known_rtt).min();
        let estimate = Estimate::new(rtt_us, known.map(|known| known.rate));
        let mut peer = Peer::new(
            key,
            addr,
            fast,
            self.layout.piece_count(),
            estimate,
            self.now,
        );
        peer.incoming = incoming;
        peer.listens = peer.listens.filter(|_| !incoming);
        // Interest is declared before the bitfield comes: that saves a round trip to the unchoke.
        peer.we_interested = self.demand.has_readers();
        if peer.we_interested {
            self.push(Output::Send {
                peer: key,
                message: Message::Interested,
            });
        }
        self.peers.insert(key, peer);
        self.patience.heard(self.now);
        self.note_address(key, addr);
    }

    /// Keeps the address for blame.
    pub(super) fn note_address(&mut self, key: PeerKey, addr: SocketAddr) {
        self.addresses.insert(key, addr);
        if self.addresses.len() > ADDRESSES_MAX {
            // The oldest of those that left: who stays can still be blamed.
            let mut keys = self.addresses.keys();
            if let Some(left) = keys.find(|key| !self.peers.contains_key(key)).copied() {
                self.addresses.remove(&left);
            }
        }
    }

    /// True when the address is that of a connected peer; of one that dialled us, when we dial where it listens.
    fn is_here(&self, addr: SocketAddr, incoming: bool) -> bool {
        let dialled = Some(addr).filter(|_| !incoming);
        let same =
            |peer: &Peer| peer.addr == addr || (dialled.is_some() && peer.listens == dialled);
        self.peers.values().any(same)
    }

    /// True when so many connections were made from one host that others would find no place.
    fn is_crowd(&self, ip: IpAddr) -> bool {
        let same = |peer: &&Peer| peer.incoming && host(peer.addr.ip()) == host(ip);
        !ip.is_loopback() && self.peers.values().filter(same).count() >= INCOMING_PER_HOST
    }

    pub(super) fn closed(&mut self, key: PeerKey) {
        let Some(mut peer) = self.peers.remove(&key) else {
            return;
        };
        self.hash_requests.closed(key);
        for block in peer.withdraw_all() {
            self.picker.release(block, key);
        }
        if peer.is_good() {
            self.connect.learn(peer.known());
        } else if peer.snubbed && !peer.incoming && !peer.web {
            self.connect.unlearn(peer.addr);
        }
        self.connect
            .closed(self.now, peer.addr, peer.good_bytes > 0);
    }

    /// All connections are gone by no fault of theirs, or new ones can be made.
    pub(super) fn network(&mut self, up: bool) {
        if up {
            self.patience.heard(self.now);
            self.connect.go_online(self.now);
            self.announce.resume(self.now);
            self.inquiry.resume();
            return;
        }
        let keys: Vec<PeerKey> = self.peers.keys().copied().collect();
        for key in keys {
            self.closed(key);
        }
        self.connect.go_offline();
        self.announce.pause();
        self.inquiry.pause();
    }

    pub(super) fn disconnect(&mut self, key: PeerKey, reason: DisconnectReason) {
        let addr = self.peers.get(&key).map(|peer| peer.addr);
        self.closed(key);
        if let Some(addr) = addr.filter(|_| matches!(reason, DisconnectReason::Protocol(_))) {
            self.connect.offended(self.now, addr);
            self.count_offence(addr.ip());
        }
        self.push(Output::Disconnect { peer: key, reason });
    }

    pub(super) fn request_queue(&mut self, key: PeerKey, depth: u32) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.set_request_queue(depth);
        }
    }

    pub(super) fn message(&mut self, key: PeerKey, message: Message) {
        if !self.peers.contains_key(&key) {
            return;
        }
        match message {
            Message::Choke => self.choked(key),
            Message::Unchoke => self.with_peer(key, |peer| peer.peer_chokes = false),
            Message::Interested => self.with_peer(key, |peer| peer.peer_interested = true),
            Message::NotInterested => self.with_peer(key, |peer| peer.peer_interested = false),
            Message::Have(piece) => self.has(key, piece),
            Message::Bitfield(payload) => self.bitfield(key, &payload),
            Message::HaveAll => self.with_peer(key, |peer| peer.have = Bits::all(peer.have.len())),
            Message::HaveNone => {
                self.with_peer(key, |peer| peer.have = Bits::none(peer.have.len()))
            }
            Message::AllowedFast(piece) => self.with_peer(key, |peer| {
                if peer.allowed_fast.len() < ALLOWED_FAST_MAX && !peer.allowed_fast.contains(&piece)
                {
                    peer.allowed_fast.push(piece);
                }
            }),
            Message::Reject(span) => self.rejected(key, span),
            Message::Request(span) => self.requested(key, span),
            Message::Cancel(span) => self.cancelled(key, span),
            Message::HashRequest(request) => self.hashes_asked(key, request),
            Message::Hashes { request, hashes } => self.hashes(key, &request, &hashes),
            Message::HashReject(request) => self.hashes_refused(key, &request),
            Message::KeepAlive
            | Message::Port(_)
            | Message::Suggest(_)
            | Message::Extended { .. }
            | Message::Unknown { .. } => {}
        }
    }

    fn with_peer(&mut self, key: PeerKey, change: impl FnOnce(&mut Peer)) {
        if let Some(peer) = self.peers.get_mut(&key) {
            change(peer);
        }
    }

    /// Its requests are void: they are given to others in the next turn.
    fn choked(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        peer.peer_chokes = true;
        for block in peer.withdraw_all() {
            self.picker.release(block, key);
        }
    }

    fn has(&mut self, key: PeerKey, piece: PieceIndex) {
        if piece.0 >= self.layout.piece_count() {
            return self.disconnect(
                key,
                DisconnectReason::Protocol("a have beyond the last piece"),
            );
        }
        self.with_peer(key, |peer| {
            peer.have.insert(piece);
        });
    }

    /// It no longer has a piece: what is asked of it there goes to others.
    pub(super) fn lost_piece(&mut self, key: PeerKey, piece: PieceIndex) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        peer.have.remove(piece);
        peer.allowed_fast.retain(|allowed| *allowed != piece);
        let asked = peer.asked().map(|asked| asked.block);
        let blocks: Vec<BlockRef> = asked.filter(|block| block.piece == piece).collect();
        for block in blocks {
            self.cancel(key, block);
            self.picker.release(block, key);
        }
    }

    fn bitfield(&mut self, key: PeerKey, payload: &[u8]) {
        match Bits::from_wire(self.layout.piece_count(), payload) {
            Some(have) => self.with_peer(key, |peer| peer.have = have),
            None => self.disconnect(
                key,
                DisconnectReason::Protocol("a bitfield of the wrong length"),
            ),
        }
    }

    /// It will not send this block (BEP 6).
    fn rejected(&mut self, key: PeerKey, span: BlockSpan) {
        let Some(block) = self.layout.block_of(span) else {
            return self.disconnect(key, DisconnectReason::Protocol("a reject of no block"));
        };
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        if peer.rejects_withdrawn(block) {
            return;
        }
        if peer.withdraw(block) {
            peer.allowed_fast.retain(|piece| *piece != block.piece);
            if !peer.peer_chokes {
                peer.refuse(self.now, block.piece);
            }
            self.picker.release(block, key);
        }
    }

    /// Lets go of the worst peer when all places are taken and somebody else could be tried: one that
    /// chokes us, is snubbed, or is far slower than the others.
    pub(super) fn replace_worst_peer(&mut self) {
        let full = self.connections() >= self.config.connections_max;
        if !full || self.now < self.replace_at || !self.demand.has_readers() {
            return;
        }
        self.replace_at = self.now + REPLACE_EVERY;
        if !self.connect.has_fresh(self.now) {
            return;
        }
        let rates: Vec<f64> = self
            .peers
            .values()
            .map(|peer| peer.estimate.rate())
            .collect();
        let count = u32::try_from(rates.len()).unwrap_or(u32::MAX).max(1);
        let mean = rates.iter().sum::<f64>() / f64::from(count);
        let now = self.now;
        let useless = |peer: &&Peer| {
            let idle = peer.peer_chokes || peer.snubbed || peer.have.is_empty();
            !peer.web
                && peer.age(now) >= TRIAL
                && (idle || peer.estimate.rate() < mean / FAR_SLOWER)
        };
        let rank = |peer: &Peer| (!peer.peer_chokes, !peer.snubbed);
        let worst = self.peers.values().filter(useless).min_by(|a, b| {
            let rate = a.estimate.rate().total_cmp(&b.estimate.rate());
            rank(a).cmp(&rank(b)).then(rate)
        });
        if let Some((key, addr)) = worst.map(|peer| (peer.key, peer.addr)) {
            self.disconnect(key, DisconnectReason::Replaced);
            // Others come first when a place is free again.
            self.connect.failed(self.now, addr);
        }
    }

    /// Takes back what busy peers seem to have forgotten, and forgets old refusals of theirs.
    pub(super) fn take_back_forgotten(&mut self) {
        let now = self.now;
        for peer in self.peers.values_mut() {
            peer.forget_refusals(now);
        }
        let forgotten: Vec<(PeerKey, BlockRef)> = self
            .peers
            .values()
            .flat_map(|peer| peer.forgotten(now).map(|block| (peer.key, block)))
            .collect();
        for (key, block) in forgotten {
            self.cancel(key, block);
            self.picker.release(block, key);
        }
    }

    /// Takes back the requests of peers that were silent for too long.
    pub(super) fn snub_silent_peers(&mut self) {
        let now = self.now;
        let silent: Vec<PeerKey> = self
            .peers
            .values()
            .filter(|peer| peer.snub_at() <= now)
            .map(|peer| peer.key)
            .collect();
        for key in silent {
            let Some(peer) = self.peers.get_mut(&key) else {
                continue;
            };
            let blocks: Vec<BlockRef> = peer.snub(now);
            self.take_back(key, blocks);
        }
    }

    /// Takes every request of a peer back.
    pub(super) fn take_back_all(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key) {
            let blocks = peer.withdraw_all();
            self.take_back(key, blocks);
        }
    }

    fn take_back(&mut self, key: PeerKey, blocks: Vec<BlockRef>) {
        for block in blocks {
            self.picker.release(block, key);
            let message = Message::Cancel(self.layout.span(block));
            self.push(Output::Send { peer: key, message });
        }
    }
}
