//! What survives a restart: the SQLite store, the stub tree, and the lock that keeps both to one process.
//!
//! The API is synchronous and callable from any thread; asynchronous callers use `spawn_blocking` where a
//! write is awaited. [`db::Store`] opens the database; the typed repositories hang off it:
//! `store.torrents()`, `store.known_peers()`, `store.bans()`, `store.inodes()`. [`stubs::StubTree`] reads and
//! writes the folder of stubs. Files are only ever replaced whole ([`atomic`]).
//!
//! Nothing here deletes or rewrites what it cannot read: such a thing is an error that names the path.

pub mod atomic;
pub mod bans;
pub mod db;
pub mod edit;
pub mod error;
pub mod inodes;
pub mod known_peers;
pub mod lock;
mod migrations;
pub mod scan;
pub mod stubs;
pub mod torrents;

pub use bans::{Ban, Bans};
pub use db::Store;
pub use error::{StoreError, TreeError};
pub use inodes::{InodeKey, Inodes};
pub use known_peers::{KnownPeer, KnownPeers};
pub use lock::{LockError, StateLock};
pub use scan::{Found, FoundKind};
pub use stubs::{StubTree, Written};
pub use torrents::{TorrentRecord, TorrentSummary, Torrents};
