//! The warm cache: what was read of films lies on the disk, so that a probe of the same film, or its start, asks
//! nobody.
//!
//! A title has two logs in one folder: what scanners read of it, and head and tail of what was played. Both hold
//! verified bytes that somebody was answered with; nothing is fetched for their sake. The binary asks [`WarmCache::read`]
//! before it asks the swarm and hands what the swarm answered to [`WarmCache::offer`]; unlinking calls
//! [`WarmCache::forget`].
//!
//! What always holds: a read gets the very bytes that were offered for its range, checked against their checksum, or
//! nothing; whatever happened to the files. No read waits for a write, and no caller for the disk. Memory: 24 bytes for
//! each record of the titles in use, about 80 bytes for each title on the disk, and the queue (32 MiB at most, empty
//! unless the disk is slower than the swarm).

mod catalogue;
mod extents;
mod key;
mod log;
mod queue;
mod readers;
mod record;
mod shared;
mod space;
mod title;
mod writer;

use std::cell::RefCell;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

pub use self::key::{Shelf, TitleKey};
use self::log::{Haste, Outcome};
pub use self::readers::Callback;
use self::readers::Readers;
use self::shared::Shared;
pub use self::shared::WarmConfig;
pub use self::title::Title;
use self::title::{Buffer, Coverage};
use self::writer::Writer;

thread_local! {
    /// Where reads that need not wait put their bytes. Taken out during use.
    static BUFFER: RefCell<Buffer> = RefCell::default();
}

/// What a folder holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Titles.
    pub titles: usize,
    /// Bytes.
    pub bytes: u64,
}

/// The cache.
pub struct WarmCache {
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl WarmCache {
    /// Starts the threads. The folder is read in the background.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(config: WarmConfig) -> io::Result<Self> {
        let readers = Arc::new(Readers::new(config.patience));
        readers.start()?;
        let shared = Arc::new(Shared::new(config));
        let writer = Writer::new(Arc::clone(&shared));
        let thread = thread::Builder::new().name("warm-write".to_owned());
        let writer = thread.spawn(move || writer.run())?;
        Ok(Self {
            shared,
            readers,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// The title that a stub of `size` bytes stands for. Asks no disk.
    #[must_use]
    pub fn title(&self, key: TitleKey, size: u64) -> Arc<Title> {
        self.shared.title(key, size)
    }

    /// Gives `callback` the bytes of `range`, which is not empty: now, or later from another thread; `None` when they are not all
    /// here, or the disk takes too long. Never waits.
    pub fn read(&self, title: &Arc<Title>, range: Range<u64>, callback: Callback) {
        let missing = match title.coverage(&range) {
            Coverage::Missing => Some(callback),
            Coverage::Held => read_now(title, &range, callback),
            Coverage::Unknown => Some(callback),
        };
        let Some(callback) = missing else {
            return;
        };
        // A damaged record that was just found is missing now.
        if title.coverage(&range) == Coverage::Missing {
            return callback(None);
        }
        if let Err(callback) = self.readers.submit(title, Some(range), callback) {
            callback(None);
        }
    }

    /// Tells `callback` which ranges of a title are here, in order: now, or from another thread when the disk has to be
    /// asked; none when that takes too long. Never waits.
    pub fn held(
        &self,
        title: &Arc<Title>,
        callback: impl FnOnce(Vec<Range<u64>>) + Send + 'static,
    ) {
        if let Some(held) = title.held() {
            return callback(held);
        }
        let loaded = Arc::clone(title);
        let tell: Callback = Box::new(move |_| callback(loaded.held().unwrap_or_default()));
        if let Err(tell) = self.readers.submit(title, None, tell) {
            tell(None);
        }
    }

    /// Keeps verified bytes of a title, if there is room in the queue and on the disk. Never waits.
    pub fn offer(&self, title: &Arc<Title>, shelf: Shelf, offset: u64, bytes: &[u8]) {
        let range = offset..offset.saturating_add(bytes.len() as u64);
        if range.is_empty() || title.coverage(&range) == Coverage::Held {
            return;
        }
        let queue = &self.shared.queue;
        let taken = queue.has_room(shelf, bytes.len())
            && queue.push(queue::Job::Store {
                title: Arc::clone(title),
                shelf,
                offset,
                bytes: bytes.into(),
            });
        if !taken {
            self.shared.dropped(bytes.len());
        }
    }

    /// Which parts of `range` are head or tail of a title of `size` bytes; together in order, never overlapping.
    #[must_use]
    pub fn head_and_tail(&self, size: u64, range: &Range<u64>) -> [Range<u64>; 2] {
        let config = &self.shared.config;
        let head = config.head_len.min(size);
        let tail = size.saturating_sub(config.tail_len).max(head);
        let head = range.start.min(head)..range.end.min(head);
        let tail = range.start.max(tail)..range.end.max(tail);
        [head, tail]
    }

    /// A title is being played: that is what counts as use when room is short.
    pub fn played(&self, title: &Arc<Title>) {
        let worth = self
            .shared
            .catalogue
            .lock()
            .played(title.key(), writer::now());
        if worth {
            // When there is no room it is noted the next time.
            let _ = self.shared.queue.push(queue::Job::Touch(Arc::clone(title)));
        }
    }

    /// Deletes what there is of a title: its stub is gone.
    pub fn forget(&self, key: TitleKey) {
        self.shared.forget(key);
    }

    /// What it holds; less than that while the folder is still being read after the start.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let catalogue = self.shared.catalogue.lock();
        Usage {
            titles: catalogue.titles(),
            bytes: catalogue.total(),
        }
    }

    /// Bytes written since the start, and bytes that were left out because queue or disk were full.
    #[must_use]
    pub fn counters(&self) -> (u64, u64) {
        self.shared.counters()
    }

    /// True when nothing waits to be written.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.shared.queue.len() == 0
    }

    /// Ends the threads; what is queued is written if that does not take long.
    pub fn stop(&self) {
        self.readers.end();
        self.shared.queue.end();
        let writer = self.writer.lock().take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the warm cache panicked");
        }
    }
}

impl Drop for WarmCache {
    fn drop(&mut self) {
        self.readers.end();
        self.shared.queue.end();
    }
}

/// Answers from memory; the callback comes back when the disk has to be asked, or a record is damaged.
fn read_now(title: &Arc<Title>, range: &Range<u64>, callback: Callback) -> Option<Callback> {
    let mut buffer = BUFFER.take();
    let outcome = title.read(range, Haste::Now, &mut buffer);
    let left = if outcome == Outcome::Read {
        callback(Some(buffer.bytes()));
        None
    } else {
        Some(callback)
    };
    BUFFER.set(buffer);
    left
}

/// Deletes what there is of a title in a folder that no cache uses now.
///
/// # Errors
/// When a file is there and cannot be deleted.
pub fn remove(folder: &Path, key: TitleKey) -> io::Result<()> {
    title::remove_files(folder, key)
}

/// Deletes all titles of a folder that no cache uses now, and the folder if nothing else is in it.
///
/// # Errors
/// When the folder cannot be read, or a file not deleted.
pub fn clear(folder: &Path) -> io::Result<()> {
    for (path, _) in files(folder)? {
        fs::remove_file(path)?;
    }
    // What else is in there is not ours.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// What lies in a folder, whether a cache uses it or not.
///
/// # Errors
/// When the folder cannot be read; one that is not there is empty.
pub fn usage(folder: &Path) -> io::Result<Usage> {
    let mut titles = std::collections::BTreeSet::new();
    let mut bytes = 0;
    for (path, key) in files(folder)? {
        titles.insert(key);
        bytes += path.metadata().map_or(0, |metadata| metadata.len());
    }
    Ok(Usage {
        titles: titles.len(),
        bytes,
    })
}

/// Our files in a folder.
fn files(folder: &Path) -> io::Result<Vec<(std::path::PathBuf, TitleKey)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some((key, _)) = entry.file_name().to_str().and_then(key::parse) {
            found.push((entry.path(), key));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
