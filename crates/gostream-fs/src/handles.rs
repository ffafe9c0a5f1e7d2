//! The open files: from OPEN to RELEASE. Written by `ops/open.rs`, read by `ops/read.rs` and `ops/attr.rs`.
//!
//! A handle keeps what it was opened with (source, size, attributes), so it goes on working when its file has
//! left the tree. Readers of one file are independent of each other: each has its own handle.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fuser::FileAttr;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use crate::drafts::Draft;
use crate::errno::Refusal;
use crate::metrics::FsMetrics;
use crate::source::MediaFile;

/// Open handles at a time, as many as the descriptors that the service may have (`LimitNOFILE=65536`).
const MAX_HANDLES: usize = 65_536;

/// What stands behind a handle.
pub(crate) enum Opened {
    /// A film of `size` bytes.
    Media {
        file: Box<dyn MediaFile>,
        size: u64,
    },
    SideCar(File),
    /// A side-car that is being written, by this handle or another.
    Draft {
        draft: Arc<Draft>,
        writes: bool,
    },
    /// A film that was removed since; every read of it fails.
    Removed,
}

pub(crate) struct Handle {
    /// The attributes at the time of the open; served by fstat once the file has left the tree.
    pub(crate) attr: FileAttr,
    pub(crate) opened: Opened,
}

pub(crate) struct Handles {
    table: RwLock<FxHashMap<u64, Arc<Handle>>>,
    next: AtomicU64,
    metrics: Arc<FsMetrics>,
}

impl Handles {
    pub(crate) fn new(metrics: Arc<FsMetrics>) -> Self {
        Self {
            table: RwLock::default(),
            next: AtomicU64::new(1),
            metrics,
        }
    }

    /// Whether another handle may be opened. Asked before the source is.
    pub(crate) fn check_room(&self) -> Result<(), Refusal> {
        if self.table.read().len() < MAX_HANDLES {
            Ok(())
        } else {
            Err(Refusal::TooManyOpen)
        }
    }

    pub(crate) fn insert(&self, handle: Handle) -> u64 {
        let number = self.next.fetch_add(1, Relaxed);
        self.table.write().insert(number, Arc::new(handle));
        FsMetrics::add(&self.metrics.opens, 1);
        FsMetrics::add(&self.metrics.open_handles, 1);
        number
    }

    pub(crate) fn get(&self, number: u64) -> Result<Arc<Handle>, Refusal> {
        let handle = self.table.read().get(&number).map(Arc::clone);
        handle.ok_or(Refusal::BadHandle)
    }

    /// Forgets a handle. The file closes when the last read on it is through.
    pub(crate) fn remove(&self, number: u64) {
        let handle = self.table.write().remove(&number);
        if handle.is_some() {
            FsMetrics::take(&self.metrics.open_handles, 1);
        }
    }

    /// Closes the film behind every handle of `ino`; the handles stay, and fail. How many there are. Looks at
    /// every handle: only for what is removed.
    pub(crate) fn close_film(&self, ino: u64) -> usize {
        let mut table = self.table.write();
        let of_film = table.values_mut().filter(|handle| handle.attr.ino.0 == ino);
        let mut count = 0;
        let mut closed = Vec::new();
        for handle in of_film {
            count += 1;
            let removed = Handle {
                attr: handle.attr,
                opened: Opened::Removed,
            };
            closed.push(std::mem::replace(handle, Arc::new(removed)));
        }
        drop(table);
        // Their films are closed here, not under the lock.
        drop(closed);
        count
    }

    /// The attributes of a file that is not in the tree any more, if it is still open. Looks at every handle:
    /// only for what the tree does not know.
    pub(crate) fn orphan(&self, ino: u64) -> Option<FileAttr> {
        let table = self.table.read();
        let handle = table.values().find(|handle| handle.attr.ino.0 == ino)?;
        let size = match &handle.opened {
            Opened::Draft { draft, .. } => draft.seen().0,
            Opened::Media { .. } | Opened::SideCar(_) | Opened::Removed => handle.attr.size,
        };
        Some(FileAttr {
            nlink: 0,
            size,
            ..handle.attr
        })
    }
}

impl Drop for Handles {
    /// A session that ends takes along what is open: an unmount does not wait for every RELEASE.
    fn drop(&mut self) {
        let open = self.table.get_mut().len();
        FsMetrics::take(&self.metrics.open_handles, open as u64);
    }
}
