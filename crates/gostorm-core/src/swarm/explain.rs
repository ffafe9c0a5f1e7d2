//! What a read waits for, and why it has not come: looked at once a turn, for the longest wait of each reader.

use std::net::SocketAddr;

use gostorm_wire::PieceIndex;

use super::Swarm;
use crate::demand::Waiting;
use crate::event::{Output, PeerKey};
use crate::peer::Peer;
use crate::picker::BlockState;
use crate::stall::{Cause, Stalls};

impl Swarm {
    /// Notes what the longest waiting read of each reader waits for.
    pub(super) fn look_at_waits(&mut self) {
        let now = self.now;
        let mut longest: Vec<&Waiting> = Vec::new();
        let waiting = self.demand.waiting().iter();
        for read in waiting.filter(|read| Stalls::is_noticed(now, read.since)) {
            // Reads wait in the order in which they came.
            if longest.iter().all(|other| other.reader != read.reader) {
                longest.push(read);
            }
        }
        let why: Vec<_> = longest
            .into_iter()
            .filter_map(|read| {
                let piece = self.first_unverified(read)?;
                let (block, cause) = self.cause(piece);
                Some((read.clone(), (piece, block, cause)))
            })
            .collect();
        for (read, what) in why {
            let who = (read.reader, read.read);
            self.stalls.look(now, who, read.since, &read.range, what);
        }
    }

    /// A read does not wait any more: says so when it was long.
    pub(super) fn end_wait(&mut self, waiting: &Waiting, served: bool) {
        let who = (waiting.reader, waiting.read);
        if let Some(stall) = self.stalls.end(self.now, who, served) {
            self.push(Output::Stalled(Box::new(stall)));
        }
    }

    fn first_unverified(&self, read: &Waiting) -> Option<PieceIndex> {
        let mut pieces = self.layout.pieces_of(&read.range).map(PieceIndex);
        pieces.find(|piece| !self.picker.verified().contains(*piece))
    }

    /// The first block of a piece that is not here, and why.
    fn cause(&self, piece: PieceIndex) -> (Option<u32>, Cause) {
        let Some(active) = self.picker.active(piece) else {
            return (None, self.unasked(piece));
        };
        let here = |state: &BlockState| state.sender().is_some();
        let awaited = (0..).zip(active.blocks()).find(|(_, state)| !here(state));
        let Some((block, state)) = awaited else {
            return (None, Cause::Hashing);
        };
        let addr = |key: &PeerKey| self.addresses.get(key).copied();
        let asked: Option<SocketAddr> = match state {
            BlockState::Asked(peer) | BlockState::Hedged(peer, _) => addr(peer),
            BlockState::Missing | BlockState::Received(_) | BlockState::Verified(_) => None,
        };
        let cause = match asked {
            Some(_) | None if self.verify.is_suspect(piece) => Cause::Spoilt(asked),
            Some(addr) => Cause::Late(addr),
            None => self.unasked(piece),
        };
        (Some(block), cause)
    }

    /// Why a piece that is wanted is not asked for.
    fn unasked(&self, piece: PieceIndex) -> Cause {
        let owners = || self.peers.values().filter(|peer| peer.have.contains(piece));
        let len = u64::from(self.layout.piece_size(piece));
        if self.peers.is_empty() {
            Cause::NoPeer
        } else if owners().next().is_none() {
            Cause::NobodyHasIt
        } else if owners().all(|peer| peer.peer_chokes && !peer.serves(piece)) {
            Cause::Choked
        } else if !owners().any(|peer: &Peer| peer.serves(piece)) {
            Cause::Rejected
        } else if !self.picker.holds(piece) && !self.held.fits(len) {
            Cause::NoMemory
        } else if self.held_back {
            Cause::Limit
        } else {
            Cause::Busy
        }
    }
}
