//! How reads of films went: from where each was answered, and after how long.
//!
//! Written by every read with a few atomic additions, read by who looks at the figures.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gostream_http::HistogramSample;

use super::streams::Seen;

/// Upper bounds of the buckets, in seconds: from a copy in memory to the deadline of a read.
const BOUNDS: [f64; 13] = [
    0.0001, 0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0,
];

/// Where the bytes of a read came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Origin {
    /// The warm cache on the disk.
    Warm,
    /// Pieces that were in memory.
    Memory,
    /// The swarm, which was waited for.
    Swarm,
}

/// Times, by buckets.
#[derive(Debug, Default)]
pub(in crate::app) struct Times {
    buckets: [AtomicU64; BOUNDS.len()],
    above: AtomicU64,
    sum_us: AtomicU64,
}

impl Times {
    fn add(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound);
        let counter = bucket.map_or(&self.above, |at| &self.buckets[at]);
        counter.fetch_add(1, Relaxed);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(micros, Relaxed);
    }

    /// As they stand, in seconds.
    pub(in crate::app) fn sample(&self) -> HistogramSample {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Relaxed));
        HistogramSample {
            buckets: BOUNDS.into_iter().zip(counts).collect(),
            above: self.above.load(Relaxed),
            sum: Duration::from_micros(self.sum_us.load(Relaxed)).as_secs_f64(),
        }
    }
}

/// The figures of all reads.
#[derive(Debug, Default)]
pub(in crate::app) struct ReadFigures {
    pub(in crate::app) warm: Times,
    pub(in crate::app) memory: Times,
    pub(in crate::app) swarm: Times,
    /// From the first read of a handle to its answer.
    pub(in crate::app) first: Times,
    /// Reads that failed.
    pub(in crate::app) failed: AtomicU64,
    /// Reads by handles that play.
    pub(in crate::app) of_players: AtomicU64,
    /// Reads by others.
    pub(in crate::app) of_others: AtomicU64,
    /// Bytes that were answered.
    pub(in crate::app) bytes: AtomicU64,
}

/// A read that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    since: Instant,
    first: bool,
}

impl ReadFigures {
    pub(super) fn begin(&self, seen: Seen, first: bool) -> Clock {
        let counter = if seen.plays {
            &self.of_players
        } else {
            &self.of_others
        };
        counter.fetch_add(1, Relaxed);
        Clock {
            since: Instant::now(),
            first,
        }
    }

    pub(super) fn answered(&self, clock: Clock, origin: Origin, bytes: usize) {
        let time = clock.since.elapsed();
        match origin {
            Origin::Warm => self.warm.add(time),
            Origin::Memory => self.memory.add(time),
            Origin::Swarm => self.swarm.add(time),
        }
        if clock.first {
            self.first.add(time);
        }
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_the_first_bucket_that_holds_it() {
        let times = Times::default();
        for millis in [0, 1, 2, 250, 24_999, 26_000] {
            times.add(Duration::from_millis(millis));
        }
        let sample = times.sample();
        let counts: Vec<u64> = sample.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!((sample.above, sample.count()), (1, 6));
        assert!((sample.sum - 51.252).abs() < 1e-9);
    }
}
