//! Which addresses we dial, and when.
//!
//! Candidates come from the store, magnets, the local network, trackers, other peers and the DHT. A torrent that wakes
//! dials a burst, the peers that served it well last time first; after that new dials are paced. An address that fails
//! is tried again later and later. Dials happen only while somebody reads. Each source has a share of the book, and each
//! peer that names others a share of that, so that nobody can fill it with lies. A private torrent (BEP 27) takes
//! addresses of its trackers only.

use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::key::PeerKey;
use crate::time::Time;

/// Addresses kept for one torrent; the least promising go first.
const CANDIDATES_MAX: usize = 1_000;
/// Of them, those that one connected peer named.
const NAMED_BY_ONE_MAX: usize = 50;
/// Dials in the first burst and in flight at any time.
const DIALING_MAX: usize = 60;
/// Time between dials after the burst: 40 a second.
const DIAL_STEP: Duration = Duration::from_millis(25);
/// The burst as time: what `DIALING_MAX` dials cost.
const BURST: Duration = Duration::from_millis(25 * DIALING_MAX as u64);
/// Wait after the first failed dial; doubles with each further one.
const RETRY_MIN: Duration = Duration::from_secs(5);
/// Failed dials in a row after which an address is forgotten.
const FAILURES_MAX: u32 = 7;
/// Failed dials that a break of the protocol counts for: the next dial is 40 s away or more.
const OFFENCE: u32 = 3;
/// Addresses that may be banned; a torrent that needs more is beyond help.
const BANS_MAX: usize = 10_000;

/// Where an address comes from, the most promising first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// It served this torrent well before.
    KnownGood,
    /// The user or the magnet named it (x.pe).
    Hint,
    /// It said so itself on the local network (BEP 14).
    Lsd,
    /// One of the torrent's own trackers named it.
    Tracker,
    /// Another tracker named it, one that the user wants to be asked as well.
    AddedTracker,
    /// A connected peer named it (BEP 11).
    Pex,
    /// A node of the DHT named it (BEP 5).
    Dht,
}

impl Source {
    /// Addresses of this source that are kept. With those of the sources that anybody can feed there is room for the rest.
    const fn share(self) -> usize {
        match self {
            Self::KnownGood => CANDIDATES_MAX,
            Self::Lsd => 50,
            Self::Tracker => 450,
            Self::Hint | Self::AddedTracker | Self::Pex | Self::Dht => 200,
        }
    }

    /// Whether a private torrent may use it (BEP 27). Known peers came from a tracker in an earlier session.
    const fn is_private(self) -> bool {
        matches!(self, Self::KnownGood | Self::Tracker)
    }
}

/// A peer worth remembering from one session to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPeer {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Bytes per second it delivered.
    pub rate: u64,
    /// Round trip, microseconds.
    pub rtt_us: u64,
    /// True when it sent verified data and never a bad block.
    pub trusted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle { not_before: Time },
    Dialing,
    Connected,
}

#[derive(Clone, Debug)]
struct Candidate {
    source: Source,
    /// The peer that named it.
    by: Option<PeerKey>,
    state: State,
    failures: u32,
    /// What it was like before, here or in an earlier session.
    known: Option<KnownPeer>,
}

/// The address book of one torrent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connect {
    book: FxHashMap<SocketAddr, Candidate>,
    banned: FxHashSet<IpAddr>,
    dialing: usize,
    private: bool,
    /// Paces dials: the virtual moment up to which the bucket (one dial a
    /// `DIAL_STEP`, `BURST` deep) is used.
    paid_until: Time,
    /// There is no network: nothing is dialled, and nothing that fails says anything.
    offline: bool,
    /// Changes the order of equals, so that not all of us dial the same peers first.
    salt: u64,
}

impl Connect {
    pub(crate) fn new(salt: u64, banned: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            salt,
            banned: banned.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The torrent is private: what trackers did not name is forgotten, and not taken any more.
    pub(crate) fn make_private(&mut self) {
        self.private = true;
        let dialing = |candidate: &Candidate| candidate.state == State::Dialing;
        self.book
            .retain(|_, candidate| candidate.source.is_private());
        self.dialing = self.book.values().filter(|of| dialing(of)).count();
    }

    /// True when the address is known, from any source that is left.
    pub(crate) fn contains(&self, addr: SocketAddr) -> bool {
        self.book.contains_key(&addr)
    }

    /// Where an address comes from.
    pub(crate) fn source(&self, addr: SocketAddr) -> Option<Source> {
        self.book.get(&addr).map(|candidate| candidate.source)
    }

    /// Adds addresses; those that are banned, cannot be dialled or are known are left as they are.
    pub(crate) fn add(&mut self, source: Source, addrs: impl IntoIterator<Item = SocketAddr>) {
        for addr in addrs {
            self.insert(source, None, addr);
        }
        self.trim(source);
    }

    /// Adds addresses that a connected peer named. It cannot have more than a few in the book at a time.
    pub(crate) fn add_named(&mut self, by: PeerKey, addrs: impl IntoIterator<Item = SocketAddr>) {
        let named = |candidate: &&Candidate| candidate.by == Some(by);
        let mut count = self.book.values().filter(named).count();
        for addr in addrs {
            if count >= NAMED_BY_ONE_MAX {
                break;
            }
            count += usize::from(self.insert(Source::Pex, Some(by), addr));
        }
        self.trim(Source::Pex);
    }

    /// True when the address is new.
    fn insert(&mut self, source: Source, by: Option<PeerKey>, addr: SocketAddr) -> bool {
        let ip = addr.ip();
        let dialable = addr.port() != 0 && !ip.is_unspecified() && !ip.is_multicast();
        if !dialable || self.banned.contains(&ip) || (self.private && !source.is_private()) {
            return false;
        }
        match self.book.entry(addr) {
            Entry::Occupied(known) => {
                let known = known.into_mut();
                if source < known.source {
                    (known.source, known.by) = (source, by);
                }
                false
            }
            Entry::Vacant(place) => {
                place.insert(Candidate {
                    source,
                    by,
                    state: State::Idle {
                        not_before: Time::ZERO,
                    },
                    failures: 0,
                    known: None,
                });
                true
            }
        }
    }

    /// Brings a source back to its share, and the book to its size.
    fn trim(&mut self, source: Source) {
        let own = self.book.values().filter(|own| own.source == source);
        let excess = own.count().saturating_sub(source.share());
        self.forget_worst(excess, |candidate| candidate.source == source);
        self.forget_worst(self.book.len().saturating_sub(CANDIDATES_MAX), |_| true);
    }

    fn forget_worst(&mut self, count: usize, of: impl Fn(&Candidate) -> bool) {
        if count == 0 {
            return;
        }
        let idle = |candidate: &Candidate| matches!(candidate.state, State::Idle { .. });
        let mut idle: Vec<_> = self
            .book
            .iter()
            .filter(|(_, candidate)| idle(candidate) && of(candidate))
            .map(|(addr, candidate)| {
                (
                    candidate.failures,
                    candidate.source,
                    self.rank(*addr),
                    *addr,
                )
            })
            .collect();
        idle.sort_unstable();
        for (.., addr) in idle.into_iter().rev().take(count) {
            self.book.remove(&addr);
        }
    }

    /// Adds a peer that served well, or notes what it is like now.
    pub(crate) fn learn(&mut self, peer: KnownPeer) {
        self.add(Source::KnownGood, [peer.addr]);
        if let Some(candidate) = self.book.get_mut(&peer.addr) {
            candidate.known = Some(peer);
        }
    }

    /// It does not serve well any more: it is one of many from now on.
    pub(crate) fn unlearn(&mut self, addr: SocketAddr) {
        if let Some(candidate) = self.book.get_mut(&addr) {
            candidate.known = None;
            candidate.source = Source::Tracker;
        }
    }

    /// What an address was like before.
    pub(crate) fn known(&self, addr: SocketAddr) -> Option<KnownPeer> {
        self.book.get(&addr).and_then(|candidate| candidate.known)
    }

    /// The peers that are known to serve well and could be reached when last tried, the fastest first.
    pub(crate) fn known_good(&self) -> Vec<KnownPeer> {
        let reachable = self
            .book
            .values()
            .filter(|candidate| candidate.failures == 0);
        let mut good: Vec<KnownPeer> = reachable.filter_map(|candidate| candidate.known).collect();
        good.sort_by_key(|peer| (std::cmp::Reverse(peer.rate), peer.addr));
        good
    }

    pub(crate) fn is_banned(&self, ip: IpAddr) -> bool {
        self.banned.contains(&ip)
    }

    /// Bans an address; true when it was not banned before.
    pub(crate) fn ban(&mut self, ip: IpAddr) -> bool {
        self.book.retain(|addr, candidate| {
            let gone = addr.ip() == ip;
            if gone && candidate.state == State::Dialing {
                self.dialing -= 1;
            }
            !gone
        });
        self.banned.len() < BANS_MAX && self.banned.insert(ip)
    }

    /// The network went: every dial and every connection ended, by no fault of the addresses.
    pub(crate) fn go_offline(&mut self) {
        self.offline = true;
        self.dialing = 0;
        for candidate in self.book.values_mut() {
            candidate.state = State::Idle {
                not_before: Time::ZERO,
            };
        }
    }

    /// There is a network: whoever is known may be dialled in a new burst, for what failed before may have failed
    /// because the network was going.
    pub(crate) fn go_online(&mut self, now: Time) {
        self.offline = false;
        self.paid_until = Time::ZERO;
        for candidate in self.book.values_mut() {
            candidate.failures = 0;
            if let State::Idle { not_before } = &mut candidate.state {
                *not_before = now;
            }
        }
    }

    /// A dial failed, or a connection that we had dialled ended at once.
    pub(crate) fn failed(&mut self, now: Time, addr: SocketAddr) {
        let Some(candidate) = self.book.get_mut(&addr).filter(|_| !self.offline) else {
            return;
        };
        if candidate.state == State::Dialing {
            self.dialing -= 1;
        }
        candidate.failures += 1;
        candidate.state = State::Idle {
            not_before: now + RETRY_MIN * (1 << candidate.failures.min(10)) / 2,
        };
        if candidate.failures >= FAILURES_MAX && candidate.source != Source::KnownGood {
            self.book.remove(&addr);
        }
    }

    /// A peer broke the protocol, whatever it had sent before: it is not dialled again soon.
    pub(crate) fn offended(&mut self, now: Time, addr: SocketAddr) {
        if let Some(candidate) = self.book.get_mut(&addr) {
            candidate.failures += OFFENCE;
        }
        self.failed(now, addr);
    }

    pub(crate) fn connected(&mut self, addr: SocketAddr) {
        if let Some(candidate) = self.book.get_mut(&addr) {
            if candidate.state == State::Dialing {
                self.dialing -= 1;
            }
            candidate.state = State::Connected;
        }
    }

    /// A connection ended; `useful` when it had sent us a block. One that the peer had made says
    /// nothing of the dial that may be under way to it.
    pub(crate) fn closed(&mut self, now: Time, addr: SocketAddr, useful: bool) {
        let Some(candidate) = self.book.get_mut(&addr) else {
            return;
        };
        if candidate.state != State::Connected {
            return;
        }
        if useful {
            candidate.failures = 0;
            candidate.state = State::Idle {
                not_before: now + Duration::from_secs(1),
            };
        } else {
            self.failed(now, addr);
        }
    }

    /// The addresses to dial now, for at most `places` further connections.
    pub(crate) fn dial(&mut self, now: Time, places: usize) -> Vec<SocketAddr> {
        if self.offline {
            return Vec::new();
        }
        // The clock is read `BURST` ahead, so that the bucket is full at time 0.
        let paid = self.paid_until.max(now);
        let tokens =
            usize::try_from((now + BURST - paid).as_micros() / DIAL_STEP.as_micros()).unwrap_or(0);
        let wanted = places
            .min(DIALING_MAX.saturating_sub(self.dialing))
            .min(tokens);
        if wanted == 0 {
            return Vec::new();
        }
        let ready = |candidate: &Candidate| matches!(candidate.state, State::Idle { not_before } if not_before <= now);
        let mut idle: Vec<(SocketAddr, &Candidate)> = self
            .book
            .iter()
            .filter(|(_, candidate)| ready(candidate))
            .map(|(addr, candidate)| (*addr, candidate))
            .collect();
        idle.sort_by_key(|(addr, candidate)| {
            (
                candidate.failures,
                candidate.source,
                u64::MAX - candidate.known.map_or(0, |known| known.rate),
                self.rank(*addr),
            )
        });
        let chosen: Vec<SocketAddr> = idle
            .into_iter()
            .take(wanted)
            .map(|(addr, _)| addr)
            .collect();
        for addr in &chosen {
            if let Some(candidate) = self.book.get_mut(addr) {
                candidate.state = State::Dialing;
                self.dialing += 1;
            }
        }
        self.paid_until = paid + DIAL_STEP * u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        chosen
    }

    /// When the next address can be dialled.
    pub(crate) fn next_dial(&self) -> Time {
        if self.offline || self.dialing >= DIALING_MAX {
            // The return of the network is an input, too. The end of a dial is an input, and brings the next turn.
            return Time::NEVER;
        }
        let idle = self
            .book
            .values()
            .filter_map(|candidate| match candidate.state {
                State::Idle { not_before } => Some(not_before),
                State::Dialing | State::Connected => None,
            });
        let paced = Time(
            self.paid_until
                .0
                .saturating_sub(u64::try_from((BURST - DIAL_STEP).as_micros()).unwrap_or(0)),
        );
        idle.min().map_or(Time::NEVER, |ready| ready.max(paced))
    }

    /// True when some address could be dialled now that has not failed before.
    pub(crate) fn has_fresh(&self, now: Time) -> bool {
        self.book.values().any(|candidate| {
            let ready = matches!(candidate.state, State::Idle { not_before } if not_before <= now);
            ready && candidate.failures == 0
        })
    }

    /// True when some address was never dialled, or its first dial is under way.
    pub(crate) fn has_untried(&self) -> bool {
        let untried = |of: &Candidate| of.failures == 0 && of.state != State::Connected;
        !self.offline && self.book.values().any(untried)
    }

    /// True when every address that is known failed when it was last dialled, and none is being dialled.
    pub(crate) fn is_spent(&self) -> bool {
        let failed = |of: &Candidate| of.failures > 0 && matches!(of.state, State::Idle { .. });
        !self.offline && self.book.values().all(failed)
    }

    /// Dials that are under way.
    pub(crate) const fn dialing(&self) -> usize {
        self.dialing
    }

    /// Addresses known.
    pub(crate) fn len(&self) -> usize {
        self.book.len()
    }

    fn rank(&self, addr: SocketAddr) -> u64 {
        use std::hash::{Hash, Hasher};
        let mut hasher = rustc_hash::FxHasher::default();
        self.salt.hash(&mut hasher);
        addr.hash(&mut hasher);
        hasher.finish()
    }

    /// Panics when the count of dials is off.
    pub(crate) fn check_invariants(&self) {
        let dialing = self
            .book
            .values()
            .filter(|candidate| candidate.state == State::Dialing)
            .count();
        assert_eq!(dialing, self.dialing, "dials under way");
        assert!(
            self.book.len() <= CANDIDATES_MAX + DIALING_MAX + 200,
            "the address book is bounded"
        );
    }
}

#[cfg(test)]
mod tests;
