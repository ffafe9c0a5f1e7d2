//! One open reader: its streams, and what kind of reader it is by what it reads.
//!
//! A server does not say whether it probes, analyses or plays, and the process id of a request is a
//! thread of Samba or of the kernel. What it reads tells: a probe looks at the head, the index and a few
//! places, a player goes on in sequence at a film's rate, and a scan goes on faster than any film.

use std::time::Duration;

use super::cursor::{Cursor, IDLE_ALONE, PLAYER_BYTES};
use crate::class::ReaderClass;
use crate::event::ReaderKey;
use crate::layout::FileSpan;
use crate::time::Time;

/// Streams that are told apart in one reader; the stalest goes when a further one starts.
const CURSORS_MAX: usize = 4;
/// Bytes per second that no film needs: a UHD Blu-ray disc carries at most 128 Mbit/s (16 MB/s).
const SCAN_RATE: f64 = 20_000_000.0;
/// A player fills its buffer as fast as it can; one that goes on so for longer copies or analyses.
const SCAN_AFTER: Duration = Duration::from_secs(30);

/// An open reader.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) key: ReaderKey,
    pub(super) file: FileSpan,
    pub(super) cursors: Vec<Cursor>,
    /// Bytes read sequentially by any cursor: tells a player from a probe.
    pub(super) consumed: u64,
    pub(super) class: ReaderClass,
    /// Somebody watches, as a media server says.
    pub(super) confirmed: bool,
    /// Since when it reads faster than a film.
    fast_since: Option<Time>,
    /// It is served by blocks: a window begins at the block where it is, not where its piece begins.
    pub(super) blockwise: bool,
}

impl Reader {
    pub(super) const fn new(key: ReaderKey, file: FileSpan, blockwise: bool) -> Self {
        Self {
            key,
            file,
            cursors: Vec::new(),
            consumed: 0,
            class: ReaderClass::Probe,
            confirmed: false,
            fast_since: None,
            blockwise,
        }
    }

    /// Lets the stalest cursor go where there are as many as can be.
    pub(super) fn make_room(&mut self) {
        if self.cursors.len() < CURSORS_MAX {
            return;
        }
        let cursors = self.cursors.iter().enumerate();
        let stalest = cursors.min_by_key(|(_, cursor)| cursor.last_read);
        if let Some(at) = stalest.map(|(at, _)| at) {
            self.cursors.remove(at);
        }
    }

    /// It had `read` bytes in sequence from elsewhere.
    pub(super) fn came(&mut self, now: Time, read: u64) {
        let gained = read.saturating_sub(self.consumed);
        self.advanced(now, gained);
    }

    /// A stream moved on by `gained` bytes.
    pub(super) fn advanced(&mut self, now: Time, gained: u64) {
        self.consumed += gained;
        self.park_idle(now);
        let rate = self.live().map(Cursor::rate).fold(0.0, f64::max);
        if rate <= SCAN_RATE {
            self.fast_since = None;
        } else if self.fast_since.is_none() {
            self.fast_since = Some(now);
        }
        let fast = self
            .fast_since
            .is_some_and(|since| now - since >= SCAN_AFTER);
        self.class = if self.confirmed {
            ReaderClass::Playback
        } else if self.consumed < PLAYER_BYTES {
            ReaderClass::Probe
        } else if fast {
            ReaderClass::Scan
        } else {
            ReaderClass::Playback
        };
    }

    /// It was not fast until now.
    pub(super) const fn forget_pace(&mut self) {
        self.fast_since = None;
    }

    /// The streams that have a window now.
    pub(super) fn live(&self) -> impl Iterator<Item = &Cursor> {
        self.cursors.iter().filter(|cursor| !cursor.parked)
    }

    /// True when it plays, and did not stop long ago; a pause of who watches is no stop.
    pub(super) fn is_playing(&self, now: Time) -> bool {
        if self.confirmed {
            return true;
        }
        let reads = |cursor: &Cursor| now - cursor.last_read <= IDLE_ALONE;
        self.class == ReaderClass::Playback && self.cursors.iter().any(reads)
    }

    /// A stream that has been silent while another one of the same reader went on has ended.
    fn park_idle(&mut self, now: Time) {
        for cursor in &mut self.cursors {
            if cursor.is_idle(now) {
                cursor.parked = true;
            }
        }
    }
}
