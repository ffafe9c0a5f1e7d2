//! What the outputs of a swarm make happen, and the words with the arbiter and the trackers.

use std::time::Duration;

use gostorm_core::budget::{self, Granted, Want};
use gostorm_core::{AnnounceOutcome, AnnouncePlan, Input, KnownPeer, Output, Source};
use gostorm_wire::AnnounceEvent;

use super::connection::address;
use super::{Event, World};
use crate::peer::PeerSpec;

/// How long a tracker takes.
const TRACKER_TAKES: Duration = Duration::from_millis(20);

impl World {
    /// Tells a torrent of the peers it knows without asking.
    pub(super) fn introduce(&mut self, torrent: usize) {
        let piece_len = self.torrents[torrent].spec.piece_len;
        self.arbiter.join(torrent as u64, budget::floor(piece_len));
        let peers = self.torrents[torrent].spec.peers.clone();
        let mut known = Vec::new();
        let mut hints = Vec::new();
        for (at, peer) in peers.iter().enumerate() {
            let addr = address(torrent, at);
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
            Output::Upload { peer, span } => self.upload(torrent, peer, span),
            Output::Reserve {
                piece,
                want_digests,
                ..
            } => {
                let one = &mut self.torrents[torrent];
                one.store.reserve(one.swarm.layout(), piece, want_digests);
                self.check_memory();
            }
            Output::Store { block } => self.store(torrent, block),
            // Torrents here are of v1: no block is judged by itself.
            Output::Verified { .. } | Output::Spoilt { .. } => {}
            Output::Evict { piece } => self.torrents[torrent].store.evict(piece),
            Output::Serve { read } => self.serve(torrent, read),
            Output::ServeUnverified { read } => self.serve_unverified(torrent, read),
            Output::Invalidate { file, range } => self.take_back(torrent, file, &range),
            Output::Fail { read, reason } => self.fail(torrent, read, reason),
            Output::Lease { want, held } => self.lease(torrent, want, held),
            Output::Announce(plan) => self.announce(torrent, &plan),
            Output::Ban { ip, .. } => self.torrents[torrent].banned.push(ip),
            // The peers of this world are in nobody's table.
            Output::LookUp { .. } => {}
            // In its statistics as well.
            Output::Rests(_) => {}
            Output::Stalled(stall) => self.check_stall(&stall),
        }
    }

    fn lease(&mut self, torrent: usize, want: Want, held: u64) {
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
            AnnounceOutcome::Failed { retry_in: None }
        } else {
            let peers = one.spec.peers.iter().enumerate();
            let addrs = peers
                .filter(|(_, peer)| peer.tracked)
                .map(|(at, _)| address(torrent, at))
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
        let addrs = vec![address(torrent, at)];
        self.pending
            .push_back((torrent, Input::Candidates { source, addrs }));
        self.settle();
    }

    /// A torrent goes to sleep.
    pub fn shut_down(&mut self, torrent: usize) {
        if self.torrents[torrent].asleep {
            return;
        }
        self.pending.push_back((torrent, Input::Shutdown));
        self.settle();
        self.torrents[torrent].asleep = true;
        let granted = self.arbiter.leave(torrent as u64);
        self.deliver(&granted);
        self.settle();
    }
}
