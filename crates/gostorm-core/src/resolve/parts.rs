//! Which part of the info dict is asked of whom (BEP 9).
//!
//! Used by [`Resolve`](super::Resolve). A small dict, as nearly all are, is asked whole of three peers at once, of each
//! for itself: the first to bring it wins, a slow one holds nobody up, and one that lies is known at once. A large one
//! is fetched in common, each part of one peer, the last ones of two. When such a try fails nobody knows who lied: from
//! then on each peer is asked for itself. Peers that claim another size take part in another try, so that a lie about
//! the size costs nothing but its own. What always holds: no peer has more than [`PIPELINE`] requests open, and what
//! the tries of a moment can hold is bounded by [`CLAIMS_MAX`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use gostorm_wire::ut_metadata::METADATA_PIECE_LEN;

use super::assembly::Assembly;
use crate::event::PeerKey;
use crate::time::Time;

/// A peer that owes parts and brings none for so long makes way for another.
const PART_TIMEOUT: Duration = Duration::from_secs(3);
/// Requests that one peer has open.
const PIPELINE: usize = 8;
/// A dict up to this size is asked whole of each peer: 128 KiB, the hashes of 6,500 pieces.
const SMALL: u32 = 8 * METADATA_PIECE_LEN;
/// Peers of which a dict is asked whole at a time.
const ALONE_MAX: usize = 3;
/// Peers of which one part of a common try is asked at a time.
const COPIES_MAX: usize = 2;
/// Sizes that are believed at a time.
const SIZES_MAX: usize = 3;
/// Bytes that all tries together may come to: twice the largest dict.
const CLAIMS_MAX: u64 = 64 << 20;

/// A peer that offers the dict.
#[derive(Clone, Debug)]
struct Source {
    size: u32,
    /// Which offer it was, counted.
    order: u64,
    asked: Vec<(u32, Time)>,
    /// It refused, was silent, or sent what cannot be.
    useless: bool,
}

/// One try to put the dict together.
#[derive(Clone, Debug)]
struct Try {
    /// Who alone brings it; `None`: all that claim its size.
    of: Option<PeerKey>,
    assembly: Assembly,
}

/// The offers, the requests and what has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    sources: BTreeMap<PeerKey, Source>,
    tries: Vec<Try>,
    offers: u64,
    /// A common try has failed.
    distrust: bool,
}

/// A dict of which all parts are here, right or not.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) bytes: Vec<u8>,
    /// Who sent a part of it, each once.
    pub(super) senders: Vec<PeerKey>,
}

impl Parts {
    /// A peer offers a dict of this size, or does no longer.
    pub(super) fn offer(&mut self, peer: PeerKey, size: Option<u32>) {
        let Some(size) = size.filter(|size| *size > 0) else {
            return self.forget(peer);
        };
        self.offers += 1;
        let order = self.offers;
        let source = self.sources.entry(peer).or_insert(Source {
            size,
            order,
            asked: Vec::new(),
            useless: false,
        });
        source.size = size;
    }

    /// A peer is gone.
    pub(super) fn forget(&mut self, peer: PeerKey) {
        self.sources.remove(&peer);
    }

    /// All of them are gone; what they brought stays.
    pub(super) fn forget_all(&mut self) {
        self.sources.clear();
    }

    /// A peer refuses a part; it would refuse the others.
    pub(super) fn refused(&mut self, peer: PeerKey) {
        if let Some(source) = self.sources.get_mut(&peer) {
            source.asked.clear();
            source.useless = true;
        }
    }

    /// A part came. Gives the dict when it is the last one.
    pub(super) fn came(
        &mut self,
        now: Time,
        peer: PeerKey,
        part: u32,
        size: u32,
        payload: &Bytes,
    ) -> Option<Complete> {
        let source = self.sources.get_mut(&peer)?;
        let at = source.asked.iter().position(|(asked, _)| *asked == part)?;
        source.asked.swap_remove(at);
        // It answers one after the other.
        source.asked.iter_mut().for_each(|(_, at)| *at = now);
        let mut tries = self.tries.iter();
        let at = tries.position(|one| one.takes(peer, source.size))?;
        let assembly = &mut self.tries[at].assembly;
        if assembly.size() != size || !assembly.fill(part, payload, peer) {
            // It would send the same again.
            source.asked.clear();
            source.useless = true;
            return None;
        }
        if !assembly.is_complete() {
            return None;
        }
        let (bytes, senders) = self.tries.swap_remove(at).assembly.finish();
        Some(Complete { bytes, senders })
    }

    /// What these peers brought together was wrong.
    pub(super) const fn distrust(&mut self) {
        self.distrust = true;
    }

    /// Takes requests that are too old back: a silent peer may be asked again later, after all others.
    pub(super) fn expire(&mut self, now: Time) {
        for source in self.sources.values_mut() {
            let late = |(_, at): &(u32, Time)| *at + PART_TIMEOUT <= now;
            if source.asked.iter().any(late) {
                source.asked.clear();
                source.useless = true;
            }
        }
    }

    /// When [`Parts::expire`] is due.
    pub(super) fn next_expiry(&self) -> Time {
        let asked = self.sources.values().flat_map(|source| &source.asked);
        let ends = asked.map(|(_, at)| *at + PART_TIMEOUT);
        ends.min().unwrap_or(Time::NEVER)
    }

    /// The requests to make now.
    pub(super) fn ask(&mut self, now: Time) -> Vec<(PeerKey, u32)> {
        if self.sources.values().all(|source| source.useless) {
            let sources = self.sources.values_mut();
            sources.for_each(|source| source.useless = false);
        }
        self.choose_tries();
        let mut requests = Vec::new();
        for one in 0..self.tries.len() {
            match self.tries[one].of {
                Some(peer) => self.ask_alone(now, one, peer, &mut requests),
                None => self.ask_together(now, one, &mut requests),
            }
        }
        requests
    }

    /// Bytes of the furthest try that are here, and its bytes in all.
    pub(super) fn progress(&self) -> (u32, u32) {
        let tries = self.tries.iter().map(|one| one.assembly.progress());
        tries.max().unwrap_or((0, 0))
    }

    /// The sizes that most peers claim, as many as may be tried at a time; those under way among equals.
    fn sizes(&self) -> Vec<u32> {
        let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
        let usable = self.sources.values().filter(|source| !source.useless);
        usable.for_each(|source| *votes.entry(source.size).or_default() += 1);
        let tried: BTreeSet<u32> = self.tries.iter().map(|one| one.assembly.size()).collect();
        let mut sizes: Vec<(u32, usize)> = votes.into_iter().collect();
        sizes.sort_by_key(|(size, votes)| (Reverse(*votes), !tried.contains(size), *size));
        let mut left = CLAIMS_MAX;
        sizes.retain(|(size, _)| {
            let fits = left.checked_sub(u64::from(*size));
            left = fits.unwrap_or(left);
            fits.is_some()
        });
        sizes.truncate(SIZES_MAX);
        sizes.into_iter().map(|(size, _)| size).collect()
    }

    /// Drops the tries that nobody will end, and begins others.
    fn choose_tries(&mut self) {
        let sizes = self.sizes();
        let Self {
            sources,
            tries,
            distrust,
            ..
        } = self;
        let claims = |source: &Source, size| source.size == size && !source.useless;
        let alone = |size: u32| *distrust || size <= SMALL;
        tries.retain(|one| {
            let size = one.assembly.size();
            let goes_on = match one.of {
                Some(peer) => sources
                    .get(&peer)
                    .is_some_and(|source| claims(source, size)),
                None => !alone(size),
            };
            goes_on && sizes.contains(&size)
        });
        // Nobody is waited for whose try is none any more.
        for (peer, source) in sources.iter_mut() {
            if !tries.iter().any(|one| one.takes(*peer, source.size)) {
                source.asked.clear();
            }
        }
        for size in sizes {
            if !alone(size) {
                if !tries.iter().any(|one| one.assembly.size() == size) {
                    let assembly = Assembly::new(size);
                    tries.push(Try { of: None, assembly });
                }
                continue;
            }
            let places = if size <= SMALL { ALONE_MAX } else { 1 };
            let begun = tries.iter().filter(|one| one.assembly.size() == size);
            let free = places.saturating_sub(begun.count());
            let mut others: Vec<(u64, PeerKey)> = sources
                .iter()
                .filter(|(_, source)| claims(source, size))
                .filter(|(peer, _)| !tries.iter().any(|one| one.of == Some(**peer)))
                .map(|(peer, source)| (source.order, *peer))
                .collect();
            others.sort_unstable();
            for (_, peer) in others.into_iter().take(free) {
                let assembly = Assembly::new(size);
                tries.push(Try {
                    of: Some(peer),
                    assembly,
                });
            }
        }
    }

    fn ask_alone(&mut self, now: Time, one: usize, peer: PeerKey, to: &mut Vec<(PeerKey, u32)>) {
        let (Some(one), Some(source)) = (self.tries.get(one), self.sources.get_mut(&peer)) else {
            return;
        };
        for part in one.assembly.missing() {
            if source.asked.len() >= PIPELINE {
                return;
            }
            if !source.asked.iter().any(|(asked, _)| *asked == part) {
                source.asked.push((part, now));
                to.push((peer, part));
            }
        }
    }

    fn ask_together(&mut self, now: Time, one: usize, to: &mut Vec<(PeerKey, u32)>) {
        let Some(one) = self.tries.get(one) else {
            return;
        };
        let size = one.assembly.size();
        let usable = |source: &Source| source.size == size && !source.useless;
        let mut copies: BTreeMap<u32, usize> = BTreeMap::new();
        for source in self.sources.values().filter(|source| usable(source)) {
            for (part, _) in &source.asked {
                *copies.entry(*part).or_default() += 1;
            }
        }
        // First every part once, a part to each peer in turn; then the rest a second time.
        for most in 1..=COPIES_MAX {
            let mut asks = true;
            while std::mem::take(&mut asks) {
                for (peer, source) in self.sources.iter_mut().filter(|(_, source)| usable(source)) {
                    if source.asked.len() >= PIPELINE {
                        continue;
                    }
                    let free = |part: &u32| {
                        copies.get(part).copied().unwrap_or(0) < most
                            && !source.asked.iter().any(|(asked, _)| asked == part)
                    };
                    let Some(part) = one.assembly.missing().find(free) else {
                        continue;
                    };
                    *copies.entry(part).or_default() += 1;
                    source.asked.push((part, now));
                    to.push((*peer, part));
                    asks = true;
                }
            }
        }
    }
}

impl Try {
    /// True when a part from this peer, that claims this size, belongs to it.
    fn takes(&self, peer: PeerKey, size: u32) -> bool {
        self.assembly.size() == size && self.of.is_none_or(|only| only == peer)
    }
}
