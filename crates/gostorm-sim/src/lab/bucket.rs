//! The token bucket of a peer's uplink, shared by its connections.
//!
//! Time is handed in, so that a late timer loses no bandwidth: tokens grow with the clock, not with
//! the number of wake-ups.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes that may leave now.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Bytes per second; `None`: no limit.
    rate: Option<u64>,
    burst: u64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: Option<u64>, burst: u64, now: Instant) -> Self {
        Self {
            rate,
            burst: burst.max(1),
            tokens: as_float(burst.max(1)),
            at: now,
        }
    }

    /// Takes `len` bytes, or says when they can be had. What is larger than the burst goes when the
    /// bucket is full, and leaves a debt.
    pub(super) fn take(&mut self, now: Instant, len: u32) -> Result<(), Instant> {
        let Some(rate) = self.rate else {
            return Ok(());
        };
        let rate = as_float(rate.max(1));
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.tokens = (self.tokens + gained).min(as_float(self.burst));
        self.at = self.at.max(now);
        let needed = f64::from(len).min(as_float(self.burst));
        // Rounding must not make a caller wait for nothing.
        if self.tokens + 0.5 >= needed {
            self.tokens -= f64::from(len);
            return Ok(());
        }
        Err(now + Duration::from_secs_f64((needed - self.tokens) / rate))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "rates and bursts are far below 2^52"
)]
const fn as_float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_burst_bytes_leave_at_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Some(1_000), 500, start);
        assert_eq!(bucket.take(start, 500), Ok(()));
        assert_eq!(
            bucket.take(start, 100),
            Err(start + Duration::from_millis(100))
        );
        assert_eq!(bucket.take(start + Duration::from_millis(100), 100), Ok(()));
    }

    #[test]
    fn an_idle_uplink_saves_no_more_than_its_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Some(1_000), 500, start);
        let later = start + Duration::from_secs(60);
        assert_eq!(bucket.take(later, 500), Ok(()));
        assert!(bucket.take(later, 100).is_err());
    }

    #[test]
    fn a_block_larger_than_the_burst_leaves_a_debt() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Some(1_000), 500, start);
        assert_eq!(bucket.take(start, 1_500), Ok(()));
        assert_eq!(
            bucket.take(start, 500),
            Err(start + Duration::from_millis(1_500))
        );
    }
}
