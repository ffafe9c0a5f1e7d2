//! Our side as a server of the swarm: who is unchoked, what is announced, which blocks are sent.
//!
//! Nothing is promised but verified pieces that are expected to stay for a while, and an evicted piece is
//! missing again: those that were told of it hear so (BEP 54), and every request for it is refused, by a
//! reject where the fast extension is spoken (BEP 6), else by a choke: a request that is dropped in silence
//! is waited for. Blocks are handed out in turns, as the limit pays for them and as sockets take them.

use std::ops::Range;
use std::time::Duration;

use gostorm_wire::fast::ALLOWED_FAST_LEN;
use gostorm_wire::{BLOCK_LEN, BlockSpan, DontHave, Message, PieceIndex};

use super::Swarm;
use super::turn::AHEAD_PERCENT;
use crate::choker::{self, Claim};
use crate::event::{DisconnectReason, Output, PeerKey};
use crate::peer::Peer;
use crate::time::Time;
use crate::upload::FastSet;

/// How often peers are told of new pieces.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Pieces that one peer is told of at a time.
const TELL_MAX: usize = 64;
/// A peer that says nothing of its own pieces for so long has none.
const TELL_AFTER: Duration = Duration::from_secs(1);
/// A piece is announced when it is expected to stay so long, seconds.
const STAYS: f64 = 30.0;
/// After a lease that took bytes away nothing is announced for so long: more may go.
const AFTER_CUT: Duration = Duration::from_secs(10);

impl Swarm {
    pub(super) fn limits(&mut self, download: Option<u64>, upload: Option<u64>) {
        self.intake.set(self.now, download);
        self.uploads.pace.set(self.now, upload);
    }

    /// The lease takes bytes away: what is held may go any moment.
    pub(super) fn lease_was_cut(&mut self) {
        self.uploads.quiet_until = self.now + AFTER_CUT;
    }

    pub(super) fn takes_dont_have(&mut self, key: PeerKey, id: u8) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.upload.dont_have = Some(id);
        }
    }

    pub(super) fn may_have_choked(&mut self, key: PeerKey, mut pieces: Vec<PieceIndex>) {
        if let Some(peer) = self.peers.get_mut(&key).filter(|peer| peer.fast) {
            pieces.truncate(ALLOWED_FAST_LEN);
            peer.upload.fast = FastSet::new(pieces);
        }
    }

    pub(super) fn wants_nothing(&mut self, key: PeerKey, upload_only: bool) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.upload.upload_only = upload_only;
        }
    }

    /// It asks for a block.
    pub(super) fn requested(&mut self, key: PeerKey, span: BlockSpan) {
        let ends = span.begin.saturating_add(span.len);
        let in_torrent = span.piece.0 < self.layout.piece_count();
        if !in_torrent || span.len > BLOCK_LEN || ends > self.layout.padded_size(span.piece) {
            let reason = DisconnectReason::Protocol("a request that no block answers");
            return self.disconnect(key, reason);
        }
        // Every client asks for blocks as they are cut; a part of two blocks is legal and not worth a copy.
        let of_one_block = span.begin % BLOCK_LEN + span.len <= BLOCK_LEN;
        let held = self.picker.verified().contains(span.piece);
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        let may_have = if peer.upload.choked {
            peer.upload.fast.take(span.piece, span.len)
        } else {
            peer.peer_interested
        };
        if may_have && held && of_one_block && peer.upload.queue(span) {
            return;
        }
        peer.upload.note_refused();
        if peer.upload.is_flood() {
            let reason = DisconnectReason::Protocol("requests that are refused, again and again");
            return self.disconnect(key, reason);
        }
        let stubborn = peer.upload.is_stubborn();
        self.refuse(key, &[span]);
        if stubborn {
            self.leave_alone(key);
        }
    }

    /// It takes a request back; with the fast extension every request gets its answer.
    pub(super) fn cancelled(&mut self, key: PeerKey, span: BlockSpan) {
        if let Some(peer) = self.peers.get_mut(&key)
            && peer.upload.cancel(span)
            && peer.fast
        {
            let message = Message::Reject(span);
            self.push(Output::Send { peer: key, message });
        }
    }

    /// Bytes of blocks were written to its socket.
    pub(super) fn written(&mut self, key: PeerKey, bytes: u64) {
        if let Some(peer) = self.peers.get_mut(&key) {
            let bytes = peer.upload.written(bytes);
            peer.sent_bytes += bytes;
            self.uploads.sent += bytes;
        }
    }

    /// Refuses requests that do not wait in the queue any more, or never did.
    fn refuse(&mut self, key: PeerKey, spans: &[BlockSpan]) {
        let Some(peer) = self.peers.get(&key) else {
            return;
        };
        if peer.fast {
            for span in spans {
                let message = Message::Reject(*span);
                self.push(Output::Send { peer: key, message });
            }
        } else if !spans.is_empty() {
            self.leave_alone(key);
        }
    }

    /// Chokes a peer that asks for what is gone; at the next turn it would be unchoked and ask again.
    fn leave_alone(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key)
            && !peer.upload.choked
        {
            peer.upload.hold_off(self.now);
            self.choke(key);
        }
    }

    fn choke(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        peer.upload.choked = true;
        peer.upload.since = self.now;
        let waiting = peer.upload.clear();
        let message = Message::Choke;
        self.push(Output::Send { peer: key, message });
        // With the fast extension a choke takes no request back by itself (BEP 6).
        self.refuse(key, &waiting);
    }

    fn unchoke(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.upload.choked = false;
            peer.upload.since = self.now;
            let message = Message::Unchoke;
            self.push(Output::Send { peer: key, message });
        }
    }

    /// A piece is about to be given back: who was told of it hears so, and nobody waits for it.
    pub(super) fn retract(&mut self, piece: PieceIndex) {
        let keys: Vec<PeerKey> = self.peers.keys().copied().collect();
        for key in keys {
            let Some(peer) = self.peers.get_mut(&key) else {
                continue;
            };
            let told = peer.upload.untell(piece);
            let waiting = peer.upload.clear_piece(piece);
            if let Some(id) = peer.upload.dont_have.filter(|_| told) {
                let payload = DontHave(piece).encode();
                let message = Message::Extended { id, payload };
                self.push(Output::Send { peer: key, message });
            }
            self.refuse(key, &waiting);
        }
    }

    /// The part of a turn that serves others.
    pub(super) fn serve_others(&mut self) {
        self.choose_whom_to_serve();
        self.tell_of_pieces();
        self.send_blocks();
    }

    fn choose_whom_to_serve(&mut self) {
        // There is nothing to serve while nothing is held.
        let slots = if self.picker.verified().is_empty() {
            0
        } else {
            choker::slots(self.uploads.pace.rate())
        };
        let reading = self.demand.has_readers();
        let claims: Vec<Claim> = self
            .peers
            .values()
            .map(|peer| claim(self.now, peer))
            .collect();
        if self.uploads.choker.next_round() <= self.now {
            let chosen = self.uploads.choker.round(self.now, reading, slots, &claims);
            for claim in claims {
                let serve = chosen.contains(&claim.peer);
                if serve && claim.choked {
                    self.unchoke(claim.peer);
                } else if !serve && !claim.choked {
                    self.choke(claim.peer);
                }
            }
            let peers = self.peers.values_mut();
            peers.for_each(|peer| peer.upload.end_round());
        } else if claims.iter().any(|claim| claim.choked && claim.interested) {
            let admitted = self.uploads.choker.admit(self.now, reading, slots, &claims);
            for peer in admitted {
                self.unchoke(peer);
            }
        }
    }

    /// Tells those that lack them of the pieces that will stay.
    fn tell_of_pieces(&mut self) {
        let silent = self.uploads.pace.rate() == Some(0) || self.now < self.uploads.quiet_until;
        if silent || self.now < self.uploads.next_tell {
            return;
        }
        self.uploads.next_tell = self.now + TELL_EVERY;
        let now = self.now;
        let lacks = |peer: &Peer| {
            !peer.have.is_full() && !peer.upload.upload_only && peer.age(now) >= TELL_AFTER
        };
        if self.picker.verified().is_empty() || !self.peers.values().any(lacks) {
            return;
        }
        let staying = self.staying_pieces();
        let mut told = Vec::new();
        for peer in self.peers.values_mut().filter(|peer| lacks(peer)) {
            let Peer { have, upload, .. } = peer;
            let news = staying
                .iter()
                .filter(|piece| !have.contains(**piece) && upload.tell(**piece));
            told.extend(news.take(TELL_MAX).map(|piece| (peer.key, *piece)));
        }
        for (peer, piece) in told {
            let message = Message::Have(piece);
            self.push(Output::Send { peer, message });
            self.grant(peer, piece);
        }
    }

    /// The verified pieces that no reader is expected to leave behind for good within [`STAYS`], in order.
    /// Lets a peer that was told of a piece have it although it is choked, if it has few and the piece is of its set.
    fn grant(&mut self, key: PeerKey, piece: PieceIndex) {
        let len = self.layout.piece_size(piece);
        if let Some(peer) = self.peers.get_mut(&key)
            && usize::try_from(peer.have.count()).is_ok_and(|count| count < ALLOWED_FAST_LEN)
            && peer.upload.fast.grant(piece, len)
        {
            let message = Message::AllowedFast(piece);
            self.push(Output::Send { peer: key, message });
        }
    }

    fn staying_pieces(&self) -> Vec<PieceIndex> {
        let live = self.demand.live_cursors().count() as u64;
        let back = self.held.lease() / 100 * (100 - AHEAD_PERCENT) / live.max(1);
        let ranges: Vec<Range<u64>> = self
            .demand
            .live_cursors()
            .map(|cursor| {
                let window = cursor.window_range();
                // A piece goes when the reader is a back window beyond it.
                let passed = window.start + cursor.passes(self.now, STAYS);
                passed.saturating_sub(back)..window.end
            })
            .collect();
        let stays = |piece: &PieceIndex| {
            let start = self.layout.piece_offset(*piece);
            let verified = self.picker.verified().contains(*piece);
            verified && ranges.iter().any(|range| range.contains(&start))
        };
        let mut staying: Vec<PieceIndex> = self.held.pieces().filter(stays).collect();
        staying.sort_unstable();
        staying
    }

    /// Hands out blocks in turns while the limit pays for them.
    fn send_blocks(&mut self) {
        let last = self.uploads.last;
        let waits = |peer: &&Peer| peer.upload.next().is_some();
        let keys = self.peers.values().filter(waits).map(|peer| peer.key);
        let (before, after): (Vec<PeerKey>, Vec<PeerKey>) = keys.partition(|key| *key <= last);
        let keys = [after, before].concat();
        if keys.is_empty() {
            return;
        }
        let mut available = self.uploads.pace.available(self.now, 0);
        let mut sent = true;
        while std::mem::take(&mut sent) {
            for key in &keys {
                let Some(peer) = self.peers.get_mut(key) else {
                    continue;
                };
                let Some(span) = peer.upload.next() else {
                    continue;
                };
                let len = u64::from(span.len);
                if available < len {
                    return;
                }
                available -= len;
                self.uploads.pace.pay(len);
                self.uploads.last = *key;
                peer.upload.send();
                sent = true;
                self.push(Output::Upload { peer: *key, span });
            }
        }
    }

    /// When others are to be served again if nothing happens.
    pub(super) fn next_serving(&self) -> Time {
        let peers = || self.peers.values();
        let round = if peers().any(|peer| peer.peer_interested || !peer.upload.choked) {
            self.uploads.choker.next_round()
        } else {
            Time::NEVER
        };
        if peers().any(|peer| peer.upload.next().is_some()) {
            let block = u64::from(BLOCK_LEN);
            round.min(self.uploads.pace.ready_at(self.now, block, 0))
        } else {
            round
        }
    }

    /// Panics when a peer was told of what is not here, or a bound is broken.
    pub(super) fn check_uploads(&self) {
        for peer in self.peers.values() {
            peer.upload.check_invariants();
            for piece in peer.upload.told() {
                assert!(
                    self.picker.verified().contains(piece),
                    "{:?} believes that piece {piece} is here",
                    peer.key
                );
            }
        }
    }
}

fn claim(now: Time, peer: &Peer) -> Claim {
    Claim {
        peer: peer.key,
        interested: peer.peer_interested
            && !peer.upload.upload_only
            && peer.upload.may_be_served(now),
        choked: peer.upload.choked,
        snubbed: peer.snubbed,
        gives: peer.upload.gives(),
        takes: peer.upload.takes(),
        since: peer.upload.since,
        connected: peer.since(),
    }
}
