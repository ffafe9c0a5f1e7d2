//! What goes to a driver.

use std::net::SocketAddr;

use gostorm_core::Source;

/// Finds that may wait for one driver; further ones are lost, and found again at the next look.
pub(crate) const FOUND_MAX: usize = 32;

/// Addresses that were found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) source: Source,
    pub(crate) addrs: Vec<SocketAddr>,
}
