//! Safety: what must hold after every input, whatever the peers do. A broken rule panics.

use std::net::SocketAddr;
use std::time::Duration;

use gostorm_core::{FailReason, PeerKey, Stall, Time};

use super::World;
use super::seated::ReadOrder;
use super::torrent::Torrent;

/// Wake-ups in a row that may be due at once.
const SPINS_MAX: u32 = 8;
/// The full check is made once in so many inputs.
const FULL_EVERY: u64 = 64;
/// Connections that a swarm of 25 places may make in a minute: more is a storm.
const DIALS_A_SECOND: u64 = 60;
/// How late a read may fail: the driver's batch.
const LATE_MAX_US: u64 = 50_000;

impl Torrent {
    /// A wake-up in the past, again and again, would burn a processor.
    pub(super) fn check_spin(&mut self, now: Time, wake_at: Time) {
        if wake_at <= now {
            self.spins += 1;
            assert!(
                self.spins <= SPINS_MAX,
                "the swarm wants to be woken at {wake_at}, and it is {now}"
            );
        } else {
            self.spins = 0;
        }
    }
}

impl World {
    pub(super) fn check_after_input(&mut self, torrent: usize) {
        let one = &self.torrents[torrent];
        if self.inputs.is_multiple_of(FULL_EVERY) {
            one.swarm.check_invariants();
        }
        let stats = one.swarm.stats();
        assert_eq!(
            stats.held_bytes,
            one.store.bytes(),
            "what the swarm holds is what was reserved"
        );
        assert!(stats.candidates <= 1_300, "the address book is bounded");
        assert!(stats.waiting_reads <= 4_096, "waiting reads are bounded");
        one.exposed.check(self.now);
        assert!(
            stats.outstanding_blocks <= stats.peers as u64 * 256,
            "pipelines are bounded"
        );
        let alive = self
            .connections
            .iter()
            .filter(|connection| connection.torrent == torrent && connection.alive)
            .count();
        assert_eq!(stats.peers, alive, "the swarm knows its connections");
    }

    /// The budget holds after each reservation.
    pub(super) fn check_memory(&mut self) {
        let held: u64 = self.torrents.iter().map(|one| one.store.bytes()).sum();
        self.held_max = self.held_max.max(held);
        assert!(
            held <= self.spec.budget,
            "{held} bytes are reserved of {}",
            self.spec.budget
        );
    }

    pub(super) fn check_told(&self, torrent: usize, held: u64) {
        assert_eq!(
            held,
            self.torrents[torrent].store.bytes(),
            "the arbiter hears what is held"
        );
    }

    /// The causes of a stall account for all of it.
    pub(super) fn check_stall(&self, stall: &Stall) {
        let told: Duration = stall.waits.iter().map(|wait| wait.lasted).sum();
        assert_eq!(told, stall.lasted, "what a stall was spent on: {stall}");
        assert!(stall.since + stall.lasted <= self.now, "{stall} ends now");
    }

    pub(super) fn check_dial(&self, torrent: usize, addr: SocketAddr) {
        let one = &self.torrents[torrent];
        assert!(
            !one.banned.contains(&addr.ip()),
            "{addr} is banned and dialled"
        );
        let seconds = self.now.0 / 1_000_000 + 2;
        assert!(
            one.dials <= seconds * DIALS_A_SECOND,
            "{} dials in {seconds} s",
            one.dials
        );
    }

    /// The index of a peer that the swarm speaks of.
    pub(super) fn check_peer(&self, torrent: usize, peer: PeerKey) -> usize {
        let index = usize::try_from(peer.0).unwrap_or(usize::MAX);
        let known = self
            .connections
            .get(index)
            .is_some_and(|connection| connection.torrent == torrent && connection.alive);
        assert!(
            known,
            "the swarm speaks of {peer:?}, which is not connected"
        );
        index
    }

    pub(super) fn check_failure(&self, torrent: usize, order: &ReadOrder, reason: FailReason) {
        match reason {
            FailReason::Deadline => {
                let late = self.clock().0.saturating_sub(order.deadline.0);
                // Sooner only where others have waited in vain.
                let rests = self.torrents[torrent].swarm.stats().rest.is_some();
                assert!(
                    rests || self.clock() >= order.deadline,
                    "a read of {} failed before its deadline",
                    order.issued
                );
                assert!(late <= LATE_MAX_US, "a read failed {late} µs too late");
                assert!(
                    order.issued < self.healthy_from,
                    "a read of {} failed in a healthy network",
                    order.issued
                );
            }
            FailReason::Closed | FailReason::Shutdown => {}
            FailReason::Invalid => panic!("a read in its file is not invalid"),
        }
    }

    /// The full check of everything.
    pub fn check_all(&self) {
        self.arbiter.check_invariants();
        for one in &self.torrents {
            one.swarm.check_invariants();
        }
        let late = Time(self.clock().0.saturating_sub(LATE_MAX_US));
        for order in self.reads.values() {
            assert!(
                order.deadline > late,
                "a read of {} is neither served nor failed",
                order.issued
            );
        }
    }

    /// Puts every torrent to sleep and checks that all is given back.
    pub fn end(&mut self) {
        self.check_all();
        (0..self.torrents.len()).for_each(|torrent| self.shut_down(torrent));
        for one in &self.torrents {
            assert_eq!(one.store.bytes(), 0, "a sleeping torrent holds nothing");
            one.exposed.check_end();
            assert_eq!(one.swarm.stats().peers, 0, "nor has it peers");
            assert_eq!(one.swarm.wake_at(), Time::NEVER, "nor does it wake");
            one.swarm.check_invariants();
        }
        assert_eq!(self.undecided_reads(), 0, "every read got its answer");
        assert_eq!(self.arbiter.held(), 0, "the arbiter has all back");
    }
}
