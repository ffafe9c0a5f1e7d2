//! A film player: it shows the film at its bitrate, out of a buffer that it keeps full.
//!
//! After the first bytes it reads the index at the end of the file. The picture starts when it has that
//! and a second of film, and after a stall when a second is buffered. A seek throws
//! the buffer away. The clock is a tick of 50 ms.

use std::ops::Range;
use std::time::Duration;

use gostorm_core::Time;

use super::seat::{PlayerReport, READ_LEN, Seat};

/// How often the player looks at its buffer.
const TICK: Duration = Duration::from_millis(50);
/// Reads that wait at a time.
const IN_FLIGHT: usize = 2;

/// Bytes of the index that are read at the end of a file, and the files that are large enough to have one.
const INDEX_LEN: u64 = 64 << 10;
const INDEX_FILE_MIN: u64 = 64 << 20;

/// Something that the user does, so long after the file was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilmStep {
    /// Jumps to a place in the file, in thousandths of its length.
    Seek {
        /// When.
        at: Duration,
        /// Where.
        permille: u64,
    },
    /// Pauses for a while.
    Pause {
        /// When.
        at: Duration,
        /// How long.
        length: Duration,
    },
}

impl FilmStep {
    const fn at(self) -> Duration {
        match self {
            Self::Seek { at, .. } | Self::Pause { at, .. } => at,
        }
    }
}

/// A film and who watches it.
#[derive(Clone, Debug)]
pub struct Film {
    /// Bytes per second of the film.
    pub rate: u64,
    /// What the player keeps buffered.
    pub buffer: Duration,
    /// What the user does, in order of time.
    pub steps: Vec<FilmStep>,
    /// The user stops so long after the open, or at the end of the film.
    pub stops: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct FilmState {
    film: Film,
    opened: Time,
    last_tick: Time,
    next_step: usize,
    paused_until: Time,
    /// The byte that is shown.
    shown: u64,
    /// The next byte to read.
    next: u64,
    waiting: Vec<(u64, Range<u64>)>,
    again: Vec<Range<u64>>,
    next_tag: u64,
    index: Index,
    /// No picture since then, and whether start or seek is the reason.
    dark: Option<(Time, Dark)>,
}

/// The index of the film: wanted after the first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Index {
    NotAsked,
    Wanted,
    Asked(u64),
    Read,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dark {
    Start,
    Seek,
    Stall,
}

impl FilmState {
    pub(super) const fn new(film: Film, now: Time) -> Self {
        Self {
            film,
            opened: now,
            last_tick: now,
            next_step: 0,
            paused_until: Time::ZERO,
            shown: 0,
            next: 0,
            waiting: Vec::new(),
            again: Vec::new(),
            next_tag: 0,
            index: Index::NotAsked,
            dark: Some((now, Dark::Start)),
        }
    }

    pub(super) fn answered(&mut self, tag: u64, served: bool) {
        if self.index == Index::Asked(tag) {
            self.index = if served { Index::Read } else { Index::Wanted };
            return;
        }
        if self.index == Index::NotAsked {
            self.index = Index::Wanted;
        }
        let Some(at) = self.waiting.iter().position(|(waiting, _)| *waiting == tag) else {
            return;
        };
        let (_, range) = self.waiting.remove(at);
        if !served {
            self.again.push(range);
        }
    }

    /// First byte that is not buffered.
    fn buffered(&self) -> u64 {
        let waiting = self.waiting.iter().map(|(_, range)| range.start);
        let again = self.again.iter().map(|range| range.start);
        waiting.chain(again).min().unwrap_or(self.next)
    }

    /// True when the user has seen enough.
    pub(super) fn go_on(&mut self, seat: &mut Seat<'_>, report: &mut PlayerReport) -> bool {
        self.obey(seat);
        self.show(seat, report);
        let over = seat.now - self.opened >= self.film.stops || self.shown >= seat.len;
        if over {
            if let Some((since, Dark::Stall)) = self.dark {
                report.stall += seat.now - since;
            }
            return true;
        }
        self.fill(seat);
        seat.timer = Some(seat.now + TICK);
        false
    }

    fn obey(&mut self, seat: &Seat<'_>) {
        while let Some(step) = self.film.steps.get(self.next_step).copied() {
            if seat.now - self.opened < step.at() {
                return;
            }
            self.next_step += 1;
            match step {
                FilmStep::Seek { permille, .. } => {
                    self.shown = seat.len / 1_000 * permille.min(999);
                    self.next = self.shown;
                    self.waiting.clear();
                    self.again.clear();
                    self.dark = Some((seat.now, Dark::Seek));
                }
                FilmStep::Pause { length, .. } => self.paused_until = seat.now + length,
            }
        }
    }

    fn show(&mut self, seat: &Seat<'_>, report: &mut PlayerReport) {
        let span = seat.now - self.last_tick;
        self.last_tick = seat.now;
        let buffered = self.buffered();
        if let Some((since, why)) = self.dark {
            let unread = self.index != Index::Read && seat.len >= INDEX_FILE_MIN;
            if buffered < (self.shown + self.film.rate).min(seat.len) || unread {
                return;
            }
            let wait = seat.now - since;
            match why {
                Dark::Start => report.startup = Some(wait),
                Dark::Seek => report.seek_worst = report.seek_worst.max(wait),
                Dark::Stall => report.stall += wait,
            }
            self.dark = None;
        } else if seat.now >= self.paused_until {
            let micros = u64::try_from(span.as_micros()).unwrap_or(0);
            self.shown += self.film.rate * micros / 1_000_000;
            if self.shown >= buffered && buffered < seat.len {
                self.shown = buffered;
                self.dark = Some((seat.now, Dark::Stall));
            }
            self.shown = self.shown.min(seat.len);
        }
    }

    fn fill(&mut self, seat: &mut Seat<'_>) {
        if self.index == Index::Wanted && seat.len >= INDEX_FILE_MIN {
            self.next_tag += 1;
            self.index = Index::Asked(self.next_tag);
            let index = seat.len - INDEX_LEN..seat.len;
            seat.reads.push((self.next_tag, index));
        }
        let ahead = self.film.rate * self.film.buffer.as_secs().max(1);
        while self.waiting.len() < IN_FLIGHT {
            let range = if let Some(again) = self.again.pop() {
                again
            } else if self.next < seat.len && self.next < self.shown + ahead {
                let end = (self.next + READ_LEN).min(seat.len);
                let range = self.next..end;
                self.next = end;
                range
            } else {
                return;
            };
            self.next_tag += 1;
            self.waiting.push((self.next_tag, range.clone()));
            seat.reads.push((self.next_tag, range));
        }
    }
}
