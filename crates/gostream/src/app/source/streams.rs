//! What a handle does, judged by what it reads: it looks at a few places, or it plays.
//!
//! Samba reads two streams on one handle by turns, 8 MiB apart, so that sequence is told for each stream and not for
//! the handle. Pure.

use std::ops::Range;

/// Streams that are told apart; the one that was read the longest ago goes when a further one starts.
const STREAMS_MAX: usize = 4;
/// How far from the end of a stream a read may be and still go on with it: the kernel reads ahead out of order.
pub(super) const CONTINUES_WITHIN: u64 = 2 << 20;
/// Each time that a stream has read so much more, it is looked at anew.
const MARK: u64 = 1 << 20;
/// Who read so much in sequence plays: ffprobe reads 0.5 MB of a film, through Samba and the kernel's read-ahead up to
/// 4 MiB.
pub(in crate::app) const PLAYS_FROM: u64 = 4 << 20;

#[derive(Clone, Copy, Debug)]
struct Stream {
    /// The byte after the furthest one that was read.
    end: u64,
    /// Bytes that were read in sequence.
    run: u64,
    /// Number of the handle's read that was its last.
    last: u64,
}

/// What a read tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The handle plays, by this read or an earlier one.
    pub(super) plays: bool,
    /// It does so from this read on.
    pub(super) begins_to_play: bool,
    /// Another MiB was read in sequence.
    pub(super) passes_mark: bool,
    /// Bytes that were read in sequence up to here.
    pub(super) run: u64,
}

/// The streams of one handle.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: Vec<Stream>,
    reads: u64,
    plays: bool,
}

impl Streams {
    /// The handle reads `range`.
    pub(super) fn note(&mut self, range: &Range<u64>) -> Seen {
        self.reads += 1;
        let at = self.stream_of(range);
        let stream = &mut self.streams[at];
        let before = stream.run;
        stream.run += range.end.saturating_sub(stream.end);
        stream.end = stream.end.max(range.end);
        stream.last = self.reads;
        let run = stream.run;
        let begins_to_play = !self.plays && run > PLAYS_FROM;
        self.plays |= begins_to_play;
        Seen {
            plays: self.plays,
            begins_to_play,
            passes_mark: before / MARK != run / MARK,
            run,
        }
    }

    /// Where the stream is that this read goes on with; a new one if need be.
    fn stream_of(&mut self, range: &Range<u64>) -> usize {
        let distance = |stream: &Stream| stream.end.abs_diff(range.start);
        let streams = self.streams.iter().enumerate();
        let nearest = streams.min_by_key(|(_, stream)| distance(stream));
        if let Some((at, stream)) = nearest
            && distance(stream) <= CONTINUES_WITHIN
        {
            return at;
        }
        let new = Stream {
            end: range.start,
            run: 0,
            last: self.reads,
        };
        if self.streams.len() < STREAMS_MAX {
            self.streams.push(new);
            return self.streams.len() - 1;
        }
        let streams = self.streams.iter().enumerate();
        let stalest = streams.min_by_key(|(_, stream)| stream.last);
        let at = stalest.map_or(0, |(at, _)| at);
        self.streams[at] = new;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;

    /// Reads a range in steps of 128 KiB.
    fn read(streams: &mut Streams, range: Range<u64>) -> Seen {
        let step = 128 * KIB;
        let mut seen = streams.note(&(range.start..range.start + step));
        for start in (range.start + step..range.end).step_by(131_072) {
            seen = streams.note(&(start..(start + step).min(range.end)));
        }
        seen
    }

    #[test]
    fn a_probe_looks_at_many_places_and_never_plays() {
        let mut streams = Streams::default();
        let size = 8_000 * MIB;
        read(&mut streams, 0..MIB);
        read(&mut streams, size - 6 * KIB..size);
        for place in 1..40 {
            let at = place * 200 * MIB;
            assert!(!read(&mut streams, at..at + 3 * MIB).plays, "place {place}");
        }
    }

    #[test]
    fn a_handle_that_goes_on_plays_and_stays_a_player() {
        let mut streams = Streams::default();
        assert!(!read(&mut streams, 0..4 * MIB).plays);
        let seen = streams.note(&(4 * MIB..4 * MIB + 128 * KIB));
        assert!(seen.plays && seen.begins_to_play && !seen.passes_mark);
        let seen = streams.note(&(600 * MIB..600 * MIB + 4096));
        assert_eq!(
            (seen.plays, seen.begins_to_play, seen.run),
            (true, false, 4096)
        );
    }

    #[test]
    fn two_streams_that_are_read_by_turns_are_each_in_sequence() {
        let mut streams = Streams::default();
        let step = 128 * KIB;
        let mut last = None;
        for turn in 0..40 {
            streams.note(&(turn * step..(turn + 1) * step));
            let far = 8 * MIB + turn * step;
            last = Some(streams.note(&(far..far + step)));
        }
        assert_eq!(
            last.map(|seen| (seen.plays, seen.run)),
            Some((true, 5 * MIB))
        );
    }

    #[test]
    fn reads_out_of_order_and_again_are_counted_once() {
        let mut streams = Streams::default();
        let step = 128 * KIB;
        for start in [0, 2, 1, 3, 2, 5, 4].map(|at| at * step) {
            streams.note(&(start..start + step));
        }
        let seen = streams.note(&(0..step));
        assert_eq!(seen.run, 6 * step);
    }
}
