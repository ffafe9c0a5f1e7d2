//! What a film is doing, for its extended attributes: the trait that the binary implements over the engine.
//!
//! Called by `ops/xattr.rs` on a thread that serves the kernel. Looking wakes no torrent; the answer comes now or
//! from another thread, through [`InspectReply`].

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use fuser::{Errno, ReplyXattr};
use gostream_library::Film;

use crate::errno::Refusal;

/// More ranges are left out: a value has at most 64 KiB.
const RANGES_MAX: usize = 1000;

/// Looks at films. Called from several threads at once.
pub trait LibraryInspector: Send + Sync + 'static {
    /// Says through `reply` how `film` is doing; `ino` is its inode number. Never waits.
    fn inspect(&self, ino: u64, film: &Arc<Film>, reply: InspectReply);
}

/// What a torrent is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// Nothing: it has no task and no socket.
    #[default]
    Asleep,
    /// It looks for its metadata.
    Searching,
    /// It can be read.
    Awake,
}

/// How a film is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilmState {
    /// What its torrent is doing.
    pub activity: Activity,
    /// Connected peers of its torrent.
    pub peers: usize,
    /// Bytes of the film that are held in memory, verified, in order.
    pub buffered: Vec<Range<u64>>,
    /// Bytes of the film that lie in the warm cache, in order.
    pub warm: Vec<Range<u64>>,
}

/// Which part of a [`FilmState`] was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    State,
    Peers,
    Buffered,
    Warm,
}

impl FilmState {
    pub(crate) fn value(&self, part: Part) -> String {
        match part {
            Part::State => match self.activity {
                Activity::Asleep => "asleep",
                Activity::Searching => "searching",
                Activity::Awake => "awake",
            }
            .to_owned(),
            Part::Peers => self.peers.to_string(),
            Part::Buffered => listed(&self.buffered),
            Part::Warm => listed(&self.warm),
        }
    }
}

/// First and last byte of each range.
fn listed(ranges: &[Range<u64>]) -> String {
    let mut text = String::new();
    for range in ranges.iter().take(RANGES_MAX) {
        let comma = if text.is_empty() { "" } else { "," };
        let last = range.end.saturating_sub(1);
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}{}-{last}", range.start);
    }
    text
}

/// The one answer to one look. Dropped without an answer, the film is asleep: its torrent ended meanwhile.
pub struct InspectReply {
    waiting: Option<(ReplyXattr, u32, Part)>,
}

impl InspectReply {
    pub(crate) fn new(reply: ReplyXattr, size: u32, part: Part) -> Self {
        Self {
            waiting: Some((reply, size, part)),
        }
    }

    /// Whether [`FilmState::warm`] was asked for, and nothing else: who knows it may have to ask the disk.
    pub fn is_about_warm(&self) -> bool {
        matches!(self.waiting, Some((_, _, Part::Warm)))
    }

    /// Answers.
    pub fn tell(mut self, state: &FilmState) {
        self.answer(state);
    }

    fn answer(&mut self, state: &FilmState) {
        if let Some((reply, size, part)) = self.waiting.take() {
            answer(reply, size, state.value(part).as_bytes());
        }
    }
}

impl Drop for InspectReply {
    fn drop(&mut self) {
        self.answer(&FilmState::default());
    }
}

impl std::fmt::Debug for InspectReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InspectReply")
    }
}

/// The value, or its length when `size` is 0; ERANGE when there is no room for it.
pub(crate) fn answer(reply: ReplyXattr, size: u32, value: &[u8]) {
    let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
    if size == 0 {
        reply.size(len);
    } else if len > size {
        reply.error(Errno::from(Refusal::NoRoom));
    } else {
        reply.data(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_first_and_last_bytes() {
        let state = FilmState {
            activity: Activity::Awake,
            peers: 3,
            buffered: vec![0..1024, 4096..5000],
            warm: std::iter::once(7..9).collect(),
        };
        assert_eq!(state.value(Part::Buffered), "0-1023,4096-4999");
        assert_eq!(state.value(Part::Warm), "7-8");
        assert_eq!(state.value(Part::State), "awake");
        assert_eq!(state.value(Part::Peers), "3");
        assert_eq!(FilmState::default().value(Part::Buffered), "");
    }

    #[test]
    fn a_value_is_never_longer_than_the_kernel_takes() {
        let state = FilmState {
            buffered: (0..5000)
                .map(|n| (1 << 52) + 2 * n..(1 << 52) + 2 * n + 1)
                .collect(),
            ..FilmState::default()
        };
        assert!(state.value(Part::Buffered).len() < 64 << 10);
    }
}
