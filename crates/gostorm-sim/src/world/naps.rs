//! Naps: the driver does nothing for a while, and what came meanwhile waits for it.
//!
//! The peers and the lines go on. When the driver wakes, its timer rings first, for the tasks that
//! read its sockets were kept from working too; then it takes all that came in one batch. In a nap in
//! which the clock stands still neither the driver nor the players notice that time has passed.

use gostorm_core::{Input, Time};

use super::World;

impl World {
    /// The machine's clock: that of the drivers and the players.
    pub(super) const fn clock(&self) -> Time {
        Time(self.now.0 - self.lag)
    }

    /// Sleeps through a nap that has begun. Returns the snubbed peers of before.
    pub(super) fn nap(&mut self) -> Option<u64> {
        let nap = *self.spec.naps.get(self.naps)?;
        if self.now < Time::ZERO + nap.at {
            return None;
        }
        self.naps += 1;
        let snubbed = self.snubbed();
        self.now = self.now.max(Time::ZERO + nap.at + nap.length);
        if nap.stands_still {
            self.lag += u64::try_from(nap.length.as_micros()).unwrap_or(0);
        }
        for torrent in 0..self.torrents.len() {
            if self.torrents[torrent].wake_at <= self.clock() {
                self.torrents[torrent].woke();
                self.give(torrent, Input::Turn);
            }
        }
        Some(snubbed)
    }

    /// Peers that are snubbed now.
    pub(super) fn snubbed(&self) -> u64 {
        let peers = self.torrents.iter().flat_map(|one| one.swarm.peer_stats());
        peers.filter(|peer| peer.snubbed).count() as u64
    }
}
