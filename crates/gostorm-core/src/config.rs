//! The limits of one swarm, and of the search before it; what a reader accepts.

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

/// Which bytes a reader is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Policy {
    /// Only those of pieces whose hash was right.
    #[default]
    Verified,
    /// Also blocks of pieces that are not complete, to save a read's deadline, while all who sent a part of the piece
    /// are trusted. What turns out wrong, or is not found right in time, comes back as
    /// [`Output::Invalidate`](crate::Output::Invalidate).
    Responsive,
}
