//! The byte budget of the process: the core's arbiter, and the mailbox of each awake torrent.
//!
//! Drivers call it from their own tasks; the lock is a leaf and held for a few hundred instructions.

use gostorm_core::budget::{self, Arbiter, Granted, Want};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::watch;

use crate::pool::Pool;

/// Bytes beyond the budget that are in flight between sockets and pieces: one block a connection, and
/// what lies in the drivers' queues.
const IN_FLIGHT_BYTES: u64 = 16 << 20;
/// Pieces that a reader needs at least: the one it reads, the next, and one that is given back.
const FLOOR_PIECES: u64 = 3;

/// The budget and who shares it.
#[derive(Debug)]
pub(crate) struct Memory {
    ledger: Mutex<Ledger>,
    pool: Pool,
}

#[derive(Debug)]
struct Ledger {
    arbiter: Arbiter,
    mailboxes: FxHashMap<u64, watch::Sender<u64>>,
    /// The bytes below which each torrent cannot be read.
    floors: FxHashMap<u64, u64>,
}

impl Memory {
    pub(crate) fn new(budget_bytes: u64) -> Self {
        let ledger = Ledger {
            arbiter: Arbiter::new(budget_bytes),
            mailboxes: FxHashMap::default(),
            floors: FxHashMap::default(),
        };
        Self {
            ledger: Mutex::new(ledger),
            pool: Pool::new(budget_bytes + IN_FLIGHT_BYTES),
        }
    }

    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Bytes held by all torrents, and the budget.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let ledger = self.ledger.lock();
        (ledger.arbiter.held(), ledger.arbiter.total())
    }

    /// A torrent wakes; its lease arrives in the mailbox. A budget below three of its pieces could not
    /// be read with: it is raised, with a warning.
    pub(crate) fn join(&self, tenant: u64, piece_len: u32) -> watch::Receiver<u64> {
        let (mailbox, lease) = watch::channel(0);
        let floor = FLOOR_PIECES * u64::from(piece_len);
        let mut ledger = self.ledger.lock();
        ledger.mailboxes.insert(tenant, mailbox);
        ledger.floors.insert(tenant, floor);
        ledger.arbiter.join(tenant, budget::floor(piece_len));
        if ledger.arbiter.total() < floor {
            tracing::warn!(
                budget_bytes = ledger.arbiter.total(),
                floor_bytes = floor,
                "the read-ahead budget is below three pieces of this torrent; it is raised"
            );
            ledger.arbiter.raise(floor);
            self.pool.raise_cap(floor + IN_FLIGHT_BYTES);
        }
        lease
    }

    /// The budget is another from now on: what torrents hold beyond it they give back, and buffers go back to the system.
    /// It stays at three pieces of every torrent that is awake.
    pub(crate) fn resize(&self, budget_bytes: u64) {
        let mut ledger = self.ledger.lock();
        let floor = ledger.floors.values().copied().max().unwrap_or(0);
        let total = budget_bytes.max(floor);
        if total > budget_bytes {
            tracing::warn!(
                budget_bytes,
                floor_bytes = floor,
                "the read-ahead budget is below three pieces of a torrent that is awake; it is raised"
            );
        }
        let granted = ledger.arbiter.resize(total);
        self.pool.set_cap(total + IN_FLIGHT_BYTES);
        ledger.deliver(&granted);
    }

    /// A torrent says what it could use and what it holds.
    pub(crate) fn update(&self, tenant: u64, want: Want, held: u64) {
        let mut ledger = self.ledger.lock();
        let granted = ledger.arbiter.update(tenant, want, held);
        ledger.deliver(&granted);
    }

    /// A torrent's swarm was handed this lease: what it holds from now on is held under it.
    pub(crate) fn confirm(&self, tenant: u64, lease: u64) {
        let mut ledger = self.ledger.lock();
        let granted = ledger.arbiter.confirm(tenant, lease);
        ledger.deliver(&granted);
    }

    /// A torrent went to sleep. When it was the last, free buffers go back to the system.
    pub(crate) fn leave(&self, tenant: u64) {
        let last = {
            let mut ledger = self.ledger.lock();
            ledger.mailboxes.remove(&tenant);
            ledger.floors.remove(&tenant);
            let granted = ledger.arbiter.leave(tenant);
            ledger.deliver(&granted);
            ledger.mailboxes.is_empty()
        };
        if last {
            self.pool.trim(0);
        }
    }
}

impl Ledger {
    fn deliver(&self, granted: &[Granted]) {
        for lease in granted {
            if let Some(mailbox) = self.mailboxes.get(&lease.tenant) {
                mailbox.send_replace(lease.bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn plays(bytes: u64) -> Want {
        Want {
            playback: bytes,
            ..Want::default()
        }
    }

    #[test]
    fn a_budget_below_three_pieces_is_raised_and_its_pool_with_it() {
        let memory = Memory::new(MIB);
        let _small = memory.join(1, 64 << 10);
        assert_eq!(memory.usage(), (0, MIB));
        let _large = memory.join(2, 4 << 20);
        assert_eq!(memory.usage(), (0, 12 * MIB));
        assert!(memory.pool().cap_bytes() >= 12 * MIB);
    }

    #[test]
    fn what_one_torrent_leaves_arrives_in_the_mailbox_of_another() {
        let memory = Memory::new(8 * MIB);
        let mut first = memory.join(1, 64 << 10);
        let mut second = memory.join(2, 64 << 10);
        memory.update(1, plays(8 * MIB), 0);
        assert_eq!(*first.borrow_and_update(), 8 * MIB);
        memory.confirm(1, 8 * MIB);
        memory.update(1, plays(8 * MIB), 8 * MIB);
        memory.update(2, plays(8 * MIB), 0);
        assert_eq!(*second.borrow_and_update(), 0, "the first still holds all");
        memory.leave(1);
        assert_eq!(*second.borrow_and_update(), 8 * MIB);
        assert_eq!(memory.usage(), (0, 8 * MIB));
        assert!(first.has_changed().is_err(), "its mailbox is gone");
    }

    #[test]
    fn a_smaller_budget_takes_back_and_a_larger_one_gives() {
        let memory = Memory::new(8 * MIB);
        let mut lease = memory.join(1, 64 << 10);
        memory.update(1, plays(16 * MIB), 0);
        memory.confirm(1, 8 * MIB);
        memory.update(1, plays(16 * MIB), 8 * MIB);
        memory.resize(6 * MIB);
        assert_eq!(*lease.borrow_and_update(), 6 * MIB);
        assert_eq!(memory.usage(), (8 * MIB, 6 * MIB));
        memory.confirm(1, 6 * MIB);
        memory.update(1, plays(16 * MIB), 6 * MIB);
        memory.resize(20 * MIB);
        assert_eq!(*lease.borrow_and_update(), 16 * MIB);
        assert_eq!(memory.pool().cap_bytes(), 20 * MIB + IN_FLIGHT_BYTES);
        let _large = memory.join(2, 4 << 20);
        memory.resize(MIB);
        assert_eq!(memory.usage(), (6 * MIB, 12 * MIB));
    }

    #[test]
    fn a_torrent_that_never_joined_may_leave() {
        let memory = Memory::new(MIB);
        memory.leave(7);
        memory.update(7, plays(1), 0);
        memory.leave(7);
        assert_eq!(memory.usage(), (0, MIB));
    }
}
