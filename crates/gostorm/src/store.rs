//! What the engine asks of whoever keeps its memory: the info dicts, good peers and bans.
//!
//! Implemented over the database by the binary. Calls may block for a disk; the engine makes them on
//! threads that may. A failure is logged and costs a round trip, never a read.

use std::net::IpAddr;

use bytes::Bytes;
use gostorm_core::KnownPeer;
use gostorm_wire::{InfoHash, InfoHashV2, PeerHint};

/// What is remembered of a torrent.
#[derive(Clone, Debug, Default)]
pub struct StoredTorrent {
    /// The info dict, exactly as hashed.
    pub info: Option<Bytes>,
    /// Tracker URLs in tiers (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Web seed URLs (BEP 19).
    pub web_seeds: Vec<String>,
    /// Peers that the magnet names.
    pub hints: Vec<PeerHint>,
    /// Peers that served it well.
    pub known_good: Vec<KnownPeer>,
    /// Its v2 hash, where it is of v2 and that is known.
    pub info_hash_v2: Option<InfoHashV2>,
    /// The piece layers of its files, as in a .torrent (BEP 52); checked when they are used.
    pub layers: Option<Bytes>,
}

/// The blocklist that was downloaded last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchedList {
    /// From where.
    pub url: String,
    /// When it was last known to be the newest, in seconds since 1970.
    pub checked_unix: u64,
    /// What the server calls that version (`ETag`).
    pub etag: Option<String>,
    /// When the server says that it was made (`Last-Modified`).
    pub last_modified: Option<String>,
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

    /// Keeps the piece layers of a v2 torrent, which were checked, in the form of a .torrent.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn save_layers(&self, info_hash: InfoHash, layers: &[u8]) -> Result<(), StoreFailure>;

    /// Keeps the peers that served well, instead of those kept before.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn save_known_good(&self, info_hash: InfoHash, peers: &[KnownPeer])
    -> Result<(), StoreFailure>;

    /// What the DHT kept in an earlier run.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn load_dht(&self) -> Result<Option<Vec<u8>>, StoreFailure>;

    /// Keeps what the DHT knows, instead of what was kept before.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn save_dht(&self, state: &[u8]) -> Result<(), StoreFailure>;

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

    /// What is known of the blocklist that was downloaded last.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn fetched_list(&self) -> Result<Option<FetchedList>, StoreFailure>;

    /// Keeps that, instead of what was kept before.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn save_fetched_list(&self, list: &FetchedList) -> Result<(), StoreFailure>;
}
