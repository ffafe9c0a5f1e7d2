//! A node of the DHT (BEP 5, BEP 32) as a state machine without I/O.
//!
//! Driven like a swarm: one [`DhtInput`], drain [`Dht::poll`], next input. It finds peers for torrents, tells the nodes
//! near a torrent that we share it, keeps a table of nodes for each family, and answers the questions of others. Randomness
//! comes from the seed alone. What always holds, whatever arrives: who was not asked is not listened to; a node enters the
//! table only when it answered a question of ours; every map is bounded; how much is sent is bounded in time, for our own
//! questions and for answers; nobody leads us to an address that is nearer to us than himself (`scope`).

mod answer;
mod event;
mod lookup;
mod serve;
mod table;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::krpc::{Body, Krpc, KrpcError, Node, NodeId, Query};
use gostorm_wire::sha1;

pub use self::event::{DhtInput, DhtOutput};
use self::lookup::{Aim, Lookup};
use self::serve::Desk;
use self::table::{Table, family};
use crate::scope::may_name;
use crate::time::Time;

/// Questions under way at a time.
const PENDING_MAX: usize = 512;
/// An answer that is later than this is none.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Lookups under way at a time, each of one family.
const LOOKUPS_MAX: usize = 128;
/// A lookup that knows nobody to ask waits so long for the table to fill.
const HUNGRY_MAX: Duration = Duration::from_secs(60);
/// Questions a second, and how many at once.
const QUERIES_PER_S: u64 = 100;
const QUERIES_AT_ONCE: u64 = 200;
/// Nodes of a family below which others are asked for.
const FEW: usize = 8;
/// First wait until the entry points are asked again; doubles up to `ENTRY_MAX`.
const ENTRY_MIN: Duration = Duration::from_secs(15);
const ENTRY_MAX: Duration = Duration::from_secs(900);
/// When the neighbourhood of our own place, and of another, is first looked at; the wait doubles up to `REFRESH_MAX`.
const REFRESH_MIN: Duration = Duration::from_secs(3);
const REFRESH_MAX: Duration = Duration::from_secs(900);
/// How often one node that was not heard for long may be asked whether it is there.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// While something is under way.
const STEP: Duration = Duration::from_millis(200);
/// Nodes of each family that are worth keeping from one run to the next.
const SAVED_MAX: usize = 200;
/// Of them, those that are asked at once whether they are still there.
const CHECKED_MAX: usize = 100;

/// A question under way.
#[derive(Clone, Debug)]
struct Pending {
    to: SocketAddr,
    /// Who is expected to answer; an entry point is known by its address only.
    id: Option<NodeId>,
    at: Time,
    /// The lookup it belongs to.
    lookup: Option<u32>,
}

/// The node.
#[derive(Clone, Debug)]
pub struct Dht {
    id: NodeId,
    seed: [u8; 32],
    counter: u64,
    tables: [Table; 2],
    /// Which families we have a socket for: IPv4, IPv6.
    families: [bool; 2],
    pending: BTreeMap<u32, Pending>,
    lookups: BTreeMap<u32, Lookup>,
    next_lookup: u32,
    desk: Desk,
    /// Paces questions: the moment up to which they are paid.
    paid_until: Time,
    entry_at: Time,
    entry_wait: Duration,
    refresh_at: Time,
    refresh_wait: Duration,
    check_at: Time,
    outputs: VecDeque<DhtOutput>,
    now: Time,
}

impl Dht {
    /// A node that knows nobody. `families`: whether there is a socket for IPv4, and one for IPv6; `seed` must be secret.
    #[must_use]
    pub fn new(id: NodeId, seed: [u8; 32], families: [bool; 2]) -> Self {
        Self {
            id,
            seed,
            counter: 0,
            tables: [Table::new(id), Table::new(id)],
            families,
            pending: BTreeMap::new(),
            lookups: BTreeMap::new(),
            next_lookup: 0,
            desk: Desk::new(seed),
            paid_until: Time::ZERO,
            entry_at: Time::ZERO,
            entry_wait: ENTRY_MIN,
            refresh_at: Time::ZERO + REFRESH_MIN,
            refresh_wait: REFRESH_MIN,
            check_at: Time::ZERO,
            outputs: VecDeque::new(),
            now: Time::ZERO,
        }
    }

    /// Our own place.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Nodes of each family, IPv4 and IPv6, that answered when last asked.
    #[must_use]
    pub fn sizes(&self) -> [usize; 2] {
        [self.tables[0].good(), self.tables[1].good()]
    }

    /// The nodes worth keeping for the next run.
    #[must_use]
    pub fn saved(&self) -> Vec<Node> {
        let of = |table: &Table| table.closest(self.id, SAVED_MAX);
        self.tables.iter().flat_map(of).collect()
    }

    /// Takes one input. Drain [`Dht::poll`] before the next.
    pub fn handle(&mut self, now: Time, input: DhtInput<'_>) {
        self.now = self.now.max(now);
        match input {
            DhtInput::Datagram { from, bytes } => self.datagram(from, bytes),
            DhtInput::Saved(nodes) => self.start_from(nodes),
            DhtInput::Contacts(addrs) => self.meet(&addrs),
            DhtInput::Lookup {
                key,
                info_hash,
                announce,
            } => self.look_up(NodeId::from(info_hash), Aim::Peers { key, announce }),
            DhtInput::Cancel { key } => self.lookups.retain(|_, lookup| !lookup.is_of(key)),
            DhtInput::Tick => {}
        }
        self.tick();
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<DhtOutput> {
        self.outputs.pop_front()
    }

    /// When [`DhtInput::Tick`] is due if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Time {
        if !self.lookups.is_empty() || !self.pending.is_empty() {
            return self.now + STEP;
        }
        let entry = if self.is_short() {
            self.entry_at
        } else {
            Time::NEVER
        };
        entry.min(self.refresh_at).min(self.next_check())
    }

    fn next_check(&self) -> Time {
        let stale = self.tables.iter().map(Table::next_stale).min();
        stale.unwrap_or(Time::NEVER).max(self.check_at)
    }

    fn random(&mut self) -> [u8; 20] {
        self.counter += 1;
        let mut text = self.seed.to_vec();
        text.extend_from_slice(&self.counter.to_be_bytes());
        sha1(&text)
    }

    /// True when the family that we have has few nodes.
    fn is_short(&self) -> bool {
        let families = self.families.iter().zip(&self.tables);
        families
            .filter(|(has, _)| **has)
            .all(|(_, table)| table.good() < FEW)
    }

    fn start_from(&mut self, nodes: Vec<Node>) {
        // They are asked before they are believed: as the first contacts of a look at our own neighbourhood.
        let own = self.id;
        let mut lookups = [0, 1].map(|family| Lookup::new(own, Aim::Nodes, family, self.now));
        for node in nodes.iter().take(2 * SAVED_MAX) {
            lookups[family(node.addr)].add(*node);
        }
        for (lookup, has) in lookups.into_iter().zip(self.families) {
            if has && !lookup.is_empty() {
                self.start(lookup);
            }
        }
        // The neighbourhood is a small part of what was known: the others are asked whether they are there.
        for node in nodes.iter().take(CHECKED_MAX) {
            if self.families[family(node.addr)] {
                self.ask(node.addr, Some(node.id), &Query::Ping, None);
            }
        }
        // The entry points are for those who know nobody.
        self.entry_at = self.entry_at.max(self.now + ENTRY_MIN);
    }

    fn meet(&mut self, addrs: &[SocketAddr]) {
        for addr in addrs.iter().take(64) {
            let target = self.id;
            if self.families[family(*addr)] {
                self.ask(*addr, None, &Query::FindNode { target }, None);
            }
        }
    }

    /// Starts a lookup in each family that we have.
    fn look_up(&mut self, target: NodeId, aim: Aim) {
        for at in 0..self.tables.len() {
            if !self.families[at] {
                continue;
            }
            let mut lookup = Lookup::new(target, aim, at, self.now);
            for node in self.tables[at].closest(target, lookup::CLOSEST) {
                lookup.add(node);
            }
            self.start(lookup);
        }
    }

    fn start(&mut self, lookup: Lookup) {
        if self.lookups.len() < LOOKUPS_MAX {
            self.next_lookup = self.next_lookup.wrapping_add(1);
            self.lookups.insert(self.next_lookup, lookup);
        }
    }

    fn tick(&mut self) {
        self.forget_unanswered();
        self.desk.tick(self.now);
        let keys: Vec<u32> = self.lookups.keys().copied().collect();
        for key in keys {
            self.go_on(key);
        }
        if self.is_short() && self.entry_at <= self.now {
            self.entry_at = self.now + self.entry_wait;
            self.entry_wait = ENTRY_MAX.min(self.entry_wait * 2);
            self.outputs.push_back(DhtOutput::NeedEntry);
        }
        if self.refresh_at <= self.now {
            self.refresh_at = self.now + self.refresh_wait;
            if self.tables.iter().any(|table| table.good() > 0) {
                self.refresh_wait = REFRESH_MAX.min(self.refresh_wait * 2);
                self.look_up(self.id, Aim::Nodes);
                let elsewhere = NodeId(self.random());
                self.look_up(elsewhere, Aim::Nodes);
            }
        }
        if self.next_check() <= self.now {
            self.check_at = self.now + CHECK_EVERY;
            let stale = self
                .tables
                .iter_mut()
                .find_map(|table| table.take_stale(self.now));
            if let Some(node) = stale {
                self.ask(node.addr, Some(node.id), &Query::Ping, None);
            }
        }
    }

    fn forget_unanswered(&mut self) {
        let late = |pending: &Pending| pending.at + ANSWER_TIMEOUT <= self.now;
        let gone: Vec<u32> = self
            .pending
            .iter()
            .filter(|(_, pending)| late(pending))
            .map(|(key, _)| *key)
            .collect();
        for key in gone {
            if let Some(pending) = self.pending.remove(&key) {
                self.failed(&pending);
            }
        }
    }

    fn failed(&mut self, pending: &Pending) {
        let Some(id) = pending.id else {
            return;
        };
        self.tables[family(pending.to)].failed(id);
        let lookup = pending.lookup.and_then(|key| self.lookups.get_mut(&key));
        if let Some(lookup) = lookup {
            lookup.failed(id);
        }
    }

    /// Asks the next contacts of a lookup; ends it when there are none.
    fn go_on(&mut self, key: u32) {
        while self.may_ask() {
            let Some(lookup) = self.lookups.get_mut(&key) else {
                return;
            };
            let Some(node) = lookup.next(self.now) else {
                break;
            };
            let query = lookup.question();
            self.ask(node.addr, Some(node.id), &query, Some(key));
        }
        let Some(lookup) = self.lookups.get(&key) else {
            return;
        };
        let hungry = lookup.is_empty() && self.now < lookup.started + HUNGRY_MAX;
        if lookup.is_over()
            && !hungry
            && let Some(lookup) = self.lookups.remove(&key)
        {
            self.finish(&lookup);
        }
    }

    /// Tells the nodes that are nearest that we share the torrent.
    fn finish(&mut self, lookup: &Lookup) {
        for (node, query) in lookup.announces() {
            self.ask(node.addr, Some(node.id), &query, None);
        }
        let Some(key) = lookup.key() else {
            return;
        };
        let mut others = self.lookups.values_mut();
        match others.find(|other| other.is_of(key) && !other.is_empty()) {
            Some(other) => other.heard |= lookup.heard,
            None if lookup.heard => self.outputs.push_back(DhtOutput::Over { key }),
            None => {}
        }
    }

    fn may_ask(&self) -> bool {
        let ahead = Duration::from_micros(1_000_000 / QUERIES_PER_S * QUERIES_AT_ONCE);
        self.pending.len() < PENDING_MAX && self.paid_until <= self.now + ahead
    }

    fn ask(&mut self, to: SocketAddr, id: Option<NodeId>, query: &Query, lookup: Option<u32>) {
        if !self.may_ask() {
            return;
        }
        let cost = Duration::from_micros(1_000_000 / QUERIES_PER_S);
        self.paid_until = self.paid_until.max(self.now) + cost;
        // Who cannot see our questions cannot guess their number, and so not answer them.
        let [a, b, c, d, ..] = self.random();
        let transaction = u32::from_be_bytes([a, b, c, d]);
        let at = self.now;
        self.pending
            .insert(transaction, Pending { to, id, at, lookup });
        let message = Krpc {
            transaction: transaction.to_be_bytes().to_vec(),
            body: Body::Query {
                id: self.id,
                query: query.clone(),
                read_only: false,
            },
        };
        let bytes = message.encode();
        self.outputs.push_back(DhtOutput::Send { to, bytes });
    }

    fn datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        match Krpc::decode(bytes) {
            Ok(Krpc { transaction, body }) => match body {
                Body::Query {
                    id,
                    query,
                    read_only,
                } => self.asked(from, transaction, id, &query, read_only),
                Body::Response {
                    id,
                    nodes,
                    peers,
                    token,
                } => {
                    if let Some(pending) = self.take_pending(from, &transaction) {
                        self.answered(&pending, id, &nodes, &peers, token);
                    }
                }
                Body::Error { .. } => {
                    if let Some(pending) = self.take_pending(from, &transaction) {
                        self.failed(&pending);
                    }
                }
            },
            Err(KrpcError::Unknown { transaction }) => {
                let body = Body::Error { code: 204 };
                self.answer(from, Krpc { transaction, body });
            }
            Err(KrpcError::Bencode(_) | KrpcError::Key(_)) => {}
        }
    }

    /// The question that a datagram answers, if it comes from whom it was asked.
    fn take_pending(&mut self, from: SocketAddr, transaction: &[u8]) -> Option<Pending> {
        let key = u32::from_be_bytes(transaction.try_into().ok()?);
        let pending = self.pending.get(&key)?;
        (pending.to == from).then(|| self.pending.remove(&key))?
    }

    fn answered(
        &mut self,
        pending: &Pending,
        id: NodeId,
        nodes: &[Node],
        peers: &[SocketAddr],
        token: Option<Vec<u8>>,
    ) {
        let from = pending.to;
        let at = family(from);
        // A node that changed its name, or has ours, is not the one that was to answer.
        if pending.id.is_some_and(|expected| expected != id) || id == self.id {
            return self.failed(pending);
        }
        let fresh = self.tables[at].good() == 0;
        self.tables[at].heard(self.now, Node { id, addr: from });
        let believed = |addr: &SocketAddr| may_name(from.ip(), addr.ip());
        let same_family = nodes.iter().filter(|node| family(node.addr) == at);
        let nodes: Vec<Node> = same_family
            .filter(|node| believed(&node.addr) && node.id != self.id)
            .copied()
            .collect();
        if let Some(lookup) = pending.lookup.and_then(|key| self.lookups.get_mut(&key)) {
            lookup.answered(id, token);
            nodes.iter().for_each(|node| lookup.add(*node));
            let found = lookup.take_new(peers.iter().copied().filter(believed));
            if let (Some(key), false) = (lookup.key(), found.is_empty()) {
                self.outputs
                    .push_back(DhtOutput::Found { key, addrs: found });
            }
        } else if pending.id.is_none() {
            // An entry point: from it we go on to our own neighbourhood.
            let mut lookup = Lookup::new(self.id, Aim::Nodes, at, self.now);
            nodes.iter().for_each(|node| lookup.add(*node));
            if !lookup.is_empty() {
                self.start(lookup);
            }
        }
        if fresh {
            self.feed_hungry(at);
        }
    }

    /// The table has its first node: lookups that had nobody to ask begin with it.
    fn feed_hungry(&mut self, at: usize) {
        let hungry = self.lookups.values_mut();
        for lookup in hungry.filter(|lookup| lookup.family == at && lookup.is_empty()) {
            for node in self.tables[at].closest(lookup.target, lookup::CLOSEST) {
                lookup.add(node);
            }
        }
    }

    /// Panics when something grows beyond its bound: for tests and fuzzing.
    pub fn check_invariants(&self) {
        assert!(self.pending.len() <= PENDING_MAX, "questions under way");
        assert!(self.lookups.len() <= LOOKUPS_MAX, "lookups under way");
        self.tables.iter().for_each(Table::check_invariants);
        self.lookups.values().for_each(Lookup::check_invariants);
        self.desk.check_invariants();
    }
}

#[cfg(test)]
mod tests;
