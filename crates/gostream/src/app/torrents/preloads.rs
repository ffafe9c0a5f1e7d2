//! How far the preloads are, for those who look.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gostream_library::TorrentHash;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// How far the preloads are; one for each torrent is shown.
#[derive(Default)]
pub(super) struct Preloads {
    running: Arc<Mutex<FxHashMap<TorrentHash, Arc<Preload>>>>,
}

struct Preload {
    done: AtomicU64,
    wanted: u64,
}

impl Preloads {
    /// Bytes that are there, and that are wanted.
    pub(super) fn progress(&self, hash: TorrentHash) -> Option<(u64, u64)> {
        let running = self.running.lock();
        let preload = running.get(&hash)?;
        Some((preload.done.load(Ordering::Relaxed), preload.wanted))
    }

    pub(super) fn begin(&self, hash: TorrentHash, wanted: u64) -> Shown {
        let preload = Arc::new(Preload {
            done: AtomicU64::new(0),
            wanted,
        });
        self.running.lock().insert(hash, Arc::clone(&preload));
        Shown {
            running: Arc::clone(&self.running),
            hash,
            preload,
        }
    }
}

/// A preload that is shown until it ends.
pub(super) struct Shown {
    running: Arc<Mutex<FxHashMap<TorrentHash, Arc<Preload>>>>,
    hash: TorrentHash,
    preload: Arc<Preload>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        let mut running = self.running.lock();
        let shown = running.get(&self.hash);
        if shown.is_some_and(|shown| Arc::ptr_eq(shown, &self.preload)) {
            running.remove(&self.hash);
        }
    }
}

impl Shown {
    /// So many bytes are there.
    pub(super) fn is_at(&self, bytes: u64) {
        self.preload.done.store(bytes, Ordering::Relaxed);
    }
}
