//! One direction of a connection: latency, jitter, a rate with a burst, and loss.
//!
//! TCP is on top: bytes arrive in order, and a loss costs the time of a retransmission, for what was
//! lost and for all behind it. Used for each direction of each peer, and for our own access line.

use std::time::Duration;

use gostorm_core::Time;

use crate::rng::Rng;

/// Bytes of a packet on the line.
const PACKET: u64 = 1_448;
/// Shortest time after which TCP sends again what was lost (RFC 6298 says 1 s; real stacks use 200 ms).
const RETRANSMIT_MIN: Duration = Duration::from_millis(200);

/// The figures of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// One way.
    pub latency: Duration,
    /// Added to the latency: anything from 0 to this.
    pub jitter: Duration,
    /// Bytes per second.
    pub rate: u64,
    /// Bytes that pass at once after a silence.
    pub burst: u64,
    /// Packets lost of a million.
    pub loss_per_million: u64,
    /// What is under way arrives together, once in this time; zero: as it comes. So it is with a limit that is
    /// handed out by a clock, and with small segments that wait for a delayed acknowledgement.
    pub beat: Duration,
}

impl LinkSpec {
    /// A clean line: `rate` bytes per second, half of `rtt` each way.
    #[must_use]
    pub fn new(rtt: Duration, rate: u64) -> Self {
        Self {
            latency: rtt / 2,
            jitter: Duration::ZERO,
            rate,
            burst: 2 * 16_384,
            loss_per_million: 0,
            beat: Duration::ZERO,
        }
    }

    /// There and back, without jitter.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        self.latency * 2
    }
}

/// When something that was sent is on its way, and when it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The sender may send the next.
    pub free: Time,
    /// It has arrived.
    pub arrives: Time,
}

/// A line in use.
#[derive(Clone, Debug)]
pub struct Link {
    spec: LinkSpec,
    /// The moment up to which the bucket is used.
    paid_until: Time,
    last_arrival: Time,
}

impl Link {
    /// An idle line.
    #[must_use]
    pub const fn new(spec: LinkSpec) -> Self {
        Self {
            spec,
            paid_until: Time::ZERO,
            last_arrival: Time::ZERO,
        }
    }

    /// The figures of the line.
    #[must_use]
    pub const fn spec(&self) -> &LinkSpec {
        &self.spec
    }

    /// Changes the figures; what is under way is not touched.
    pub const fn set_spec(&mut self, spec: LinkSpec) {
        self.spec = spec;
    }

    /// Sends `bytes` at `now`, behind all that was sent before.
    pub fn send(&mut self, now: Time, bytes: u64, rng: &mut Rng) -> Sent {
        let micros = |bytes: u64| bytes.saturating_mul(1_000_000) / self.spec.rate.max(1);
        let bucket = micros(self.spec.burst);
        let start = self.paid_until.max(Time(now.0.saturating_sub(bucket)));
        self.paid_until = Time(start.0.saturating_add(micros(bytes)));
        let free = self.paid_until.max(now);
        let jitter = u64::try_from(self.spec.jitter.as_micros()).unwrap_or(0);
        let mut arrives =
            free + self.spec.latency + Duration::from_micros(rng.between(0, jitter + 1));
        let lost = self
            .spec
            .loss_per_million
            .saturating_mul(bytes.div_ceil(PACKET));
        if lost > 0 && rng.per_million(lost) {
            arrives += RETRANSMIT_MIN.max(self.spec.rtt());
        }
        let beat = u64::try_from(self.spec.beat.as_micros())
            .unwrap_or(0)
            .max(1);
        let arrives = Time(arrives.0.div_ceil(beat).saturating_mul(beat));
        self.last_arrival = self.last_arrival.max(arrives);
        Sent {
            free,
            arrives: self.last_arrival,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_its_rate_after_its_burst_and_keeps_the_order() {
        let spec = LinkSpec {
            jitter: Duration::from_millis(9),
            loss_per_million: 5_000,
            ..LinkSpec::new(Duration::from_millis(40), 1_000_000)
        };
        let mut link = Link::new(spec);
        let mut rng = Rng::new(1);
        let now = Time(1_000_000);
        let first = link.send(now, 16_384, &mut rng);
        assert_eq!(first.free, now, "the burst");
        let mut last = first;
        for _ in 0..99 {
            let sent = link.send(now, 16_384, &mut rng);
            assert!(sent.arrives >= last.arrives && sent.free >= last.free);
            last = sent;
        }
        let seconds = last.free.seconds_since(now);
        assert!((1.55..1.65).contains(&seconds), "{seconds}");
    }
}
