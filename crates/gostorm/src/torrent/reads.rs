//! Reads that wait: before the info dict is known by file offset, after that by key.

use std::time::Instant;

use gostorm_core::{ReadKey, ReaderKey};
use rustc_hash::FxHashMap;

use crate::handle::{COMMANDS_MAX, ReadRequest};
use crate::read::{ReadError, Reply};

/// The reads that came too early, in order of arrival.
#[derive(Default)]
pub(super) struct EarlyReads {
    /// With their deadlines.
    reads: Vec<(ReadRequest, Instant)>,
}

impl EarlyReads {
    pub(super) fn push(&mut self, read: ReadRequest, deadline: Instant) {
        if self.reads.len() < COMMANDS_MAX {
            self.reads.push((read, deadline));
        } else {
            read.reply.send(Err(ReadError::Overloaded));
        }
    }

    pub(super) fn take(&mut self) -> Vec<ReadRequest> {
        let reads = std::mem::take(&mut self.reads).into_iter();
        reads.map(|(read, _)| read).collect()
    }

    /// When the next one fails; `ends` says it of each, by when it came and its deadline.
    pub(super) fn next_end(&self, ends: impl Fn(Instant, Instant) -> Instant) -> Option<Instant> {
        let ends = self.reads.iter().map(|(read, at)| ends(read.since, *at));
        ends.min()
    }

    /// Fails those whose time is over; since when the first of them has waited.
    pub(super) fn fail_late(
        &mut self,
        now: Instant,
        ends: impl Fn(Instant, Instant) -> Instant,
    ) -> Option<Instant> {
        let mut first = None;
        let over = |(read, at): &mut (ReadRequest, Instant)| ends(read.since, *at) <= now;
        for (late, _) in self.reads.extract_if(.., over) {
            first.get_or_insert(late.since);
            late.reply.send(Err(ReadError::TimedOut));
        }
        first
    }

    /// Fails those of a stream that closed.
    pub(super) fn close(&mut self, reader: ReaderKey) {
        let of_it = |(read, _): &mut (ReadRequest, Instant)| read.reader == reader;
        for (gone, _) in self.reads.extract_if(.., of_it) {
            gone.reply.send(Err(ReadError::Unavailable));
        }
    }

    /// Fails all.
    pub(super) fn fail_all(&mut self, error: ReadError) {
        for read in self.take() {
            read.reply.send(Err(error));
        }
    }
}

/// A read that the swarm works on.
pub(super) struct PendingRead {
    pub(super) reader: ReaderKey,
    /// In the torrent.
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) reply: Reply,
}

/// The reads that the swarm works on, by key.
#[derive(Default)]
pub(super) struct PendingReads {
    reads: FxHashMap<ReadKey, PendingRead>,
    next: u64,
}

impl PendingReads {
    pub(super) fn insert(&mut self, read: PendingRead) -> ReadKey {
        let key = ReadKey(self.next);
        self.next += 1;
        self.reads.insert(key, read);
        key
    }

    pub(super) fn remove(&mut self, key: ReadKey) -> Option<PendingRead> {
        self.reads.remove(&key)
    }
}
