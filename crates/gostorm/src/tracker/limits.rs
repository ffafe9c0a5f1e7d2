//! Bounds on what asking a tracker may cost.

use std::time::Duration;

/// How long an announce or a scrape may take in all.
pub const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest answer of an HTTP tracker that is read.
pub(super) const BODY_LEN_MAX: usize = 1 << 20;

/// How many redirects are followed.
pub(super) const REDIRECTS_MAX: usize = 5;
