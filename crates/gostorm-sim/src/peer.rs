//! Scripted remote peers: what each has, how fast it is, and how it misbehaves.
//!
//! A [`Remote`] is one connection's other end. The world tells it what we said and when its timers
//! ring; it answers through a [`Desk`], which puts what it says on the line. Payload is a digest:
//! [`right_digest`] of the block, or anything else when the peer corrupts it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use gostorm_core::{Bits, Layout, Time};
use gostorm_wire::{BlockSpan, Message, PieceIndex};

use crate::leech::{Leech, Taken, Takes};
use crate::link::{Link, LinkSpec};
use crate::rng::{Rng, mix};

/// Bytes of a message that carries no payload, headers of TCP included.
const MESSAGE_BYTES: u64 = 60;

/// The digest of a block's true bytes, in torrent number `torrent`.
#[must_use]
pub const fn right_digest(torrent: usize, span: BlockSpan) -> u64 {
    mix(((torrent as u64) << 48) ^ ((span.piece.0 as u64) << 20) ^ (span.begin >> 14) as u64)
}

/// What a peer really has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Every piece.
    All,
    /// This percentage of the pieces, chosen by the salt.
    Part {
        /// Percent of the pieces.
        percent: u64,
        /// Which ones.
        salt: u64,
    },
    /// One piece of so many.
    Every {
        /// Of how many.
        of: u32,
        /// Which one of them.
        at: u32,
    },
    /// No piece.
    None,
}

impl Share {
    /// True when it has `piece`.
    #[must_use]
    pub const fn has(self, piece: PieceIndex) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Every { of, at } => piece.0 % of == at,
            Self::Part { percent, salt } => mix(salt ^ mix(piece.0 as u64)) % 100 < percent,
        }
    }
}

/// What a peer does with a request that it took and cannot answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// It claims every piece, and rejects what it does not have (fast extension), or is silent.
    Rejects,
    /// It claims every piece, and never answers for those it does not have.
    Silent,
}

/// How a peer is and behaves. [`PeerSpec::seed`] is healthy; change fields from there.
#[derive(Clone, Copy, Debug)]
pub struct PeerSpec {
    /// From the peer to us; the way back has the same latency.
    pub link: LinkSpec,
    /// It speaks the fast extension.
    pub fast: bool,
    /// The depth of its request queue, told in its extended handshake when it differs from 250.
    pub reqq: u32,
    /// What it has.
    pub share: Share,
    /// It claims more than it has.
    pub lie: Option<Lie>,
    /// Time from our interest to its unchoke; `None` is never.
    pub unchokes_after: Option<Duration>,
    /// It unchokes for the first time and chokes for the second, over and over.
    pub flaps: Option<(Duration, Duration)>,
    /// Pieces that it serves while it chokes.
    pub allowed_fast: u32,
    /// Goes silent after so many bytes, without closing.
    pub silent_after: Option<u64>,
    /// And speaks again after this.
    pub silent_for: Option<Duration>,
    /// Closes the connection after so many bytes.
    pub dies_after: Option<u64>,
    /// Percent of its blocks that are wrong.
    pub corrupts: u64,
    /// Percent of its blocks that it sends twice.
    pub doubles: u64,
    /// Percent of its blocks after which it sends one that nobody asked for.
    pub unasked: u64,
    /// Percent of the requests that it rejects though it could answer (fast extension).
    pub rejects: u64,
    /// A dial ends without a handshake.
    pub refuses: bool,
    /// It dials us, so long after the start.
    pub dials_us_after: Option<Duration>,
    /// It served this torrent well in an earlier session, at this rate.
    pub known_rate: Option<u64>,
    /// It is in the tracker's answer.
    pub tracked: bool,
    /// It takes of us what it is told of.
    pub takes: Option<Takes>,
}

impl PeerSpec {
    /// A healthy seed.
    #[must_use]
    pub fn seed(rtt: Duration, rate: u64) -> Self {
        Self {
            link: LinkSpec::new(rtt, rate),
            fast: true,
            reqq: 250,
            share: Share::All,
            lie: None,
            unchokes_after: Some(Duration::from_millis(1)),
            flaps: None,
            allowed_fast: 0,
            silent_after: None,
            silent_for: None,
            dies_after: None,
            corrupts: 0,
            doubles: 0,
            unasked: 0,
            rejects: 0,
            refuses: false,
            dials_us_after: None,
            known_rate: None,
            tracked: true,
            takes: None,
        }
    }

    /// The same peer without faults, at `rate` or its own if that is higher.
    #[must_use]
    pub fn mended(self, rate: u64) -> Self {
        let link = LinkSpec {
            loss_per_million: 0,
            rate: self.link.rate.max(rate),
            ..self.link
        };
        Self {
            link,
            share: self.share,
            fast: self.fast,
            reqq: self.reqq,
            ..Self::seed(self.link.rtt(), rate)
        }
    }
}

/// What a peer says to us.
#[derive(Clone, Debug)]
pub enum Saying {
    /// A message.
    Message(Message),
    /// A block.
    Block {
        /// What it claims to be.
        span: BlockSpan,
        /// What its bytes are.
        digest: u64,
    },
    /// It closes the connection.
    Close,
}

/// A timer of a peer.
#[derive(Clone, Copy, Debug)]
pub enum PeerTimer {
    /// Unchoke now.
    Unchoke,
    /// Choke now, and unchoke again later.
    Choke,
    /// The line is free for the next block.
    Ready,
    /// The silence is over.
    Speak,
}

/// Where a peer leaves what it says and the timers it sets.
#[derive(Debug)]
pub struct Desk<'a> {
    /// The present.
    pub now: Time,
    /// The peer's own random numbers.
    pub rng: &'a mut Rng,
    /// The line to us.
    pub down: &'a mut Link,
    /// The cut of the torrent.
    pub layout: &'a Layout,
    /// The number of the torrent.
    pub torrent: usize,
    /// What was said, with its time of arrival.
    pub said: Vec<(Time, Saying)>,
    /// Timers that were set.
    pub timers: Vec<(Time, PeerTimer)>,
}

impl Desk<'_> {
    fn say(&mut self, message: Message) {
        let sent = self.down.send(self.now, MESSAGE_BYTES, self.rng);
        self.said.push((sent.arrives, Saying::Message(message)));
    }

    fn send_block(&mut self, span: BlockSpan, digest: u64) -> Time {
        let bytes = u64::from(span.len) + MESSAGE_BYTES;
        let sent = self.down.send(self.now, bytes, self.rng);
        self.said
            .push((sent.arrives, Saying::Block { span, digest }));
        sent.free
    }

    fn later(&mut self, span: Duration, timer: PeerTimer) {
        self.timers.push((self.now + span, timer));
    }
}

/// The other end of one connection.
#[derive(Clone, Debug)]
pub struct Remote {
    spec: PeerSpec,
    queue: VecDeque<BlockSpan>,
    choking: bool,
    asked_to_unchoke: bool,
    sending: bool,
    silent: bool,
    sent_bytes: u64,
    sent_since_silence: u64,
    allowed: Vec<PieceIndex>,
    leech: Option<Leech>,
}

impl Remote {
    /// A peer that has just shaken hands.
    #[must_use]
    pub fn new(spec: PeerSpec) -> Self {
        Self {
            leech: spec.takes.map(|takes| Leech::new(takes, spec.fast)),
            spec,
            queue: VecDeque::new(),
            choking: true,
            asked_to_unchoke: false,
            sending: false,
            silent: false,
            sent_bytes: 0,
            sent_since_silence: 0,
            allowed: Vec::new(),
        }
    }

    /// Changes how it behaves from now on.
    pub fn set_spec(&mut self, spec: PeerSpec, desk: &mut Desk<'_>) {
        self.spec = spec;
        desk.down.set_spec(spec.link);
        self.silent = false;
        if spec.flaps.is_none() && self.choking && self.asked_to_unchoke {
            desk.later(Duration::from_millis(1), PeerTimer::Unchoke);
        }
        self.work(desk);
    }

    /// Bytes of blocks that it sent.
    #[must_use]
    pub const fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Says what it has.
    pub fn greet(&mut self, desk: &mut Desk<'_>) {
        let pieces = desk.layout.piece_count();
        let claims_all = self.spec.share == Share::All || self.spec.lie.is_some();
        if self.spec.fast && claims_all {
            desk.say(Message::HaveAll);
        } else if self.spec.fast && self.spec.share == Share::None {
            desk.say(Message::HaveNone);
        } else if claims_all {
            desk.say(Message::Bitfield(wire_bits(&Bits::all(pieces))));
        } else {
            let mut bits = Bits::none(pieces);
            for piece in (0..pieces).map(PieceIndex) {
                if self.spec.share.has(piece) {
                    bits.insert(piece);
                }
            }
            desk.say(Message::Bitfield(wire_bits(&bits)));
        }
        if self.spec.fast {
            for _ in 0..self.spec.allowed_fast {
                let piece = desk.rng.between(0, u64::from(pieces));
                let piece = PieceIndex(u32::try_from(piece).unwrap_or(0));
                self.allowed.push(piece);
                desk.say(Message::AllowedFast(piece));
            }
        }
    }

    /// What it has got of us.
    #[must_use]
    pub fn taken(&self) -> Taken {
        self.leech.as_ref().map_or(Taken::default(), Leech::taken)
    }

    /// A block of ours has arrived.
    pub fn on_block(&mut self, span: BlockSpan, desk: &mut Desk<'_>) {
        if let Some(leech) = &mut self.leech {
            for message in leech.gets(span, desk.layout, desk.rng) {
                desk.say(message);
            }
        }
    }

    /// We said something to it.
    pub fn on_message(&mut self, message: &Message, desk: &mut Desk<'_>) {
        if let Some(leech) = &mut self.leech {
            for message in leech.hears(message, desk.layout, desk.rng) {
                desk.say(message);
            }
        }
        match message {
            Message::Interested => {
                if !self.asked_to_unchoke
                    && let Some(wait) = self.spec.unchokes_after
                {
                    desk.later(wait, PeerTimer::Unchoke);
                }
                self.asked_to_unchoke = true;
            }
            Message::Request(span) => self.requested(*span, desk),
            Message::Cancel(span) => {
                if let Some(at) = self.queue.iter().position(|queued| queued == span) {
                    self.queue.remove(at);
                    self.reject(*span, desk);
                }
            }
            Message::KeepAlive
            | Message::Choke
            | Message::Unchoke
            | Message::NotInterested
            | Message::Have(_)
            | Message::Bitfield(_)
            | Message::Port(_)
            | Message::Suggest(_)
            | Message::HaveAll
            | Message::HaveNone
            | Message::Reject(_)
            | Message::AllowedFast(_)
            | Message::Extended { .. }
            | Message::HashRequest(_)
            | Message::Hashes { .. }
            | Message::HashReject(_)
            | Message::Unknown { .. } => {}
        }
    }

    fn reject(&self, span: BlockSpan, desk: &mut Desk<'_>) {
        if self.spec.fast && !self.silent {
            desk.say(Message::Reject(span));
        }
    }

    fn requested(&mut self, span: BlockSpan, desk: &mut Desk<'_>) {
        let allowed = !self.choking || self.allowed.contains(&span.piece);
        let full = self.queue.len() >= self.spec.reqq as usize;
        let moody = self.spec.fast && desk.rng.percent(self.spec.rejects);
        if !allowed || full || moody {
            return self.reject(span, desk);
        }
        if !self.spec.share.has(span.piece) {
            if self.spec.lie == Some(Lie::Rejects) {
                self.reject(span, desk);
            }
            return;
        }
        self.queue.push_back(span);
        self.work(desk);
    }

    /// A timer rang.
    pub fn on_timer(&mut self, timer: PeerTimer, desk: &mut Desk<'_>) {
        match timer {
            PeerTimer::Unchoke => {
                self.choking = false;
                desk.say(Message::Unchoke);
                if let Some((open, _)) = self.spec.flaps {
                    desk.later(open, PeerTimer::Choke);
                }
            }
            PeerTimer::Choke => self.choke(desk),
            PeerTimer::Ready => {
                self.sending = false;
                self.work(desk);
            }
            PeerTimer::Speak => {
                self.silent = false;
                self.sent_since_silence = 0;
                self.work(desk);
            }
        }
    }

    fn choke(&mut self, desk: &mut Desk<'_>) {
        let Some((_, shut)) = self.spec.flaps else {
            return;
        };
        self.choking = true;
        desk.say(Message::Choke);
        let allowed = std::mem::take(&mut self.allowed);
        let (kept, void): (VecDeque<BlockSpan>, VecDeque<BlockSpan>) = self
            .queue
            .drain(..)
            .partition(|span| allowed.contains(&span.piece));
        self.queue = kept;
        self.allowed = allowed;
        for span in void {
            self.reject(span, desk);
        }
        desk.later(shut, PeerTimer::Unchoke);
    }

    /// Sends the next block when the line is free.
    fn work(&mut self, desk: &mut Desk<'_>) {
        if self.sending || self.silent {
            return;
        }
        let Some(span) = self.queue.pop_front() else {
            return;
        };
        let right = right_digest(desk.torrent, span);
        let digest = if desk.rng.percent(self.spec.corrupts) {
            right ^ desk.rng.between(1, u64::MAX)
        } else {
            right
        };
        let mut free = desk.send_block(span, digest);
        if desk.rng.percent(self.spec.doubles) {
            free = desk.send_block(span, digest);
        }
        if desk.rng.percent(self.spec.unasked) {
            let piece = desk.rng.between(0, u64::from(desk.layout.piece_count()));
            let other = desk.layout.span(gostorm_core::BlockRef {
                piece: PieceIndex(u32::try_from(piece).unwrap_or(0)),
                block: 0,
            });
            free = desk.send_block(other, right_digest(desk.torrent, other));
        }
        self.sending = true;
        desk.timers.push((free, PeerTimer::Ready));
        self.sent_bytes += u64::from(span.len);
        self.sent_since_silence += u64::from(span.len);
        if self
            .spec
            .silent_after
            .is_some_and(|after| self.sent_since_silence >= after)
        {
            self.silent = true;
            if let Some(span) = self.spec.silent_for {
                desk.later(span, PeerTimer::Speak);
            }
        }
        if self
            .spec
            .dies_after
            .is_some_and(|after| self.sent_bytes >= after)
        {
            desk.said.push((free, Saying::Close));
            self.silent = true;
        }
    }
}

/// A bitfield as the wire has it (BEP 3): the high bit of the first byte is piece 0.
fn wire_bits(bits: &Bits) -> Bytes {
    let mut payload = vec![0u8; bits.len().div_ceil(8) as usize];
    for piece in (0..bits.len()).filter(|piece| bits.contains(PieceIndex(*piece))) {
        payload[piece as usize / 8] |= 0x80 >> (piece % 8);
    }
    payload.into()
}
