//! What survives a restart: the SQLite store, the stub tree, and the lock that keeps both to one process.
//!
//! The API is synchronous and callable from any thread; asynchronous callers use `spawn_blocking` where a
//! write is awaited. [`db::Store`] opens the database; the typed repositories hang off it:
//! `store.torrents()`, `store.known_peers()`, `store.bans()`, `store.inodes()`,
//! `store.network()`, `store.fetched_list()`, `store.refusals()`,
//! `store.listed()`, `store.viewed()`, `store.positions()`. [`stubs::StubTree`] reads and writes the folder of stubs. Files are only ever replaced whole ([`atomic`]), save the logs of the [`warm`] cache.
//! [`backup`] copies all of it, [`restore`] takes such a copy in.
//!
//! Nothing here deletes or rewrites what it cannot read: such a thing is an error that names the path.

pub mod atomic;
pub mod backup;
pub mod bans;
pub mod db;
pub mod edit;
pub mod error;
pub mod fetched_list;
mod first;
pub mod found;
pub mod inodes;
pub mod known_peers;
pub mod library_root;
pub mod listed;
pub mod lock;
mod migrations;
pub mod network;
pub mod piece_layers;
pub mod positions;
pub mod refusals;
pub mod restore;
pub mod scan;
pub mod stubs;
pub mod take_over;
pub mod torrents;
pub mod viewed;
pub mod warm;

pub use backup::{BackupError, Contents, Saved};
pub use bans::{Ban, Bans};
pub use db::Store;
pub use error::{StoreError, TreeError};
pub use fetched_list::{FetchedList, FetchedLists};
pub use found::{Earlier, Found, FoundKind, Known, KnownKind, Look, Told};
pub use inodes::{Holder, InodeKey, Inodes, Moved, What};
pub use known_peers::{KnownPeer, KnownPeers};
pub use library_root::{LibraryRoot, LibraryRoots};
pub use listed::{ListedTorrent, ListedTorrents};
pub use lock::{LockError, StateLock};
pub use network::Network;
pub use piece_layers::PieceLayers;
pub use positions::{PlaybackPosition, Positions};
pub use refusals::{Refusal, Refusals};
pub use restore::{Placed, Staged, WAITING, put_in_place};
pub use scan::{MARKER, Scanned};
pub use stubs::{StubTree, Written};
pub use take_over::{Brought, Taken};
pub use torrents::{TorrentRecord, TorrentSummary, Torrents};
pub use viewed::{Viewed, ViewedMark};
pub use warm::WarmCache;
