//! One peer as a taker: whether we choke it, what it asked for, what it was told that we have.
//!
//! Part of each [`Peer`](crate::peer::Peer), changed by `swarm/upload` alone. The queue is bounded by what
//! we said that we queue (`reqq` 250, BEP 10); what lies between us and its socket is bounded by
//! [`IN_FLIGHT_MAX`], so that a peer that does not read costs nothing but its own queue. Beside it what
//! belongs to no single peer: [`Uploads`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use gostorm_wire::{BlockSpan, PieceIndex};

use crate::choker::Choker;
use crate::event::PeerKey;
use crate::pace::Pace;
use crate::time::Time;

/// Requests that we queue of a peer, as we say in our extended handshake.
const QUEUE_MAX: usize = 250;
/// Blocks, or parts of them, that may be on their way to a peer's socket: fewer than its queue there takes.
const IN_FLIGHT_MAX: usize = 4;
/// Pieces that a peer is told of: when all go at once, it hears that in as many messages, and the queue to its
/// socket has room for 2,048.
const TOLD_MAX: usize = 1_024;
/// Requests in one round that may be refused as they come. Honest ones are refused when they cross a
/// choke or an eviction: a queue full at most.
const REFUSED_MAX: u32 = 1_000;
/// A peer that asks for what is gone again and again, and has no other way to learn it, is choked.
const REFUSED_UNCHOKED_MAX: u32 = 64;
/// It is not unchoked for so long: it would ask for the same again.
const HELD_OFF: Duration = Duration::from_secs(20);

/// What belongs to no single peer.
#[derive(Clone, Debug)]
pub(crate) struct Uploads {
    pub(crate) choker: Choker,
    /// The upload limit.
    pub(crate) pace: Pace,
    /// Bytes of blocks that were written to sockets.
    pub(crate) sent: u64,
    pub(crate) next_tell: Time,
    /// Nothing is announced before.
    pub(crate) quiet_until: Time,
    /// Who got the last block: the next goes to the one behind.
    pub(crate) last: PeerKey,
}

impl Uploads {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            choker: Choker::new(seed),
            pace: Pace::default(),
            sent: 0,
            next_tell: Time::ZERO,
            quiet_until: Time::ZERO,
            last: PeerKey(0),
        }
    }
}

/// The pieces that a peer may have although we choke it (BEP 6), so that one that has nothing yet gets something to
/// offer. Each is granted when it is here and will stay for a while, is given once, and is refused when it is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct FastSet {
    may_have: Vec<PieceIndex>,
    /// The pieces that it was granted, and the bytes of each that it may still have.
    granted: BTreeMap<PieceIndex, u32>,
}

impl FastSet {
    pub(crate) fn new(may_have: Vec<PieceIndex>) -> Self {
        Self {
            may_have,
            granted: BTreeMap::new(),
        }
    }

    /// Grants a piece of `len` bytes; false when it is not of the set, or was granted before.
    pub(crate) fn grant(&mut self, piece: PieceIndex, len: u32) -> bool {
        let at = self.may_have.iter().position(|other| *other == piece);
        if let Some(at) = at {
            self.may_have.swap_remove(at);
            self.granted.insert(piece, len);
        }
        at.is_some()
    }

    pub(crate) fn grants(&self, piece: PieceIndex) -> bool {
        self.granted.contains_key(&piece)
    }

    /// Takes `len` bytes of what was granted; false when they are not there.
    pub(crate) fn take(&mut self, piece: PieceIndex, len: u32) -> bool {
        let left = self.granted.get_mut(&piece);
        let rest = left.and_then(|left| Some((left.checked_sub(len)?, left)));
        rest.map(|(rest, left)| *left = rest).is_some()
    }

    /// The piece is gone.
    fn revoke(&mut self, piece: PieceIndex) {
        self.granted.remove(&piece);
    }
}

/// The peer's side of our upload.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// We choke it.
    pub(crate) choked: bool,
    /// When that changed last.
    pub(crate) since: Time,
    queue: VecDeque<BlockSpan>,
    /// The bytes of each block on its way, the first first.
    in_flight: VecDeque<u64>,
    /// The pieces that it was told of and that we still have.
    told: BTreeSet<PieceIndex>,
    /// The id under which it takes `lt_donthave` (BEP 54).
    pub(crate) dont_have: Option<u8>,
    /// It wants nothing (BEP 21).
    pub(crate) upload_only: bool,
    /// What it may have while we choke it.
    pub(crate) fast: FastSet,
    /// Requests refused as they came, in this round.
    refused: u32,
    /// It is not unchoked before.
    held_off_until: Time,
    gives: Lately,
    takes: Lately,
}

/// Bytes of the last rounds, the latest counting most: about the last 20 s.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    before: u64,
    now: u64,
}

impl Lately {
    const fn end_round(&mut self) {
        self.before = self.bytes() / 2;
        self.now = 0;
    }

    const fn bytes(self) -> u64 {
        self.before + self.now
    }
}

impl Upload {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            choked: true,
            since: now,
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            told: BTreeSet::new(),
            dont_have: None,
            upload_only: false,
            fast: FastSet::default(),
            refused: 0,
            held_off_until: Time::ZERO,
            gives: Lately::default(),
            takes: Lately::default(),
        }
    }

    /// Queues a request; false when as many wait as we said. One that waits already is not queued again.
    pub(crate) fn queue(&mut self, span: BlockSpan) -> bool {
        if self.queue.contains(&span) {
            return true;
        }
        let room = self.queue.len() < QUEUE_MAX;
        if room {
            self.queue.push_back(span);
        }
        room
    }

    /// Takes a request back; true when it waited.
    pub(crate) fn cancel(&mut self, span: BlockSpan) -> bool {
        let at = self.queue.iter().position(|queued| *queued == span);
        at.and_then(|at| self.queue.remove(at)).is_some()
    }

    /// Notes a request that is refused as it comes.
    pub(crate) const fn note_refused(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// True when more was refused than an honest peer asks for.
    pub(crate) const fn is_flood(&self) -> bool {
        self.refused > REFUSED_MAX
    }

    /// True when it is served and has asked too often for what is not here.
    pub(crate) const fn is_stubborn(&self) -> bool {
        !self.choked && self.refused > REFUSED_UNCHOKED_MAX
    }

    /// It asks for what is gone, and is left alone for a while.
    pub(crate) fn hold_off(&mut self, now: Time) {
        self.held_off_until = now + HELD_OFF;
    }

    /// True when it may be unchoked.
    pub(crate) fn may_be_served(&self, now: Time) -> bool {
        self.held_off_until <= now
    }

    /// It is choked: takes every request back but those that are granted nevertheless.
    pub(crate) fn clear(&mut self) -> Vec<BlockSpan> {
        let (kept, gone) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(|span| self.fast.grants(span.piece));
        self.queue = kept;
        Vec::from(gone)
    }

    /// Takes back the requests for a piece that is gone.
    pub(crate) fn clear_piece(&mut self, piece: PieceIndex) -> Vec<BlockSpan> {
        let (gone, kept) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(|span| span.piece == piece);
        self.queue = kept;
        Vec::from(gone)
    }

    /// Requests that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The next block to send, when its socket has room for one.
    pub(crate) fn next(&self) -> Option<BlockSpan> {
        let span = self.queue.front().copied()?;
        (self.in_flight.len() < IN_FLIGHT_MAX).then_some(span)
    }

    /// The next block goes to its socket.
    pub(crate) fn send(&mut self) {
        if let Some(span) = self.queue.pop_front() {
            self.in_flight.push_back(u64::from(span.len));
        }
    }

    /// `bytes` of blocks, each to its end, were written to its socket; how many of them had been sent there.
    pub(crate) fn written(&mut self, bytes: u64) -> u64 {
        let mut sent = 0;
        while let Some(len) = self.in_flight.pop_front_if(|len| sent + *len <= bytes) {
            sent += len;
        }
        self.takes.now += sent;
        sent
    }

    /// It sent us a block that we wanted.
    pub(crate) fn gave(&mut self, len: u32) {
        self.gives.now += u64::from(len);
    }

    /// Bytes that it sent us of late.
    pub(crate) const fn gives(&self) -> u64 {
        self.gives.bytes()
    }

    /// Bytes that it took of late.
    pub(crate) const fn takes(&self) -> u64 {
        self.takes.bytes()
    }

    /// A round of the choker is over.
    pub(crate) const fn end_round(&mut self) {
        self.gives.end_round();
        self.takes.end_round();
        self.refused = 0;
    }

    /// Notes that it is told of a piece; false when it was told before, or of enough of them.
    pub(crate) fn tell(&mut self, piece: PieceIndex) -> bool {
        self.told.len() < TOLD_MAX && self.told.insert(piece)
    }

    /// Forgets a piece that is gone; true when it was told of it.
    pub(crate) fn untell(&mut self, piece: PieceIndex) -> bool {
        self.fast.revoke(piece);
        self.told.remove(&piece)
    }

    /// The pieces that it was told of.
    pub(crate) fn told(&self) -> impl Iterator<Item = PieceIndex> {
        self.told.iter().copied()
    }

    /// Panics when a bound is broken.
    pub(crate) fn check_invariants(&self) {
        assert!(self.queue.len() <= QUEUE_MAX, "upload queues are bounded");
        assert!(
            self.in_flight.len() <= IN_FLIGHT_MAX,
            "blocks on their way are bounded"
        );
        assert!(self.told.len() <= TOLD_MAX, "told pieces are bounded");
        let granted = |span: &BlockSpan| self.fast.grants(span.piece);
        assert!(
            !self.choked || self.queue.iter().all(granted),
            "who is choked waits for nothing but what it was granted"
        );
    }
}
