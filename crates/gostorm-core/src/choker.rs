//! Whom we serve: every 10 s the peers that serve us best, and one more for luck (BEP 3).
//!
//! Asked by the swarm (`swarm/upload`) with a [`Claim`] for each peer. While somebody reads we are a
//! leecher: the regular slots go to the interested peers that sent us most of late, and never to one that
//! is snubbed. When nobody reads, and among equals, slots go round: who has had one for half a minute
//! goes behind those that wait, and of the others the fastest takers stay. One optimistic slot is drawn
//! anew every 30 s, so that a peer that has nothing yet can show what it is worth; newcomers are three
//! times as likely. Between the rounds a free slot is given away at once, while
//! somebody reads not to a snubbed peer: the next round would choke it again.

use std::cmp::Reverse;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::event::PeerKey;
use crate::time::Time;

/// From one round to the next (BEP 3: every ten seconds).
const ROUND: Duration = Duration::from_secs(10);
/// From one draw of the optimistic slot to the next (BEP 3: every 30 seconds).
const ROTATE: Duration = Duration::from_secs(30);
/// A peer counts as new for so long: two rotations.
const NEW: Duration = Duration::from_secs(60);
/// How much likelier a new peer is to be drawn (BEP 3).
const NEW_WEIGHT: u64 = 3;
/// Upload that is worth one regular slot, bytes per second: less for each is no help to anyone.
const SLOT_RATE: u64 = 256 << 10;
const SLOTS_MIN: u64 = 2;
const SLOTS_MAX: u64 = 8;

/// What speaks for a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) peer: PeerKey,
    pub(crate) interested: bool,
    /// We choke it.
    pub(crate) choked: bool,
    /// It owed us blocks and was silent.
    pub(crate) snubbed: bool,
    /// Bytes that it sent us of late.
    pub(crate) gives: u64,
    /// Bytes that it took of late.
    pub(crate) takes: u64,
    /// When we choked or unchoked it last.
    pub(crate) since: Time,
    /// When it connected.
    pub(crate) connected: Time,
}

/// The regular slots that an upload limit (bytes per second) has room for: 4 at 1 MiB/s.
pub(crate) fn slots(limit: Option<u64>) -> usize {
    let slots = match limit {
        Some(0) => 0,
        Some(limit) => (limit / SLOT_RATE).clamp(SLOTS_MIN, SLOTS_MAX),
        None => SLOTS_MAX,
    };
    usize::try_from(slots).unwrap_or(0)
}

/// The clocks of the slots.
#[derive(Clone, Debug)]
pub(crate) struct Choker {
    salt: u64,
    draws: u64,
    next_round: Time,
    optimistic: Option<PeerKey>,
    rotate_at: Time,
}

impl Choker {
    /// `seed` decides the draws of the optimistic slot.
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            salt: seed,
            draws: 0,
            next_round: Time::ZERO,
            optimistic: None,
            rotate_at: Time::ZERO,
        }
    }

    /// When the next round is due.
    pub(crate) const fn next_round(&self) -> Time {
        self.next_round
    }

    /// A round: the peers that are unchoked from now on, all others are choked.
    pub(crate) fn round(
        &mut self,
        now: Time,
        reading: bool,
        slots: usize,
        claims: &[Claim],
    ) -> Vec<PeerKey> {
        self.next_round = now + ROUND;
        if slots == 0 {
            return Vec::new();
        }
        let mut chosen: Vec<PeerKey> = ranked(now, reading, claims)
            .into_iter()
            .filter(|claim| !(reading && claim.snubbed))
            .take(slots)
            .map(|claim| claim.peer)
            .collect();
        let rest: Vec<&Claim> = claims
            .iter()
            .filter(|claim| claim.interested && !chosen.contains(&claim.peer))
            .collect();
        let stays = |peer: PeerKey| rest.iter().any(|claim| claim.peer == peer);
        if self.rotate_at <= now || !self.optimistic.is_some_and(stays) {
            self.optimistic = self.draw(now, &rest);
            self.rotate_at = now + ROTATE;
        }
        chosen.extend(self.optimistic);
        chosen
    }

    /// Between the rounds: the peers that free slots are given to now.
    pub(crate) fn admit(
        &self,
        now: Time,
        reading: bool,
        slots: usize,
        claims: &[Claim],
    ) -> Vec<PeerKey> {
        if slots == 0 {
            return Vec::new();
        }
        let served = claims
            .iter()
            .filter(|claim| claim.interested && !claim.choked)
            .count();
        // A regular slot more than there are: the optimistic one.
        let free = (slots + 1).saturating_sub(served);
        ranked(now, reading, claims)
            .into_iter()
            .filter(|claim| claim.choked && !(reading && claim.snubbed))
            .take(free)
            .map(|claim| claim.peer)
            .collect()
    }

    /// One of `rest`, newcomers with three tickets; none when it is empty.
    fn draw(&mut self, now: Time, rest: &[&Claim]) -> Option<PeerKey> {
        let weight = |claim: &Claim| {
            if now - claim.connected < NEW {
                NEW_WEIGHT
            } else {
                1
            }
        };
        let tickets: u64 = rest.iter().map(|claim| weight(claim)).sum();
        self.draws += 1;
        let mut hasher = rustc_hash::FxHasher::default();
        (self.salt, self.draws).hash(&mut hasher);
        let mut ticket = mix(hasher.finish()) % tickets.max(1);
        for claim in rest {
            let tickets = weight(claim);
            if ticket < tickets {
                return Some(claim.peer);
            }
            ticket -= tickets;
        }
        None
    }
}

/// The low bits of `FxHasher` say little (the finalizer of `SplitMix64`).
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The interested peers, the most deserving first.
fn ranked(now: Time, reading: bool, claims: &[Claim]) -> Vec<&Claim> {
    let mut ranked: Vec<&Claim> = claims.iter().filter(|claim| claim.interested).collect();
    ranked.sort_by_key(|claim| {
        let gives = if reading { claim.gives } else { 0 };
        let turn_is_over = !claim.choked && now - claim.since >= ROTATE;
        // Who has its turn keeps it, then those that wait, the longest first.
        let class = if turn_is_over {
            2
        } else {
            u8::from(claim.choked)
        };
        let takes = if claim.choked { 0 } else { claim.takes };
        (
            Reverse(gives),
            class,
            Reverse(takes),
            claim.since,
            claim.peer,
        )
    });
    ranked
}

#[cfg(test)]
mod tests;
