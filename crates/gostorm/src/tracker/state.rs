//! How a torrent's tracker stands, for those who look: part of [`TorrentState`](crate::TorrentState).

use std::time::Duration;

/// How a torrent's tracker stands, for those who look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackerState {
    /// Its URL, which may hold a secret of the user.
    pub url: String,
    /// Its tier, from 0.
    pub tier: usize,
    /// It answered last time, and counts us as a peer.
    pub working: bool,
    /// Announces in a row that failed.
    pub failures: u32,
    /// Why the last one failed.
    pub error: Option<String>,
    /// What the tracker wants the user to know.
    pub warning: Option<String>,
    /// Time to the next announce, unless another tracker of its tier works; `None` while one is under way, and for one
    /// that wants never to be asked again.
    pub next_announce: Option<Duration>,
    /// Peers that its last answer named.
    pub peers: usize,
    /// Peers that have all of it, by its account.
    pub seeders: Option<u32>,
    /// Peers that are still downloading.
    pub leechers: Option<u32>,
}
