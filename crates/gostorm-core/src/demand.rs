//! What the readers want, by when.
//!
//! Every open reader has a few cursors: independent sequential streams told apart by where they
//! read (Samba interleaves two on one handle, 8 MiB apart). A cursor's window is what lies ahead of
//! it, in deadline order; a read that waits is due at once. The list of wanted pieces is the merge of
//! all windows by deadline, made anew at each turn and read only as far as the scheduler gets.
//!
//! A read outside every window of its reader is a seek: the other cursors are parked in the same
//! turn, which means that their windows are empty until somebody reads there again.

mod cursor;
mod waiting;
mod wanted;

use std::ops::Range;
use std::time::Duration;

use gostorm_wire::PieceIndex;

pub(crate) use self::cursor::Cursor;
use self::waiting::LEFT_BEHIND;
pub(crate) use self::waiting::Waiting;
pub(crate) use self::wanted::WantedPieces;
use crate::event::{ReadKey, ReaderKey};
use crate::layout::{FileSpan, Layout};
use crate::time::Time;

/// Streams that are told apart in one reader; the stalest goes when a further one starts.
const CURSORS_MAX: usize = 4;
/// The file tail: a jump into it looks for the index (Cues of Matroska, `moov` of MP4).
const TAIL_LEN: u64 = 16 << 20;
/// What of it is asked for at the first open: the Cues of a long film.
const TAIL_FIRST: u64 = 1 << 20;
/// When it is needed after the first read: behind the first piece, before the window.
const TAIL_DUE: Duration = Duration::from_millis(300);
/// How long it is kept for a reader that has not come for it.
const TAIL_KEPT: Duration = Duration::from_secs(30);
/// Reads that may wait in one torrent; the kernel sends at most its `max_background` (1024) and a
/// few synchronous ones.
const WAITING_MAX: usize = 4_096;

#[derive(Clone, Debug)]
struct Reader {
    key: ReaderKey,
    file: FileSpan,
    cursors: Vec<Cursor>,
    /// Bytes read sequentially by any cursor: tells a player from a probe.
    consumed: u64,
}

/// The tail of a file that was opened at its start: its index is asked for soon.
#[derive(Clone, Debug)]
struct Tail {
    reader: ReaderKey,
    range: Range<u64>,
    since: Time,
}

/// True when `offset` lies in the file tail of a file that is large enough to have one.
const fn is_tail(file: &Range<u64>, offset: u64) -> bool {
    file.end - file.start >= 4 * TAIL_LEN && offset + TAIL_LEN >= file.end
}

/// All readers of one torrent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand {
    readers: Vec<Reader>,
    waiting: Vec<Waiting>,
    tails: Vec<Tail>,
    next_cursor: u64,
}

impl Demand {
    pub(crate) fn open(&mut self, reader: ReaderKey, file: FileSpan) {
        debug_assert!(
            self.readers.iter().all(|open| open.key != reader),
            "a reader is opened once"
        );
        self.readers.push(Reader {
            key: reader,
            file,
            cursors: Vec::new(),
            consumed: 0,
        });
    }

    /// Closes a reader and hands back the reads that still waited for it.
    pub(crate) fn close(&mut self, reader: ReaderKey) -> Vec<ReadKey> {
        self.readers.retain(|open| open.key != reader);
        self.tails.retain(|tail| tail.reader != reader);
        let gone = self
            .waiting
            .extract_if(.., |waiting| waiting.reader == reader);
        gone.map(|waiting| waiting.read).collect()
    }

    pub(crate) const fn has_readers(&self) -> bool {
        !self.readers.is_empty()
    }

    pub(crate) const fn reader_count(&self) -> usize {
        self.readers.len()
    }

    /// A reader touched `range`, served from the cache or not. Returns the cursor, `None` when the
    /// reader is not open or the range is outside its file.
    pub(crate) fn touch(
        &mut self,
        now: Time,
        reader: ReaderKey,
        range: &Range<u64>,
    ) -> Option<u64> {
        let reader = self.readers.iter_mut().find(|open| open.key == reader)?;
        let file = reader.file.offset..reader.file.offset + reader.file.len;
        if range.is_empty() || range.start < file.start || range.end > file.end {
            return None;
        }
        let nearest = reader
            .cursors
            .iter_mut()
            .filter(|cursor| cursor.continues(range));
        if let Some(cursor) = nearest.min_by_key(|cursor| cursor.pos().abs_diff(range.start)) {
            let id = cursor.id;
            reader.consumed += cursor.advance(now, range);
            reader.park_idle(now);
            return Some(id);
        }
        let id = self.next_cursor;
        self.next_cursor += 1;
        // Players and scanners look into the file tail for the index: that is no seek.
        let probe = is_tail(&file, range.start);
        let seek = !probe
            && !reader
                .cursors
                .iter()
                .any(|cursor| cursor.covers(range.start));
        if seek {
            reader
                .cursors
                .iter_mut()
                .for_each(|cursor| cursor.parked = true);
        }
        if reader.cursors.len() == CURSORS_MAX {
            let stalest = reader
                .cursors
                .iter()
                .enumerate()
                .min_by_key(|(_, cursor)| cursor.last_read)
                .map_or(0, |(at, _)| at);
            reader.cursors.remove(stalest);
        }
        let rate = reader
            .cursors
            .iter()
            .max_by_key(|cursor| cursor.last_read)
            .map(Cursor::rate);
        reader
            .cursors
            .push(Cursor::new(id, now, range, &file, reader.consumed, rate));
        if range.start == file.start && is_tail(&file, file.end - 1) {
            let tail = file.end - TAIL_FIRST..file.end;
            let reader = reader.key;
            self.tails.retain(|tail| tail.reader != reader);
            self.tails.push(Tail {
                reader,
                range: tail,
                since: now,
            });
        }
        Some(id)
    }

    /// Keeps a read until it is served or fails; false when too many wait.
    pub(crate) fn wait(&mut self, waiting: Waiting) -> bool {
        let room = self.waiting.len() < WAITING_MAX;
        if room {
            self.waiting.push(waiting);
        }
        room
    }

    pub(crate) fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// Takes out the reads for which `done` says so.
    pub(crate) fn take_waiting(&mut self, mut done: impl FnMut(&Waiting) -> bool) -> Vec<Waiting> {
        self.waiting
            .extract_if(.., |waiting| done(waiting))
            .collect()
    }

    /// When the next waiting read fails.
    pub(crate) fn next_deadline(&self) -> Time {
        self.waiting
            .iter()
            .map(|waiting| waiting.deadline)
            .min()
            .unwrap_or(Time::NEVER)
    }

    /// The cursors that have a window now.
    pub(crate) fn live_cursors(&self) -> impl Iterator<Item = &Cursor> {
        self.readers
            .iter()
            .flat_map(|reader| &reader.cursors)
            .filter(|cursor| !cursor.parked)
    }

    /// Divides the bytes that may lie ahead among the live cursors: equal shares, and what one does
    /// not need goes to the others. At least two pieces each, so that a reader crosses piece ends.
    pub(crate) fn share_windows(&mut self, now: Time, ahead_max: u64, piece_len: u32) {
        let floor = u64::from(piece_len) * 2;
        let mut live: Vec<&mut Cursor> = self
            .readers
            .iter_mut()
            .flat_map(|reader| &mut reader.cursors)
            .filter(|cursor| !cursor.parked)
            .collect();
        live.sort_by_key(|cursor| cursor.target(now));
        let mut left = ahead_max;
        let mut takers = live.len() as u64;
        for cursor in live {
            takers -= 1;
            // A reader that stopped long ago, or is at the end, holds nothing.
            if cursor.target(now) == 0 {
                cursor.window = 0;
                continue;
            }
            let window = cursor
                .target(now)
                .min((left / (takers + 1)).max(floor))
                .max(floor);
            cursor.window = window;
            left = left.saturating_sub(window);
        }
    }

    /// Bytes that the live cursors would like to have ahead of them, and those of the reads that wait.
    pub(crate) fn bytes_wanted(&self, now: Time, layout: &Layout) -> u64 {
        let piece_len = u64::from(layout.piece_len());
        let ahead: u64 = self
            .live_cursors()
            .map(|cursor| cursor.target(now))
            .filter(|target| *target > 0)
            .map(|target| target.max(piece_len * 2) + piece_len)
            .sum();
        let mut reads: Vec<Range<u32>> = self
            .waiting
            .iter()
            .map(|waiting| layout.pieces_of(&waiting.range))
            .collect();
        reads.sort_unstable_by_key(|pieces| pieces.start);
        let (mut count, mut end) = (0, 0);
        for pieces in reads {
            count += u64::from(pieces.end.saturating_sub(pieces.start.max(end)));
            end = end.max(pieces.end);
        }
        let tails = self.fresh_tails(now).count() as u64;
        ahead + (count + tails) * piece_len
    }

    /// Forgets the tails that nobody came for in time. True when there were some: what is asked of
    /// them is to be taken back before their memory is given to others.
    pub(crate) fn forget_tails(&mut self, now: Time) -> bool {
        let before = self.tails.len();
        self.tails.retain(|tail| tail.since + TAIL_KEPT > now);
        self.tails.len() < before
    }

    /// The tails of files that were opened a moment ago, each with the time by which it is needed:
    /// after the first piece, before the window.
    fn fresh_tails(&self, now: Time) -> impl Iterator<Item = (&Range<u64>, Time)> {
        let fresh = move |tail: &&Tail| tail.since + TAIL_KEPT > now;
        self.tails
            .iter()
            .filter(fresh)
            // Never before a read that waits.
            .map(move |tail| (&tail.range, (tail.since + TAIL_DUE).max(now)))
    }

    /// The bytes of the reads that wait, in the order in which they are due, and since when.
    pub(crate) fn reads_by_due(&self) -> Vec<(Time, Range<u64>)> {
        let mut reads: Vec<(Time, Range<u64>)> = self
            .waiting
            .iter()
            .map(|waiting| (self.due(waiting), waiting.range.clone()))
            .collect();
        reads.sort_by_key(|(due, range)| (*due, range.start));
        reads
    }

    /// Bytes that a reader has yet to read before it comes to `piece`; the most there is when no
    /// window and no read wants it, none when a read waits for it.
    pub(crate) fn bytes_until(&self, layout: &Layout, piece: PieceIndex) -> u64 {
        let wants = |range: &Range<u64>| layout.pieces_of(range).contains(&piece.0);
        if self.waiting.iter().any(|waiting| wants(&waiting.range)) {
            return 0;
        }
        let windows = self.live_cursors().map(Cursor::window_range).filter(wants);
        windows
            .map(|window| layout.piece_offset(piece).saturating_sub(window.start))
            .min()
            .unwrap_or(u64::MAX)
    }

    /// When a read is due: at once, or a while later when its reader has moved elsewhere since.
    fn due(&self, waiting: &Waiting) -> Time {
        if self.is_left_behind(waiting) {
            waiting.since + LEFT_BEHIND
        } else {
            waiting.since
        }
    }

    /// Byte ranges that must not be evicted: the live windows and the reads that wait.
    pub(crate) fn protected(&self, now: Time) -> Vec<Range<u64>> {
        let windows = self.live_cursors().map(Cursor::window_range);
        windows
            .chain(self.fresh_tails(now).map(|(range, _)| range.clone()))
            .chain(self.waiting.iter().map(|waiting| waiting.range.clone()))
            .filter(|range| !range.is_empty())
            .collect()
    }

    /// The pieces whose requests may stay: of the live windows, and of the reads that wait. A read
    /// whose reader has moved elsewhere gives way for a while to those where it is now.
    pub(crate) fn asked_for(&self, now: Time, layout: &Layout) -> Vec<Range<u32>> {
        let windows = self.live_cursors().map(Cursor::window_range);
        let reads = self.current_reads(now).map(|read| read.range.clone());
        let mut pieces: Vec<Range<u32>> = windows
            .chain(reads)
            .chain(self.fresh_tails(now).map(|(range, _)| range.clone()))
            .map(|range| layout.pieces_of(&range))
            .collect();
        pieces.dedup();
        pieces
    }

    /// The reads that wait and do not give way.
    fn current_reads(&self, now: Time) -> impl Iterator<Item = &Waiting> {
        let current = self.waiting.iter().any(|read| !self.is_left_behind(read));
        self.waiting.iter().filter(move |read| {
            !(current && self.is_left_behind(read) && read.since + LEFT_BEHIND > now)
        })
    }

    /// When the next read that gives way stops to.
    pub(crate) fn next_return(&self, now: Time) -> Time {
        let left = self.waiting.iter().filter(|read| self.is_left_behind(read));
        let returns = left.map(|read| read.since + LEFT_BEHIND);
        returns.filter(|at| *at > now).min().unwrap_or(Time::NEVER)
    }

    fn is_left_behind(&self, waiting: &Waiting) -> bool {
        !self
            .live_cursors()
            .any(|cursor| cursor.id == waiting.cursor)
    }

    /// The wanted pieces in deadline order.
    pub(crate) fn wanted<'a>(&'a self, now: Time, layout: &'a Layout) -> WantedPieces<'a> {
        WantedPieces::new(
            now,
            layout,
            self.current_reads(now)
                .map(|waiting| (&waiting.range, self.due(waiting)))
                .chain(self.fresh_tails(now)),
            self.live_cursors(),
        )
    }
}

impl Reader {
    /// A stream that has been silent while another one of the same reader went on has ended.
    fn park_idle(&mut self, now: Time) {
        for cursor in &mut self.cursors {
            if cursor.is_idle(now) {
                cursor.parked = true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
