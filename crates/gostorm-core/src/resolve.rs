//! From a magnet link to an info dict: the small machine before the [`Swarm`](crate::Swarm).
//!
//! Driven like a swarm: one input, drain, next input. It dials the candidates and asks every peer that
//! offers metadata (BEP 9) for it, several peers at once (`parts` says who is asked for what); what they
//! bring must hash to the info hash, or who brought it is banned. Then [`Resolve::take_info`] gives the dict, and [`Resolve::into_parts`] what a swarm can go on with: the address book, the
//! tracker clocks and what each connected peer has said so far.

mod assembly;
mod event;
mod parts;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use gostorm_wire::{
    AnnounceEvent, ExtendedHandshake, Info, InfoHash, InfoHashV2, Message, Pex, UtMetadata,
};

pub use self::event::{Inherited, Prelude, Progress, ResolveInput};
use self::parts::{Complete, Parts};
use crate::announce::{Announce, AnnouncePlan, TrackerClock};
use crate::config::Config;
use crate::connect::Connect;
use crate::event::{DisconnectReason, Output, PeerKey};
use crate::inquiry::Inquiry;
use crate::patience::Hope;
use crate::pex::{Ear, Hearing};
use crate::scope::may_name;
use crate::time::Time;

/// `have` messages kept for the swarm; a peer that sends more has only cost itself.
const HAVES_MAX: usize = 4_096;

#[derive(Clone, Debug)]
struct Remote {
    addr: SocketAddr,
    incoming: bool,
    messages: Vec<Message>,
    /// The id under which it takes `ut_metadata`.
    takes: Option<u8>,
    /// How often it is heard when it names others.
    ear: Ear,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Resolve {
    info_hash: InfoHash,
    info_hash_v2: Option<InfoHashV2>,
    config: Config,
    connect: Connect,
    announce: Announce,
    inquiry: Inquiry,
    remotes: BTreeMap<PeerKey, Remote>,
    parts: Parts,
    info: Option<Vec<u8>>,
    outputs: VecDeque<Output>,
    now: Time,
}

impl Resolve {
    /// A machine that looks for the dict of `info_hash`, and of the whole v2 hash when that is known; `seed` only changes
    /// the order of equals.
    #[must_use]
    pub fn new(
        info_hash: InfoHash,
        info_hash_v2: Option<InfoHashV2>,
        config: Config,
        seed: u64,
    ) -> Self {
        Self {
            info_hash,
            info_hash_v2,
            connect: Connect::new(seed, config.banned.iter().copied()),
            announce: Announce::new(&config.tiers, seed),
            inquiry: Inquiry::new(),
            config,
            remotes: BTreeMap::new(),
            parts: Parts::default(),
            info: None,
            outputs: VecDeque::new(),
            now: Time::ZERO,
        }
    }

    /// Takes one input. Drain [`Resolve::poll`] before the next.
    pub fn handle(&mut self, now: Time, input: ResolveInput) {
        self.now = self.now.max(now);
        match input {
            ResolveInput::Candidates { source, addrs } => self.connect.add(source, addrs),
            ResolveInput::DialFailed { addr } => self.connect.failed(self.now, addr),
            ResolveInput::Connected {
                peer,
                addr,
                incoming,
            } => self.connected(peer, addr, incoming),
            ResolveInput::Closed { peer } => self.closed(peer),
            ResolveInput::Offended { peer } => self.offended(peer),
            ResolveInput::Places { connections_max } => self.resize(connections_max),
            ResolveInput::Extended { peer, handshake } => self.extended(peer, &handshake),
            ResolveInput::Metadata { peer, message } => self.metadata(peer, message),
            ResolveInput::Pex { peer, message } => self.named(peer, &message),
            ResolveInput::Message { peer, message } => self.keep(peer, message),
            ResolveInput::Announced { tracker, outcome } => {
                self.announce.done(self.now, tracker, outcome)
            }
            ResolveInput::LookedUp => self.inquiry.answered(),
            ResolveInput::AnnounceNow => self.announce.tell_at_once(self.now),
            ResolveInput::Network { up } => self.network(up),
            ResolveInput::Turn => self.turn(),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The dict, once: it is that of the info hash.
    pub const fn take_info(&mut self) -> Option<Vec<u8>> {
        self.info.take()
    }

    /// What a swarm goes on with.
    #[must_use]
    pub fn into_parts(self) -> (Inherited, Vec<Prelude>) {
        let preludes = self.remotes.into_iter().map(|(peer, remote)| Prelude {
            peer,
            addr: remote.addr,
            incoming: remote.incoming,
            messages: remote.messages,
        });
        (
            Inherited {
                connect: self.connect,
                announce: self.announce,
            },
            preludes.collect(),
        )
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let (done_bytes, total_bytes) = self.parts.progress();
        Progress {
            peers: self.remotes.len(),
            done_bytes,
            total_bytes,
        }
    }

    /// When [`ResolveInput::Turn`] is due if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Time {
        let dial = if self.places() > 0 {
            self.connect.next_dial()
        } else {
            Time::NEVER
        };
        self.parts
            .next_expiry()
            .min(dial)
            .min(self.announce.next(true))
            .min(self.inquiry.next(true))
    }

    /// The announces that tell the trackers we stop, when the search is given up.
    #[must_use]
    pub fn stop(&mut self) -> Vec<AnnouncePlan> {
        self.announce
            .stop()
            .into_iter()
            .map(|tracker| self.plan(tracker, AnnounceEvent::Stopped))
            .collect()
    }

    /// How the machine stands with each tracker.
    pub fn tracker_clocks(&self) -> impl Iterator<Item = TrackerClock> {
        self.announce.clocks()
    }

    /// Who might lead to the dict.
    #[must_use]
    pub fn hope(&self) -> Hope {
        if self.connect.has_untried() {
            Hope::Untried
        } else {
            Hope::Nobody
        }
    }

    /// True when nobody is connected, and nobody is left who could be asked for anybody.
    #[must_use]
    pub fn is_forlorn(&self) -> bool {
        self.remotes.is_empty()
            && self.inquiry.is_answered()
            && self.announce.is_spent(self.now)
            && self.connect.is_spent()
    }

    /// True when every address that is known has failed and no tracker is awaited: whoever comes, comes later.
    #[must_use]
    pub fn has_tried_all(&self) -> bool {
        self.connect.is_spent() && self.announce.under_way() == 0
    }

    fn places(&self) -> usize {
        let free = self
            .config
            .connections_max
            .saturating_sub(self.remotes.len());
        if free == 0 {
            0
        } else {
            (free * 2).saturating_sub(self.connect.dialing())
        }
    }

    fn connected(&mut self, peer: PeerKey, addr: SocketAddr, incoming: bool) {
        let refused = if self.connect.is_banned(addr.ip()) {
            Some(DisconnectReason::Banned)
        } else if self.remotes.len() >= self.config.connections_max {
            Some(DisconnectReason::Full)
        } else {
            None
        };
        if let Some(reason) = refused {
            self.connect.failed(self.now, addr);
            return self.outputs.push_back(Output::Disconnect { peer, reason });
        }
        self.connect.connected(addr);
        self.remotes.insert(
            peer,
            Remote {
                addr,
                incoming,
                messages: Vec::new(),
                takes: None,
                ear: Ear::new(),
            },
        );
    }

    fn offended(&mut self, peer: PeerKey) {
        let addr = self.remotes.get(&peer).map(|remote| remote.addr);
        self.closed(peer);
        if let Some(addr) = addr {
            self.connect.offended(self.now, addr);
        }
    }

    fn resize(&mut self, connections_max: usize) {
        self.config.connections_max = connections_max;
        while self.remotes.len() > connections_max {
            let Some(peer) = self.remotes.keys().next_back().copied() else {
                return;
            };
            self.closed(peer);
            let reason = DisconnectReason::Full;
            self.outputs.push_back(Output::Disconnect { peer, reason });
        }
    }

    fn closed(&mut self, peer: PeerKey) {
        if let Some(remote) = self.remotes.remove(&peer) {
            self.connect
                .closed(self.now, remote.addr, remote.takes.is_some());
        }
        self.parts.forget(peer);
    }

    fn network(&mut self, up: bool) {
        if up {
            self.connect.go_online(self.now);
            self.announce.resume(self.now);
            self.inquiry.resume();
        } else {
            self.remotes.clear();
            self.parts.forget_all();
            self.connect.go_offline();
            self.announce.pause();
            self.inquiry.pause();
        }
    }

    fn extended(&mut self, peer: PeerKey, handshake: &ExtendedHandshake) {
        if let Some(remote) = self.remotes.get_mut(&peer) {
            remote.takes = handshake.ut_metadata;
            let offers = handshake.metadata_size.filter(|_| remote.takes.is_some());
            self.parts.offer(peer, offers);
        }
    }

    /// A peer names others. One that does so again and again is not worth its place.
    fn named(&mut self, peer: PeerKey, message: &Pex) {
        let Some(remote) = self.remotes.get_mut(&peer) else {
            return;
        };
        let from = remote.addr.ip();
        match remote.ear.hear(self.now) {
            Hearing::Heard => {
                let added = message.added.iter().map(|(addr, _)| *addr);
                let believed = added.filter(|addr| may_name(from, addr.ip()));
                self.connect.add_named(peer, believed);
            }
            Hearing::TooSoon => {}
            Hearing::Flood => {
                let addr = remote.addr;
                self.closed(peer);
                self.connect.offended(self.now, addr);
                let reason = DisconnectReason::Protocol("floods us with peer exchanges");
                self.outputs.push_back(Output::Disconnect { peer, reason });
            }
        }
    }

    fn keep(&mut self, peer: PeerKey, message: Message) {
        let Some(remote) = self.remotes.get_mut(&peer) else {
            return;
        };
        if matches!(
            message,
            Message::Bitfield(_) | Message::HaveAll | Message::HaveNone
        ) {
            remote.messages.retain(|kept| {
                !matches!(
                    kept,
                    Message::Bitfield(_) | Message::HaveAll | Message::HaveNone
                )
            });
        } else if matches!(message, Message::Choke | Message::Unchoke) {
            remote
                .messages
                .retain(|kept| !matches!(kept, Message::Choke | Message::Unchoke));
        }
        if remote.messages.len() < HAVES_MAX {
            remote.messages.push(message);
        }
    }

    fn metadata(&mut self, peer: PeerKey, message: UtMetadata) {
        match message {
            UtMetadata::Data {
                piece,
                total_size,
                payload,
            } => {
                if let Some(complete) = self.parts.came(self.now, peer, piece, total_size, &payload)
                {
                    self.check(complete);
                }
            }
            UtMetadata::Reject { .. } => self.parts.refused(peer),
            // We look for it ourselves.
            UtMetadata::Request { piece } => self.say(peer, &UtMetadata::Reject { piece }),
            UtMetadata::Unknown { .. } => {}
        }
    }

    fn say(&mut self, peer: PeerKey, message: &UtMetadata) {
        if let Some(id) = self.remotes.get(&peer).and_then(|remote| remote.takes) {
            let payload = message.encode();
            let message = Message::Extended { id, payload };
            self.outputs.push_back(Output::Send { peer, message });
        }
    }

    fn check(&mut self, complete: Complete) {
        let Complete { bytes, senders } = complete;
        if Info::is_named(&bytes, self.info_hash, self.info_hash_v2) {
            self.info.get_or_insert(bytes);
            return;
        }
        let [liar] = senders[..] else {
            return self.parts.distrust();
        };
        self.parts.forget(liar);
        if let Some(remote) = self.remotes.remove(&liar) {
            self.connect.ban(remote.addr.ip());
            self.outputs.push_back(Output::Ban {
                ip: remote.addr.ip(),
                reason: "sent metadata that does not match the info hash",
            });
            self.outputs.push_back(Output::Disconnect {
                peer: liar,
                reason: DisconnectReason::Corrupt,
            });
        }
    }

    fn turn(&mut self) {
        self.parts.expire(self.now);
        if self.info.is_none() {
            for (peer, piece) in self.parts.ask(self.now) {
                self.say(peer, &UtMetadata::Request { piece });
            }
        }
        let places = self.places();
        for addr in self.connect.dial(self.now, places) {
            self.outputs.push_back(Output::Dial { addr });
        }
        if self.inquiry.ask(self.now, true) {
            self.outputs.push_back(Output::LookUp { announce: false });
        }
        for (tracker, event) in self.announce.due(self.now, true) {
            let plan = self.plan(tracker, event);
            self.outputs.push_back(Output::Announce(plan));
        }
    }

    fn plan(&self, tracker: usize, event: AnnounceEvent) -> AnnouncePlan {
        let num_want = if event == AnnounceEvent::Stopped {
            0
        } else {
            Announce::num_want()
        };
        AnnouncePlan {
            tracker,
            event,
            num_want,
            downloaded: 0,
            uploaded: 0,
            left: 1,
        }
    }
}

#[cfg(test)]
mod tests;
