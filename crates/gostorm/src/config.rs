//! The engine's settings, in typed units. Made by the binary from its configuration.

use std::net::SocketAddr;
use std::time::Duration;

use gostorm_core::Policy;

/// Settings of one [`Engine`](crate::Engine).
#[derive(Clone, Debug)]
pub struct Config {
    /// Where peers can reach us; empty: nowhere.
    pub listen: Vec<SocketAddr>,
    /// Bytes of pieces that all torrents may hold together.
    pub budget_bytes: u64,
    /// Connections of one torrent that are dialled at most; an eighth as many more may dial us.
    pub connections_per_torrent: usize,
    /// Torrents that may be on the way from asleep to their first peer at a time.
    pub wakes_max: usize,
    /// A read that was not served by then fails. Below any kernel time-out for FUSE requests.
    pub read_deadline: Duration,
    /// Bytes per second that all torrents together may receive; `None`: no limit.
    pub download_limit: Option<u64>,
    /// Bytes per second that all torrents together may send; `None`: no limit, 0: nothing is uploaded.
    pub upload_limit: Option<u64>,
    /// From the last close to sleep; a torrent that was only probed sleeps after 5 s at the latest.
    pub sleep_after: Duration,
    /// Threads that hash pieces.
    pub hash_threads: usize,
    /// What streams get that said whom to tell of doubts ([`Engine::open_doubtful`](crate::Engine::open_doubtful));
    /// all others get verified bytes only.
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            budget_bytes: 256 << 20,
            connections_per_torrent: 25,
            wakes_max: 25,
            read_deadline: Duration::from_secs(25),
            download_limit: None,
            // More would hurt what is played over a line whose way up is narrow.
            upload_limit: Some(1 << 20),
            sleep_after: Duration::from_secs(60),
            hash_threads: 2,
            policy: Policy::Verified,
        }
    }
}
