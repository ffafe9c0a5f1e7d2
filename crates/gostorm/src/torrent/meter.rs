//! How many bytes a torrent receives and sends per second, for those who look.
//!
//! Noted with every turn of the driver and before a look: what lies a second or more after the last sample makes a new
//! one. Nothing decides by it.

use std::time::{Duration, Instant};

use crate::handle::Rates;

/// The shortest span that is measured.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Meter {
    since: Instant,
    received: u64,
    sent: u64,
    rates: Rates,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            received: 0,
            sent: 0,
            rates: Rates::default(),
        }
    }

    /// So many bytes were received and sent by now, since the torrent woke.
    pub(super) fn note(&mut self, now: Instant, received: u64, sent: u64) {
        let span = now.saturating_duration_since(self.since);
        if span < SPAN_MIN {
            return;
        }
        self.rates = Rates {
            download: per_second(received - self.received.min(received), span),
            upload: per_second(sent - self.sent.min(sent), span),
        };
        (self.since, self.received, self.sent) = (now, received, sent);
    }

    pub(super) const fn rates(&self) -> Rates {
        self.rates
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the bytes of a session are far below 2^52"
)]
fn per_second(bytes: u64, span: Duration) -> f64 {
    bytes as f64 / span.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_span_and_fall_to_zero_in_silence() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut meter = Meter::new(start);
        meter.note(after(500), 4_000, 10);
        assert_eq!(meter.rates(), Rates::default(), "too short to tell");
        meter.note(after(2_000), 8_000, 1_000);
        let rates = Rates {
            download: 4_000.0,
            upload: 500.0,
        };
        assert_eq!(meter.rates(), rates);
        meter.note(after(2_400), 9_000, 1_000);
        assert_eq!(meter.rates(), rates);
        meter.note(after(12_000), 9_000, 1_000);
        assert_eq!(meter.rates().upload, 0.0);
        assert_eq!(meter.rates().download, 100.0);
        meter.note(after(13_000), 9_000, 1_000);
        assert_eq!(meter.rates(), Rates::default());
    }
}
