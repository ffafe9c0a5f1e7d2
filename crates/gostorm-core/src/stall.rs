//! Why a reader stood still: for each reader the last few waits that were long, and what was waited for.
//!
//! The swarm looks at the longest waiting read of each reader at every turn and notes the cause (`swarm/
//! explain.rs`); this file keeps the time: how long which cause lasted, and what is worth telling. The sum of
//! a stall's causes is how long it lasted; two stalls of one reader never overlap.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use gostorm_wire::PieceIndex;

use crate::key::{ReadKey, ReaderKey};
use crate::time::Time;

/// A read that waits so long is looked at.
const NOTICED_AFTER: Duration = Duration::from_millis(250);
/// A wait that lasted so long is a stall.
const STALL_MIN: Duration = Duration::from_secs(1);
/// Stalls kept of one reader.
const STALLS_MAX: usize = 8;
/// Causes told apart in one stall; what comes after counts to the last.
const CAUSES_MAX: usize = 12;

/// What kept a block away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nobody is connected.
    NoPeer,
    /// No connected peer has the piece.
    NobodyHasIt,
    /// Every peer that has the piece chokes us.
    Choked,
    /// Every peer that has the piece and does not choke us rejected it a moment ago.
    Rejected,
    /// The lease is full of what was more urgent.
    NoMemory,
    /// The download limit is used up.
    Limit,
    /// Every peer that has the piece is busy with earlier requests.
    Busy,
    /// It was asked of this peer, and has not come yet.
    Late(SocketAddr),
    /// The piece failed its hash, and comes again; the block was asked of this peer.
    Spoilt(Option<SocketAddr>),
    /// All blocks are here, and the hash is awaited.
    Hashing,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPeer => f.write_str("no peer is connected"),
            Self::NobodyHasIt => f.write_str("no connected peer has it"),
            Self::Choked => f.write_str("every peer that has it chokes us"),
            Self::Rejected => f.write_str("the peers that have it rejected it"),
            Self::NoMemory => f.write_str("the memory budget is used up"),
            Self::Limit => f.write_str("the download limit is used up"),
            Self::Busy => f.write_str("the peers that have it are busy"),
            Self::Late(addr) => write!(f, "{addr} is slow to send it"),
            Self::Spoilt(None) => f.write_str("it came spoilt and is fetched again"),
            Self::Spoilt(Some(addr)) => {
                write!(f, "it came spoilt and is fetched again from {addr}")
            }
            Self::Hashing => f.write_str("its hash is being checked"),
        }
    }
}

/// What was waited for during a part of a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The piece.
    pub piece: PieceIndex,
    /// The first block of it that had not come; `None` when all had.
    pub block: Option<u32>,
    /// Why.
    pub cause: Cause,
    /// For how long.
    pub lasted: Duration,
}

/// One long wait of a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Who waited.
    pub reader: ReaderKey,
    /// Bytes of the torrent that it waited for.
    pub range: Range<u64>,
    /// Since when.
    pub since: Time,
    /// How long in all.
    pub lasted: Duration,
    /// The bytes came in the end; the read failed otherwise.
    pub served: bool,
    /// What it waited for, in order.
    pub waits: Vec<Wait>,
}

impl fmt::Display for Stall {
    /// One sentence, the longest waits first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.served {
            "stood still"
        } else {
            "got nothing"
        };
        let lasted = self.lasted.as_secs_f64();
        write!(
            f,
            "a reader {what} for {lasted:.1} s at byte {} of the torrent",
            self.range.start
        )?;
        let mut waits: Vec<&Wait> = self.waits.iter().collect();
        waits.sort_by_key(|wait| std::cmp::Reverse(wait.lasted));
        for (at, wait) in waits.iter().take(3).enumerate() {
            let lead = if at == 0 { ":" } else { ";" };
            write!(
                f,
                "{lead} {:.1} s for piece {}",
                wait.lasted.as_secs_f64(),
                wait.piece
            )?;
            if let Some(block) = wait.block {
                write!(f, ", block {block}")?;
            }
            write!(f, ": {}", wait.cause)?;
        }
        Ok(())
    }
}

/// A read that waits now.
#[derive(Clone, Debug)]
struct Current {
    read: ReadKey,
    looked: Time,
    stall: Stall,
}

#[derive(Clone, Debug, Default)]
struct History {
    current: Option<Current>,
    stalls: VecDeque<Stall>,
    /// The end of the last stall: the next one begins no earlier.
    over_at: Time,
}

/// What is known of the waits of every open reader.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stalls {
    readers: BTreeMap<ReaderKey, History>,
}

impl Stalls {
    /// True when a read that has waited since then is to be looked at.
    pub(crate) fn is_noticed(now: Time, since: Time) -> bool {
        now - since >= NOTICED_AFTER
    }

    /// A read of `reader` waits for the block `block` of `piece`.
    pub(crate) fn look(
        &mut self,
        now: Time,
        (reader, read): (ReaderKey, ReadKey),
        since: Time,
        range: &Range<u64>,
        (piece, block, cause): (PieceIndex, Option<u32>, Cause),
    ) {
        let history = self.readers.entry(reader).or_default();
        let current = match &mut history.current {
            Some(current) if current.read == read => current,
            other => {
                let since = since.max(history.over_at);
                other.insert(Current {
                    read,
                    looked: since,
                    stall: Stall {
                        reader,
                        range: range.clone(),
                        since,
                        lasted: Duration::ZERO,
                        served: true,
                        waits: Vec::new(),
                    },
                })
            }
        };
        current.pass(now);
        let waits = &mut current.stall.waits;
        let same = |wait: &Wait| (wait.piece, wait.block, wait.cause) == (piece, block, cause);
        if waits.last().is_some_and(same) {
            return;
        }
        if let Some(last) = waits.last_mut().filter(|last| last.lasted.is_zero()) {
            (last.piece, last.block, last.cause) = (piece, block, cause);
        } else if waits.len() < CAUSES_MAX {
            let lasted = if waits.is_empty() {
                now - current.stall.since
            } else {
                Duration::ZERO
            };
            waits.push(Wait {
                piece,
                block,
                cause,
                lasted,
            });
        }
    }

    /// A read does not wait any more. Returns what is worth telling.
    pub(crate) fn end(
        &mut self,
        now: Time,
        (reader, read): (ReaderKey, ReadKey),
        served: bool,
    ) -> Option<Stall> {
        let history = self.readers.get_mut(&reader)?;
        let mut current = history.current.take_if(|current| current.read == read)?;
        current.pass(now);
        let mut stall = current.stall;
        stall.served = served;
        if stall.lasted < STALL_MIN {
            return None;
        }
        history.over_at = now;
        if history.stalls.len() == STALLS_MAX {
            history.stalls.pop_front();
        }
        history.stalls.push_back(stall.clone());
        Some(stall)
    }

    /// Forgets a reader.
    pub(crate) fn close(&mut self, reader: ReaderKey) {
        self.readers.remove(&reader);
    }

    /// The stalls of a reader, the oldest first, with the one that lasts.
    pub(crate) fn of(&self, reader: ReaderKey) -> Vec<Stall> {
        let Some(history) = self.readers.get(&reader) else {
            return Vec::new();
        };
        let lasting = history.current.iter().map(|current| &current.stall);
        let lasting = lasting.filter(|stall| stall.lasted >= STALL_MIN);
        history.stalls.iter().chain(lasting).cloned().collect()
    }
}

impl Current {
    /// Counts the time since the last look to what was waited for then.
    fn pass(&mut self, now: Time) {
        if let Some(last) = self.stall.waits.last_mut() {
            last.lasted += now - self.looked;
        }
        self.looked = now;
        self.stall.lasted = now - self.stall.since;
    }
}

#[cfg(test)]
mod tests;
