//! What a peer delivers: bytes per second and round trip, learnt from the blocks that arrive.
//!
//! The rate is measured between arrivals only while requests are outstanding, so that a pipeline
//! that we left empty says nothing about the peer. The round trip is the smallest seen between a
//! request into an empty pipeline and its block: later ones include the peer's queue. While our own limit
//! holds a peer back, a sample can only show that it is faster than was believed; and so it is with a pipeline that was
//! too short: from the first request into it to its last block the peer was at least as fast as that.

use std::time::Duration;

use crate::time::Time;

/// Bytes per second assumed of a peer that has sent nothing yet.
const PRIOR_RATE: f64 = 400_000.0;
/// Round trip assumed of a peer whose handshake was not timed.
const PRIOR_RTT: Duration = Duration::from_millis(100);
/// Shortest span over which a rate is taken, so that one burst is not a rate.
const SAMPLE_SPAN: Duration = Duration::from_millis(50);
/// Weight of a new sample.
const SAMPLE_WEIGHT: f64 = 0.35;

/// Rate and round trip of one peer.
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    rate: f64,
    samples: u32,
    rtt: Duration,
    rtt_measured: bool,
    span_start: Option<Time>,
    span_bytes: u64,
    held_back: bool,
    /// It was held back for a part of the span.
    tainted: bool,
    /// When the first request went into the empty pipeline, and the bytes that came since.
    filled_at: Time,
    filled_bytes: u64,
}

impl Estimate {
    /// A first guess from the handshake's round trip and an earlier session's rate (bytes/s).
    pub(crate) fn new(rtt_us: Option<u64>, known_rate: Option<u64>) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate of over 2^52 bytes/s does not exist"
        )]
        let rate = known_rate
            .filter(|rate| *rate > 0)
            .map_or(PRIOR_RATE, |rate| rate as f64);
        Self {
            rate,
            samples: 0,
            rtt: rtt_us.map_or(PRIOR_RTT, Duration::from_micros),
            rtt_measured: false,
            span_start: None,
            span_bytes: 0,
            held_back: false,
            tainted: false,
            filled_at: Time::ZERO,
            filled_bytes: 0,
        }
    }

    /// A block is asked for, and nothing else is outstanding.
    pub(crate) const fn on_first_request(&mut self, now: Time) {
        self.filled_at = now;
        self.filled_bytes = 0;
    }

    /// Our own limit keeps blocks back from the peer, or does no longer.
    pub(crate) const fn hold_back(&mut self, held_back: bool) {
        self.held_back = held_back;
        self.tainted |= held_back;
    }

    /// Bytes per second.
    pub(crate) const fn rate(&self) -> f64 {
        self.rate
    }

    /// The round trip without queueing.
    pub(crate) const fn rtt(&self) -> Duration {
        self.rtt
    }

    /// A block of `len` bytes came; `still_busy` when more are outstanding.
    /// `lone_since` is when it was asked for, if the pipeline was empty then.
    /// Returns true when the rate was updated.
    pub(crate) fn on_block(
        &mut self,
        now: Time,
        len: u32,
        still_busy: bool,
        lone_since: Option<Time>,
    ) -> bool {
        if let Some(asked) = lone_since {
            let rtt = now - asked;
            self.rtt = if self.rtt_measured {
                self.rtt.min(rtt)
            } else {
                rtt
            };
            self.rtt_measured = true;
        }
        let updated = match self.span_start {
            None => {
                self.span_start = Some(now);
                self.span_bytes = 0;
                self.tainted = self.held_back;
                false
            }
            Some(start) => {
                self.span_bytes += u64::from(len);
                now - start >= SAMPLE_SPAN && self.take_sample(now, start)
            }
        };
        self.filled_bytes += u64::from(len);
        if !still_busy {
            self.span_start = None;
        }
        updated
    }

    /// The last block came, and the peer could have sent more than it was asked for.
    pub(crate) fn was_too_short(&mut self, now: Time) {
        let seconds = now.seconds_since(self.filled_at);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a pipeline's bytes are far below 2^52"
        )]
        let least = self.filled_bytes as f64 / seconds.max(SAMPLE_SPAN.as_secs_f64());
        if least > self.rate {
            self.rate += SAMPLE_WEIGHT * (least - self.rate);
        }
    }

    fn take_sample(&mut self, now: Time, start: Time) -> bool {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a span's bytes are far below 2^52"
        )]
        let sample = self.span_bytes as f64 / now.seconds_since(start).max(1e-6);
        self.span_start = Some(now);
        self.span_bytes = 0;
        if std::mem::replace(&mut self.tainted, self.held_back) && sample <= self.rate {
            return false;
        }
        self.rate = if self.samples == 0 {
            sample
        } else {
            self.rate + SAMPLE_WEIGHT * (sample - self.rate)
        };
        self.rate = self.rate.max(1.0);
        self.samples = self.samples.saturating_add(1);
        true
    }

    /// The pipeline ran dry or was dropped: what comes next starts a new span.
    pub(crate) const fn restart_span(&mut self) {
        self.span_start = None;
        self.span_bytes = 0;
    }

    /// The peer owed blocks and was silent: believe half of what it promised.
    pub(crate) fn on_silence(&mut self) {
        self.rate = (self.rate / 2.0).max(1.0);
        self.restart_span();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_gives_its_rate() {
        let mut estimate = Estimate::new(Some(40_000), None);
        let mut now = Time::ZERO;
        for _ in 0..200 {
            now += Duration::from_millis(8);
            estimate.on_block(now, 16_384, true, None);
        }
        let expected = 16_384.0 / 0.008;
        assert!(
            (estimate.rate() / expected - 1.0).abs() < 0.05,
            "{}",
            estimate.rate()
        );
    }

    #[test]
    fn a_pipeline_left_empty_says_nothing_about_the_rate() {
        let mut estimate = Estimate::new(None, None);
        let mut now = Time::ZERO;
        for _ in 0..50 {
            now += Duration::from_secs(5);
            estimate.on_block(now, 16_384, false, Some(now));
        }
        assert!(
            (estimate.rate() - PRIOR_RATE).abs() < 1.0,
            "still the guess"
        );
    }
}
