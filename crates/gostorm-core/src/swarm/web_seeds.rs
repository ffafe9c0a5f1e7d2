//! Web seeds among the peers (BEP 19); how they differ from others is said here.

use std::time::Duration;

use super::Swarm;
use crate::estimate::Estimate;
use crate::event::{DisconnectReason, Output, PeerKey};
use crate::peer::Peer;
use crate::web_seed::web_seed_addr;

/// Web seeds that serve at a time.
const WEB_SEEDS_MAX: usize = 16;

impl Swarm {
    pub(super) fn web_seed(&mut self, key: PeerKey, number: u64, rtt_us: u64) {
        let addr = web_seed_addr(number);
        let mut peers = self.peers.values();
        let refused = if self.connect.is_banned(addr.ip()) {
            Some(DisconnectReason::Banned)
        } else if self.asleep {
            Some(DisconnectReason::Sleep)
        } else if peers.any(|peer| peer.addr == addr) {
            Some(DisconnectReason::Duplicate)
        } else if self.peers.len() - self.connections() >= WEB_SEEDS_MAX {
            Some(DisconnectReason::Full)
        } else {
            None
        };
        if let Some(reason) = refused {
            return self.push(Output::Disconnect { peer: key, reason });
        }
        let pieces = self.layout.piece_count();
        let rtt_us =
            rtt_us.min(u64::try_from(Duration::from_secs(10).as_micros()).unwrap_or(rtt_us));
        let estimate = Estimate::new(Some(rtt_us), None);
        let mut peer = Peer::new(key, addr, false, pieces, estimate, self.now);
        peer.become_web_seed(pieces);
        self.peers.insert(key, peer);
        self.patience.heard(self.now);
        self.note_address(key, addr);
    }

    /// Peers that take a place: web seeds have their own.
    pub(super) fn connections(&self) -> usize {
        self.peers.values().filter(|peer| !peer.web).count()
    }
}
