//! A port that was granted, and when it is renewed.

use std::time::Duration;

use crate::time::Time;

/// Leases up to this are renewed at 3/4 of their time, longer ones at 1/2 (RFC 6886 section 3.3 asks for 1/2; a VPN
/// gateway's minute is too short for that to be friendly).
const SHORT_LEASE: Duration = Duration::from_secs(120);
/// However short the lease is.
const RENEW_MIN: Duration = Duration::from_secs(1);
/// A longer lease is not relied on (RFC 6887 section 15: at most a day).
const LEASE_MAX: Duration = Duration::from_secs(86_400);

/// A port that was granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) port: u16,
    from: Time,
    pub(super) lifetime: Duration,
}

impl Lease {
    /// As the gateway said, in seconds.
    pub(super) fn new(port: u16, from: Time, lifetime: u32) -> Self {
        Self {
            port,
            from,
            lifetime: Duration::from_secs(lifetime.into()).min(LEASE_MAX),
        }
    }

    pub(super) fn ends(self) -> Time {
        self.from + self.lifetime
    }

    /// At `wanted` after the grant, unless the lease asks for it sooner.
    pub(super) fn renew_at(self, wanted: Option<Duration>) -> Time {
        let latest = if self.lifetime <= SHORT_LEASE {
            self.lifetime * 3 / 4
        } else {
            self.lifetime / 2
        };
        let after = wanted.map_or(latest, |wanted| wanted.min(latest));
        self.from + after.max(RENEW_MIN)
    }
}
