//! What goes to a driver.

use std::net::SocketAddr;

use gostorm_core::Source;

/// Finds that may wait for one driver; further ones are lost, and found again at the next look.
pub(crate) const FOUND_MAX: usize = 32;

/// What came of looking around.
#[derive(Debug)]
pub(crate) enum Found {
    /// Addresses.
    Peers {
        source: Source,
        addrs: Vec<SocketAddr>,
    },
    /// The walk through the DHT is over, or there is none to walk through. Peers of the local network come when they come.
    Nothing,
}
