//! Who may be connected: how many there may be, what those who dial us may take of it, and who has offended too often.

use std::net::IpAddr;

use super::Swarm;
use crate::event::{DisconnectReason, PeerKey};

/// Breaches of the protocol after which an address is refused until the torrent sleeps.
const OFFENCES_MAX: u32 = 4;
/// Addresses whose breaches are counted.
const OFFENDERS_MAX: usize = 1_000;

impl Swarm {
    /// True when another peer that dialled us would keep out those that we want to dial.
    pub(super) fn is_overrun(&self) -> bool {
        let incoming = self.peers.values().filter(|peer| peer.incoming).count();
        incoming >= self.config.incoming_places()
    }

    /// The limit of connections is another from now on; those beyond it go at once, the least useful first.
    pub(super) fn resize(&mut self, connections_max: usize) {
        self.config.connections_max = connections_max;
        while self.connections() > self.config.places(true) {
            let peers = self.peers.values().filter(|peer| !peer.web);
            let worst = peers.min_by(|a, b| {
                let rate = a.estimate.rate().total_cmp(&b.estimate.rate());
                let rank = |peer: &crate::peer::Peer| {
                    (peer.good_bytes > 0, !peer.peer_chokes, !peer.snubbed)
                };
                rank(a).cmp(&rank(b)).then(rate)
            });
            let Some(key) = worst.map(|peer| peer.key) else {
                return;
            };
            self.disconnect(key, DisconnectReason::Full);
        }
    }

    /// A connection was ended because the peer broke the protocol.
    pub(super) fn offended(&mut self, key: PeerKey) {
        let addr = self.peers.get(&key).map(|peer| peer.addr);
        self.closed(key);
        if let Some(addr) = addr {
            self.connect.offended(self.now, addr);
            self.count_offence(addr.ip());
        }
    }

    /// Counts a breach. Behind one address there may be a few people, but hardly four who break the protocol.
    pub(super) fn count_offence(&mut self, ip: IpAddr) {
        // On this machine there may be any number of programs.
        let known = self.offences.contains_key(&ip) || self.offences.len() < OFFENDERS_MAX;
        if ip.is_loopback() || !known {
            return;
        }
        let count = self.offences.entry(ip).or_insert(0);
        *count += 1;
        if *count >= OFFENCES_MAX {
            self.connect.ban(ip);
        }
    }
}
