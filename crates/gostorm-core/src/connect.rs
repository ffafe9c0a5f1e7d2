//! Which addresses we dial, and when.
//!
//! Candidates come from trackers, magnets, the user and the store. A torrent that wakes dials a
//! burst, the peers that served it well last time first; after that new dials are paced. An address
//! that fails is tried again later and later. Dials happen only while somebody reads.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::time::Time;

/// Addresses kept for one torrent; the least promising go first.
const CANDIDATES_MAX: usize = 1_000;
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
    /// A tracker named it.
    Tracker,
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
    /// Paces dials: the virtual moment up to which the bucket (one dial a
    /// `DIAL_STEP`, `BURST` deep) is used.
    paid_until: Time,
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

    /// Adds addresses; those that are banned, cannot be dialled or are known are left as they are.
    pub(crate) fn add(&mut self, source: Source, addrs: impl IntoIterator<Item = SocketAddr>) {
        for addr in addrs {
            let dialable =
                addr.port() != 0 && !addr.ip().is_unspecified() && !addr.ip().is_multicast();
            if !dialable || self.banned.contains(&addr.ip()) {
                continue;
            }
            let known = self.book.entry(addr).or_insert(Candidate {
                source,
                state: State::Idle {
                    not_before: Time::ZERO,
                },
                failures: 0,
                known: None,
            });
            known.source = known.source.min(source);
        }
        while self.book.len() > CANDIDATES_MAX {
            let idle = self
                .book
                .iter()
                .filter(|(_, candidate)| matches!(candidate.state, State::Idle { .. }));
            let Some(worst) = idle
                .max_by_key(|(addr, candidate)| {
                    (candidate.failures, candidate.source, self.rank(**addr))
                })
                .map(|(addr, _)| *addr)
            else {
                return;
            };
            self.book.remove(&worst);
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

    /// A dial failed, or a connection that we had dialled ended at once.
    pub(crate) fn failed(&mut self, now: Time, addr: SocketAddr) {
        let Some(candidate) = self.book.get_mut(&addr) else {
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
        if self.dialing >= DIALING_MAX {
            // The end of a dial is an input, and brings the next turn.
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
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn addr(host: u8, port: u16) -> SocketAddr {
        (Ipv4Addr::new(127, 0, 0, host), port).into()
    }

    fn known(addr: SocketAddr) -> KnownPeer {
        KnownPeer {
            addr,
            rate: 1_000_000,
            rtt_us: 40_000,
            trusted: true,
        }
    }

    #[test]
    fn a_known_peer_is_remembered_until_it_fails() {
        let mut connect = Connect::new(7, []);
        connect.learn(known(addr(1, 1)));
        connect.learn(known(addr(1, 2)));
        connect.add(Source::Tracker, [addr(1, 1), addr(1, 3)]);
        assert_eq!(connect.known(addr(1, 1)), Some(known(addr(1, 1))));
        assert_eq!(
            connect.dial(Time::ZERO, 1).len(),
            1,
            "one of the known ones"
        );
        assert_eq!(connect.known_good().len(), 2);
        connect.failed(Time::ZERO, addr(1, 2));
        assert_eq!(connect.known_good(), vec![known(addr(1, 1))]);
        connect.unlearn(addr(1, 1));
        assert_eq!(connect.known_good(), vec![]);
    }

    #[test]
    fn a_wake_dials_a_burst_and_known_good_peers_first() {
        let mut connect = Connect::new(7, []);
        connect.add(Source::Tracker, (1..=100).map(|port| addr(1, port)));
        connect.learn(known(addr(2, 9)));
        let burst = connect.dial(Time::ZERO, 200);
        assert_eq!(burst.len(), DIALING_MAX);
        assert_eq!(burst[0], addr(2, 9));
        assert_eq!(
            connect.dial(Time::ZERO, 200),
            vec![],
            "no more until one ends"
        );
        assert_eq!(
            connect.next_dial(),
            Time::NEVER,
            "nor a wake-up for nothing"
        );
        burst.iter().for_each(|addr| connect.connected(*addr));
        let paced = connect.dial(Time(1_000_000), 200);
        assert_eq!(paced.len(), 40, "40 a second after the burst");
        connect.check_invariants();
    }

    #[test]
    fn a_failed_address_waits_longer_each_time_and_is_forgotten_in_the_end() {
        let mut connect = Connect::new(7, []);
        connect.add(Source::Tracker, [addr(1, 1)]);
        let mut now = Time::ZERO;
        let mut last = Duration::ZERO;
        for _ in 1..FAILURES_MAX {
            assert_eq!(connect.dial(now, 1), vec![addr(1, 1)]);
            connect.failed(now, addr(1, 1));
            let wait = connect.next_dial() - now;
            assert!(wait > last);
            last = wait;
            now = connect.next_dial();
        }
        connect.dial(now, 1);
        connect.failed(now, addr(1, 1));
        assert_eq!(connect.len(), 0);
    }

    #[test]
    fn a_peer_that_came_by_itself_and_left_does_not_end_the_dial_to_it() {
        let mut connect = Connect::new(7, []);
        connect.add(Source::Tracker, [addr(1, 1)]);
        assert_eq!(connect.dial(Time::ZERO, 1), vec![addr(1, 1)]);
        connect.closed(Time::ZERO, addr(1, 1), true);
        connect.check_invariants();
        assert_eq!(connect.dialing(), 1);
    }

    #[test]
    fn an_offender_is_dialled_again_late_however_much_it_had_sent() {
        let mut connect = Connect::new(7, []);
        connect.add(Source::Tracker, [addr(1, 1)]);
        connect.dial(Time::ZERO, 1);
        connect.connected(addr(1, 1));
        connect.closed(Time::ZERO, addr(1, 1), true);
        connect.offended(Time::ZERO, addr(1, 1));
        assert!(connect.next_dial() >= Time(40_000_000));
    }

    #[test]
    fn a_banned_address_does_not_come_back() {
        let mut connect = Connect::new(7, []);
        connect.add(Source::Tracker, [addr(1, 1), addr(1, 2)]);
        assert!(connect.ban(addr(1, 1).ip()));
        connect.add(Source::Tracker, [addr(1, 3)]);
        assert_eq!(connect.len(), 0);
        assert!(connect.is_banned(addr(1, 9).ip()));
    }
}
