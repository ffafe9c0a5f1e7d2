//! What all connections of one scripted peer share: its script, its uplink, its memory.

use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use gostorm_wire::{BlockSpan, PeerId};
use rustc_hash::FxHashSet;
use tokio::time::Instant;

use super::bucket::Bucket;
use super::content::Content;
use super::counters::Board;
use super::ledger::Ledger;
use super::script::Script;

/// A peer as its connections see it.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) content: Arc<Content>,
    pub(super) script: Script,
    pub(super) have: Vec<bool>,
    pub(super) peer_id: PeerId,
    pub(super) board: Board,
    ledger: Option<Arc<Ledger>>,
    uplink: Mutex<Uplink>,
    /// The parts of the info dict that it was given.
    learned: Mutex<Vec<Option<Bytes>>>,
}

#[derive(Debug)]
struct Uplink {
    bucket: Bucket,
    sent: u64,
    blocks: u64,
    requests: u64,
    /// Blocks that were sent or wait to be.
    seen: FxHashSet<BlockSpan>,
}

/// May the next block leave?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It may; with a wrong byte if so.
    Now {
        /// Spoil it.
        corrupt: bool,
    },
    /// Not before this.
    At(Instant),
    /// Never: the peer has stalled.
    Never,
}

impl Remote {
    pub(super) fn new(
        content: Arc<Content>,
        script: Script,
        peer_id: PeerId,
        ledger: Option<Arc<Ledger>>,
    ) -> Self {
        let have = script.have.draw(content.pieces());
        let uplink = Uplink {
            bucket: Bucket::new(script.rate, script.burst, Instant::now()),
            sent: 0,
            blocks: 0,
            requests: 0,
            seen: FxHashSet::default(),
        };
        Self {
            content,
            script,
            have,
            peer_id,
            board: Board::new(),
            ledger,
            uplink: Mutex::new(uplink),
            learned: Mutex::default(),
        }
    }

    /// The bitfield (BEP 3): the high bit of the first byte is piece 0.
    pub(super) fn bitfield(&self) -> Bytes {
        let bytes = self.have.chunks(8).map(|eight| {
            eight.iter().enumerate().fold(0u8, |byte, (at, has)| {
                byte | if *has { 0x80 >> at } else { 0 }
            })
        });
        bytes.collect()
    }

    /// True when the block lies in a piece that this peer has.
    pub(super) fn has(&self, span: BlockSpan) -> bool {
        let has = usize::try_from(span.piece.0)
            .ok()
            .and_then(|piece| self.have.get(piece))
            .copied()
            .unwrap_or(false);
        let piece_len = u64::from(self.content.piece_len());
        let in_piece = u64::from(span.begin) + u64::from(span.len) <= piece_len;
        let end = u64::from(span.piece.0) * piece_len + u64::from(span.begin) + u64::from(span.len);
        has && in_piece && end <= self.content.len()
    }

    /// Notes a request; true when the script says to refuse it.
    pub(super) fn asked(&self, span: BlockSpan) -> bool {
        let mut uplink = self.uplink();
        uplink.requests += 1;
        let refuse = is_kth(self.script.reject_every, uplink.requests);
        let again = if refuse {
            uplink.seen.contains(&span)
        } else {
            !uplink.seen.insert(span)
        };
        drop(uplink);
        self.board.count(|counters| {
            counters.requests += 1;
            counters.duplicate_requests += u64::from(again);
        });
        refuse
    }

    /// A block will not be sent after all.
    pub(super) fn forget(&self, span: BlockSpan) {
        self.uplink().seen.remove(&span);
    }

    /// Asks the uplink for a block of `len` bytes.
    pub(super) fn leave(&self, now: Instant, len: u32) -> Leave {
        let mut uplink = self.uplink();
        if self
            .script
            .stall_after
            .is_some_and(|after| uplink.sent >= after)
        {
            return Leave::Never;
        }
        if let Err(at) = uplink.bucket.take(now, len) {
            return Leave::At(at);
        }
        uplink.sent += u64::from(len);
        uplink.blocks += 1;
        Leave::Now {
            corrupt: is_kth(self.script.corrupt_every, uplink.blocks),
        }
    }

    /// A block has been put on its way.
    pub(super) fn sent(&self, span: BlockSpan, corrupt: bool) {
        self.board.count(|counters| {
            counters.blocks += 1;
            counters.bytes += u64::from(span.len);
            counters.corrupted += u64::from(corrupt);
        });
        if let Some(ledger) = &self.ledger {
            ledger.sent(span, corrupt);
        }
    }

    /// True when the script has ended this peer's life.
    pub(super) fn is_dead(&self) -> bool {
        let after = self.script.die_after;
        after.is_some_and(|after| self.uplink().sent >= after)
    }

    /// Keeps a part of the info dict that the other side gave.
    pub(super) fn learn(&self, part: u32, payload: Bytes) {
        let Ok(at) = usize::try_from(part) else {
            return;
        };
        let mut learned = lock(&self.learned);
        if learned.len() <= at {
            learned.resize(at + 1, None);
        }
        learned[at] = Some(payload);
    }

    /// The info dict as far as it was given, if no part is missing in between.
    pub(super) fn learned(&self) -> Option<Vec<u8>> {
        let learned = lock(&self.learned);
        let parts: Option<Vec<&Bytes>> = learned.iter().map(Option::as_ref).collect();
        parts
            .filter(|parts| !parts.is_empty())
            .map(|parts| parts.into_iter().flatten().copied().collect())
    }

    fn uplink(&self) -> MutexGuard<'_, Uplink> {
        lock(&self.uplink)
    }
}

/// Whoever panicked with the lock has failed the test already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_kth(every: Option<u64>, count: u64) -> bool {
    every.is_some_and(|every| count.is_multiple_of(every.max(1)))
}
