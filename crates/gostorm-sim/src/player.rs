//! Who reads: a film player, `cat`, Samba's two streams, random reads, a library scanner.
//!
//! A [`Player`] has one reader of one file. The world starts it, rings its timer, and tells it when a
//! read is answered; it leaves the reads it wants on a [`Seat`]. All offsets are bytes of the file.
//! What it went through is in its [`PlayerReport`].

mod film;
mod plain;
mod seat;

use std::ops::Range;
use std::time::Duration;

use gostorm_core::Time;

pub use self::film::{Film, FilmStep};
use self::plain::{Plain, Stream};
pub use self::seat::{PlayerReport, READ_LEN, Seat};

/// What a player does.
#[derive(Clone, Debug)]
pub enum PlayerKind {
    /// Plays at a bitrate out of a buffer.
    Film(Film),
    /// Reads a range of the file as fast as it can, `in_flight` reads at a time, slightly out of order.
    Cat {
        /// Bytes of the file; cut to its length.
        range: Range<u64>,
        /// Reads that wait at a time.
        in_flight: usize,
    },
    /// Two interleaved streams, 8 MiB apart, as smbd reads.
    Pair {
        /// Bytes of the file; cut to its length.
        range: Range<u64>,
    },
    /// Reads of up to 256 KiB anywhere, one after the other.
    Random {
        /// How many.
        reads: u32,
    },
    /// Head, tail, a little more of the head, as ffprobe reads a Matroska file; then it closes.
    Scan,
}

/// One player.
#[derive(Clone, Debug)]
pub struct PlayerSpec {
    /// The number of the torrent.
    pub torrent: usize,
    /// The file in it.
    pub file: usize,
    /// When it opens the file.
    pub starts: Duration,
    /// What it does.
    pub kind: PlayerKind,
}

#[derive(Clone, Debug)]
enum State {
    Film(film::FilmState),
    Plain(Plain),
}

/// A player at work.
#[derive(Clone, Debug)]
pub struct Player {
    opened: Time,
    state: State,
    report: PlayerReport,
}

impl Player {
    /// A player that opens its file at `now`.
    pub fn start(kind: &PlayerKind, seat: &mut Seat<'_>) -> Self {
        let len = seat.len;
        let cut = |range: &Range<u64>| range.start.min(len)..range.end.min(len);
        let state = match kind {
            PlayerKind::Film(film) => State::Film(film::FilmState::new(film.clone(), seat.now)),
            PlayerKind::Cat { range, in_flight } => {
                State::Plain(Plain::new(vec![Stream::sequence(cut(range), *in_flight)]))
            }
            PlayerKind::Pair { range } => State::Plain(Plain::pair(cut(range))),
            PlayerKind::Random { reads } => {
                State::Plain(Plain::new(vec![Stream::random(seat.rng, len, *reads)]))
            }
            PlayerKind::Scan => State::Plain(Plain::new(vec![Stream::scan(len)])),
        };
        let mut player = Self {
            opened: seat.now,
            state,
            report: PlayerReport::default(),
        };
        player.go_on(seat);
        player
    }

    /// What it went through so far.
    #[must_use]
    pub const fn report(&self) -> &PlayerReport {
        &self.report
    }

    /// True when it has all it wanted.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.report.finished.is_some()
    }

    /// Its timer rang.
    pub fn on_timer(&mut self, seat: &mut Seat<'_>) {
        self.go_on(seat);
    }

    /// A read was answered, or failed.
    pub fn on_answer(&mut self, tag: u64, range: &Range<u64>, served: bool, seat: &mut Seat<'_>) {
        if served {
            self.report.served_bytes += range.end - range.start;
            self.report.first_byte.get_or_insert(seat.now - self.opened);
        } else {
            self.report.failed_reads += 1;
        }
        match &mut self.state {
            State::Film(film) => film.answered(tag, served),
            State::Plain(plain) => plain.answered(tag),
        }
        self.go_on(seat);
    }

    fn go_on(&mut self, seat: &mut Seat<'_>) {
        if self.is_done() {
            return;
        }
        let done = match &mut self.state {
            State::Film(film) => film.go_on(seat, &mut self.report),
            State::Plain(plain) => plain.go_on(seat),
        };
        self.report.reads += seat.reads.len() as u64;
        if done {
            self.report.finished = Some(seat.now);
            seat.close = true;
        }
    }
}
