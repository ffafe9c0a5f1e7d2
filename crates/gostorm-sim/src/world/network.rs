//! Connections: dials, the lines between us and the scripted peers, our own access line.

use std::net::SocketAddr;
use std::time::Duration;

use gostorm_core::{Input, PeerKey};
use gostorm_wire::Message;

use super::connection::{Connection, address, peer_at};
use super::{Event, World};
use crate::leech::LT_DONTHAVE_ID;
use crate::link::{Link, LinkSpec};
use crate::peer::{Desk, PeerSpec, PeerTimer, Remote, Saying};

/// A dial that nobody answers ends after this.
const DIAL_TIMEOUT: Duration = Duration::from_secs(4);
/// What a peer's request queue holds when it does not say.
const QUEUE_DEFAULT: u32 = 250;

impl World {
    fn peer_spec(&self, torrent: usize, peer: usize) -> Option<PeerSpec> {
        self.torrents[torrent].spec.peers.get(peer).copied()
    }

    pub(super) fn dial(&mut self, torrent: usize, addr: SocketAddr) {
        self.torrents[torrent].dials += 1;
        self.check_dial(torrent, addr);
        let peer = peer_at(torrent, addr);
        match peer.and_then(|peer| Some((peer, self.peer_spec(torrent, peer)?))) {
            Some((peer, spec)) => {
                // TCP's handshake and BitTorrent's are a round trip each.
                let takes = if spec.refuses {
                    spec.link.rtt()
                } else {
                    spec.link.rtt() * 2
                };
                self.events
                    .push(self.now + takes, Event::Dialled(torrent, peer));
            }
            None => {
                let input = Input::DialFailed { addr };
                self.events
                    .push(self.now + DIAL_TIMEOUT, Event::Input(torrent, input));
            }
        }
    }

    pub(super) fn dialled(&mut self, torrent: usize, peer: usize) {
        match self.peer_spec(torrent, peer) {
            Some(spec) if !spec.refuses => self.connect(torrent, peer, spec, false),
            Some(_) | None => {
                let addr = address(torrent, peer);
                self.give(torrent, Input::DialFailed { addr });
            }
        }
    }

    pub(super) fn knocks(&mut self, torrent: usize, peer: usize) {
        if let Some(spec) = self.peer_spec(torrent, peer) {
            self.connect(torrent, peer, spec, true);
        }
    }

    fn connect(&mut self, torrent: usize, peer: usize, spec: PeerSpec, incoming: bool) {
        let index = self.connections.len();
        let key = PeerKey(index as u64);
        self.connections.push(Connection {
            torrent,
            peer,
            remote: Remote::new(spec),
            down: Link::new(spec.link),
            up: Link::new(LinkSpec {
                rate: spec.takes.map_or(spec.link.rate, |takes| takes.rate),
                ..spec.link
            }),
            rng: self.rng.fork(key.0 ^ 0xC0),
            alive: true,
        });
        let rtt_us = u64::try_from(spec.link.rtt().as_micros()).unwrap_or(0);
        self.give(
            torrent,
            Input::Connected {
                peer: key,
                addr: address(torrent, peer),
                incoming,
                fast: spec.fast,
                v2: false,
                rtt_us: (!incoming).then_some(rtt_us),
            },
        );
        if spec.reqq != QUEUE_DEFAULT && self.connections[index].alive {
            let depth = spec.reqq;
            self.give(torrent, Input::RequestQueue { peer: key, depth });
        }
        let speaks = spec.takes.is_some_and(|takes| takes.dont_have);
        if speaks && self.connections[index].alive {
            let id = LT_DONTHAVE_ID;
            self.give(torrent, Input::TakesDontHave { peer: key, id });
        }
        self.at_desk(index, Remote::greet);
    }

    /// Lets a remote act, and puts what it says on the line.
    pub(super) fn at_desk(&mut self, index: usize, act: impl FnOnce(&mut Remote, &mut Desk<'_>)) {
        let connection = &mut self.connections[index];
        if !connection.alive {
            return;
        }
        let mut desk = Desk {
            now: self.moment,
            rng: &mut connection.rng,
            down: &mut connection.down,
            layout: self.torrents[connection.torrent].swarm.layout(),
            torrent: connection.torrent,
            said: Vec::new(),
            timers: Vec::new(),
        };
        act(&mut connection.remote, &mut desk);
        let Desk { said, timers, .. } = desk;
        for (at, saying) in said {
            self.events.push(at, Event::Reaches(index, saying));
        }
        for (at, timer) in timers {
            self.events.push(at, Event::PeerTimer(index, timer));
        }
    }

    pub(super) fn peer_timer(&mut self, index: usize, timer: PeerTimer) {
        self.at_desk(index, |remote, desk| remote.on_timer(timer, desk));
    }

    pub(super) fn tells(&mut self, index: usize, message: &Message) {
        self.at_desk(index, |remote, desk| remote.on_message(message, desk));
    }

    /// What a peer said comes to our access line.
    pub(super) fn reaches(&mut self, index: usize, saying: Saying) {
        if !self.connections[index].alive {
            return;
        }
        let bytes = match &saying {
            Saying::Block { span, .. } => u64::from(span.len),
            Saying::Message(_) | Saying::Close => 60,
        };
        match &mut self.access {
            Some(access) => {
                let sent = access.send(self.moment, bytes, &mut self.rng);
                self.events.push(sent.arrives, Event::Hears(index, saying));
            }
            None => self.hears(index, saying),
        }
    }

    pub(super) fn hears(&mut self, index: usize, saying: Saying) {
        let connection = &self.connections[index];
        if !connection.alive {
            return;
        }
        let torrent = connection.torrent;
        let peer = PeerKey(index as u64);
        match saying {
            Saying::Message(message) => self.give(torrent, Input::Message { peer, message }),
            Saying::Block { span, digest } => {
                self.in_hand = Some((peer, span, digest));
                self.give(torrent, Input::Block { peer, span });
            }
            Saying::Close => {
                self.connections[index].alive = false;
                self.give(torrent, Input::Closed { peer });
            }
        }
    }

    pub(super) fn send(&mut self, torrent: usize, peer: PeerKey, message: Message) {
        let index = self.check_peer(torrent, peer);
        let latency = self.connections[index].down.spec().latency;
        self.events
            .push(self.now + latency, Event::Tells(index, message));
    }

    pub(super) fn disconnect(&mut self, torrent: usize, peer: PeerKey) {
        let index = self.check_peer(torrent, peer);
        self.connections[index].alive = false;
    }

    /// Changes a peer for now and for later connections. One that `refuses` closes.
    pub fn change_peer(&mut self, torrent: usize, peer: usize, spec: PeerSpec) {
        self.torrents[torrent].spec.peers[peer] = spec;
        self.moment = self.now;
        for index in 0..self.connections.len() {
            let connection = &self.connections[index];
            if (connection.torrent, connection.peer, connection.alive) != (torrent, peer, true) {
                continue;
            }
            if spec.refuses {
                self.hears(index, Saying::Close);
            } else {
                self.at_desk(index, |remote, desk| remote.set_spec(spec, desk));
            }
        }
        self.settle();
    }

    /// The specs of a torrent's peers as they are now.
    #[must_use]
    pub fn peers(&self, torrent: usize) -> &[PeerSpec] {
        &self.torrents[torrent].spec.peers
    }

    /// Our own line changes.
    pub fn change_access(&mut self, spec: Option<LinkSpec>) {
        self.access = spec.map(Link::new);
    }
}
