//! What the parts of the adapter share, and nothing that they do.

use std::sync::Arc;

use gostorm::Engine;
use gostream_fs::Publisher;
use gostream_http::TorrentError;
use gostream_library::TorrentHash;
use gostream_store::Store;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio_util::sync::CancellationToken;

use super::contents::Shelf;
use super::preloads::Preloads;
use super::searches::Search;
use super::streams::Streams;
use super::table::Table;
use crate::app::source::EngineSource;
use crate::warm::Warm;

/// What the binary sets.
#[derive(Clone, Copy, Debug)]
pub(in crate::app) struct TorrentSettings {
    /// Links may lead to this machine and its network.
    pub(in crate::app) local_links: bool,
    /// Bytes that a preload fetches at most.
    pub(in crate::app) preload_len: u64,
}

/// What it is made of.
pub(in crate::app) struct Backing {
    pub(in crate::app) engine: Engine,
    pub(in crate::app) store: Arc<Store>,
    pub(in crate::app) warm: Arc<Warm>,
    pub(in crate::app) source: Arc<EngineSource>,
    pub(in crate::app) shown: Publisher,
    /// Cancelled by a client that may end the server.
    pub(in crate::app) stop: CancellationToken,
}

/// The adapter; clones share it.
#[derive(Clone)]
pub(in crate::app) struct Torrents {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) parts: Backing,
    pub(super) settings: TorrentSettings,
    pub(super) table: Mutex<Table>,
    pub(super) contents: Mutex<Shelf>,
    pub(super) streams: Streams,
    pub(super) preloads: Preloads,
    pub(super) searches: Mutex<FxHashMap<TorrentHash, Search>>,
}

impl Torrents {
    pub(in crate::app) fn new(parts: Backing, settings: TorrentSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                parts,
                settings,
                table: Mutex::default(),
                contents: Mutex::default(),
                streams: Streams::default(),
                preloads: Preloads::default(),
                searches: Mutex::default(),
            }),
        }
    }

    /// Runs work that asks the disk on a thread that may wait.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, TorrentError> + Send + 'static,
    ) -> Result<T, TorrentError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || work(&shared))
            .await
            .unwrap_or_else(|panic| Err(failed(&panic)))
    }
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> TorrentError {
    TorrentError::Failed(error.to_string())
}
