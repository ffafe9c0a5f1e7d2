//! One remote: who chokes whom, what it has, what it owes us, how far it is trusted.
//!
//! A peer's pipeline is the list of blocks asked of it, oldest first. Its depth follows bandwidth ×
//! delay (`pipeline`). A peer that owes blocks and sends nothing for max(1 s, 3 × expected) is snubbed: it
//! gets one probe block at a time until it delivers again.

mod pipeline;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::{BLOCK_LEN, PieceIndex};

use self::pipeline::Pipeline;
use crate::bits::Bits;
use crate::connect::KnownPeer;
use crate::estimate::Estimate;
use crate::event::PeerKey;
use crate::layout::BlockRef;
use crate::pex::{Ear, Mouth};
use crate::time::Time;
use crate::upload::Upload;

/// What a peer keeps queued when it does not say (`reqq`): the usual default of real clients.
const REQUEST_QUEUE_DEFAULT: u32 = 250;
/// Depth of a new web seed's pipeline: a request costs it a round trip, and a blank line of headers for each.
const PIPELINE_START_WEB: u32 = 32;
/// Time beyond the round trip that the pipeline covers, so that a late driver does not idle a peer.
const PIPELINE_SLACK: Duration = Duration::from_millis(100);
/// Silence after which a peer that owes blocks is snubbed, at least.
const SNUB_MIN: Duration = Duration::from_secs(1);
/// The same of a web seed: a connection that its server has closed meanwhile is made anew before anything comes.
const SNUB_MIN_WEB: Duration = Duration::from_secs(3);
/// Weight of a new distance in the mean (RFC 6298 uses 1/4 for the same purpose).
const DEVIATION_WEIGHT: f64 = 0.25;
/// Blocks that we took back lately and would still accept: some pipelines' worth, for seeks in a row.
const WITHDRAWN_MAX: usize = 1_024;
/// A request that was passed over is forgotten when it is overdue by so much.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(4);
/// How long a peer is not asked for a piece that it rejected.
const REFUSED_FOR: Duration = Duration::from_secs(2);
/// Hedges beyond the depth of a pipeline.
const HEDGE_EXTRA: u32 = 4;
/// Refused pieces that are remembered of one peer.
const REFUSED_MAX: usize = 64;
/// Blocks that nobody asked for before the peer is let go.
const UNASKED_MAX: u32 = 64;
/// Blocks that we had asked for that make up for one that we had not.
const FORGIVING_BLOCKS: u32 = 32;

/// A block that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) block: BlockRef,
    pub(crate) at: Time,
    /// When it was expected here, by what was known of the peer then.
    expected: Time,
    /// True when nothing else was outstanding at the time: its answer shows the round trip.
    pub(crate) lone: bool,
}

/// One connected peer.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) key: PeerKey,
    pub(crate) addr: SocketAddr,
    /// It dialled us: its port is not one that can be dialled.
    pub(crate) incoming: bool,
    /// Where it can be dialled, if that is known.
    pub(crate) listens: Option<SocketAddr>,
    /// How often it is heard when it names others.
    pub(crate) ear: Ear,
    /// What it is told of others, if it takes that.
    pub(crate) mouth: Option<Mouth>,
    /// It is a web seed: it has no port of its own, takes nothing and is no connection of ours.
    pub(crate) web: bool,
    pub(crate) fast: bool,
    pub(crate) have: Bits,
    pub(crate) peer_chokes: bool,
    pub(crate) we_interested: bool,
    pub(crate) peer_interested: bool,
    pub(crate) allowed_fast: Vec<PieceIndex>,
    pub(crate) estimate: Estimate,
    pub(crate) snubbed: bool,
    /// Its unverified blocks may be served; set by `swarm/responsive` before they are asked for.
    pub(crate) trusted: bool,
    /// Bytes of verified pieces that this peer sent.
    pub(crate) good_bytes: u64,
    /// Bytes that came though another had brought them, or nobody had asked.
    pub(crate) wasted_bytes: u64,
    /// Bytes of blocks that we sent it.
    pub(crate) sent_bytes: u64,
    /// What it takes of us.
    pub(crate) upload: Upload,
    /// Our own limit keeps its pipeline short.
    held_back: bool,
    asked: VecDeque<Asked>,
    /// Pieces that it rejected, and until when it is not asked for them again.
    refused: Vec<(PieceIndex, Time)>,
    /// The latest request that was answered: earlier ones that are not were passed over.
    answered_until: Time,
    /// Mean lateness of arrivals after their expected times, seconds.
    deviation: f64,
    withdrawn: VecDeque<BlockRef>,
    unasked: u32,
    /// Welcome blocks since the last unasked one was forgiven.
    welcome: u32,
    pipeline: Pipeline,
    request_queue: u32,
    last_heard: Time,
    /// When it connected.
    since: Time,
}

impl Peer {
    pub(crate) fn new(
        key: PeerKey,
        addr: SocketAddr,
        fast: bool,
        pieces: u32,
        estimate: Estimate,
        now: Time,
    ) -> Self {
        let estimate_deviation = estimate.rtt().as_secs_f64() / 2.0;
        Self {
            key,
            addr,
            incoming: false,
            listens: Some(addr),
            ear: Ear::new(),
            mouth: None,
            web: false,
            fast,
            have: Bits::none(pieces),
            peer_chokes: true,
            we_interested: false,
            peer_interested: false,
            allowed_fast: Vec::new(),
            estimate,
            snubbed: false,
            trusted: false,
            good_bytes: 0,
            wasted_bytes: 0,
            sent_bytes: 0,
            upload: Upload::new(now),
            held_back: false,
            refused: Vec::new(),
            answered_until: Time::ZERO,
            deviation: estimate_deviation,
            asked: VecDeque::new(),
            withdrawn: VecDeque::new(),
            unasked: 0,
            welcome: 0,
            pipeline: Pipeline::new(pipeline::START),
            request_queue: REQUEST_QUEUE_DEFAULT,
            last_heard: now,
            since: now,
        }
    }

    /// Makes it a web seed: it has everything, and serves at once.
    pub(crate) fn become_web_seed(&mut self, pieces: u32) {
        self.web = true;
        self.listens = None;
        self.have = Bits::all(pieces);
        self.peer_chokes = false;
        // It is not told so.
        self.we_interested = true;
        self.pipeline = Pipeline::new(PIPELINE_START_WEB);
        self.request_queue = pipeline::MAX;
    }

    /// True when it would answer a request for `piece` now.
    pub(crate) fn serves(&self, piece: PieceIndex) -> bool {
        let refuses = self.refused.iter().any(|(refused, _)| *refused == piece);
        self.have.contains(piece)
            && !refuses
            && (!self.peer_chokes || self.allowed_fast.contains(&piece))
    }

    /// True when it would answer some request now.
    pub(crate) const fn serves_any(&self) -> bool {
        !self.have.is_empty() && (!self.peer_chokes || !self.allowed_fast.is_empty())
    }

    /// Blocks that may still be asked of it.
    pub(crate) fn room(&self) -> u32 {
        let limit = if self.snubbed {
            1
        } else {
            self.depth().min(self.request_queue)
        };
        limit.saturating_sub(self.outstanding())
    }

    /// Seconds from one block to the next when it is kept busy: by its rate, or by a request queue
    /// that is too short for its round trip.
    pub(crate) fn block_seconds(&self) -> f64 {
        let by_rate = f64::from(BLOCK_LEN) / self.estimate.rate().max(1.0);
        let by_queue = self.estimate.rtt().as_secs_f64() / f64::from(self.request_queue);
        by_rate.max(by_queue)
    }

    /// Blocks that may be asked of it because another peer is late with them: a few beyond its
    /// pipeline, for a full one must not keep a reader waiting.
    pub(crate) fn hedge_room(&self) -> u32 {
        if self.snubbed {
            return 0;
        }
        let limit = self
            .depth()
            .saturating_add(HEDGE_EXTRA)
            .min(self.request_queue);
        limit.saturating_sub(self.outstanding())
    }

    /// Depth of the pipeline, in blocks.
    pub(crate) const fn depth(&self) -> u32 {
        self.pipeline.depth()
    }

    /// Blocks asked of it and not yet here.
    pub(crate) fn outstanding(&self) -> u32 {
        u32::try_from(self.asked.len()).unwrap_or(u32::MAX)
    }

    /// The blocks asked of it, oldest first.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter()
    }

    /// How many requests it keeps queued (BEP 10 `reqq`).
    pub(crate) fn set_request_queue(&mut self, depth: u32) {
        self.request_queue = depth.clamp(1, pipeline::MAX);
    }

    /// Notes a request.
    pub(crate) fn ask(&mut self, now: Time, block: BlockRef) {
        let lone = self.asked.is_empty();
        let queue = f64::from(self.outstanding()) * self.block_seconds();
        let seconds = queue.max(self.estimate.rtt().as_secs_f64()) + self.block_seconds();
        if lone {
            // The clock of its silence starts when it owes something.
            self.last_heard = self.last_heard.max(now);
            self.estimate.on_first_request(now);
        }
        self.asked.push_back(Asked {
            block,
            at: now,
            expected: now.plus_seconds(seconds),
            lone,
        });
    }

    /// Seconds from now until a block that it owes is expected: by its place in the queue and the
    /// round trip, and by as much again as it is overdue; for ever when it does not owe it.
    pub(crate) fn expects(&self, now: Time, block: BlockRef) -> f64 {
        let Some(place) = self.asked.iter().position(|asked| asked.block == block) else {
            return f64::MAX;
        };
        let asked = self.asked[place];
        let blocks = u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1);
        let by_queue = f64::from(blocks) * self.block_seconds();
        let arrival = (asked.at + self.estimate.rtt()).plus_seconds(self.block_seconds());
        let tolerated = asked.expected.plus_seconds(2.0 * self.deviation);
        by_queue.max(arrival.seconds_since(now)) + now.seconds_since(tolerated)
    }

    /// A block came from it. True when we had asked for it, now or a moment ago.
    pub(crate) fn on_block(&mut self, now: Time, block: BlockRef, len: u32) -> bool {
        self.last_heard = now;
        let Some(at) = self.asked.iter().position(|asked| asked.block == block) else {
            let withdrawn = self.withdrawn.iter().position(|gone| *gone == block);
            if let Some(at) = withdrawn {
                self.withdrawn.remove(at);
            } else {
                self.unasked = self.unasked.saturating_add(1);
            }
            return withdrawn.is_some();
        };
        let asked = self.asked.remove(at);
        if let Some(asked) = asked {
            self.answered_until = self.answered_until.max(asked.at);
            // Early is no fault: only what came late says how late is still normal.
            let miss = now.seconds_since(asked.expected);
            self.deviation += DEVIATION_WEIGHT * (miss - self.deviation);
        }
        let lone_since = asked.filter(|asked| asked.lone).map(|asked| asked.at);
        self.snubbed = false;
        self.forgive();
        let sampled = self
            .estimate
            .on_block(now, len, !self.asked.is_empty(), lone_since);
        let measured = sampled.then(|| self.estimate.rate());
        let needs = self.blocks_in_flight();
        self.pipeline.on_block(measured, needs, self.held_back);
        if self.asked.is_empty() && self.pipeline.ran_dry() {
            self.estimate.was_too_short(now);
        }
        true
    }

    /// A connection of months collects strays; only a flood is worth the place.
    const fn forgive(&mut self) {
        self.welcome += 1;
        if self.welcome == FORGIVING_BLOCKS {
            self.welcome = 0;
            self.unasked = self.unasked.saturating_sub(1);
        }
    }

    /// The scheduler has had its turn. `limited`: our own limit kept blocks back from the peers, which says nothing of
    /// one whose pipeline is as full as its rate needs.
    pub(crate) fn end_turn(&mut self, limited: bool) {
        self.held_back = limited && self.outstanding() < self.blocks_in_flight();
        self.estimate.hold_back(self.held_back);
        self.pipeline.turned(!self.snubbed && self.room() == 0);
    }

    /// Blocks that bandwidth × delay holds.
    fn blocks_in_flight(&self) -> u32 {
        let seconds = (self.estimate.rtt() + PIPELINE_SLACK).as_secs_f64();
        let blocks = (self.estimate.rate() * seconds / f64::from(BLOCK_LEN)).ceil() + 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to a small range first"
        )]
        let blocks = blocks.clamp(f64::from(pipeline::MIN), f64::from(pipeline::MAX)) as u32;
        blocks
    }

    /// True when it sent so much unasked that it is not worth its place.
    pub(crate) const fn floods(&self) -> bool {
        self.unasked > UNASKED_MAX
    }

    /// It rejected a request for the piece: it is not asked again for a while, or the same request
    /// would go back and forth. Not for ever: it may be the only one that has it.
    pub(crate) fn refuse(&mut self, now: Time, piece: PieceIndex) {
        self.refused.retain(|(refused, _)| *refused != piece);
        if self.refused.len() == REFUSED_MAX {
            self.refused.remove(0);
        }
        self.refused.push((piece, now + REFUSED_FOR));
    }

    /// Forgets the refusals whose time is over.
    pub(crate) fn forget_refusals(&mut self, now: Time) {
        self.refused.retain(|(_, until)| *until > now);
    }

    /// When the next refusal is over.
    pub(crate) fn next_refusal_end(&self) -> Time {
        let ends = self.refused.iter().map(|(_, until)| *until);
        ends.min().unwrap_or(Time::NEVER)
    }

    /// Takes one request back (a reject, a cancel). True when it was outstanding.
    pub(crate) fn withdraw(&mut self, block: BlockRef) -> bool {
        let at = self.asked.iter().position(|asked| asked.block == block);
        if let Some(at) = at {
            self.asked.remove(at);
            self.remember_withdrawn(block);
        }
        if self.asked.is_empty() {
            self.estimate.restart_span();
        }
        at.is_some()
    }

    /// It rejects a block. True when that answers a request that we had taken back before: with the
    /// fast extension every request is answered once, in order (BEP 6).
    pub(crate) fn rejects_withdrawn(&mut self, block: BlockRef) -> bool {
        let at = self.withdrawn.iter().position(|gone| *gone == block);
        if let Some(at) = at {
            self.withdrawn.remove(at);
        }
        at.is_some()
    }

    /// Takes every request back (choked, snubbed, gone).
    pub(crate) fn withdraw_all(&mut self) -> Vec<BlockRef> {
        let blocks: Vec<BlockRef> = self.asked.drain(..).map(|asked| asked.block).collect();
        for block in &blocks {
            self.remember_withdrawn(*block);
        }
        self.estimate.restart_span();
        blocks
    }

    fn remember_withdrawn(&mut self, block: BlockRef) {
        if self.withdrawn.len() == WITHDRAWN_MAX {
            self.withdrawn.pop_front();
        }
        self.withdrawn.push_back(block);
    }

    /// True when it is worth remembering: it sent verified data, and can be dialled.
    pub(crate) const fn is_good(&self) -> bool {
        self.good_bytes > 0 && !self.snubbed && !self.incoming && !self.web
    }

    /// What it is like now, for the next session.
    pub(crate) fn known(&self) -> KnownPeer {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, and a rate is not negative"
        )]
        let rate = self.estimate.rate() as u64;
        KnownPeer {
            addr: self.addr,
            rate,
            rtt_us: u64::try_from(self.estimate.rtt().as_micros()).unwrap_or(u64::MAX),
            trusted: false,
        }
    }

    /// When it connected.
    pub(crate) const fn since(&self) -> Time {
        self.since
    }

    /// How long it has been connected.
    pub(crate) fn age(&self, now: Time) -> Duration {
        now - self.since
    }

    /// The blocks that it seems to have forgotten: asked before others that it has brought since, and
    /// overdue for long. A peer drops requests beyond its queue without a word.
    pub(crate) fn forgotten(&self, now: Time) -> impl Iterator<Item = BlockRef> {
        let lost = move |asked: &&Asked| {
            asked.at < self.answered_until && asked.expected + FORGOTTEN_AFTER <= now
        };
        self.asked.iter().filter(lost).map(|asked| asked.block)
    }

    /// The driver was away for `late`, and what the peer sent meanwhile is not seen yet: no silence and
    /// no delay of its own, and nothing that is measured across the gap says anything.
    pub(crate) fn excuse(&mut self, late: Duration) {
        self.last_heard += late;
        for asked in &mut self.asked {
            asked.expected += late;
            asked.lone = false;
        }
        self.estimate.restart_span();
    }

    /// When the peer counts as snubbed if it stays silent; never while it owes nothing.
    pub(crate) fn snub_at(&self) -> Time {
        if self.asked.is_empty() {
            return Time::NEVER;
        }
        let expected = self.estimate.rtt()
            + Duration::from_secs_f64(f64::from(BLOCK_LEN) / self.estimate.rate().max(1_000.0));
        let least = if self.web { SNUB_MIN_WEB } else { SNUB_MIN };
        self.last_heard + least.max(expected * 3)
    }

    /// It was silent for too long: its requests are taken back.
    pub(crate) fn snub(&mut self, now: Time) -> Vec<BlockRef> {
        self.snubbed = true;
        self.last_heard = now;
        self.pipeline = Pipeline::new(pipeline::START);
        self.estimate.on_silence();
        self.withdraw_all()
    }
}

#[cfg(test)]
mod tests;
