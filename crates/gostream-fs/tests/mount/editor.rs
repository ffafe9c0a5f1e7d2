//! A library without a disk: what the mount asked to be changed is written down, and done at once.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use gostream_fs::{EditError, LibraryEditor, Made, Seen, Tree, WrittenSideCar};
use gostream_library::{Film, Stamp};
use parking_lot::{Condvar, Mutex};
use tempfile::TempDir;

use crate::rig::time;

pub(crate) struct NotedEditor {
    /// Where side-cars are, under names of their own.
    disk: TempDir,
    numbers: Mutex<HashMap<String, u64>>,
    room: AtomicU64,
    done: Mutex<Vec<String>>,
    /// What is refused, and how.
    refusals: Mutex<HashMap<String, EditError>>,
    /// Changes wait while it is set.
    stuck: Mutex<bool>,
    waiting: AtomicU64,
    moved_on: Condvar,
    next: AtomicU64,
}

/// The inode number of the first directory that is made.
pub(crate) const FIRST_MADE: u64 = 1000;
/// The time of directories after their first change, in seconds since 1970; then one more each.
pub(crate) const FIRST_TIME: u64 = 1_800_000_000;

impl NotedEditor {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            disk: TempDir::new().unwrap(),
            numbers: Mutex::default(),
            room: AtomicU64::new(u64::MAX),
            done: Mutex::default(),
            refusals: Mutex::default(),
            stuck: Mutex::default(),
            waiting: AtomicU64::default(),
            moved_on: Condvar::default(),
            next: AtomicU64::default(),
        })
    }

    /// The disk has room for files of this size.
    pub(crate) fn leave_room(&self, bytes: u64) {
        self.room.store(bytes, SeqCst);
    }

    /// What was done so far.
    pub(crate) fn done(&self) -> Vec<String> {
        self.done.lock().clone()
    }

    /// From now on this is refused.
    pub(crate) fn refuse(&self, what: &str, error: EditError) {
        self.refusals.lock().insert(what.to_owned(), error);
    }

    /// From now on changes wait for the disk, or no longer.
    pub(crate) fn stick(&self, stuck: bool) {
        *self.stuck.lock() = stuck;
        self.moved_on.notify_all();
    }

    /// Returns when a change waits.
    pub(crate) fn wait_for_stuck(&self) {
        let mut stuck = self.stuck.lock();
        while self.waiting.load(SeqCst) == 0 {
            self.moved_on.wait(&mut stuck);
        }
    }

    fn note(&self, what: String) -> Result<(), EditError> {
        let mut stuck = self.stuck.lock();
        while *stuck {
            self.waiting.fetch_add(1, SeqCst);
            self.moved_on.notify_all();
            self.moved_on.wait(&mut stuck);
        }
        drop(stuck);
        if let Some(error) = self.refusals.lock().get(&what) {
            return Err(*error);
        }
        self.done.lock().push(what);
        Ok(())
    }
}

impl LibraryEditor for NotedEditor {
    fn may_unlink(&self, path: &str) -> Result<(), EditError> {
        match self.refusals.lock().get(&format!("may unlink {path}")) {
            Some(error) => Err(*error),
            None => Ok(()),
        }
    }

    fn unlink_film(&self, path: &str, film: &Film, tree: &Tree) -> Result<(), EditError> {
        assert!(tree.find(path).is_some());
        self.note(format!("unlink {path} of film {}", film.hash.0[1]))
    }

    fn write_side_car(&self, path: &str, bytes: &[u8]) -> Result<WrittenSideCar, EditError> {
        self.note(format!("write {path}: {} bytes", bytes.len()))?;
        let ino = {
            let mut numbers = self.numbers.lock();
            let next = FIRST_MADE + self.next.load(SeqCst);
            let ino = *numbers.entry(path.to_owned()).or_insert(next);
            if ino == next {
                self.next.fetch_add(1, SeqCst);
            }
            ino
        };
        let disk = self
            .disk
            .path()
            .join(format!("{ino}-{}", self.next.fetch_add(1, SeqCst)));
        fs::write(&disk, bytes).unwrap();
        Ok(WrittenSideCar {
            made: Made {
                ino,
                seen: seen(FIRST_TIME),
            },
            source: disk,
        })
    }

    fn room(&self) -> u64 {
        self.room.load(SeqCst)
    }

    fn unlink_side_car(&self, path: &str) -> Result<(), EditError> {
        self.note(format!("unlink {path}"))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), EditError> {
        self.note(format!("rename {from} to {to}"))
    }

    fn make_directory(&self, path: &str) -> Result<Made, EditError> {
        self.note(format!("mkdir {path}"))?;
        Ok(Made {
            ino: FIRST_MADE + self.next.fetch_add(1, SeqCst),
            seen: seen(FIRST_TIME),
        })
    }

    fn remove_directory(&self, path: &str) -> Result<(), EditError> {
        self.note(format!("rmdir {path}"))
    }

    fn seen(&self, _path: &str) -> Option<Seen> {
        let count = u64::try_from(self.done.lock().len()).unwrap();
        Some(seen(FIRST_TIME + count - 1))
    }
}

fn seen(seconds: u64) -> Seen {
    Seen {
        mtime: time(seconds),
        stamp: Stamp::default(),
    }
}
