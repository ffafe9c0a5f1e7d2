//! Hears from the kernel what other programs change in the stub tree.
//!
//! Each folder is watched from just before it is first looked into ([`Watch::enter`], called by a scan), so no
//! change is missed; [`Watch::keep_only`] lets go of the folders that left. What was heard is a set of watches,
//! with names, not a list of events: a change costs a look at what it touched, a storm no more than one into its folders. A watch stays
//! with its folder when that is moved, so where it is is asked when it is looked into. The kernel drops events when its
//! queue is full and says so: then everything counts as changed.
//!
//! A file that is still being written is heard of when it is closed.

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use gostream_fs::Tree;
use gostream_store::Told;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

/// More changed folders than this are "everything".
const FOLDERS_MAX: usize = 10_000;
/// Changed names that are kept, of all folders together; where there are more, a folder is looked through.
const NAMES_MAX: usize = 4096;
/// Bytes of events that are read at a time.
const BUFFER: usize = 64 * 1024;

/// What was heard since the last look.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Everything may have changed.
    pub(crate) all: bool,
    /// Watches of the folders in which something changed, and what.
    pub(crate) folders: HashMap<i32, Told>,
    /// Names in `folders`, those among them that were dropped.
    names: usize,
}

impl Heard {
    pub(crate) fn is_empty(&self) -> bool {
        !self.all && self.folders.is_empty()
    }

    /// Something of this name changed in a folder; without a name, the folder itself.
    fn add(&mut self, watch: i32, name: Option<&CStr>) {
        if let Some(Told::Names(names)) = self.told(watch)
            && let Some(name) = name
        {
            // A name that is not UTF-8 is not shown, but remarked by who looks the folder through.
            match name.to_str() {
                Ok(name) if names.contains(name) => {}
                Ok(name) if names.len() < NAMES_MAX => {
                    names.insert(name.to_owned());
                    self.names += 1;
                }
                Ok(_) | Err(_) => self.add_all(watch),
            }
            if self.names > NAMES_MAX {
                self.add_all(watch);
            }
        }
    }

    /// Anything may have changed in a folder.
    fn add_all(&mut self, watch: i32) {
        if let Some(told) = self.told(watch) {
            *told = Told::All;
        }
    }

    fn told(&mut self, watch: i32) -> Option<&mut Told> {
        if !self.all && self.folders.len() >= FOLDERS_MAX && !self.folders.contains_key(&watch) {
            self.everything();
        }
        if self.all {
            return None;
        }
        let nothing = || Told::Names(HashSet::new());
        Some(self.folders.entry(watch).or_insert_with(nothing))
    }

    pub(crate) fn everything(&mut self) {
        self.all = true;
        self.folders.clear();
    }
}

/// The watched folders of one stub tree.
pub(crate) struct Watch {
    /// None when the kernel gave no queue.
    queue: Option<OwnedFd>,
    /// Number of the watch → folder, relative to the root. As many as there are folders.
    folders: Mutex<FxHashMap<i32, String>>,
    /// Folders in which something may have changed before they were watched. Told with what is heard next.
    told: Mutex<HashSet<i32>>,
    /// Why not every folder is watched.
    refused: Mutex<Option<String>>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let made = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let refused = made.as_ref().err().map(|error| match *error {
            Errno::MFILE => "fs.inotify.max_user_instances is reached".to_owned(),
            error => error.to_string(),
        });
        Self {
            queue: made.ok(),
            folders: Mutex::default(),
            told: Mutex::default(),
            refused: Mutex::new(refused),
        }
    }

    /// For `poll`.
    pub(crate) fn queue(&self) -> Option<BorrowedFd<'_>> {
        self.queue.as_ref().map(OwnedFd::as_fd)
    }

    /// Why changes in some folders are not heard; none when all are watched.
    pub(crate) fn refused(&self) -> Option<String> {
        self.refused.lock().clone()
    }

    /// Where the folders with these watches are now.
    pub(crate) fn folders_of(&self, watches: &HashMap<i32, Told>) -> HashMap<String, Told> {
        let folders = self.folders.lock();
        let known = watches.iter().filter_map(|(number, told)| {
            let folder = folders.get(number)?;
            Some((folder.clone(), told.clone()))
        });
        known.collect()
    }

    /// This folder was made, and is shown, without a scan. What was made in it meanwhile is found when its parent is
    /// heard of.
    pub(crate) fn made(&self, folder: &str, on_disk: &Path) {
        self.told.lock().extend(self.enter(folder, on_disk));
    }

    /// What was at `from` is at `to`, with the folders in it.
    pub(crate) fn renamed(&self, from: &str, to: &str) {
        for folder in self.folders.lock().values_mut() {
            let rest = folder.strip_prefix(from);
            if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                *folder = format!("{to}{rest}");
            }
        }
    }

    /// A scan is about to look into this folder; the number of its watch.
    pub(crate) fn enter(&self, folder: &str, on_disk: &Path) -> Option<i32> {
        let queue = self.queue.as_ref()?;
        let flags = WatchFlags::CREATE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW
            | WatchFlags::EXCL_UNLINK;
        match inotify::add_watch(queue, on_disk, flags) {
            // The same number as before when the folder was only moved.
            Ok(number) => {
                self.folders.lock().insert(number, folder.to_owned());
                return Some(number);
            }
            // Gone in this moment: the scan will find that out.
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => {
                let why = match error {
                    Errno::NOSPC => "fs.inotify.max_user_watches is reached".to_owned(),
                    error => format!("{folder:?}: {error}"),
                };
                let mut refused = self.refused.lock();
                if refused.is_none() {
                    *refused = Some(why);
                }
            }
        }
        None
    }

    /// Lets go of all folders that are not in `tree`.
    pub(crate) fn keep_only(&self, tree: &Tree) {
        let Some(queue) = &self.queue else { return };
        self.folders.lock().retain(|number, folder| {
            let is_there = tree.find(folder).is_some_and(|node| node.is_dir());
            if !is_there {
                // Fails when the folder is gone, and the watch with it.
                let _ = inotify::remove_watch(queue, *number);
            }
            is_there
        });
    }

    /// Takes what the kernel has to say; does not wait.
    pub(crate) fn hear(&self, heard: &mut Heard) {
        let Some(queue) = &self.queue else { return };
        for number in self.told.lock().drain() {
            heard.add_all(number);
        }
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut events = inotify::Reader::new(queue, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => self.take(event.wd(), event.events(), event.file_name(), heard),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return,
                Err(error) => {
                    tracing::warn!(%error, "changes of the library cannot be heard");
                    heard.everything();
                    return;
                }
            }
        }
    }

    fn take(&self, number: i32, event: ReadFlags, name: Option<&CStr>, heard: &mut Heard) {
        if event.intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::UNMOUNT) {
            heard.everything();
            return;
        }
        let mut folders = self.folders.lock();
        if event.contains(ReadFlags::IGNORED) {
            folders.remove(&number);
            return;
        }
        // Events of a folder that was let go may still be in the queue.
        let Some(folder) = folders.get(&number) else {
            return;
        };
        // The folder above hears of a folder that went; above the root nobody is asked.
        let is_self = event.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF);
        if is_self && folder.is_empty() {
            heard.everything();
        } else if !is_self {
            heard.add(number, name);
        }
    }
}
