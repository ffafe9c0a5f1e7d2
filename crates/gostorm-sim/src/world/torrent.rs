//! One torrent's driver: its swarm, its store, its clock, and what its outputs make happen.

use std::time::Duration;

use gostorm_core::budget::Granted;
use gostorm_core::{AnnounceOutcome, AnnouncePlan};
use gostorm_core::{Config, Input, KnownPeer, Output, Source, Swarm, Time};
use gostorm_wire::AnnounceEvent;

use super::store::Store;
use super::{Event, TorrentSpec, World};
use crate::peer::PeerSpec;
use crate::rng::mix;

/// How long a tracker takes.
const TRACKER_TAKES: Duration = Duration::from_millis(20);

/// A torrent's driver.
pub(super) struct Torrent {
    pub(super) spec: TorrentSpec,
    pub(super) swarm: Swarm,
    pub(super) store: Store,
    pub(super) wake_at: Time,
    pub(super) wake_number: u64,
    /// It took an input since its last turn.
    pub(super) dirty: bool,
    /// The newest lease, until the driver takes it.
    mailbox: Option<u64>,
    asleep: bool,
    pub(super) tracker_fails: u32,
    pub(super) banned: Vec<std::net::IpAddr>,
    pub(super) announces: u64,
    pub(super) dials: u64,
    /// Wake-ups in a row that were due at once.
    pub(super) spins: u32,
}

impl Torrent {
    #[expect(
        clippy::panic,
        reason = "a scenario with impossible lengths is a mistake of its author"
    )]
    pub(super) fn new(spec: TorrentSpec, seed: u64) -> Self {
        let layout = match spec.layout() {
            Ok(layout) => layout,
            Err(error) => panic!("{error}"),
        };
        let config = Config {
            connections_max: spec.connections_max,
            trackers: usize::from(spec.tracker_fails.is_some()),
            banned: Vec::new(),
        };
        Self {
            store: Store::default(),
            swarm: Swarm::new(config, layout, mix(seed)),
            wake_at: Time::NEVER,
            wake_number: 0,
            dirty: true,
            mailbox: None,
            asleep: false,
            tracker_fails: spec.tracker_fails.unwrap_or(0),
            banned: Vec::new(),
            announces: 0,
            dials: 0,
            spins: 0,
            spec,
        }
    }

    pub(super) fn woke(&mut self) {
        self.dirty = true;
        self.wake_at = Time::NEVER;
    }
}

impl World {
    /// Tells a torrent of the peers it knows without asking.
    pub(super) fn introduce(&mut self, torrent: usize) {
        let peers = self.torrents[torrent].spec.peers.clone();
        let mut known = Vec::new();
        let mut hints = Vec::new();
        for (at, peer) in peers.iter().enumerate() {
            let addr = super::network::address(torrent, at);
            if let Some(rate) = peer.known_rate {
                let rtt_us = u64::try_from(peer.link.rtt().as_micros()).unwrap_or(0);
                known.push(KnownPeer {
                    addr,
                    rate,
                    rtt_us,
                    trusted: true,
                });
            }
            if self.torrents[torrent].spec.tracker_fails.is_none() && peer.tracked {
                hints.push(addr);
            }
            if let Some(after) = peer.dials_us_after {
                self.events
                    .push(self.now + after, Event::Knock(torrent, at));
            }
        }
        self.pending.push_back((torrent, Input::KnownGood(known)));
        let source = Source::Hint;
        self.pending.push_back((
            torrent,
            Input::Candidates {
                source,
                addrs: hints,
            },
        ));
    }

    /// Does what the swarm says.
    pub(super) fn act(&mut self, torrent: usize, output: Output) {
        match output {
            Output::Dial { addr } => self.dial(torrent, addr),
            Output::Disconnect { peer, .. } => self.disconnect(torrent, peer),
            Output::Send { peer, message } => self.send(torrent, peer, message),
            Output::Reserve {
                piece,
                want_digests,
            } => {
                let one = &mut self.torrents[torrent];
                one.store.reserve(one.swarm.layout(), piece, want_digests);
                self.check_memory();
            }
            Output::Store { block } => self.store(torrent, block),
            Output::Evict { piece } => self.torrents[torrent].store.evict(piece),
            Output::Serve { read } => self.serve(torrent, read),
            Output::Fail { read, reason } => self.fail(read, reason),
            Output::Lease { want, held } => self.lease(torrent, want, held),
            Output::Announce(plan) => self.announce(torrent, &plan),
            Output::Ban { ip, .. } => self.torrents[torrent].banned.push(ip),
        }
    }

    fn lease(&mut self, torrent: usize, want: u64, held: u64) {
        self.check_told(torrent, held);
        let granted = self.arbiter.update(torrent as u64, want, held);
        self.deliver(&granted);
    }

    /// Puts leases into the mailboxes, where the newest wins.
    fn deliver(&mut self, granted: &[Granted]) {
        for lease in granted {
            let tenant = usize::try_from(lease.tenant).unwrap_or(usize::MAX);
            let waits = self.torrents[tenant].mailbox.replace(lease.bytes).is_some();
            if waits {
                continue;
            }
            if self.spec.lease_delay.is_zero() {
                self.leases.push_back(tenant);
            } else {
                let at = self.now + self.spec.lease_delay;
                self.events.push(at, Event::Lease(tenant));
            }
        }
        self.arbiter.check_invariants();
    }

    /// A driver takes the lease out of its mailbox.
    pub(super) fn take_lease(&mut self, torrent: usize) {
        let one = &mut self.torrents[torrent];
        if let Some(bytes) = one.mailbox.take()
            && !one.asleep
        {
            self.give(torrent, Input::Lease { bytes });
            let granted = self.arbiter.confirm(torrent as u64, bytes);
            self.deliver(&granted);
        }
    }

    fn announce(&mut self, torrent: usize, plan: &AnnouncePlan) {
        self.torrents[torrent].announces += 1;
        if plan.event != AnnounceEvent::Stopped {
            let at = self.now + TRACKER_TAKES;
            self.events
                .push(at, Event::TrackerAnswers(torrent, plan.tracker));
        }
    }

    pub(super) fn tracker_answers(&mut self, torrent: usize, tracker: usize) {
        let one = &mut self.torrents[torrent];
        let outcome = if one.tracker_fails > 0 {
            one.tracker_fails -= 1;
            AnnounceOutcome::Failed
        } else {
            let peers = one.spec.peers.iter().enumerate();
            let addrs = peers
                .filter(|(_, peer)| peer.tracked)
                .map(|(at, _)| super::network::address(torrent, at))
                .collect();
            let source = Source::Tracker;
            self.pending
                .push_back((torrent, Input::Candidates { source, addrs }));
            AnnounceOutcome::Answered {
                interval: Some(Duration::from_secs(1_800)),
                min_interval: None,
            }
        };
        self.pending
            .push_back((torrent, Input::Announced { tracker, outcome }));
    }

    /// A new peer joins a torrent, and the user names it.
    pub fn join(&mut self, torrent: usize, peer: PeerSpec) {
        let at = self.torrents[torrent].spec.peers.len();
        self.torrents[torrent].spec.peers.push(peer);
        let source = Source::Hint;
        let addrs = vec![super::network::address(torrent, at)];
        self.pending
            .push_back((torrent, Input::Candidates { source, addrs }));
        self.settle();
    }

    /// A torrent goes to sleep.
    pub fn shut_down(&mut self, torrent: usize) {
        self.pending.push_back((torrent, Input::Shutdown));
        self.settle();
        self.torrents[torrent].asleep = true;
        let granted = self.arbiter.leave(torrent as u64);
        self.deliver(&granted);
        self.settle();
    }
}
