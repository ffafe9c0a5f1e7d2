//! The bytes of the lease during a turn: what is given up so that a wanted piece can be begun.
//!
//! Used by `turn` alone. What no window and no read wants goes first, by age. A read that waits goes
//! further: before every window and every later read, so that readers whose windows fill the lease
//! do not starve another, and the oldest read always gets on.

use std::cmp::Reverse;
use std::ops::Range;
use std::time::Duration;

use gostorm_wire::PieceIndex;

use super::Swarm;
use crate::class::{OTHERS_DIVISOR, ReaderClass};
use crate::demand::Wanted;
use crate::event::PeerKey;
use crate::held::Held;
use crate::layout::Layout;
use crate::peer::Peer;
use crate::picker::Picker;
use crate::schedule::{Room, Sources};
use crate::time::Time;
use crate::verify::{TRIES_APART, Verify};

/// A read waits so long before it takes what windows hold: mostly they move on before.
const PATIENCE: Duration = Duration::from_millis(250);
/// A lone source should bring its piece within this, or readers wait too long for certainty.
const LONE_SECONDS: f64 = 8.0;
/// A lone source is given up for one that is expected to be so many times faster.
const MUCH_FASTER: f64 = 2.0;

/// What the scheduler may do to the memory, with the pieces it gave back on the way.
pub(super) struct Memory<'a> {
    pub(super) layout: &'a Layout,
    pub(super) held: &'a mut Held,
    pub(super) verify: &'a Verify,
    /// Who may have spoiled a piece.
    pub(super) doubted: Vec<PeerKey>,
    pub(super) protected: Vec<Range<u64>>,
    /// Pieces that are due by then come from trusted peers alone, if these suffice.
    pub(super) trusted_until: Option<Time>,
    pub(super) evicted: Vec<PieceIndex>,
    pub(super) started: Vec<(PieceIndex, bool)>,
}

impl Room for Memory<'_> {
    fn start(&mut self, picker: &mut Picker, piece: PieceIndex) -> bool {
        let len = u64::from(self.layout.piece_size(piece));
        if !self.held.fits(len) {
            // No victim owes blocks: what nobody wants was withdrawn earlier in this turn.
            for victim in self.held.victims(self.layout, len, &self.protected) {
                picker.drop_piece(victim);
                self.held.release(self.layout, victim);
                self.evicted.push(victim);
            }
            if !self.held.fits(len) {
                return false;
            }
        }
        self.held.reserve(self.layout, piece);
        picker.activate(self.layout, piece);
        self.started.push((piece, self.verify.is_suspect(piece)));
        true
    }

    fn sources(&mut self, picker: &mut Picker, wanted: &Wanted, peers: &[&Peer]) -> Sources {
        let piece = wanted.piece;
        if !self.verify.is_suspect(piece) {
            if let Some(active) = picker.active_mut(piece) {
                // Its failures are explained.
                active.only = None;
            }
            let soon = self.trusted_until.is_some_and(|until| wanted.due <= until);
            return if soon && trusted_suffice(piece, peers) {
                Sources::Trusted
            } else {
                Sources::Any
            };
        }
        if self.verify.tries(piece) < TRIES_APART {
            self.keep_apart(picker, piece, peers);
            return Sources::Any;
        }
        self.lone_source(picker, piece, peers)
            .map_or(Sources::Any, Sources::One)
    }

    fn doubts(&self, peer: &Peer) -> bool {
        self.doubted.contains(&peer.key)
    }

    fn is_wary(&self) -> bool {
        self.verify.failures() > 0
    }
}

impl Memory<'_> {
    /// The one peer that fills a piece which failed before.
    fn lone_source(
        &self,
        picker: &mut Picker,
        piece: PieceIndex,
        peers: &[&Peer],
    ) -> Option<PeerKey> {
        let servers: Vec<&Peer> = peers
            .iter()
            .copied()
            .filter(|peer| peer.serves(piece))
            .collect();
        let blocks = self.layout.blocks_in(piece);
        let seconds = |peer: &Peer| f64::from(peer.outstanding() + blocks) * peer.block_seconds();
        let trust = |peer: &Peer| {
            let suspected = self.verify.is_suspected(piece, peer.addr);
            let soon = seconds(peer) <= LONE_SECONDS;
            (!peer.snubbed, soon, !suspected, peer.good_bytes > 0)
        };
        // Of those that would bring it soon, one that had no part in the failure and has proved
        // itself; the fastest of equals. A suspect does as well: if it lies again, it is found out.
        let best = servers.iter().max_by(|a, b| {
            let faster = seconds(b).total_cmp(&seconds(a));
            trust(a).cmp(&trust(b)).then(faster).then(a.key.cmp(&b.key))
        })?;
        let active = picker.active_mut(piece)?;
        let chosen = servers
            .iter()
            .find(|peer| active.only == Some(peer.key) && !peer.snubbed)
            .filter(|peer| seconds(peer) <= seconds(best) * MUCH_FASTER);
        active.only = Some(chosen.unwrap_or(best).key);
        active.only
    }

    /// Notes who sent the blocks of the piece's failed tries, once.
    fn keep_apart(&self, picker: &mut Picker, piece: PieceIndex, peers: &[&Peer]) {
        let Some(active) = picker.active_mut(piece) else {
            return;
        };
        if !active.apart.is_empty() {
            return;
        }
        let key = |addr| peers.iter().find(|peer| peer.addr == addr);
        let earlier = |block| {
            let mut senders = self.verify.senders(piece, block);
            [senders.next(), senders.next()].map(|addr| Some(key(addr?)?.key))
        };
        let blocks = self.layout.blocks_in(piece) as usize;
        active.apart = (0..blocks).map(earlier).collect();
    }
}

/// True when the trusted ones of those who serve the piece are good for half of what all would bring.
fn trusted_suffice(piece: PieceIndex, peers: &[&Peer]) -> bool {
    let serving = peers
        .iter()
        .filter(|peer| !peer.snubbed && peer.serves(piece));
    let (mut trusted, mut others) = (0.0, 0.0);
    for peer in serving {
        let rates = if peer.trusted {
            &mut trusted
        } else {
            &mut others
        };
        *rates += peer.estimate.rate();
    }
    trusted > 0.0 && trusted >= others
}

impl Swarm {
    /// Evicts for the first read that has waited for long what only windows and later reads hold, the
    /// latest due first. One piece at a time, and none while the pieces before it are not all asked
    /// for: room that cannot be filled yet would only cost what is there.
    pub(super) fn make_room_for_reads(&mut self) {
        let mut kept: Vec<Range<u32>> = Vec::new();
        for (due, read) in self.demand.reads_by_due() {
            let pieces = self.layout.pieces_of(&read.range);
            kept.push(pieces.clone());
            for piece in pieces.map(PieceIndex) {
                if self.picker.holds(piece) {
                    let active = self.picker.active(piece);
                    if active.is_some_and(|active| active.next_missing(0).is_some()) {
                        return;
                    }
                } else if self.peers.values().any(|peer| peer.serves(piece)) {
                    let len = u64::from(self.layout.piece_size(piece));
                    if !self.held.fits(len) && due + PATIENCE <= self.now {
                        let class = read.class;
                        self.make_room(len, &kept, class);
                    }
                    return;
                }
            }
        }
    }

    /// When the patience of a read ends that has no memory for its next piece.
    pub(super) fn patience_ends(&self) -> Time {
        let unheld = |range: &Range<u64>| {
            let mut pieces = self.layout.pieces_of(range).map(PieceIndex);
            pieces.any(|piece| !self.picker.holds(piece))
        };
        let reads = self.demand.reads_by_due().into_iter();
        let ends = reads
            .filter(|(_, read)| unheld(&read.range))
            .map(|(due, _)| due + PATIENCE);
        ends.filter(|end| *end > self.now)
            .min()
            .unwrap_or(Time::NEVER)
    }

    /// Evicts until `len` more bytes fit, sparing the pieces `kept`; nothing when that cannot be. What a
    /// playback wants goes for another kind of reader only while those have less than their part.
    fn make_room(&mut self, len: u64, kept: &[Range<u32>], class: ReaderClass) {
        let size = |piece: &PieceIndex| u64::from(self.layout.piece_size(*piece));
        let played = |piece: &PieceIndex| self.demand.plays(&self.layout, *piece);
        let others: u64 = self
            .held
            .pieces()
            .filter(|piece| !played(piece))
            .map(|piece| size(&piece))
            .sum();
        let part = (self.held.lease() / OTHERS_DIVISOR).max(u64::from(self.layout.piece_len()) * 2);
        let spare_played = class != ReaderClass::Playback && others + len > part;
        let mut loose: Vec<(Reverse<u64>, PieceIndex)> = self
            .held
            .pieces()
            .filter(|piece| !kept.iter().any(|kept| kept.contains(&piece.0)))
            .filter(|piece| !(spare_played && played(piece)))
            .map(|piece| (Reverse(self.demand.bytes_until(&self.layout, piece)), piece))
            .collect();
        loose.sort_unstable();
        let mut victims = Vec::new();
        let mut freed = 0;
        for (_, piece) in loose {
            if self.held.bytes() + len <= self.held.lease() + freed {
                break;
            }
            freed += size(&piece);
            victims.push(piece);
        }
        if self.held.bytes() + len <= self.held.lease() + freed {
            victims.into_iter().for_each(|piece| self.evict(piece));
        }
    }
}
