//! The limits of one swarm, and of the search before it; what a reader accepts.

use std::net::IpAddr;

/// Limits of one swarm.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections that are dialled at most; an eighth as many more may dial us.
    pub connections_max: usize,
    /// Trackers in the torrent's flat list.
    pub trackers: usize,
    /// Addresses that are refused from the start.
    pub banned: Vec<IpAddr>,
}

impl Config {
    /// Connections that there may be when one more is made, by us or, `incoming`, by the other side. Leechers
    /// find a place in a torrent that has dialled all it may.
    pub(crate) const fn places(&self, incoming: bool) -> usize {
        if incoming {
            self.connections_max + self.connections_max / 8
        } else {
            self.connections_max
        }
    }
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
