//! A magnet's search on virtual time: the real [`Resolve`] among scripted peers.
//!
//! Each peer is a round trip and a manner. Used by the scenarios of magnets; the swarm that takes
//! over is the test's to make, from what [`Search::into_resolve`] gives.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gostorm_core::resolve::{Resolve, ResolveInput};
use gostorm_core::{Config, Output, PeerKey, Source, Time};
use gostorm_wire::ut_metadata::{METADATA_PIECE_LEN, metadata_piece_len};
use gostorm_wire::{ExtendedHandshake, Info, Message, UtMetadata};

use crate::events::Events;

/// How a peer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Truly.
    Honest,
    /// It claims another size, and sends that much of the wrong bytes.
    WrongSize(u32),
    /// It sends wrong bytes.
    WrongBytes,
    /// It never answers.
    Silent,
    /// It has no metadata and says so.
    Rejects,
    /// It answers a part or two and closes.
    Leaves,
}

/// A peer of the search.
#[derive(Clone, Copy, Debug)]
pub struct SearchPeer {
    /// There and back.
    pub rtt: Duration,
    /// How it answers.
    pub manner: Manner,
}

#[derive(Debug)]
enum Event {
    Input(ResolveInput),
    Wake,
}

/// One search.
pub struct Search {
    resolve: Resolve,
    dict: Vec<u8>,
    peers: Vec<SearchPeer>,
    answered: Vec<u32>,
    events: Events<Event>,
    now: Time,
    banned: Vec<usize>,
}

fn address(peer: usize) -> SocketAddr {
    let host = u8::try_from(peer % 250 + 1).unwrap_or(1);
    ([10, 9, 0, host], 6881).into()
}

fn peer_at(addr: std::net::IpAddr) -> usize {
    match addr {
        std::net::IpAddr::V4(ip) => usize::from(ip.octets()[3]).saturating_sub(1),
        std::net::IpAddr::V6(_) => usize::MAX,
    }
}

impl Search {
    /// A search for `dict` among `peers`, whose addresses are in the magnet.
    #[must_use]
    pub fn new(dict: Vec<u8>, peers: Vec<SearchPeer>) -> Self {
        let hash = Info::info_hash_of(&dict);
        let mut search = Self {
            resolve: Resolve::new(hash, None, Config::default(), 1),
            dict,
            answered: vec![0; peers.len()],
            peers,
            events: Events::default(),
            now: Time::ZERO,
            banned: Vec::new(),
        };
        let addrs = (0..search.peers.len()).map(address).collect();
        let source = Source::Hint;
        search.give(ResolveInput::Candidates { source, addrs });
        search.give(ResolveInput::Turn);
        search
    }

    /// Runs until the dict is found, or `until`.
    pub fn run(&mut self, until: Time) -> Option<Vec<u8>> {
        let mut turns = 0;
        loop {
            if let Some(info) = self.resolve.take_info() {
                return Some(info);
            }
            let wake = self.resolve.wake_at();
            if wake != Time::NEVER {
                self.events.push(wake.max(self.now), Event::Wake);
            }
            let at = self.events.next_at().filter(|at| *at <= until)?;
            self.now = self.now.max(at);
            while let Some((_, event)) = self.events.pop(self.now) {
                if let Event::Input(input) = event {
                    self.give(input);
                }
            }
            self.give(ResolveInput::Turn);
            turns += 1;
            assert!(turns < 100_000, "the search spins at {}", self.now);
        }
    }

    /// The present.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The numbers of the peers that were banned.
    #[must_use]
    pub fn banned(&self) -> &[usize] {
        &self.banned
    }

    /// The machine, for what comes after.
    #[must_use]
    pub fn into_resolve(self) -> Resolve {
        self.resolve
    }

    fn later(&mut self, span: Duration, input: ResolveInput) {
        self.events.push(self.now + span, Event::Input(input));
    }

    fn give(&mut self, input: ResolveInput) {
        self.resolve.handle(self.now, input);
        while let Some(output) = self.resolve.poll() {
            match output {
                Output::Dial { addr } => self.connect(peer_at(addr.ip())),
                Output::Send { peer, message } => self.asked(peer, &message),
                Output::Ban { ip, .. } => self.banned.push(peer_at(ip)),
                Output::Disconnect { .. }
                | Output::Upload { .. }
                | Output::Reserve { .. }
                | Output::Store { .. }
                | Output::Evict { .. }
                | Output::Verified { .. }
                | Output::Spoilt { .. }
                | Output::Serve { .. }
                | Output::ServeUnverified { .. }
                | Output::Invalidate { .. }
                | Output::Fail { .. }
                | Output::Rests(_)
                | Output::Stalled(_)
                | Output::Lease { .. }
                | Output::LookUp { .. }
                | Output::Announce(_) => {}
            }
        }
    }

    fn connect(&mut self, number: usize) {
        let SearchPeer { rtt, manner } = self.peers[number];
        let peer = PeerKey(number as u64);
        let addr = address(number);
        let incoming = false;
        let size = match manner {
            Manner::WrongSize(size) => size,
            Manner::Honest
            | Manner::WrongBytes
            | Manner::Silent
            | Manner::Rejects
            | Manner::Leaves => u32::try_from(self.dict.len()).unwrap_or(u32::MAX),
        };
        let handshake = ExtendedHandshake {
            ut_metadata: Some(3),
            metadata_size: Some(size),
            ..ExtendedHandshake::default()
        };
        self.later(
            rtt * 2,
            ResolveInput::Connected {
                peer,
                addr,
                incoming,
            },
        );
        self.later(rtt * 2, ResolveInput::Extended { peer, handshake });
        let message = Message::HaveAll;
        self.later(rtt * 2, ResolveInput::Message { peer, message });
    }

    fn asked(&mut self, peer: PeerKey, message: &Message) {
        let Message::Extended { payload, .. } = message else {
            return;
        };
        let Ok(UtMetadata::Request { piece }) = UtMetadata::decode(payload) else {
            return;
        };
        let number = usize::try_from(peer.0).unwrap_or(usize::MAX);
        let SearchPeer { rtt, manner } = self.peers[number];
        self.answered[number] += 1;
        let input = match manner {
            Manner::Silent => return,
            Manner::Rejects => ResolveInput::Metadata {
                peer,
                message: UtMetadata::Reject { piece },
            },
            Manner::Leaves if self.answered[number] > 1 => ResolveInput::Closed { peer },
            Manner::Honest | Manner::Leaves | Manner::WrongBytes | Manner::WrongSize(_) => {
                ResolveInput::Metadata {
                    peer,
                    message: self.part(manner, piece),
                }
            }
        };
        self.later(rtt, input);
    }

    fn part(&self, manner: Manner, piece: u32) -> UtMetadata {
        let true_size = u32::try_from(self.dict.len()).unwrap_or(u32::MAX);
        let total_size = if let Manner::WrongSize(size) = manner {
            size
        } else {
            true_size
        };
        let len = metadata_piece_len(total_size, piece).unwrap_or(0) as usize;
        let begin = (piece * METADATA_PIECE_LEN) as usize;
        let right = self.dict.get(begin..begin + len);
        let payload = match (manner, right) {
            (Manner::Honest | Manner::Leaves, Some(right)) => Bytes::copy_from_slice(right),
            _ => Bytes::from(vec![0x55; len]),
        };
        UtMetadata::Data {
            piece,
            total_size,
            payload,
        }
    }
}
