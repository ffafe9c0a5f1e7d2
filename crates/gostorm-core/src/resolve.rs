//! From a magnet link to an info dict: the small machine before the [`Swarm`](crate::Swarm).
//!
//! Driven like a swarm: one input, drain, next input. It dials the candidates and asks every peer that
//! offers metadata (BEP 9) for parts of it, several peers at once; the assembled dict must hash to the
//! info hash. A part that spoils it is found by asking one peer alone. Then [`Resolve::take_info`]
//! gives the dict, and [`Resolve::into_parts`] what a swarm can go on with: the address book, the
//! tracker clocks and what each connected peer has said so far.

mod assembly;
mod event;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::{AnnounceEvent, ExtendedHandshake, Info, InfoHash, Message, UtMetadata};

use self::assembly::Assembly;
pub use self::event::{Inherited, Prelude, Progress, ResolveInput};
use crate::announce::{Announce, AnnouncePlan};
use crate::config::Config;
use crate::connect::Connect;
use crate::event::{DisconnectReason, Output, PeerKey};
use crate::time::Time;

/// A part that was asked for and did not come is asked of another peer after this.
const PART_TIMEOUT: Duration = Duration::from_secs(3);
/// `have` messages kept for the swarm; a peer that sends more has only cost itself.
const HAVES_MAX: usize = 4_096;

#[derive(Clone, Debug)]
struct Remote {
    addr: SocketAddr,
    incoming: bool,
    messages: Vec<Message>,
    /// The id under which it takes `ut_metadata`, and the size it claims.
    offers: Option<(u8, u32)>,
    /// The part asked of it, and when.
    asked: Option<(u32, Time)>,
    /// It refused, or sent what was wrong.
    useless: bool,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Resolve {
    info_hash: InfoHash,
    config: Config,
    connect: Connect,
    announce: Announce,
    remotes: BTreeMap<PeerKey, Remote>,
    assembly: Option<Assembly>,
    /// After a failed hash one peer alone is asked.
    alone: Option<PeerKey>,
    failed_once: bool,
    info: Option<Vec<u8>>,
    outputs: VecDeque<Output>,
    now: Time,
}

impl Resolve {
    /// A machine that looks for the dict of `info_hash`; `seed` only changes the order of equals.
    #[must_use]
    pub fn new(info_hash: InfoHash, config: Config, seed: u64) -> Self {
        Self {
            info_hash,
            connect: Connect::new(seed, config.banned.iter().copied()),
            announce: Announce::new(config.trackers),
            config,
            remotes: BTreeMap::new(),
            assembly: None,
            alone: None,
            failed_once: false,
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
            ResolveInput::Extended { peer, handshake } => self.extended(peer, &handshake),
            ResolveInput::Metadata { peer, message } => self.metadata(peer, message),
            ResolveInput::Message { peer, message } => self.keep(peer, message),
            ResolveInput::Announced { tracker, outcome } => {
                self.announce.done(self.now, tracker, outcome)
            }
            ResolveInput::Turn => self.turn(),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The dict, once: its SHA-1 is the info hash.
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
        let (done_bytes, total_bytes) = self.assembly.as_ref().map_or((0, 0), Assembly::progress);
        Progress {
            peers: self.remotes.len(),
            done_bytes,
            total_bytes,
        }
    }

    /// When [`ResolveInput::Turn`] is due if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Time {
        let part = self
            .remotes
            .values()
            .filter_map(|remote| remote.asked)
            .map(|(_, at)| at + PART_TIMEOUT)
            .min();
        let dial = if self.places() > 0 {
            self.connect.next_dial()
        } else {
            Time::NEVER
        };
        part.unwrap_or(Time::NEVER)
            .min(dial)
            .min(self.announce.next(true))
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
                offers: None,
                asked: None,
                useless: false,
            },
        );
    }

    fn closed(&mut self, peer: PeerKey) {
        if let Some(remote) = self.remotes.remove(&peer) {
            self.connect
                .closed(self.now, remote.addr, remote.offers.is_some());
        }
        if self.alone == Some(peer) {
            self.alone = None;
        }
    }

    fn extended(&mut self, peer: PeerKey, handshake: &ExtendedHandshake) {
        if let Some(remote) = self.remotes.get_mut(&peer) {
            remote.offers = handshake.ut_metadata.zip(handshake.metadata_size);
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
        let Some(remote) = self.remotes.get_mut(&peer) else {
            return;
        };
        match message {
            UtMetadata::Data {
                piece,
                total_size,
                payload,
            } => {
                let expected = remote.asked.take_if(|(asked, _)| *asked == piece).is_some();
                let Some(assembly) = self.assembly.as_mut().filter(|_| expected) else {
                    return;
                };
                if assembly.size() != total_size || !assembly.fill(piece, &payload, peer) {
                    // It would send the same again.
                    remote.useless = true;
                } else if assembly.is_complete() {
                    self.check();
                }
            }
            UtMetadata::Reject { .. } => {
                remote.asked = None;
                remote.useless = true;
            }
            UtMetadata::Request { piece } => {
                // We look for it ourselves.
                if let Some((id, _)) = remote.offers {
                    let payload = UtMetadata::Reject { piece }.encode();
                    self.outputs.push_back(Output::Send {
                        peer,
                        message: Message::Extended { id, payload },
                    });
                }
            }
            UtMetadata::Unknown { .. } => {}
        }
    }

    fn check(&mut self) {
        let Some(assembly) = self.assembly.take() else {
            return;
        };
        let (bytes, senders) = assembly.finish();
        if Info::info_hash_of(&bytes) == self.info_hash {
            self.info = Some(bytes);
            return;
        }
        self.failed_once = true;
        self.alone = None;
        if let [liar] = senders.as_slice() {
            let liar = *liar;
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
    }

    fn turn(&mut self) {
        for remote in self.remotes.values_mut() {
            // A silent peer may be asked again later, after all others.
            if remote
                .asked
                .take_if(|(_, at)| *at + PART_TIMEOUT <= self.now)
                .is_some()
            {
                remote.useless = true;
            }
        }
        if self.info.is_none() {
            self.ask();
        }
        let places = self.places();
        for addr in self.connect.dial(self.now, places) {
            self.outputs.push_back(Output::Dial { addr });
        }
        for (tracker, event) in self.announce.due(self.now, true) {
            let plan = self.plan(tracker, event);
            self.outputs.push_back(Output::Announce(plan));
        }
    }

    fn ask(&mut self) {
        if !self
            .remotes
            .values()
            .any(|remote| remote.offers.is_some() && !remote.useless)
        {
            self.remotes
                .values_mut()
                .for_each(|remote| remote.useless = false);
            self.alone = None;
        }
        let usable = |remote: &Remote| remote.offers.filter(|_| !remote.useless);
        // One that was to bring it alone and fell silent makes way for the next.
        self.alone = self.alone.filter(|alone| {
            let remote = self.remotes.get(alone);
            remote.is_some_and(|remote| usable(remote).is_some())
        });
        if self.failed_once && self.alone.is_none() {
            self.alone = self
                .remotes
                .iter()
                .find(|(_, remote)| usable(remote).is_some())
                .map(|(key, _)| *key);
            // What the others still send for the spoilt try must not get into this one.
            self.assembly = None;
        }
        let alone = self.alone;
        let may = |key: PeerKey| alone.is_none_or(|alone| alone == key);
        let size = self.likely_size();
        if self.assembly.as_ref().map(Assembly::size) != size {
            // Nobody is waited for who was asked for a part of another size.
            self.remotes
                .values_mut()
                .for_each(|remote| remote.asked = None);
            self.assembly = size.map(Assembly::new);
        }
        let Some(assembly) = self.assembly.as_ref() else {
            return;
        };
        let mut asked: Vec<u32> = self
            .remotes
            .values()
            .filter_map(|remote| remote.asked)
            .map(|(part, _)| part)
            .collect();
        for (key, remote) in self.remotes.iter_mut().filter(|(key, _)| may(**key)) {
            let Some((id, _)) = usable(remote)
                .filter(|(_, size)| *size == assembly.size() && remote.asked.is_none())
            else {
                continue;
            };
            let Some(part) = assembly.missing().find(|part| !asked.contains(part)) else {
                break;
            };
            asked.push(part);
            remote.asked = Some((part, self.now));
            let payload = UtMetadata::Request { piece: part }.encode();
            self.outputs.push_back(Output::Send {
                peer: *key,
                message: Message::Extended { id, payload },
            });
        }
    }

    /// The size that most of those who may be asked claim, so that one liar does not hold up the
    /// others; the one under way among equals.
    fn likely_size(&self) -> Option<u32> {
        let may = |key: &PeerKey| self.alone.is_none_or(|alone| alone == *key);
        let claims = self
            .remotes
            .iter()
            .filter(|(key, remote)| may(key) && !remote.useless)
            .filter_map(|(_, remote)| remote.offers.map(|(_, size)| size));
        let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
        claims.for_each(|size| *votes.entry(size).or_default() += 1);
        let current = self.assembly.as_ref().map(Assembly::size);
        votes
            .into_iter()
            .max_by_key(|(size, votes)| (*votes, Some(*size) == current))
            .map(|(size, _)| size)
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
