//! The ideal player of one film: the same clock of picture, stall and seek as the simulated one.

use std::ops::Range;
use std::time::Duration;

use super::measure::{Fate, STEP_US, micros};
use crate::player::{Film, FilmStep, PlayerSpec};
use crate::world::WorldSpec;

/// The end of a file that is fetched beside its beginning, and the files that have one (as in the core).
const TAIL: u64 = 1 << 20;
const TAIL_FILE_MIN: u64 = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dark {
    Start,
    Seek,
    Stall,
}

/// One film and its ideal player. Bytes are those of the torrent.
pub(super) struct Viewer {
    film: Film,
    torrent: usize,
    starts: u64,
    file: Range<u64>,
    window: u64,
    shown: u64,
    next_step: usize,
    paused_until: u64,
    dark: Option<(u64, Dark)>,
    fate: Fate,
}

impl Viewer {
    pub(super) fn new(world: &WorldSpec, player: &PlayerSpec, film: &Film, window: u64) -> Self {
        let files = &world.torrents[player.torrent].files;
        let begin: u64 = files[..player.file].iter().sum();
        let starts = micros(player.starts);
        Self {
            film: film.clone(),
            torrent: player.torrent,
            starts,
            file: begin..begin + files[player.file],
            window,
            shown: begin,
            next_step: 0,
            paused_until: 0,
            dark: Some((starts, Dark::Start)),
            fate: Fate::default(),
        }
    }

    pub(super) const fn torrent(&self) -> usize {
        self.torrent
    }

    /// When the user stops.
    pub(super) const fn ends(&self) -> u64 {
        self.starts + micros(self.film.stops)
    }

    /// True while somebody watches.
    pub(super) fn is_on(&self, now: u64) -> bool {
        now >= self.starts && now < self.ends() && self.shown < self.file.end
    }

    /// Bytes that may lie ahead.
    pub(super) fn window(&self) -> Range<u64> {
        self.shown..self.shown.saturating_add(self.window).min(self.file.end)
    }

    /// Bytes that are not forgotten: the window, and a fifth as much behind it.
    pub(super) fn keeps(&self) -> Range<u64> {
        self.shown.saturating_sub(self.window / 5)..self.window().end
    }

    /// The end of the file, where its index is: the picture waits for it.
    pub(super) fn tail(&self) -> Option<Range<u64>> {
        let len = self.file.end - self.file.start;
        (len >= TAIL_FILE_MIN).then(|| self.file.end - TAIL..self.file.end)
    }

    /// Microseconds of film from the picture to a byte.
    pub(super) fn due(&self, byte: u64) -> u64 {
        let ahead = byte.saturating_sub(self.shown);
        ahead.saturating_mul(1_000_000) / self.film.rate.max(1)
    }

    /// The step that began at `now` is over; `shown_until` is the first byte at or after another that
    /// cannot be shown yet, `indexed` says that the index was had.
    pub(super) fn step(&mut self, now: u64, indexed: bool, shown_until: impl Fn(u64) -> u64) {
        if !self.is_on(now) {
            return;
        }
        let now = now + STEP_US;
        self.obey(now);
        let ready = shown_until(self.shown).min(self.file.end);
        if let Some((since, why)) = self.dark {
            let enough = (self.shown + self.film.rate).min(self.file.end);
            if ready < enough || !indexed {
                if why == Dark::Stall {
                    self.fate.stall += Duration::from_micros(STEP_US);
                }
                self.fate.dark_at_end = true;
                return;
            }
            let wait = Duration::from_micros(now - since);
            match why {
                Dark::Start => self.fate.start = Some(wait),
                Dark::Seek => self.fate.seek_worst = self.fate.seek_worst.max(wait),
                Dark::Stall => {}
            }
            self.dark = None;
            self.fate.dark_at_end = false;
        } else if now >= self.paused_until {
            self.shown += self.film.rate * STEP_US / 1_000_000;
            if self.shown >= ready && ready < self.file.end {
                self.shown = ready;
                self.dark = Some((now, Dark::Stall));
                self.fate.stall += Duration::from_micros(STEP_US);
            }
        }
    }

    fn obey(&mut self, now: u64) {
        while let Some(step) = self.film.steps.get(self.next_step).copied() {
            match step {
                FilmStep::Seek { at, permille } if self.starts + micros(at) <= now => {
                    let len = self.file.end - self.file.start;
                    self.shown = self.file.start + len / 1_000 * permille.min(999);
                    self.dark = Some((now, Dark::Seek));
                }
                FilmStep::Pause { at, length } if self.starts + micros(at) <= now => {
                    self.paused_until = now + micros(length);
                }
                FilmStep::Seek { .. } | FilmStep::Pause { .. } => return,
            }
            self.next_step += 1;
        }
    }

    pub(super) const fn fate(&self) -> Fate {
        self.fate
    }
}
