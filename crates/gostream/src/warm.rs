//! The warm cache of this process: started by a server, its files deleted by whoever removes a title.
//!
//! `gostream_store::warm` does the work. Where it is off nothing is written, and what an earlier run left is deleted.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gostream_library::TorrentHash;
use gostream_store::WarmCache;
use gostream_store::warm::{self, TitleKey, WarmConfig};

use crate::config::WarmSettings;

/// The end of each film that is kept: the index of an MP4, at most 6 MB for two hours, and that of a Matroska file.
const TAIL_LEN: u64 = 16 << 20;
/// How long a read waits for the disk before the swarm is asked.
const PATIENCE_MAX: Duration = Duration::from_secs(2);

/// The cache, when it runs, and its folder.
pub(crate) struct Warm {
    folder: PathBuf,
    settings: WarmSettings,
    cache: OnceLock<Arc<WarmCache>>,
}

impl Warm {
    /// Not running.
    pub(crate) const fn new(folder: PathBuf, settings: WarmSettings) -> Self {
        Self {
            folder,
            settings,
            cache: OnceLock::new(),
        }
    }

    /// Starts it, or deletes what is left where it is off. `read_deadline` bounds what a read waits for the disk: the
    /// swarm gets its own time after that, and both together must stay below the kernel's time-out.
    pub(crate) fn start(&self, read_deadline: Duration) {
        if !self.settings.enabled {
            if let Err(error) = warm::clear(&self.folder) {
                tracing::warn!(folder = %self.folder.display(), %error, "the warm cache is off, but its files cannot be deleted");
            }
            return;
        }
        let config = WarmConfig {
            folder: Arc::from(self.folder.as_path()),
            quota: self.settings.quota.as_bytes(),
            head_len: self.settings.head.as_bytes(),
            tail_len: TAIL_LEN,
            patience: PATIENCE_MAX.min(read_deadline / 4),
        };
        match WarmCache::start(config) {
            // A server starts once.
            Ok(cache) => drop(self.cache.set(Arc::new(cache))),
            Err(error) => tracing::warn!(%error, "there is no warm cache"),
        }
    }

    /// The cache, when it runs.
    pub(crate) fn cache(&self) -> Option<&Arc<WarmCache>> {
        self.cache.get()
    }

    /// Deletes what there is of a title: its stub is gone. Running or not.
    pub(crate) fn forget(&self, hash: TorrentHash, index: u32) {
        let key = TitleKey { hash, index };
        if let Some(cache) = self.cache.get() {
            return cache.forget(key);
        }
        if let Err(error) = warm::remove(&self.folder, key) {
            tracing::warn!(folder = %self.folder.display(), %error, "the warm cache of a removed title cannot be deleted");
        }
    }

    /// Ends it; waits a moment for what is to be written.
    pub(crate) fn stop(&self) {
        if let Some(cache) = self.cache.get() {
            cache.stop();
        }
    }
}
