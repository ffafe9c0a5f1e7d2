//! Blocks and pieces: what arrives, what is verified, what is given back, who is to blame.

use std::net::SocketAddr;

use gostorm_wire::{BLOCK_LEN, BlockSpan, Message, PieceIndex};

use super::Swarm;
use crate::event::{DisconnectReason, Output, PeerKey};
use crate::picker::{Active, Arrival, BlockState};

/// Why most liars are banned.
const SPOILED: &str = "sent a block that spoiled a piece";

impl Swarm {
    pub(super) fn block(&mut self, key: PeerKey, span: BlockSpan) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        let Some(block) = self.layout.block_of(span) else {
            return self.disconnect(
                key,
                DisconnectReason::Protocol("a block that is not of this torrent"),
            );
        };
        self.downloaded += u64::from(span.len);
        self.intake.pay(u64::from(span.len));
        let expected = peer.on_block(self.now, block, span.len);
        if peer.floods() {
            return self.disconnect(
                key,
                DisconnectReason::Protocol("blocks that nobody asked for"),
            );
        }
        if !expected {
            self.waste(key, span.len);
            return;
        }
        self.patience.heard(self.now);
        match self.picker.receive(block, key) {
            Arrival::Unneeded if self.picker.holds(block.piece) => {
                self.hedge.waste(span.len);
                self.waste(key, span.len);
            }
            Arrival::Unneeded => self.abandoned += u64::from(span.len),
            Arrival::Filled { asked_of, .. } => {
                if let Some(peer) = self.peers.get_mut(&key) {
                    peer.upload.gave(span.len);
                }
                for other in asked_of.into_iter().flatten() {
                    self.cancel(other, block);
                }
                self.push(Output::Store { block });
            }
        }
    }

    fn waste(&mut self, key: PeerKey, len: u32) {
        self.wasted += u64::from(len);
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.wasted_bytes += u64::from(len);
        }
    }

    /// Takes a request back from a peer and tells it.
    pub(super) fn cancel(&mut self, key: PeerKey, block: crate::layout::BlockRef) {
        let span = self.layout.span(block);
        if let Some(peer) = self.peers.get_mut(&key)
            && peer.withdraw(block)
        {
            self.push(Output::Send {
                peer: key,
                message: Message::Cancel(span),
            });
        }
    }

    pub(super) fn hashed(&mut self, piece: PieceIndex, ok: bool, digests: &[u64]) {
        // The piece may have been evicted while it was hashed; one that is judged by its blocks is not
        // judged here.
        let awaits = |active: &Active| active.is_complete() && active.leaves.is_none();
        if !self.picker.active(piece).is_some_and(awaits) {
            return;
        }
        if ok {
            self.verified(piece, digests)
        } else {
            self.spoilt(piece, digests)
        }
    }

    pub(super) fn verified(&mut self, piece: PieceIndex, digests: &[u64]) {
        let Some(active) = self.picker.verify(piece) else {
            return;
        };
        self.verified_pieces += 1;
        self.held.touch(piece);
        let mut senders = active.senders();
        for state in active.blocks() {
            // What was verified by itself was counted then.
            if let BlockState::Received(sender) = state
                && let Some(peer) = self.peers.get_mut(sender)
            {
                peer.good_bytes += u64::from(BLOCK_LEN);
            }
        }
        senders.sort_unstable();
        senders.dedup();
        for addr in senders
            .iter()
            .filter_map(|sender| self.addresses.get(sender))
        {
            self.trust.prove(*addr);
        }
        let outcome = self.verify.passed(piece, digests);
        for addr in outcome.cleared {
            self.trust.prove(addr);
        }
        self.ban(&outcome.guilty, SPOILED);
        self.clear_exposed(piece);
        self.serve_with(piece);
    }

    pub(super) fn spoilt(&mut self, piece: PieceIndex, digests: &[u64]) {
        let senders = self
            .picker
            .active(piece)
            .map(Active::senders)
            .unwrap_or_default();
        self.wasted += u64::from(self.layout.piece_size(piece));
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let addrs: Vec<SocketAddr> = senders
            .iter()
            .map(|key| self.addresses.get(key).copied().unwrap_or(unknown))
            .collect();
        self.fall_back(&addrs);
        let peers = &self.peers;
        let proven = |addr| {
            let mut peers = peers.values();
            peers.any(|peer| peer.addr == addr && peer.good_bytes > 0)
        };
        let digests = digests.to_vec();
        let guilty = self.verify.failed(self.now, piece, addrs, digests, proven);
        self.ban(&guilty, SPOILED);
        self.evict(piece);
        for key in self.doubted() {
            self.take_back_all(key);
        }
    }

    pub(super) fn ban(&mut self, guilty: &[SocketAddr], reason: &'static str) {
        for addr in guilty.iter().filter(|addr| !addr.ip().is_unspecified()) {
            self.trust.doubt(*addr);
            if !self.connect.ban(addr.ip()) {
                continue;
            }
            self.push(Output::Ban {
                ip: addr.ip(),
                reason,
            });
            let banned: Vec<PeerKey> = self
                .peers
                .values()
                .filter(|peer| peer.addr.ip() == addr.ip())
                .map(|peer| peer.key)
                .collect();
            self.drop_tainted(&banned);
            for key in banned {
                self.disconnect(key, DisconnectReason::Corrupt);
            }
        }
    }

    /// Gives up the pieces that liars sent a part of and that are far from complete: they would fail.
    fn drop_tainted(&mut self, liars: &[PeerKey]) {
        let mut tainted: Vec<(PieceIndex, u32)> = self
            .picker
            .actives()
            .filter_map(|(piece, active)| Some((piece, active.tainted_by(liars)?)))
            .collect();
        tainted.sort_unstable();
        for (piece, blocks) in tainted {
            self.wasted += u64::from(blocks) * u64::from(BLOCK_LEN);
            self.evict(piece);
        }
    }

    /// Gives a piece's bytes back; requests for its blocks are cancelled.
    pub(super) fn evict(&mut self, piece: PieceIndex) {
        if !self.picker.holds(piece) {
            return;
        }
        let owed: Vec<_> = self
            .peers
            .values()
            .flat_map(|peer| peer.asked().map(|asked| (peer.key, asked.block)))
            .filter(|(_, block)| block.piece == piece)
            .collect();
        for (key, block) in owed {
            self.cancel(key, block);
        }
        self.retract(piece);
        self.picker.drop_piece(piece);
        self.held.release(&self.layout, piece);
        self.push(Output::Evict { piece });
        self.take_back_exposed(piece);
    }

    pub(super) fn lease(&mut self, bytes: u64) {
        self.held.set_lease(bytes);
        if self.held.bytes() > bytes {
            self.lease_was_cut();
            self.share_windows();
            self.shrink_to_lease();
        }
    }

    /// Evicts what is over the lease and not about to be read.
    pub(super) fn shrink_to_lease(&mut self) {
        if self.held.bytes() <= self.held.lease() {
            return;
        }
        for piece in self
            .held
            .victims(&self.layout, 0, &self.demand.protected(self.now))
        {
            self.evict(piece);
        }
    }
}
