//! The limits of one swarm, and of the search before it.

use std::net::IpAddr;

/// Limits of one swarm.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections at most.
    pub connections_max: usize,
    /// Trackers in the torrent's flat list.
    pub trackers: usize,
    /// Addresses that are refused from the start.
    pub banned: Vec<IpAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connections_max: 25,
            trackers: 0,
            banned: Vec::new(),
        }
    }
}
