//! Who is not connected to: asked wherever an address comes in.
//!
//! One for the process. Drivers ask before candidates reach a state machine and before each dial, listeners before they
//! read a byte, and all of them again when the list was changed. The list is swapped whole; a look-up takes no lock.
//! Addresses of the home network are never blocked, whatever a list says. Trackers, gateways and the program's own
//! HTTP are not asked about.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use gostorm_core::Source;
use gostorm_wire::{Blocklist, Pex};
use parking_lot::Mutex;
use tokio::sync::watch;

/// What the filter holds and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterState {
    /// Ranges of the list in use, after merging; `None` while there is no list.
    pub ranges: Option<usize>,
    /// Bytes that it takes.
    pub bytes: usize,
    /// Connections to us that were closed unread.
    pub incoming: u64,
    /// Dials that were not made, also to addresses that a list named only after they were known.
    pub outgoing: u64,
    /// Connected peers that were let go when a list came that names them.
    pub connected: u64,
    /// Addresses that were not taken from those who named them.
    pub candidates: BTreeMap<Source, u64>,
}

/// See the module. At first there is no list, and nobody who has one.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    list: ArcSwapOption<Blocklist>,
    /// Without a list, only the home network is connected to.
    required: AtomicBool,
    /// Whether the first list is there, or it is known that there is none yet.
    ready: watch::Sender<bool>,
    /// How often the list was changed.
    changes: watch::Sender<u64>,
    incoming: AtomicU64,
    outgoing: AtomicU64,
    connected: AtomicU64,
    candidates: Mutex<BTreeMap<Source, u64>>,
}

impl Filter {
    /// Somebody will say from now on which list there is; without it, only the home network is connected to where it
    /// is `required`. `None`: nobody will, and there is none.
    pub(crate) fn await_list(&self, required: Option<bool>) {
        let now = required.unwrap_or_default();
        let mut changed = self.required.swap(now, Ordering::Relaxed) != now;
        if required.is_none() {
            changed |= self.list.swap(None).is_some();
        }
        // A list that is there already may be used meanwhile.
        let ready = required.is_none() || self.list.load().is_some();
        self.ready.send_replace(ready);
        if changed {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Puts another list in the place of the one before.
    pub(crate) fn set(&self, list: Blocklist) {
        self.list.store(Some(Arc::new(list)));
        self.changes.send_modify(|changes| *changes += 1);
        self.set_ready();
    }

    /// There is nothing to wait for any more.
    pub(crate) fn set_ready(&self) {
        self.ready.send_replace(true);
    }

    /// Returns when the first list is there, or is not to be waited for.
    pub(crate) async fn ready(&self) {
        // The sender lives as long as this.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Changes whenever peers that were welcome may not be any more.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether an address is blocked. Counts nothing.
    pub(crate) fn blocks(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        if is_home(ip) {
            return false;
        }
        let list = self.list.load();
        list.as_ref()
            .map_or(self.required.load(Ordering::Relaxed), |list| {
                list.contains(ip)
            })
    }

    /// Whether a connection from there is refused.
    pub(crate) fn blocks_incoming(&self, ip: IpAddr) -> bool {
        self.counted(&self.incoming, ip)
    }

    /// Whether a dial to there is refused.
    pub(crate) fn blocks_dial(&self, ip: IpAddr) -> bool {
        self.counted(&self.outgoing, ip)
    }

    /// Whether a peer that is connected has to go.
    pub(crate) fn blocks_connected(&self, ip: IpAddr) -> bool {
        self.counted(&self.connected, ip)
    }

    fn counted(&self, count: &AtomicU64, ip: IpAddr) -> bool {
        let blocked = self.blocks(ip);
        if blocked {
            count.fetch_add(1, Ordering::Relaxed);
        }
        blocked
    }

    /// Takes the blocked addresses out of those that a source named.
    pub(crate) fn sift(&self, source: Source, addrs: &mut Vec<SocketAddr>) {
        self.sift_by(source, addrs, |addr| *addr);
    }

    /// The same for those that a peer named.
    pub(crate) fn sift_pex(&self, message: &mut Pex) {
        self.sift_by(Source::Pex, &mut message.added, |(addr, _)| *addr);
    }

    fn sift_by<T>(&self, source: Source, named: &mut Vec<T>, addr: impl Fn(&T) -> SocketAddr) {
        let all = named.len();
        named.retain(|one| !self.blocks(addr(one).ip()));
        let blocked = (all - named.len()) as u64;
        if blocked > 0 {
            *self.candidates.lock().entry(source).or_default() += blocked;
        }
    }

    /// How it stands.
    pub(crate) fn state(&self) -> FilterState {
        let list = self.list.load();
        FilterState {
            ranges: list.as_ref().map(|list| list.len()),
            bytes: list.as_ref().map_or(0, |list| list.heap_bytes()),
            incoming: self.incoming.load(Ordering::Relaxed),
            outgoing: self.outgoing.load(Ordering::Relaxed),
            connected: self.connected.load(Ordering::Relaxed),
            candidates: self.candidates.lock().clone(),
        }
    }
}

/// Whether an address is of the home network: private (RFC 1918), link-local or unique local (RFC 4193).
fn is_home(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use gostorm_wire::BlocklistParser;

    use super::*;

    fn list(text: &str) -> Blocklist {
        let mut parser = BlocklistParser::default();
        parser.feed(text.as_bytes());
        parser.finish().unwrap().0
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_home_network_is_never_blocked() {
        let filter = Filter::default();
        filter.set(list(
            "10.0.0.0/8\n172.16.0.0/12\n192.168.0.0/16\n169.254.0.0/16\nfd00::/16\nfe80::/16\n192.0.2.0/24\n",
        ));
        for home in "10.1.2.3 172.20.0.1 192.168.1.1 169.254.7.7 fd00::1 fe80::1 ::ffff:10.0.0.1"
            .split_whitespace()
        {
            assert!(!filter.blocks(ip(home)), "{home}");
        }
        assert!(filter.blocks(ip("192.0.2.1")) && filter.blocks(ip("::ffff:192.0.2.1")));
    }

    #[test]
    fn what_is_blocked_is_counted_where_it_came_from() {
        let filter = Filter::default();
        let mut named = vec![
            "192.0.2.1:1".parse().unwrap(),
            "203.0.113.1:1".parse().unwrap(),
            "192.0.2.2:1".parse().unwrap(),
        ];
        filter.sift(Source::Tracker, &mut named);
        assert_eq!(named.len(), 3, "there is no list");
        assert_eq!(filter.state(), FilterState::default());
        filter.set(list("192.0.2.0/24"));
        filter.sift(Source::Tracker, &mut named);
        assert_eq!(named, ["203.0.113.1:1".parse().unwrap()]);
        assert!(filter.blocks_incoming(ip("192.0.2.3")));
        assert!(!filter.blocks_incoming(ip("203.0.113.3")));
        assert!(filter.blocks_dial(ip("192.0.2.3")) && filter.blocks_dial(ip("192.0.2.3")));
        let expected = FilterState {
            ranges: Some(1),
            bytes: 8,
            incoming: 1,
            outgoing: 2,
            connected: 0,
            candidates: BTreeMap::from([(Source::Tracker, 2)]),
        };
        assert_eq!(filter.state(), expected);
    }

    #[test]
    fn a_required_list_that_is_missing_blocks_all_but_the_home_network() {
        let filter = Filter::default();
        filter.await_list(Some(true));
        assert!(filter.blocks(ip("203.0.113.1")) && !filter.blocks(ip("192.168.1.1")));
        filter.set(list("192.0.2.0/24"));
        assert!(!filter.blocks(ip("203.0.113.1")));
    }

    #[tokio::test]
    async fn a_list_that_is_awaited_is_waited_for() {
        let filter = Filter::default();
        filter.await_list(Some(false));
        let mut changes = filter.changes();
        let waiting = filter.ready();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        filter.set(list("192.0.2.0/24"));
        waiting.await;
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        // Another list is about to come; this one is good meanwhile.
        filter.await_list(Some(true));
        filter.ready().await;
        assert!(filter.blocks(ip("192.0.2.1")) && !filter.blocks(ip("203.0.113.1")));
        filter.await_list(None);
        filter.ready().await;
        assert!(!filter.blocks(ip("192.0.2.1")) && !filter.blocks(ip("203.0.113.1")));
        assert!(changes.has_changed().unwrap());
    }
}
