//! Who is asked for which part of a hash tree, and who asks us (BEP 52).
//!
//! Used by `swarm/hashes`. What always holds: a part is asked of one peer at a time; what a peer refused, or
//! did not bring in time, is asked of it again only after a while; what we answer a peer is bounded in a second.

use std::collections::BTreeMap;
use std::time::Duration;

use gostorm_wire::HashRequest;

use crate::event::PeerKey;
use crate::time::Time;
use crate::trees::Part;

/// Parts that are asked for at a time.
const ASKED_MAX: usize = 24;
/// And of one peer.
const ASKED_OF_PEER_MAX: usize = 6;
/// A part that does not come within this is asked of another.
const PATIENCE: Duration = Duration::from_secs(2);
/// A peer that refused hashes of a file is asked for such hashes again after this.
const REFUSED_FOR: Duration = Duration::from_secs(15);
/// Refusals that are remembered.
const REFUSED_MAX: usize = 4_096;
/// Requests of one peer that are answered in a second; each costs a few hundred hashes at most.
const ANSWERS_MAX: u32 = 40;
/// A peer that asks so often in a second does not want answers.
const FLOOD: u32 = 2_000;

/// What to do with a peer's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Answer,
    Reject,
    Flood,
}

#[derive(Clone, Debug)]
struct Asked {
    peer: PeerKey,
    part: Part,
    request: HashRequest,
    until: Time,
}

/// Requests of this second.
#[derive(Clone, Debug, Default)]
struct Asking {
    since: Time,
    count: u32,
}

/// The requests for hashes, of both directions.
#[derive(Clone, Debug, Default)]
pub(crate) struct HashRequests {
    /// The connected peers that speak of v2, and what they ask.
    speakers: BTreeMap<PeerKey, Asking>,
    asked: Vec<Asked>,
    /// A peer left that owed some.
    abandoned: bool,
    /// Until when a peer is not asked for hashes of a file: by tree, and of pieces or of blocks.
    refused: BTreeMap<(PeerKey, usize, bool), Time>,
}

impl HashRequests {
    pub(crate) fn connected(&mut self, peer: PeerKey) {
        self.speakers.insert(peer, Asking::default());
    }

    pub(crate) fn closed(&mut self, peer: PeerKey) {
        self.speakers.remove(&peer);
        self.abandoned |= self.asked.iter().any(|asked| asked.peer == peer);
        self.asked.retain(|asked| asked.peer != peer);
        self.refused.retain(|(refuser, ..), _| *refuser != peer);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.asked.len() >= ASKED_MAX
    }

    pub(crate) fn is_asked(&self, part: Part) -> bool {
        self.asked.iter().any(|asked| asked.part == part)
    }

    /// How many parts the peer owes, when it may be asked for one more.
    pub(crate) fn owes(&self, now: Time, peer: PeerKey, part: Part) -> Option<usize> {
        let refused = self.refused.get(&(peer, part.tree, part.of_pieces));
        let owed = self.asked.iter().filter(|asked| asked.peer == peer).count();
        let may = self.speakers.contains_key(&peer)
            && refused.is_none_or(|until| *until <= now)
            && owed < ASKED_OF_PEER_MAX;
        may.then_some(owed)
    }

    pub(crate) fn ask(&mut self, now: Time, peer: PeerKey, part: Part, request: HashRequest) {
        debug_assert!(
            !self.is_asked(part),
            "a part is asked of one peer at a time"
        );
        self.asked.push(Asked {
            peer,
            part,
            request,
            until: now + PATIENCE,
        });
    }

    /// An answer, or a refusal, of what was asked.
    pub(crate) fn take(&mut self, peer: PeerKey, request: &HashRequest) -> Option<Part> {
        let asked = |asked: &Asked| asked.peer == peer && asked.request == *request;
        let at = self.asked.iter().position(asked)?;
        Some(self.asked.swap_remove(at).part)
    }

    pub(crate) fn refuse(&mut self, now: Time, peer: PeerKey, part: Part) {
        if self.refused.len() >= REFUSED_MAX {
            self.refused.retain(|_, until| *until > now);
        }
        if self.refused.len() < REFUSED_MAX {
            let what = (peer, part.tree, part.of_pieces);
            self.refused.insert(what, now + REFUSED_FOR);
        }
    }

    /// Gives up what did not come in time: others are asked. True when there was something, or who owed it has
    /// left since the last time.
    pub(crate) fn give_up_late(&mut self, now: Time) -> bool {
        let late: Vec<(PeerKey, Part)> = self
            .asked
            .extract_if(.., |asked| asked.until <= now)
            .map(|asked| (asked.peer, asked.part))
            .collect();
        for (peer, part) in &late {
            self.refuse(now, *peer, *part);
        }
        std::mem::take(&mut self.abandoned) || !late.is_empty()
    }

    /// When something is late, or a refusal ends.
    pub(crate) fn next(&self, now: Time) -> Time {
        let late = self.asked.iter().map(|asked| asked.until);
        let ends = self.refused.values().copied().filter(|until| *until > now);
        late.chain(ends).min().unwrap_or(Time::NEVER)
    }

    /// Counts a request of a peer's.
    pub(crate) fn asks(&mut self, now: Time, peer: PeerKey) -> Verdict {
        // One that does not say so and asks all the same is as good.
        let asking = self.speakers.entry(peer).or_default();
        if asking.since + Duration::from_secs(1) <= now {
            *asking = Asking {
                since: now,
                count: 0,
            };
        }
        asking.count += 1;
        match asking.count {
            0..=ANSWERS_MAX => Verdict::Answer,
            FLOOD.. => Verdict::Flood,
            _ => Verdict::Reject,
        }
    }

    /// Panics when a bound is broken.
    pub(crate) fn check_invariants(&self) {
        assert!(self.asked.len() <= ASKED_MAX, "parts asked for are bounded");
        assert!(self.refused.len() <= REFUSED_MAX, "refusals are bounded");
        for (at, asked) in self.asked.iter().enumerate() {
            let later = &self.asked[at + 1..];
            assert!(
                later.iter().all(|other| other.part != asked.part),
                "a part is asked of one peer at a time"
            );
            assert!(
                self.speakers.contains_key(&asked.peer),
                "who is asked is connected"
            );
        }
    }
}
