//! One walk through the DHT, towards a place: whom to ask next, and when it is over.
//!
//! The nearest nodes that are known are asked, a few at a time; each names nearer ones. Over when the nearest all have
//! answered. What holds: at most [`ASKED_MAX`] questions, [`CONTACTS_MAX`] contacts, one of a host, and [`FOUND_MAX`] peers,
//! of which one node names at most [`NAMED_MAX`]; so a liar costs a few questions and gets a few lies in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::InfoHash;
use gostorm_wire::krpc::{Node, NodeId, Query};

use crate::scope::same_host;
use crate::time::Time;

/// Nodes that must have answered, and that are told of us (BEP 5).
pub(super) const CLOSEST: usize = 8;
/// Questions under way at a time.
const AT_A_TIME: usize = 4;
/// A question that is older does not keep the next from being asked.
const SLOW: Duration = Duration::from_millis(800);
/// Contacts that are kept; the farthest go first.
const CONTACTS_MAX: usize = 48;
/// Questions in all.
const ASKED_MAX: usize = 80;
/// Peers that one lookup brings.
const FOUND_MAX: usize = 400;
/// Peers that one node may name.
const NAMED_MAX: usize = 60;

/// What a lookup is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// To know nodes.
    Nodes,
    /// To find peers.
    Peers {
        /// For whom.
        key: u64,
        /// Our own port, to be told to the nearest.
        announce: Option<u16>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    Asked(Time),
    Answered(Option<Vec<u8>>),
    Failed,
}

#[derive(Clone, Debug)]
struct Contact {
    node: Node,
    state: State,
}

/// One walk, in one family.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) target: NodeId,
    pub(super) family: usize,
    pub(super) started: Time,
    /// Somebody answered, here or in the other family.
    pub(super) heard: bool,
    aim: Aim,
    /// By distance.
    contacts: BTreeMap<[u8; 20], Contact>,
    asked: usize,
    found: BTreeSet<SocketAddr>,
}

impl Lookup {
    pub(super) const fn new(target: NodeId, aim: Aim, family: usize, now: Time) -> Self {
        Self {
            target,
            family,
            started: now,
            heard: false,
            aim,
            contacts: BTreeMap::new(),
            asked: 0,
            found: BTreeSet::new(),
        }
    }

    pub(super) const fn key(&self) -> Option<u64> {
        match self.aim {
            Aim::Nodes => None,
            Aim::Peers { key, .. } => Some(key),
        }
    }

    pub(super) fn is_of(&self, key: u64) -> bool {
        self.key() == Some(key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }

    /// Somebody who could be asked.
    pub(super) fn add(&mut self, node: Node) {
        let same = |known: &Contact| {
            known.node.addr == node.addr || same_host(known.node.addr.ip(), node.addr.ip())
        };
        let distance = self.target.distance(node.id);
        if self.contacts.contains_key(&distance) || self.contacts.values().any(same) {
            return;
        }
        let state = State::Fresh;
        self.contacts.insert(distance, Contact { node, state });
        if self.contacts.len() > CONTACTS_MAX {
            self.contacts.pop_last();
        }
    }

    /// Those that count: the nearest that have not failed.
    fn nearest(&self) -> impl Iterator<Item = &Contact> {
        let alive = |contact: &&Contact| contact.state != State::Failed;
        self.contacts.values().filter(alive).take(CLOSEST)
    }

    /// Whom to ask now.
    pub(super) fn next(&mut self, now: Time) -> Option<Node> {
        let under_way =
            |contact: &&Contact| matches!(contact.state, State::Asked(at) if at + SLOW > now);
        let waiting = self.contacts.values().filter(under_way).count();
        if waiting >= AT_A_TIME || self.asked >= ASKED_MAX {
            return None;
        }
        // Beyond those that count only while they are slow.
        let slow = |contact: &&Contact| matches!(contact.state, State::Asked(_));
        let reach = CLOSEST + self.nearest().filter(slow).count();
        let alive = self
            .contacts
            .values_mut()
            .filter(|contact| contact.state != State::Failed);
        let fresh = alive
            .take(reach)
            .find(|contact| contact.state == State::Fresh)?;
        fresh.state = State::Asked(now);
        self.asked += 1;
        Some(fresh.node)
    }

    /// What is asked.
    pub(super) const fn question(&self) -> Query {
        match self.aim {
            Aim::Nodes => Query::FindNode {
                target: self.target,
            },
            Aim::Peers { .. } => Query::GetPeers {
                info_hash: InfoHash(self.target.0),
            },
        }
    }

    fn set(&mut self, id: NodeId, state: State) {
        if let Some(contact) = self.contacts.get_mut(&self.target.distance(id)) {
            contact.state = state;
        }
    }

    pub(super) fn answered(&mut self, id: NodeId, token: Option<Vec<u8>>) {
        self.heard = true;
        self.set(id, State::Answered(token));
    }

    pub(super) fn failed(&mut self, id: NodeId) {
        self.set(id, State::Failed);
    }

    /// Of the peers that one node named, those that are new.
    pub(super) fn take_new(&mut self, peers: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
        let room = FOUND_MAX - self.found.len();
        let new = peers.filter(|peer| self.found.insert(*peer));
        new.take(NAMED_MAX.min(room)).collect()
    }

    /// True when nobody who counts is left to be asked or awaited.
    pub(super) fn is_over(&self) -> bool {
        let open = |contact: &Contact| match contact.state {
            State::Fresh => self.asked < ASKED_MAX,
            State::Asked(_) => true,
            State::Answered(_) | State::Failed => false,
        };
        !self.nearest().any(open)
    }

    /// What the nearest are told, if we want to be found.
    pub(super) fn announces(&self) -> Vec<(Node, Query)> {
        let Aim::Peers {
            announce: Some(port),
            ..
        } = self.aim
        else {
            return Vec::new();
        };
        let announce = |contact: &Contact| {
            let State::Answered(Some(token)) = &contact.state else {
                return None;
            };
            let query = Query::AnnouncePeer {
                info_hash: InfoHash(self.target.0),
                port: Some(port),
                token: token.clone(),
            };
            Some((contact.node, query))
        };
        self.nearest().filter_map(announce).collect()
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.contacts.len() <= CONTACTS_MAX && self.asked <= ASKED_MAX);
        assert!(self.found.len() <= FOUND_MAX, "peers of one lookup");
    }
}
