//! Readers without a clock: each stream is a list of reads, some of which wait at a time.

use std::collections::VecDeque;
use std::ops::Range;

use super::seat::{READ_LEN, Seat};
use crate::rng::Rng;

/// Bytes of one request of Samba; two are served at a time.
const SAMBA_LEN: u64 = 8 << 20;
/// Bytes that ffprobe reads of a Matroska head, by the kernel's read-ahead.
const SCAN_HEAD: u64 = 590 << 10;

/// Reads to make, in order.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    left: VecDeque<Range<u64>>,
    in_flight: usize,
    waiting: Vec<u64>,
    /// The kernel sends read-ahead slightly out of order.
    shuffles: bool,
}

impl Stream {
    pub(super) fn sequence(range: Range<u64>, in_flight: usize) -> Self {
        Self {
            left: cut(range),
            in_flight: in_flight.max(1),
            waiting: Vec::new(),
            shuffles: in_flight > 1,
        }
    }

    pub(super) fn random(rng: &mut Rng, len: u64, reads: u32) -> Self {
        let mut left = VecDeque::new();
        for _ in 0..reads {
            let start = rng.between(0, len) / 4_096 * 4_096;
            let end = (start + rng.between(1, 65) * 4_096).min(len);
            left.push_back(start..end);
        }
        Self {
            left,
            in_flight: 1,
            waiting: Vec::new(),
            shuffles: false,
        }
    }

    pub(super) fn scan(len: u64) -> Self {
        let mut left = cut(0..SCAN_HEAD.min(len));
        if len > 4_096 {
            let tail = (len - 1) / 4_096 * 4_096;
            left.insert(1.min(left.len()), tail..len);
        }
        Self {
            left,
            in_flight: 1,
            waiting: Vec::new(),
            shuffles: false,
        }
    }
}

fn cut(range: Range<u64>) -> VecDeque<Range<u64>> {
    let mut reads = VecDeque::new();
    let mut at = range.start;
    while at < range.end {
        let end = (at + READ_LEN).min(range.end);
        reads.push_back(at..end);
        at = end;
    }
    reads
}

/// Some streams on one handle.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    streams: Vec<Stream>,
    next_tag: u64,
}

impl Plain {
    pub(super) const fn new(streams: Vec<Stream>) -> Self {
        Self {
            streams,
            next_tag: 0,
        }
    }

    /// Two streams that take turns with stretches of 8 MiB.
    pub(super) fn pair(range: Range<u64>) -> Self {
        let mut streams = [Stream::sequence(0..0, 1), Stream::sequence(0..0, 1)];
        let mut at = range.start;
        let mut turn = 0;
        while at < range.end {
            let end = (at + SAMBA_LEN).min(range.end);
            streams[turn].left.extend(cut(at..end));
            at = end;
            turn = 1 - turn;
        }
        Self::new(streams.into())
    }

    pub(super) fn answered(&mut self, tag: u64) {
        for stream in &mut self.streams {
            stream.waiting.retain(|waiting| *waiting != tag);
        }
    }

    /// True when all was answered.
    pub(super) fn go_on(&mut self, seat: &mut Seat<'_>) -> bool {
        for stream in &mut self.streams {
            while stream.waiting.len() < stream.in_flight {
                let swap = stream.shuffles && stream.left.len() > 1 && seat.rng.percent(20);
                if swap {
                    stream.left.swap(0, 1);
                }
                let Some(range) = stream.left.pop_front() else {
                    break;
                };
                self.next_tag += 1;
                stream.waiting.push(self.next_tag);
                seat.reads.push((self.next_tag, range));
            }
        }
        self.streams
            .iter()
            .all(|stream| stream.left.is_empty() && stream.waiting.is_empty())
    }
}
