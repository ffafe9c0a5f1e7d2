//! What the engine asks of whoever keeps its memory: the info dicts, good peers and bans.
//!
//! Implemented over the database by the binary. Calls may block for a disk; the engine makes them on
//! threads that may. A failure is logged and costs a round trip, never a read.

use std::net::IpAddr;

use bytes::Bytes;
use gostorm_core::KnownPeer;
use gostorm_wire::{InfoHash, PeerHint};

/// What is remembered of a torrent.
#[derive(Clone, Debug, Default)]
pub struct StoredTorrent {
    /// The info dict, exactly as hashed.
    pub info: Option<Bytes>,
    /// Tracker URLs, in the order of the tiers.
    pub trackers: Vec<String>,
    /// Peers that the magnet names.
    pub hints: Vec<PeerHint>,
    /// Peers that served it well.
    pub known_good: Vec<KnownPeer>,
}

/// The store could not do it: why, in words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreFailure(pub String);

/// The engine's memory.
pub trait TorrentStore: Send + Sync + 'static {
    /// What is known of a torrent; `None` when it was never seen.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn load(&self, info_hash: InfoHash) -> Result<Option<StoredTorrent>, StoreFailure>;

    /// Keeps an info dict whose hash was checked.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn save_info(&self, info_hash: InfoHash, info: &[u8]) -> Result<(), StoreFailure>;

    /// Keeps the peers that served well, instead of those kept before.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn save_known_good(&self, info_hash: InfoHash, peers: &[KnownPeer])
    -> Result<(), StoreFailure>;

    /// The banned addresses.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn banned(&self) -> Result<Vec<IpAddr>, StoreFailure>;

    /// Bans an address for good.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn ban(&self, ip: IpAddr, reason: &str) -> Result<(), StoreFailure>;
}
