//! The engine's settings, in typed units. Made by the binary from its configuration.

use std::net::SocketAddr;
use std::time::Duration;

use gostorm_core::Policy;

use crate::blocklist::BlocklistConfig;
use crate::discovery::DiscoveryConfig;
use crate::encryption::Encryption;
use crate::nat::NatConfig;
use crate::net::NetConfig;
use crate::tracker::Retrackers;

/// Settings of one [`Engine`](crate::Engine).
#[derive(Clone, Debug)]
pub struct Config {
    /// What sockets are bound to, and what may not be reached by them.
    pub net: NetConfig,
    /// Where peers can reach us; empty: nowhere. An unspecified address is that of the interface that is bound to; a
    /// family that the system or the interface does not have is left out.
    pub listen: Vec<SocketAddr>,
    /// How peers are found beside trackers.
    pub discovery: DiscoveryConfig,
    /// How a port at the router or VPN gateway is had; `None`: none is asked for.
    pub nat: Option<NatConfig>,
    /// Bytes of pieces that all torrents may hold together.
    pub budget_bytes: u64,
    /// Connections of one torrent that are dialled at most; an eighth as many more may dial us.
    pub connections_per_torrent: usize,
    /// Connections of all torrents together, those that dial us included. Playback goes first; a torrent that is read
    /// keeps one at least.
    pub connections_max: usize,
    /// Dials of all torrents that may be under way.
    pub half_open_max: usize,
    /// How long others may take.
    pub timeouts: Timeouts,
    /// Torrents that may be on the way from asleep to their first peer at a time.
    pub wakes_max: usize,
    /// A read that was not served by then fails. Below any kernel time-out for FUSE requests.
    pub read_deadline: Duration,
    /// Bytes per second that all torrents together may receive; `None`: no limit.
    pub download_limit: Option<u64>,
    /// Bytes per second that all torrents together may send; `None`: no limit, 0: nothing is uploaded.
    pub upload_limit: Option<u64>,
    /// Bytes per second that one torrent may receive; `None`: no limit of its own.
    pub download_limit_per_torrent: Option<u64>,
    /// Bytes per second that one torrent may send; `None`: no limit of its own.
    pub upload_limit_per_torrent: Option<u64>,
    /// From the last close to sleep; a torrent that was only probed sleeps after 5 s at the latest.
    pub sleep_after: Duration,
    /// Threads that hash pieces.
    pub hash_threads: usize,
    /// What streams get that said whom to tell of doubts ([`Engine::open_doubtful`](crate::Engine::open_doubtful));
    /// all others get verified bytes only.
    pub policy: Policy,
    /// Whether connections of peers are encrypted.
    pub encryption: Encryption,
    /// Whether peers are reached over uTP as well, from and at the ports of `listen`.
    pub utp: bool,
    /// Whom not to connect to; `None`: there is no list.
    pub blocklist: Option<BlocklistConfig>,
    /// What the user wants done about trackers.
    pub retrackers: Retrackers,
}

/// How long other peers may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From a dial to the connection.
    pub connect: Duration,
    /// From there to the end of the handshake, in both directions.
    pub handshake: Duration,
    /// A connected peer that completes no message for so long is let go. Above 120 s, for so long peers may be silent.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(150),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            net: NetConfig::default(),
            listen: Vec::new(),
            discovery: DiscoveryConfig::default(),
            nat: None,
            budget_bytes: 256 << 20,
            connections_per_torrent: 25,
            connections_max: 500,
            half_open_max: 500,
            timeouts: Timeouts::default(),
            wakes_max: 25,
            read_deadline: Duration::from_secs(25),
            download_limit: None,
            // More would hurt what is played over a line whose way up is narrow.
            upload_limit: Some(1 << 20),
            download_limit_per_torrent: None,
            upload_limit_per_torrent: None,
            sleep_after: Duration::from_secs(60),
            hash_threads: 2,
            policy: Policy::Verified,
            encryption: Encryption::default(),
            utp: false,
            blocklist: None,
            retrackers: Retrackers::default(),
        }
    }
}
