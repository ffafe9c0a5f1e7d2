//! Peer exchange (BEP 11): what connected peers say of others is tried, and they are told of ours.
//!
//! Named are connected peers whose port is known: those that we dialled, and those that said at which one they listen.
//! Nobody is told of an address that is nearer to us than himself, and nobody's word leads us to one (`scope`). A private
//! torrent neither speaks nor listens (BEP 27).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use gostorm_wire::{Message, Pex, PexFlags};

use super::Swarm;
use crate::event::{DisconnectReason, Output, PeerKey};
use crate::peer::Peer;
use crate::pex::{Hearing, Mouth};
use crate::scope::may_name;
use crate::time::Time;

impl Swarm {
    pub(super) fn takes_pex(&mut self, key: PeerKey, id: u8) {
        let now = self.now;
        if self.config.private {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&key) {
            let mouth = peer.mouth.get_or_insert_with(|| Mouth::new(id, now));
            mouth.id = id;
        }
    }

    /// It says at which port it can be dialled; of one that we dialled it is known.
    pub(super) fn listens_at(&mut self, key: PeerKey, port: u16) {
        if let Some(peer) = self.peers.get_mut(&key)
            && peer.incoming
        {
            peer.listens = Some(SocketAddr::new(peer.addr.ip(), port));
        }
    }

    /// It names others.
    pub(super) fn named(&mut self, key: PeerKey, message: &Pex) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(&key).filter(|_| !self.config.private) else {
            return;
        };
        match peer.ear.hear(now) {
            Hearing::Heard => {}
            Hearing::TooSoon => return,
            Hearing::Flood => {
                let reason = DisconnectReason::Protocol("floods us with peer exchanges");
                return self.disconnect(key, reason);
            }
        }
        let from = peer.addr.ip();
        let added = message.added.iter().map(|(addr, _)| *addr);
        let believed = added.filter(|addr| may_name(from, addr.ip()));
        self.connect.add_named(key, believed);
    }

    /// Tells those whose time has come.
    pub(super) fn exchange_peers(&mut self) {
        let now = self.now;
        let is_due = |peer: &Peer| peer.mouth.as_ref().is_some_and(|mouth| mouth.next() <= now);
        if !self.peers.values().any(is_due) {
            return;
        }
        let known: BTreeMap<SocketAddr, PexFlags> = self
            .peers
            .values()
            .filter_map(|peer| Some((peer.listens?, flags(peer))))
            .collect();
        let mut messages = Vec::new();
        for peer in self.peers.values_mut().filter(|peer| is_due(peer)) {
            let to = peer.addr.ip();
            let mut known = known.clone();
            known.retain(|addr, _| may_name(to, addr.ip()) && Some(*addr) != peer.listens);
            let Some(mouth) = &mut peer.mouth else {
                continue;
            };
            if let Some(message) = mouth.say(now, &known) {
                let payload = message.encode();
                messages.push((
                    peer.key,
                    Message::Extended {
                        id: mouth.id,
                        payload,
                    },
                ));
            }
        }
        for (peer, message) in messages {
            self.push(Output::Send { peer, message });
        }
    }

    /// Asks the DHT and the local network, while somebody reads. A private torrent asks nobody (BEP 27).
    pub(super) fn ask_around(&mut self) {
        let short = self.short_of_peers();
        if self.demand.has_readers() && !self.config.private && self.inquiry.ask(self.now, short) {
            self.push(Output::LookUp { announce: true });
        }
    }

    /// When they are asked next.
    pub(super) fn next_inquiry(&self) -> Time {
        if self.demand.has_readers() && !self.config.private {
            self.inquiry.next(self.short_of_peers())
        } else {
            Time::NEVER
        }
    }

    /// When the next peer is to be told.
    pub(super) fn next_exchange(&self) -> Time {
        let mouths = self.peers.values().filter_map(|peer| peer.mouth.as_ref());
        mouths.map(Mouth::next).min().unwrap_or(Time::NEVER)
    }
}

fn flags(peer: &Peer) -> PexFlags {
    PexFlags {
        upload_only: peer.have.is_full(),
        reachable: !peer.incoming,
        ..PexFlags::default()
    }
}
