//! What the readers want, by when.
//!
//! Every open reader has a few cursors: independent sequential streams told apart by where they
//! read (Samba interleaves two on one handle, 8 MiB apart). A cursor's window is what lies ahead of
//! it, in deadline order; a read that waits is due at once. The list of wanted pieces is the merge of
//! all windows by deadline, made anew at each turn and read only as far as the scheduler gets.
//!
//! A read outside every window of its reader is a seek: the other cursors are parked in the same
//! turn, which means that their windows are empty until somebody reads there again.

mod confirm;
mod cursor;
mod expected;
mod reader;
mod tail;
mod waiting;
mod wanted;

use std::ops::Range;
use std::time::Duration;

use gostorm_wire::PieceIndex;

pub(crate) use self::cursor::Cursor;
use self::reader::Reader;
use self::tail::{Tails, is_tail};
pub(crate) use self::waiting::Waiting;
use self::waiting::{LEFT_BEHIND, LEFT_FOR};
pub(crate) use self::wanted::{Wanted, WantedPieces};
use crate::bits::Bits;
use crate::budget::Want;
use crate::class::{OTHERS_DIVISOR, ReaderClass};
use crate::event::{ReadKey, ReaderKey};
use crate::layout::{FileSpan, Layout};
use crate::time::Time;

/// A playback that has less than this ahead of it, in seconds of its rate, goes before all others.
const HUNGRY_SECONDS: f64 = 5.0;
/// Reads that may wait in one torrent; the kernel sends at most its `max_background` (3072) and a
/// few synchronous ones.
const WAITING_MAX: usize = 4_096;

/// All readers of one torrent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand {
    readers: Vec<Reader>,
    waiting: Vec<Waiting>,
    tails: Tails,
    /// Pieces that have to be verified because parts of them were served, and by when.
    debts: Vec<(Range<u64>, Time)>,
    next_cursor: u64,
    /// A reader plays; as of the last time that windows were shared out.
    playing: bool,
    /// A reader was more than a probe, at any time.
    played: bool,
    /// Blocks are verified one by one: they serve reads before their piece is complete.
    by_blocks: bool,
}

impl Demand {
    pub(crate) const fn serve_by_blocks(&mut self, by_blocks: bool) {
        self.by_blocks = by_blocks;
    }

    /// True when blocks serve reads before their piece is verified.
    pub(crate) const fn serves_by_blocks(&self) -> bool {
        self.by_blocks
    }

    pub(crate) fn open(&mut self, reader: ReaderKey, file: FileSpan, blockwise: bool) {
        debug_assert!(
            self.readers.iter().all(|open| open.key != reader),
            "a reader is opened once"
        );
        let blockwise = blockwise || self.by_blocks;
        self.readers.push(Reader::new(reader, file, blockwise));
    }

    /// Closes a reader and hands back the reads that still waited for it.
    pub(crate) fn close(&mut self, reader: ReaderKey) -> Vec<ReadKey> {
        self.readers.retain(|open| open.key != reader);
        self.tails.close(reader);
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
            let gained = cursor.advance(now, range);
            reader.advanced(now, gained);
            self.played |= reader.class != ReaderClass::Probe;
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
                .for_each(|cursor| cursor.parked |= !cursor.guess);
        }
        reader.make_room();
        let rate = reader
            .cursors
            .iter()
            .max_by_key(|cursor| cursor.last_read)
            .map(Cursor::rate);
        let mut cursor = Cursor::new(id, now, range, &file, reader.consumed, rate);
        cursor.blockwise = reader.blockwise;
        cursor.stays = reader.confirmed;
        reader.cursors.push(cursor);
        if range.start == file.start && is_tail(&file, file.end - 1) {
            let reader = reader.key;
            self.tails.open(now, reader, file);
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

    /// True while a reader plays: the others are due later then, and have a part of the memory only.
    fn is_playing(&self, now: Time) -> bool {
        self.readers.iter().any(|reader| reader.is_playing(now))
    }

    pub(crate) const fn was_played(&self) -> bool {
        self.played
    }

    /// What kind of reader it is; a probe when it is not open.
    pub(crate) fn class_of(&self, reader: ReaderKey) -> ReaderClass {
        let open = self.readers.iter().find(|open| open.key == reader);
        open.map(|reader| reader.class).unwrap_or_default()
    }

    /// The open readers.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (ReaderKey, ReaderClass)> {
        self.readers.iter().map(|reader| (reader.key, reader.class))
    }

    /// The bytes of the torrent that the file of an open reader has, and its streams that have a window.
    pub(crate) fn whereabouts(&self, reader: ReaderKey) -> Option<(Range<u64>, Vec<&Cursor>)> {
        let reader = self.readers.iter().find(|open| open.key == reader)?;
        let file = reader.file.offset..reader.file.offset + reader.file.len;
        Some((file, reader.live().collect()))
    }

    /// Divides the bytes that may lie ahead among the live cursors: first those of playbacks, then the
    /// others, who have a quarter at most beside a playback. Within a class the shares are equal, and what
    /// one does not need goes to the next. At least two pieces each, so that a reader crosses piece ends.
    pub(crate) fn share_windows(&mut self, now: Time, ahead_max: u64, piece_len: u32) {
        self.tails.adapt(now, &self.readers, ahead_max);
        self.playing = self.is_playing(now);
        let ahead_max = ahead_max.saturating_sub(self.tails.whole_bytes());
        let floor = u64::from(piece_len) * 2;
        let (mut playbacks, mut others) = (Vec::new(), Vec::new());
        for reader in &mut self.readers {
            let plays = reader.class == ReaderClass::Playback;
            let lag = if self.playing {
                reader.class.lag()
            } else {
                Duration::ZERO
            };
            for cursor in reader.cursors.iter_mut().filter(|cursor| !cursor.parked) {
                cursor.lag = lag;
                let class = if plays { &mut playbacks } else { &mut others };
                class.push(cursor);
            }
        }
        let others_want: u64 = others.iter().map(|cursor| cursor.target(now)).sum();
        let others_max = if self.playing {
            others_want.min(ahead_max / OTHERS_DIVISOR)
        } else {
            ahead_max
        };
        share(
            now,
            playbacks,
            ahead_max - others_max.min(others_want),
            floor,
        );
        share(now, others, others_max, floor);
    }

    /// Bytes that the readers would like to have: ahead of the live cursors, of the reads that wait, and
    /// of the tails.
    pub(crate) fn bytes_wanted(&self, now: Time, layout: &Layout) -> Want {
        let piece_len = u64::from(layout.piece_len());
        let mut want = Want::default();
        for reader in &self.readers {
            let targets = reader.live().map(|cursor| cursor.target(now));
            let ahead: u64 = targets
                .filter(|target| *target > 0)
                .map(|target| target.max(piece_len * 2) + piece_len)
                .sum();
            *want.of(reader.class) += ahead;
        }
        let mut reads: Vec<(ReaderClass, Range<u32>)> = self
            .waiting
            .iter()
            .map(|waiting| (waiting.class, layout.pieces_of(&waiting.range)))
            .collect();
        reads.sort_unstable_by_key(|(class, pieces)| (*class, pieces.start));
        let mut last = (ReaderClass::Playback, 0);
        for (class, pieces) in reads {
            if class != last.0 {
                last = (class, 0);
            }
            let count = pieces.end.saturating_sub(pieces.start.max(last.1));
            *want.of(class) += u64::from(count) * piece_len;
            last.1 = last.1.max(pieces.end);
        }
        want.confirmed = self.readers.iter().any(|reader| reader.confirmed);
        for (reader, range) in self.tails.kept(now) {
            let pieces = layout.pieces_of(&range).len() as u64;
            *want.of(self.class_of(reader)) += pieces * piece_len;
        }
        // They hold these bytes already. A probe's debts do not make it a playback.
        let class = if self.playing {
            ReaderClass::Playback
        } else {
            ReaderClass::Probe
        };
        *want.of(class) += self.debts.len() as u64 * piece_len;
        want
    }

    /// True when a playback has not got the next seconds of its film.
    pub(crate) fn is_hungry(&self, now: Time, layout: &Layout, verified: &Bits) -> bool {
        let lacks = |cursor: &Cursor| {
            let mut soon = layout.pieces_of(&cursor.next_seconds(HUNGRY_SECONDS));
            soon.any(|piece| !verified.contains(PieceIndex(piece)))
        };
        let playing = self.readers.iter().filter(|reader| reader.is_playing(now));
        playing
            .filter_map(|reader| reader.live().max_by_key(|cursor| cursor.last_read))
            .any(lacks)
    }

    /// Forgets the tails that nobody came for in time. True when there were some.
    pub(crate) fn forget_tails(&mut self, now: Time) -> bool {
        self.tails.forget(now)
    }

    /// The pieces that have to be verified because parts of them were served, and by when.
    pub(crate) fn set_debts(&mut self, debts: Vec<(Range<u64>, Time)>) {
        self.debts = debts;
    }

    /// From now on the reads that wait are served when what they read is verified, and not before.
    pub(crate) fn wait_for_pieces(&mut self) {
        for waiting in &mut self.waiting {
            waiting.blockwise = self.by_blocks;
        }
    }

    /// The reads that wait, in the order in which they are due.
    pub(crate) fn reads_by_due(&self) -> Vec<(Time, &Waiting)> {
        let reads = self.waiting.iter();
        let mut reads: Vec<(Time, &Waiting)> = reads.map(|read| (self.due(read), read)).collect();
        reads.sort_by_key(|(due, read)| (*due, read.range.start));
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

    /// True when a reader that plays wants `piece`.
    pub(crate) fn plays(&self, layout: &Layout, piece: PieceIndex) -> bool {
        let wants = |range: &Range<u64>| layout.pieces_of(range).contains(&piece.0);
        let plays = |class: ReaderClass| class == ReaderClass::Playback;
        let reads = self.waiting.iter().filter(|read| plays(read.class));
        let readers = self.readers.iter().filter(|reader| plays(reader.class));
        let windows = readers.flat_map(Reader::live).map(Cursor::window_range);
        reads
            .map(|read| read.range.clone())
            .chain(windows)
            .any(|range| wants(&range))
    }

    /// When a read is due: at once, or a while later when its reader has moved elsewhere since, or when
    /// it does not play and another does.
    fn due(&self, waiting: &Waiting) -> Time {
        let mut due = waiting.since;
        if self.is_left_behind(waiting) {
            due += LEFT_BEHIND;
        }
        if self.playing {
            due += waiting.class.lag();
        }
        due
    }

    /// When a read is due beside the windows: one left behind comes after what its reader needs next where
    /// it is now, for a while.
    fn due_beside(&self, now: Time, waiting: &Waiting) -> Time {
        let due = self.due(waiting);
        if self.is_left_behind(waiting) && waiting.since + LEFT_FOR > now {
            due.max(now + LEFT_BEHIND)
        } else {
            due
        }
    }

    /// Byte ranges that must not be evicted: the live windows and the reads that wait.
    pub(crate) fn protected(&self, now: Time) -> Vec<Range<u64>> {
        let windows = self.live_cursors().map(Cursor::window_range);
        windows
            .chain(self.tails.kept(now).map(|(_, range)| range))
            .chain(self.debts.iter().map(|(range, _)| range.clone()))
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
            .chain(self.tails.kept(now).map(|(_, range)| range))
            .chain(self.debts.iter().map(|(range, _)| range.clone()))
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
        let reader = self.readers.iter().find(|open| open.key == waiting.reader);
        let mut live = reader.into_iter().flat_map(Reader::live);
        !live.any(|cursor| cursor.id == waiting.cursor)
    }

    /// The wanted pieces in deadline order.
    pub(crate) fn wanted<'a>(&'a self, now: Time, layout: &'a Layout) -> WantedPieces<'a> {
        let debts = self
            .debts
            .iter()
            .map(move |(range, due)| (range.clone(), (*due).max(now)));
        let asides = self.tails.wanted(now).chain(debts);
        WantedPieces::new(
            now,
            layout,
            self.current_reads(now)
                .map(|read| {
                    (
                        read.range.clone(),
                        self.due_beside(now, read),
                        read.blockwise,
                    )
                })
                .chain(asides.map(|(range, due)| (range, due, false))),
            self.live_cursors(),
        )
    }
}

/// Equal shares of `left` bytes, the smallest wants first; at least `floor` each.
fn share(now: Time, mut cursors: Vec<&mut Cursor>, mut left: u64, floor: u64) {
    cursors.sort_by_key(|cursor| cursor.target(now));
    let mut takers = cursors.len() as u64;
    for cursor in cursors {
        // A reader that stopped long ago, or is at the end, holds nothing.
        let target = cursor.target(now);
        cursor.window = if target == 0 {
            0
        } else {
            target.min((left / takers).max(floor)).max(floor)
        };
        takers -= 1;
        left = left.saturating_sub(cursor.window);
    }
}

#[cfg(test)]
mod tests;
