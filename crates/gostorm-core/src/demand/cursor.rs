//! One sequential stream of a reader: where it is, how fast it goes, how much it wants ahead.

use std::ops::Range;
use std::time::Duration;

use crate::time::Time;

/// How far a read may start from a cursor and still continue it: the kernel's read-ahead sends
/// requests out of order and up to 1 MiB at a time.
const CONTINUES_AHEAD: u64 = 2 << 20;
const CONTINUES_BEHIND: u64 = 2 << 20;
/// Bytes per second assumed of a reader that was not measured yet: 40 Mbit/s, a large film.
const PRIOR_RATE: f64 = 5_000_000.0;
/// Weight of a new rate sample, one a second.
const RATE_WEIGHT: f64 = 0.3;
/// Seconds of its own rate that a cursor wants ahead.
const WINDOW_SECONDS: f64 = 60.0;
/// First window at the start of a file, or after the seek of a player.
const WINDOW_START: u64 = 8 << 20;
/// First window of a read somewhere: most of them are probes.
const WINDOW_PROBE: u64 = 512 << 10;
/// A reader that read so much in sequence is a player: its seeks get a full window at once.
pub(super) const PLAYER_BYTES: u64 = 2 << 20;
/// A reader that comes from elsewhere counts as having read so much here at most: 32 MiB of window.
const CAME_MAX: u64 = 4 << 20;
/// The window grows to this many times what was read in sequence.
const WINDOW_GROWTH: u64 = 8;
/// Silence after which a stream has ended, when another one of the same reader goes on.
const IDLE: Duration = Duration::from_secs(3);
/// Silence after which a lone stream of a probe gives its window back.
const IDLE_PROBE: Duration = Duration::from_secs(10);
/// The same of a player: it pauses longer than it buffers.
pub(super) const IDLE_ALONE: Duration = Duration::from_secs(120);
/// A span without a sample that is so long, in seconds, has a pause in it.
const PAUSE: f64 = 5.0;

/// A stream of one reader.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) id: u64,
    /// First byte after the furthest read.
    pos: u64,
    file_end: u64,
    first_window: u64,
    /// Its reader was a player before.
    of_player: bool,
    /// Bytes read in sequence.
    consumed: u64,
    rate: f64,
    sample_start: Time,
    sample_bytes: u64,
    pub(crate) last_read: Time,
    /// Its reader is served by blocks.
    pub(super) blockwise: bool,
    /// It keeps its window however long it is silent: somebody watches.
    pub(super) stays: bool,
    /// Its reader may come here, and was never here: a read elsewhere says nothing against it.
    pub(super) guess: bool,
    /// A parked cursor has no window until it is read again.
    pub(crate) parked: bool,
    /// Bytes ahead that it may have now; set by `Demand::share_windows`.
    pub(crate) window: u64,
    /// How much later it is due than a playback beside it; set there too.
    pub(super) lag: Duration,
}

impl Cursor {
    pub(crate) fn new(
        id: u64,
        now: Time,
        range: &Range<u64>,
        file: &Range<u64>,
        reader_consumed: u64,
        rate: Option<f64>,
    ) -> Self {
        let of_player = reader_consumed >= PLAYER_BYTES;
        let first_window = if of_player || range.start == file.start {
            WINDOW_START
        } else {
            WINDOW_PROBE
        };
        Self {
            id,
            pos: range.end,
            file_end: file.end,
            first_window,
            of_player,
            consumed: 0,
            rate: rate.unwrap_or(PRIOR_RATE),
            sample_start: now,
            sample_bytes: 0,
            last_read: now,
            blockwise: false,
            stays: false,
            guess: false,
            parked: false,
            window: first_window,
            lag: Duration::ZERO,
        }
    }

    /// It goes on from `read` bytes that it had from elsewhere.
    pub(super) fn comes(&mut self, read: u64) {
        self.first_window = WINDOW_START;
        self.window = WINDOW_START;
        self.consumed = read.min(CAME_MAX);
        self.guess = read == 0;
    }

    pub(crate) const fn pos(&self) -> u64 {
        self.pos
    }

    /// Bytes per second that the reader takes.
    pub(crate) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Bytes that it is expected to pass in `seconds`: a pause makes it slower than its rate.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a float cast saturates, a rate is not negative, a sample is far below 2^52"
    )]
    pub(crate) fn passes(&self, now: Time, seconds: f64) -> u64 {
        let span = now.seconds_since(self.sample_start);
        let rate = if span < PAUSE {
            self.rate
        } else {
            self.rate.min(self.sample_bytes as f64 / span)
        };
        (rate * seconds) as u64
    }

    /// True when a read of `range` goes on where this stream is.
    pub(crate) const fn continues(&self, range: &Range<u64>) -> bool {
        range.start <= self.pos.saturating_add(CONTINUES_AHEAD)
            && range.end.saturating_add(CONTINUES_BEHIND) >= self.pos
    }

    /// True when `offset` lies in its window.
    pub(crate) fn covers(&self, offset: u64) -> bool {
        !self.parked && self.window_range().contains(&offset)
    }

    /// Moves on; returns the bytes that are new in sequence.
    pub(crate) fn advance(&mut self, now: Time, range: &Range<u64>) -> u64 {
        let gained = range.end.saturating_sub(self.pos);
        self.pos = self.pos.max(range.end);
        self.consumed += gained;
        self.sample_bytes += gained;
        self.last_read = now;
        self.parked = false;
        self.guess &= gained == 0;
        let span = now.seconds_since(self.sample_start);
        if span >= 1.0 {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a second's bytes are far below 2^52"
            )]
            let sample = self.sample_bytes as f64 / span;
            // A pause says nothing about the film's rate.
            if span < PAUSE {
                self.rate += RATE_WEIGHT * (sample - self.rate);
            }
            self.sample_start = now;
            self.sample_bytes = 0;
        }
        gained
    }

    pub(crate) fn is_idle(&self, now: Time) -> bool {
        let idle = if self.guess { IDLE_PROBE } else { IDLE };
        now - self.last_read > idle
    }

    /// Bytes that it would like to have ahead.
    pub(crate) fn target(&self, now: Time) -> u64 {
        let idle = if self.of_player || self.consumed >= PLAYER_BYTES {
            IDLE_ALONE
        } else {
            IDLE_PROBE
        };
        if !self.stays && now - self.last_read > idle {
            return 0;
        }
        let by_rate = self.bytes_in(WINDOW_SECONDS);
        let grown = self.consumed.saturating_mul(WINDOW_GROWTH).min(by_rate);
        grown.max(self.first_window).min(self.file_end - self.pos)
    }

    /// The bytes ahead that it may have now.
    pub(crate) fn window_range(&self) -> Range<u64> {
        self.pos..self.pos.saturating_add(self.window).min(self.file_end)
    }

    /// What it reads in so many seconds at its rate, window or not.
    pub(super) fn next_seconds(&self, seconds: f64) -> Range<u64> {
        let end = self.pos.saturating_add(self.bytes_in(seconds));
        self.pos..end.min(self.file_end)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and a rate is not negative"
    )]
    fn bytes_in(&self, seconds: f64) -> u64 {
        (self.rate * seconds) as u64
    }

    /// When the byte at `offset` is needed.
    pub(crate) fn due(&self, now: Time, offset: u64) -> Time {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a window is far below 2^52 bytes"
        )]
        let ahead = offset.saturating_sub(self.pos) as f64;
        now.plus_seconds(ahead / self.rate.max(PRIOR_RATE / 8.0)) + self.lag
    }
}
