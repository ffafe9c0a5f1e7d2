//! What the peers of a swarm have sent together, so that the waste of any client can be told.
//!
//! Shared by the peers that are started with it. A block counts once when any of them has sent it
//! without a wrong byte; whatever is sent beyond that was not needed by a client that keeps what it
//! has been given.

use std::sync::{Mutex, PoisonError};

use gostorm_wire::BlockSpan;
use rustc_hash::FxHashSet;

/// The blocks that have left the peers of a swarm.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    seen: FxHashSet<BlockSpan>,
    totals: Totals,
}

/// Payload bytes sent by all peers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All of them, wrong ones too.
    pub bytes: u64,
    /// Those of blocks that nobody had sent right before.
    pub distinct: u64,
}

impl Ledger {
    /// Notes a block that leaves.
    pub(super) fn sent(&self, span: BlockSpan, corrupt: bool) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.totals.bytes += u64::from(span.len);
        if !corrupt && entries.seen.insert(span) {
            entries.totals.distinct += u64::from(span.len);
        }
    }

    /// The sums so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).totals
    }
}
