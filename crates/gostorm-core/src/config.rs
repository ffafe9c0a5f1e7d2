//! The limits of one swarm, and of the search before it; what a reader accepts.

use std::net::IpAddr;

/// Limits of one swarm.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections that are dialled at most; an eighth as many more may dial us.
    pub connections_max: usize,
    /// How many trackers each tier has (BEP 12), at most 64 in all; they are named by their place, tier after tier.
    pub tiers: Vec<usize>,
    /// How many of them, from the first, are the torrent's own: a private one is announced to no others.
    pub own_trackers: usize,
    /// The torrent is private (BEP 27): its peers come from its trackers only, and of those one is asked at a time. While
    /// that is not known, it is not.
    pub private: bool,
    /// Addresses that are refused from the start.
    pub banned: Vec<IpAddr>,
}

impl Config {
    /// Connections that others may have made: the rest is for those that are dialled.
    pub(crate) const fn incoming_places(&self) -> usize {
        let part = self.connections_max / 2 + self.connections_max / 8;
        if part == 0 { 1 } else { part }
    }

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
            tiers: Vec::new(),
            own_trackers: 0,
            private: false,
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
