//! The file tail of what was opened at its start: players and scanners look there for the index (Cues
//! of Matroska, `moov` of MP4) before they show or tell anything.
//!
//! Its last MiB is wanted right after the first piece, and kept for a while for who comes for it. The
//! rest follows in the background for a reader that plays, and stays as long as it does: a player reads
//! the index at its first seek, and a transcoder that starts anew at each.

use std::ops::Range;
use std::time::Duration;

use super::reader::Reader;
use crate::event::ReaderKey;
use crate::time::Time;

/// The file tail.
pub(super) const TAIL_LEN: u64 = 16 << 20;
/// What of it is asked for at the first open: the Cues of a long film.
const TAIL_FIRST: u64 = 1 << 20;
/// When it is needed after the first read: behind the first piece, before the window.
const TAIL_DUE: Duration = Duration::from_millis(300);
/// How long it is kept for a reader that has not come for it.
const TAIL_KEPT: Duration = Duration::from_secs(30);
/// The rest is due like what a player shows so much later, for ever: background.
const REST_DUE: Duration = Duration::from_secs(20);
/// The rest takes no more than this part of what may lie ahead.
const REST_DIVISOR: u64 = 8;

/// True when `offset` lies in the file tail of a file that is large enough to have one.
pub(super) const fn is_tail(file: &Range<u64>, offset: u64) -> bool {
    file.end - file.start >= 4 * TAIL_LEN && offset + TAIL_LEN >= file.end
}

#[derive(Clone, Debug)]
struct Tail {
    reader: ReaderKey,
    file: Range<u64>,
    since: Time,
    /// Its reader plays, and there is memory for the rest.
    whole: bool,
}

impl Tail {
    fn is_fresh(&self, now: Time) -> bool {
        self.since + TAIL_KEPT > now
    }

    fn range(&self) -> Range<u64> {
        let len = if self.whole { TAIL_LEN } else { TAIL_FIRST };
        self.file.end - len..self.file.end
    }
}

/// The tails that are wanted or kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Tails {
    tails: Vec<Tail>,
}

impl Tails {
    /// A file was opened at its start.
    pub(super) fn open(&mut self, now: Time, reader: ReaderKey, file: Range<u64>) {
        self.close(reader);
        self.tails.push(Tail {
            reader,
            file,
            since: now,
            whole: false,
        });
    }

    /// True when the tail of this reader is wanted or kept.
    pub(super) fn has(&self, reader: ReaderKey) -> bool {
        self.tails.iter().any(|tail| tail.reader == reader)
    }

    pub(super) fn close(&mut self, reader: ReaderKey) {
        self.tails.retain(|tail| tail.reader != reader);
    }

    /// Looks who plays, and how much may lie ahead.
    pub(super) fn adapt(&mut self, now: Time, readers: &[Reader], ahead_max: u64) {
        let room = ahead_max / REST_DIVISOR >= TAIL_LEN;
        for tail in &mut self.tails {
            let mut open = readers.iter().filter(|open| open.key == tail.reader);
            tail.whole = room && open.any(|reader| reader.is_playing(now));
        }
    }

    /// Bytes of the tails that are kept whole.
    pub(super) fn whole_bytes(&self) -> u64 {
        self.tails.iter().filter(|tail| tail.whole).count() as u64 * TAIL_LEN
    }

    /// Forgets those that nobody came for in time. True when there were some: what is asked of them is
    /// to be taken back before their memory is given to others.
    pub(super) fn forget(&mut self, now: Time) -> bool {
        let before = self.tails.len();
        self.tails.retain(|tail| tail.whole || tail.is_fresh(now));
        self.tails.len() < before
    }

    /// What is kept, each with the reader that it is kept for.
    pub(super) fn kept(&self, now: Time) -> impl Iterator<Item = (ReaderKey, Range<u64>)> {
        let kept = self
            .tails
            .iter()
            .filter(move |tail| tail.whole || tail.is_fresh(now));
        kept.map(|tail| (tail.reader, tail.range()))
    }

    /// What is wanted, each with the time by which it is needed, never before a read that waits.
    pub(super) fn wanted(&self, now: Time) -> impl Iterator<Item = (Range<u64>, Time)> {
        let first = self.tails.iter().filter(move |tail| tail.is_fresh(now));
        let first = first.map(move |tail| {
            let due = (tail.since + TAIL_DUE).max(now);
            (tail.file.end - TAIL_FIRST..tail.file.end, due)
        });
        let whole = self.tails.iter().filter(|tail| tail.whole);
        first.chain(whole.map(move |tail| (tail.range(), now + REST_DUE)))
    }
}
