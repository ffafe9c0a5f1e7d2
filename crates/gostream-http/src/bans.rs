//! Lists of the user's by which a client is refused, wherever it is served otherwise: one names who is, one who is not.
//!
//! Asked by `web.rs` for each request, after the setting `listen`. The binary reads the lists; here it is only known
//! whether an address is in them.

use std::{fmt, net::IpAddr, sync::Arc};

/// Whether a list names an address.
pub type Names = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// The lists; without them nobody is refused.
#[derive(Clone, Default)]
pub struct Bans {
    /// Whoever is in it is refused.
    pub denied: Option<Names>,
    /// Whoever is not in it is refused.
    pub allowed: Option<Names>,
}

impl Bans {
    /// Whether a client at this address is refused.
    pub(crate) fn ban(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        let left_out = self.allowed.as_ref().is_some_and(|list| !list(client));
        left_out || self.denied.as_ref().is_some_and(|list| list(client))
    }
}

impl fmt::Debug for Bans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bans")
            .field("denied", &self.denied.is_some())
            .field("allowed", &self.allowed.is_some())
            .finish()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn only(address: &str) -> Option<Names> {
        let address: IpAddr = address.parse().unwrap();
        Some(Arc::new(move |client| client == address))
    }

    #[test]
    fn who_is_denied_or_not_allowed_is_refused() {
        let banned = |bans: &Bans, client: &str| bans.ban(client.parse().unwrap());
        assert!(!banned(&Bans::default(), "192.168.0.1"));
        let mut bans = Bans {
            denied: only("192.168.0.1"),
            allowed: None,
        };
        assert!(banned(&bans, "::ffff:192.168.0.1") && !banned(&bans, "192.168.0.2"));
        bans.allowed = only("192.168.0.2");
        assert!(banned(&bans, "192.168.0.3") && !banned(&bans, "192.168.0.2"));
        bans.denied = only("192.168.0.2");
        assert!(banned(&bans, "192.168.0.2"), "to deny goes before");
    }
}
