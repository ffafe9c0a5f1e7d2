//! Who is asked for what: each wanted block goes to the peer expected to deliver it soonest.
//!
//! Called once a turn with the wanted pieces in deadline order. Every peer that would serve is a
//! lane with the moment at which it will be free. A block is laid on the lane with the earliest
//! arrival even when that lane's pipeline is full: then it waits for the fast peer's slot rather
//! than go to a slow peer that is free, and the next blocks see the lane as that much busier. So slow
//! peers get the blocks that are needed late, and fast ones those needed soon.
//!
//! Snubbed peers are not lanes: each gets one probe block that is not needed soon, or that nobody
//! else can bring. When there is no memory for a piece, those begun already are filled all the same:
//! half-filled pieces would keep their memory for ever.

use std::time::Duration;

use gostorm_wire::PieceIndex;

use crate::demand::{Wanted, WantedPieces};
use crate::event::PeerKey;
use crate::layout::BlockRef;
use crate::peer::Peer;
use crate::picker::Picker;
use crate::time::Time;

/// Blocks that one turn lays on lanes at most: bounds the work when fast lanes are full.
const LAID_MAX: u32 = 1_024;
/// Wanted pieces that one turn passes over when there is no memory for them: those already begun are
/// behind them.
const PASSED_MAX: u32 = 512;
/// A block for a snubbed peer is not needed for so long.
const PROBE_AHEAD: Duration = Duration::from_secs(5);

/// What is needed within this is not the place to try newcomers: they begin with what is needed later.
const PROVEN_AHEAD: Duration = Duration::from_secs(5);
/// A block of a failed try is asked of another peer than before, unless that one is so many times slower,
/// and so many seconds: with two peers one of them may be hardly moving.
const AGAIN_FACTOR: f64 = 3.0;
const AGAIN_SECONDS: f64 = 0.5;
/// Doubted peers are done without unless they are so many times faster than all others together: most
/// of them are innocent, and nobody is to wait for ever.
const DOUBTED_FASTER: f64 = 4.0;

/// A peer as the scheduler sees it: seconds from now, and what it has.
struct Lane<'a> {
    peer: &'a Peer,
    room: u32,
    /// When one more block would be here.
    arrival: f64,
    rtt: f64,
    per_block: f64,
    /// It may have spoiled a piece: it gets nothing that others can bring.
    doubted: bool,
}

impl<'a> Lane<'a> {
    fn new(peer: &'a Peer, doubted: bool) -> Self {
        let per_block = peer.block_seconds();
        let rtt = peer.estimate.rtt().as_secs_f64();
        let free_at = f64::from(peer.outstanding()) * per_block;
        Self {
            peer,
            room: peer.room(),
            arrival: free_at.max(rtt) + per_block,
            rtt,
            per_block,
            doubted,
        }
    }

    fn may(&self, piece: PieceIndex, sources: Sources) -> bool {
        may(self.peer, piece, sources)
    }

    /// One more block is laid on it.
    fn take(&mut self) {
        self.arrival = self.arrival.max(self.rtt) + self.per_block;
    }
}

/// True when the peer has the piece, would serve it, and is among those allowed.
fn may(peer: &Peer, piece: PieceIndex, sources: Sources) -> bool {
    peer.serves(piece)
        && match sources {
            Sources::Any => true,
            Sources::Trusted => peer.trusted,
            Sources::One(only) => only == peer.key,
        }
}

/// Which of the peers that have a piece may fill it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    /// All.
    Any,
    /// Those whose unverified blocks may be served.
    Trusted,
    /// One alone.
    One(PeerKey),
}

/// One request to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) peer: PeerKey,
    pub(crate) block: BlockRef,
}

/// What the scheduler needs of the rest of the swarm.
pub(crate) trait Room {
    /// Makes `piece` active if it can be: charges its bytes, evicting what nobody wants.
    fn start(&mut self, picker: &mut Picker, piece: PieceIndex) -> bool;
    /// Who may fill the piece, of those of `peers` that serve it. Notes as well which of its blocks are
    /// to come from others than before.
    fn sources(&mut self, picker: &mut Picker, wanted: &Wanted, peers: &[&Peer]) -> Sources;
    /// True when the peer may have spoiled a piece.
    fn doubts(&self, peer: &Peer) -> bool;
    /// True when a piece has been spoiled in this session.
    fn is_wary(&self) -> bool;
}

/// Lays the wanted blocks on the peers and returns the requests that fit their pipelines now, `allowed` at
/// most (a few more, when snubbed peers get their probes).
pub(crate) fn assign(
    now: Time,
    peers: &[&Peer],
    picker: &mut Picker,
    wanted: &mut WantedPieces<'_>,
    room: &mut impl Room,
    allowed: u32,
) -> Vec<Assignment> {
    let mut table = Table::new(now, peers, room, allowed);
    let mut passed = 0;
    while table.has_room() && passed < PASSED_MAX {
        let Some(next) = wanted.next_missing(picker.verified()) else {
            break;
        };
        if !peers.iter().any(|peer| peer.serves(next.piece)) {
            continue;
        }
        if !picker.holds(next.piece) && (passed > 0 || !room.start(picker, next.piece)) {
            passed += 1;
            continue;
        }
        let sources = room.sources(picker, &next, peers);
        let not_urgent = sources == Sources::Any && next.due > now + PROBE_AHEAD;
        if not_urgent || !table.has_lane(next.piece, sources) {
            table.probe(picker, next.piece, sources);
        }
        table.lay(picker, &next, sources);
    }
    table.given
}

/// The lanes while a turn is laid on them.
struct Table<'a> {
    lanes: Vec<Lane<'a>>,
    probes: Vec<&'a Peer>,
    free: u32,
    laid: u32,
    now: Time,
    /// Somebody has lied: what is needed soon comes from peers that sent verified pieces before, if
    /// they are good for half.
    wary: bool,
    given: Vec<Assignment>,
}

impl<'a> Table<'a> {
    fn new(now: Time, peers: &[&'a Peer], room: &impl Room, allowed: u32) -> Self {
        let serving = || peers.iter().copied().filter(|peer| peer.serves_any());
        let lanes: Vec<Lane<'_>> = serving()
            .filter(|peer| !peer.snubbed)
            .map(|peer| Lane::new(peer, room.doubts(peer)))
            .collect();
        let probes = serving()
            .filter(|peer| peer.snubbed && peer.room() > 0 && allowed > 0)
            .collect();
        let free: u32 = lanes.iter().map(|lane| lane.room).sum();
        Self {
            lanes,
            probes,
            free: free.min(allowed),
            laid: 0,
            now,
            wary: room.is_wary(),
            given: Vec::new(),
        }
    }

    fn has_room(&self) -> bool {
        self.laid < LAID_MAX && (self.free > 0 || !self.probes.is_empty())
    }

    fn give(&mut self, picker: &mut Picker, peer: PeerKey, block: BlockRef) {
        picker.ask(block, peer);
        self.given.push(Assignment { peer, block });
    }

    /// True when a peer that is not snubbed may bring the piece.
    fn has_lane(&self, piece: PieceIndex, sources: Sources) -> bool {
        self.lanes.iter().any(|lane| lane.may(piece, sources))
    }

    /// One block for each snubbed peer that may bring the piece.
    fn probe(&mut self, picker: &mut Picker, piece: PieceIndex, sources: Sources) {
        let mut from = 0;
        let (able, rest) = self
            .probes
            .drain(..)
            .partition::<Vec<_>, _>(|peer| may(peer, piece, sources));
        self.probes = rest;
        for peer in able {
            let missing = picker
                .active(piece)
                .and_then(|active| active.next_missing(from));
            match missing {
                Some(block) => {
                    self.give(picker, peer.key, BlockRef { piece, block });
                    from = block + 1;
                }
                None => self.probes.push(peer),
            }
        }
    }

    /// Lays the missing ones of the wanted blocks on the lanes, each where it arrives first.
    fn lay(&mut self, picker: &mut Picker, wanted: &Wanted, sources: Sources) {
        let piece = wanted.piece;
        let mut usable: Vec<&mut Lane<'a>> = self
            .lanes
            .iter_mut()
            .filter(|lane| lane.may(piece, sources))
            .collect();
        let rate = |doubted| -> f64 {
            let lanes = usable.iter().filter(|lane| lane.doubted == doubted);
            lanes.map(|lane| 1.0 / lane.per_block).sum()
        };
        if rate(false) * DOUBTED_FASTER >= rate(true) {
            usable.retain(|lane| !lane.doubted);
        }
        if self.wary && wanted.due <= self.now + PROVEN_AHEAD {
            let rate = |proven| -> f64 {
                let lanes = usable
                    .iter()
                    .filter(|lane| (lane.peer.good_bytes > 0) == proven);
                lanes.map(|lane| 1.0 / lane.per_block).sum()
            };
            if rate(true) >= rate(false) {
                usable.retain(|lane| lane.peer.good_bytes > 0);
            }
        }
        let mut from = wanted.from;
        while self.free > 0 && self.laid < LAID_MAX {
            let Some(active) = picker.active(piece) else {
                return;
            };
            let missing = active.next_missing(from);
            let Some(block) = missing.filter(|block| *block < wanted.until) else {
                return;
            };
            from = block + 1;
            let arrival = |lane: &Lane<'_>| {
                if active.was_sent_by(block, lane.peer.key) {
                    lane.arrival * AGAIN_FACTOR + AGAIN_SECONDS
                } else {
                    lane.arrival
                }
            };
            let soonest = usable
                .iter_mut()
                .min_by(|a, b| arrival(a).total_cmp(&arrival(b)));
            let Some(lane) = soonest else {
                return;
            };
            lane.take();
            self.laid += 1;
            if lane.room > 0 {
                lane.room -= 1;
                self.free -= 1;
                let peer = lane.peer.key;
                let block = BlockRef { piece, block };
                picker.ask(block, peer);
                self.given.push(Assignment { peer, block });
            }
        }
    }
}
