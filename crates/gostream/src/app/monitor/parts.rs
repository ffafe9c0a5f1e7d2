//! The parts that the metrics port looks at, and how far the server is.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use gostorm::Engine;
use gostream_fs::{FsMetrics, Publisher};
use gostream_http::WebFigures;
use gostream_store::Store;
use tokio::sync::Mutex;

use crate::app::playback::{Playbacks, Registry};
use crate::app::source::ReadFigures;
use crate::librarian::Shelf;
use crate::warm::Warm;

/// The parts that are looked at.
pub(in crate::app) struct Parts {
    pub(in crate::app) engine: Engine,
    pub(in crate::app) store: Arc<Store>,
    pub(in crate::app) shelf: Arc<Shelf>,
    pub(in crate::app) warm: Arc<Warm>,
    pub(in crate::app) fs: Arc<FsMetrics>,
    pub(in crate::app) reads: Arc<ReadFigures>,
    pub(in crate::app) open: Arc<Registry>,
    pub(in crate::app) playbacks: Playbacks,
    /// Each port that is open, by its name.
    pub(in crate::app) web: Vec<(&'static str, Arc<WebFigures>)>,
    /// The file that the settings came from; empty when there is none.
    pub(in crate::app) config_source: String,
}

/// The mount, once it is there.
pub(in crate::app) struct MountPart {
    pub(in crate::app) point: PathBuf,
    pub(in crate::app) shown: Publisher,
}

/// The adapter.
pub(in crate::app) struct ServerMonitor {
    pub(super) parts: Parts,
    pub(super) start: Instant,
    pub(super) mount: OnceLock<MountPart>,
    /// Taken by who looks at the mount, at the database, and at its folder: one that hangs holds one thread.
    pub(super) looks: [Arc<Mutex<()>>; 3],
    /// Films can be opened.
    ready: AtomicBool,
}

impl ServerMonitor {
    pub(in crate::app) fn new(parts: Parts) -> Self {
        Self {
            parts,
            start: Instant::now(),
            mount: OnceLock::new(),
            looks: Default::default(),
            ready: AtomicBool::new(false),
        }
    }

    /// Films can be opened from now on.
    pub(in crate::app) fn mounted(&self, mount: MountPart) {
        // A server mounts once.
        let _ = self.mount.set(mount);
        self.ready.store(true, Ordering::Release);
    }

    /// Nobody should open films any more.
    pub(in crate::app) fn stopping(&self) {
        self.ready.store(false, Ordering::Release);
    }

    pub(super) fn can_open_films(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}
