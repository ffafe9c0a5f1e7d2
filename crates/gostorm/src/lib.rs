//! The engine's tokio shell: sockets, drivers, piece cache, hashing, trackers.
//!
//! [`Engine`] is the process's BitTorrent client. [`Engine::open`] gives a [`Stream`] on one file of a
//! torrent without waiting for anything; the first one wakes the torrent: a driver task is started that
//! owns the state machine of `gostorm-core` and everything that is only its own (peers, reads that wait,
//! timers). A [`Stream::read`] whose bytes are verified in the cache is answered on the caller's thread;
//! any other travels to the driver, with its reply, and is answered from there. After the last close the
//! torrent sleeps: no task, no socket, only what [`TorrentStore`] keeps.
//!
//! What always holds: no call from outside blocks on the network; every read is answered, by bytes, by
//! an error at its deadline, or by one when its driver ends; payload lies in [`pool::Pool`] buffers,
//! within one byte budget for all torrents.

mod awake;
mod blocklist;
pub mod cache;
mod config;
pub mod dial;
mod discovery;
mod encryption;
mod engine;
mod error;
mod filter;
mod handle;
mod happening;
pub mod hasher;
mod idle;
mod limits;
pub mod listen;
mod memory;
pub mod nat;
pub mod net;
mod offences;
pub mod peer;
mod place;
pub mod pool;
mod read;
pub mod redact;
mod rests;
mod room;
mod scrape;
mod shared;
mod store;
mod stream;
mod torrent;
mod totals;
pub mod tracker;
pub mod transport;
mod tuning;
pub mod utp;
mod web_seed;

pub use blocklist::{BlocklistConfig, BlocklistSource, ListError, read_blocklist};
pub use config::{Config, Timeouts};
pub use discovery::DiscoveryConfig;
pub use encryption::{Encrypt, Encryption};
pub use engine::{Engine, Hold, OpenRequest, Resolution};
pub use error::{EngineError, ResolveError};
pub use filter::FilterState;
pub use gostorm_core::resolve::Progress;
pub use gostorm_core::{
    KnownPeer, PeerStats, Policy, ReaderClass, ReaderPlace, ReaderStats, Source, Stall,
};
pub use gostorm_wire::mse::Methods;
pub use handle::{
    Glimpse, HeldPiece, Holdings, Rates, RemoteState, TorrentState, Via, WebSeedState,
};
pub use happening::Happening;
pub use read::{FileChoice, OnDoubt, ReadError, Served};
pub use store::{FetchedList, StoreFailure, StoredTorrent, TorrentStore};
pub use stream::Stream;
pub use totals::Totals;
pub use tracker::{Retrackers, RetrackersMode, TrackerState};
pub use tuning::Tuning;
pub use web_seed::WebSeedError;
