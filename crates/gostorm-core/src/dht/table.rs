//! The nodes that we know, by how many leading bits of their place they share with ours.
//!
//! A node is in here because it answered a question of ours, and at most one of a host. Those that stopped answering stay
//! until somebody better comes: after a time without a network they are all we have.

use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::krpc::{Node, NodeId};

use crate::scope::same_host;
use crate::time::Time;

/// Nodes of one distance. BEP 5 has 8; more make the first step of a lookup longer.
const BUCKET: usize = 16;
/// Distances.
const BUCKETS: usize = 160;
/// Questions in a row without an answer that make a node a bad one.
const BAD: u8 = 2;
/// A node that was not heard for so long is asked whether it is still there (BEP 5).
const STALE: Duration = Duration::from_secs(900);

/// The place of the table that an address belongs to: IPv4, IPv6.
pub(super) const fn family(addr: SocketAddr) -> usize {
    if addr.is_ipv4() { 0 } else { 1 }
}

#[derive(Clone, Debug)]
struct Entry {
    node: Node,
    heard: Time,
    /// When it is asked whether it is there.
    check: Time,
    failures: u8,
}

impl Entry {
    const fn is_good(&self) -> bool {
        self.failures < BAD
    }
}

/// The nodes of one family.
#[derive(Clone, Debug)]
pub(super) struct Table {
    own: NodeId,
    buckets: Vec<Vec<Entry>>,
}

impl Table {
    pub(super) fn new(own: NodeId) -> Self {
        Self {
            own,
            buckets: vec![Vec::new(); BUCKETS],
        }
    }

    fn bucket(&mut self, id: NodeId) -> &mut Vec<Entry> {
        &mut self.buckets[self.own.shared_bits(id).min(BUCKETS - 1)]
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.iter().flatten()
    }

    /// Nodes that answered when last asked.
    pub(super) fn good(&self) -> usize {
        self.entries().filter(|entry| entry.is_good()).count()
    }

    /// True when there is a place for a node that is not known.
    pub(super) fn wants(&mut self, node: Node) -> bool {
        let host = |entry: &Entry| same_host(entry.node.addr.ip(), node.addr.ip());
        if self.entries().any(host) {
            return false;
        }
        let bucket = self.bucket(node.id);
        let known = bucket.iter().any(|entry| entry.node.id == node.id);
        !known && (bucket.len() < BUCKET || bucket.iter().any(|entry| !entry.is_good()))
    }

    /// A node answered.
    pub(super) fn heard(&mut self, now: Time, node: Node) {
        let entry = Entry {
            node,
            heard: now,
            check: now + STALE,
            failures: 0,
        };
        let bucket = self.bucket(node.id);
        if let Some(known) = bucket.iter_mut().find(|entry| entry.node.id == node.id) {
            // Another that claims its name gets it only when the first is gone.
            if known.node.addr == node.addr || !known.is_good() {
                *known = entry;
            }
            return;
        }
        // A node that was started anew has another name; a second of the same host is not wanted.
        for bucket in &mut self.buckets {
            bucket.retain(|entry| entry.node.addr != node.addr);
        }
        if !self.wants(node) {
            return;
        }
        let bucket = self.bucket(node.id);
        if bucket.len() < BUCKET {
            bucket.push(entry);
        } else if let Some(bad) = bucket.iter_mut().find(|entry| !entry.is_good()) {
            *bad = entry;
        }
    }

    /// A node did not answer.
    pub(super) fn failed(&mut self, id: NodeId) {
        let entry = self.bucket(id).iter_mut().find(|entry| entry.node.id == id);
        if let Some(entry) = entry {
            entry.failures = entry.failures.saturating_add(1);
        }
    }

    /// The nodes nearest to a place, those that do not answer last.
    pub(super) fn closest(&self, target: NodeId, count: usize) -> Vec<Node> {
        let mut nodes: Vec<_> = self
            .entries()
            .map(|entry| (!entry.is_good(), target.distance(entry.node.id), entry.node))
            .collect();
        nodes.sort_unstable();
        nodes
            .into_iter()
            .take(count)
            .map(|(.., node)| node)
            .collect()
    }

    /// When the next node is to be asked whether it is there.
    pub(super) fn next_stale(&self) -> Time {
        let checks = self.entries().map(|entry| entry.check);
        checks.min().unwrap_or(Time::NEVER)
    }

    /// The node to ask now.
    pub(super) fn take_stale(&mut self, now: Time) -> Option<Node> {
        let entries = self.buckets.iter_mut().flatten();
        let stale = entries
            .filter(|entry| entry.check <= now)
            .min_by_key(|entry| entry.heard)?;
        stale.check = now + STALE;
        Some(stale.node)
    }

    pub(super) fn check_invariants(&self) {
        assert!(
            self.buckets.iter().all(|bucket| bucket.len() <= BUCKET),
            "buckets are bounded"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(first: u8, host: u8) -> Node {
        let mut id = [0; 20];
        (id[0], id[19]) = (first, host);
        let addr = ([9, 0, 0, host], 6881).into();
        Node {
            id: NodeId(id),
            addr,
        }
    }

    #[test]
    fn a_full_bucket_takes_somebody_new_only_for_one_that_is_gone() {
        let mut table = Table::new(NodeId([0; 20]));
        for host in 1..=20 {
            table.heard(Time::ZERO, node(0x80, host));
        }
        assert_eq!(table.good(), BUCKET);
        table.failed(node(0x80, 3).id);
        table.failed(node(0x80, 3).id);
        assert_eq!(table.good(), BUCKET - 1);
        table.heard(Time::ZERO, node(0x80, 30));
        assert_eq!(table.good(), BUCKET);
        let known = table.closest(NodeId([0; 20]), 100);
        assert!(known.contains(&node(0x80, 30)) && !known.contains(&node(0x80, 3)));
    }

    #[test]
    fn a_host_has_one_place_and_a_name_one_owner() {
        let mut table = Table::new(NodeId([0; 20]));
        for first in [1, 2, 4, 8, 16, 32, 64, 128] {
            let mut sybil = node(first, 7);
            sybil.addr.set_port(u16::from(first) + 1_000);
            table.heard(Time::ZERO, sybil);
        }
        assert_eq!(table.good(), 1);
        let thief = Node {
            addr: ([9, 0, 0, 99], 1).into(),
            ..table.closest(NodeId([0; 20]), 1)[0]
        };
        table.heard(Time::ZERO, thief);
        assert_ne!(table.closest(NodeId([0; 20]), 1)[0], thief);
    }

    #[test]
    fn a_node_that_was_not_heard_for_long_is_asked_once_in_a_while() {
        let mut table = Table::new(NodeId([0; 20]));
        table.heard(Time::ZERO, node(1, 1));
        assert_eq!(table.take_stale(Time(1)), None);
        let late = table.next_stale();
        assert_eq!(late, Time(900_000_000));
        assert_eq!(table.take_stale(late), Some(node(1, 1)));
        assert_eq!(table.take_stale(late), None);
    }
}
