//! What the parts of the warm cache share: the titles that are in use, the catalogue, the queue, the counters.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::catalogue::Catalogue;
use super::key::{Shelf, TitleKey, path_of};
use super::queue::Queue;
use super::title::{Title, remove_files};

/// Titles whose index is kept though nobody has them open.
const RECENT_MAX: usize = 64;
/// Entries of the table of titles at which the dead ones are swept.
const SWEEP_FROM: usize = 256;

/// Where and how much.
#[derive(Clone, Debug)]
pub struct WarmConfig {
    /// The folder, which is made when it is not there.
    pub folder: Arc<Path>,
    /// The most bytes that it may hold; never more than a fifth of the free disk.
    pub quota: u64,
    /// Bytes of a played film's beginning that are kept.
    pub head_len: u64,
    /// Bytes of its end that are kept.
    pub tail_len: u64,
    /// How long a read waits for the disk before the swarm is asked instead.
    pub patience: Duration,
}

/// Titles in use.
#[derive(Default)]
struct Titles {
    /// No more than the open handles, those of `recent`, and as many again that are dead.
    known: FxHashMap<TitleKey, Weak<Title>>,
    recent: VecDeque<Arc<Title>>,
    sweep_at: usize,
}

/// The shared parts. The locks are leaves.
pub(super) struct Shared {
    pub(super) config: WarmConfig,
    pub(super) catalogue: Mutex<Catalogue>,
    pub(super) queue: Queue,
    titles: Mutex<Titles>,
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: WarmConfig) -> Self {
        Self {
            config,
            catalogue: Mutex::default(),
            queue: Queue::default(),
            titles: Mutex::default(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// The title of this key. One that was known with another size was of another film: it is forgotten.
    pub(super) fn title(&self, key: TitleKey, size: u64) -> Arc<Title> {
        let absent = self.catalogue.lock().has(key) == Some(false);
        let (title, old) = self
            .titles
            .lock()
            .get(&self.config.folder, key, size, absent);
        if let Some(old) = old {
            self.removed(key, old.forget());
        }
        title
    }

    /// Deletes what there is of a title, in use or not.
    pub(super) fn forget(&self, key: TitleKey) {
        let title = self.titles.lock().take(key);
        let removed = match title {
            Some(title) => title.forget(),
            None => remove_files(&self.config.folder, key),
        };
        self.removed(key, removed);
    }

    fn removed(&self, key: TitleKey, removed: io::Result<()>) {
        self.catalogue.lock().forgot(key);
        if let Err(error) = removed {
            tracing::warn!(title = %key.hash, index = key.index, %error, "files of the warm cache cannot be deleted");
        }
    }

    /// Deletes one log of a title.
    pub(super) fn evict(&self, key: TitleKey, shelf: Shelf) -> io::Result<()> {
        let title = self.titles.lock().find(key);
        let evicted = match title {
            Some(title) => title.evict(shelf),
            None => match std::fs::remove_file(path_of(&self.config.folder, key, shelf)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
        };
        // Also when it failed, or the same one would be tried for ever.
        self.catalogue.lock().evicted(key, shelf);
        evicted
    }

    pub(super) fn wrote(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, bytes: usize) {
        self.dropped.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes written and bytes left out since the start.
    pub(super) fn counters(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.written), load(&self.dropped))
    }
}

impl Titles {
    fn find(&self, key: TitleKey) -> Option<Arc<Title>> {
        self.known.get(&key).and_then(Weak::upgrade)
    }

    fn take(&mut self, key: TitleKey) -> Option<Arc<Title>> {
        self.recent.retain(|title| title.key() != key);
        self.known.remove(&key).and_then(|title| title.upgrade())
    }

    /// The title, and one that it takes the place of.
    fn get(
        &mut self,
        folder: &Arc<Path>,
        key: TitleKey,
        size: u64,
        absent: bool,
    ) -> (Arc<Title>, Option<Arc<Title>>) {
        let known = self.find(key);
        let (title, old) = match known {
            Some(title) if title.size() == size => (title, None),
            old => {
                let title = Title::new(Arc::clone(folder), key, size, absent);
                (Arc::new(title), old)
            }
        };
        self.recent.retain(|recent| recent.key() != key);
        self.recent.push_back(Arc::clone(&title));
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
        self.known.insert(key, Arc::downgrade(&title));
        if self.known.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.known.retain(|_, title| title.strong_count() > 0);
            self.sweep_at = self.known.len() * 2;
        }
        (title, old)
    }
}
