//! The walk through the folders: what there is, and which stubs are to be read.
//!
//! A folder is listed if no earlier scan knew it, if it is another one than the earlier scan saw, or if it is
//! said to have changed, and then only what is said to have changed in it; nothing else is even looked at, so the cost is
//! that of the changes.
//! Each folder speaks for itself: its time is looked at when its turn comes, so that a change in it need not be told to
//! its parent. What is as the earlier scan found it is not told of.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs::{self, Metadata},
    hash::{Hash as _, Hasher as _},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use gostream_library::{Stamp, path as names, stub::STUB_BYTES_MAX};
use rustc_hash::{FxHashMap, FxHasher};

use crate::{
    atomic,
    error::TreeError,
    found::{Found, FoundKind, Known, KnownKind, Look, Told},
    stubs::has_stub_name,
};

/// A stub that is to be read.
#[derive(Debug)]
pub(super) struct Unread {
    /// As it will be found; its kind is not known yet.
    pub(super) path: String,
    pub(super) on_disk: PathBuf,
    pub(super) mtime: SystemTime,
    pub(super) stamp: Stamp,
    /// What the earlier scan found there.
    pub(super) before: Option<KnownKind>,
}

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) ready: Vec<Found>,
    pub(super) unread: Vec<Unread>,
    pub(super) gone: Vec<String>,
    pub(super) kept: Vec<(String, String)>,
    pub(super) left_out: Vec<String>,
    /// Folders that lie on another device than they did, or the root that is another folder; outermost first.
    pub(super) on_another_device: Vec<String>,
}

/// A folder whose turn has not come.
struct Folder {
    path: String,
    on_disk: PathBuf,
    /// As its parent saw it just now, when that was listed.
    seen: Option<Metadata>,
    /// The device of its parent, before and now; the root has none.
    above: Option<(u64, u64)>,
}

struct Walk<'a> {
    root: &'a Path,
    look: Look<'a>,
    folders: Vec<Folder>,
    visited: HashSet<String>,
    listed: Listed,
}

/// Walks through the tree from its root, which has no links in it, or through the folders that changed.
pub(super) fn list(root: &Path, look: Look<'_>) -> Result<Listed, TreeError> {
    let mut walk = Walk {
        root,
        look,
        folders: Vec::new(),
        visited: HashSet::new(),
        listed: Listed::default(),
    };
    match look.changed {
        None => walk.call(""),
        Some(changed) => {
            let mut known: Vec<&String> = changed
                .keys()
                .filter(|folder| walk.known_folder(folder).is_some())
                .collect();
            // The last is taken first: a folder before those in it.
            known.sort_unstable_by(|a, b| b.cmp(a));
            for folder in known {
                walk.call(folder);
            }
        }
    }
    while let Some(folder) = walk.folders.pop() {
        walk.visit(folder)?;
    }
    walk.listed.on_another_device.sort_unstable();
    Ok(walk.listed)
}

impl<'a> Walk<'a> {
    fn known_folder(&self, path: &str) -> Option<Known> {
        let known = self.look.earlier?.at(path)?;
        (known.kind == KnownKind::Dir).then_some(known)
    }

    /// Has a folder looked into whose parent may not be.
    fn call(&mut self, path: &str) {
        let parent = (!path.is_empty()).then(|| self.known_folder(names::split(path).0));
        self.folders.push(Folder {
            path: path.to_owned(),
            on_disk: self.root.join(path),
            seen: None,
            above: parent.map(|parent| {
                let device = parent.map_or(0, |parent| parent.stamp.device);
                (device, device)
            }),
        });
    }

    fn visit(&mut self, folder: Folder) -> Result<(), TreeError> {
        if !self.visited.insert(folder.path.clone()) {
            return Ok(());
        }
        let before = self.known_folder(&folder.path);
        // Before the look, so that no change falls between the two.
        (self.look.enter)(&folder.path, &folder.on_disk);
        let metadata = match fs::symlink_metadata(&folder.on_disk) {
            Ok(metadata) if metadata.is_dir() => metadata,
            Ok(_) => return self.cannot_list(folder, before, io::ErrorKind::NotFound.into()),
            Err(error) => return self.cannot_list(folder, before, error),
        };
        let device = metadata.dev();
        let devices = before.map(|before| (before.stamp.device, device));
        let is_other = match (before, folder.above) {
            (None, _) => false,
            (Some(before), None) => !before.stamp.same_object(&folder_stamp(&metadata)),
            // Something was mounted here, or is now; where both went along with the folder above, that one speaks.
            (Some(before), Some(above)) => before.stamp.device != device && devices != Some(above),
        };
        if is_other {
            self.listed.on_another_device.push(folder.path.clone());
        }
        // Another folder, or one that nobody knows, is looked through.
        let is_same = |before: Known| before.stamp.same_object(&folder_stamp(&metadata));
        let told = self
            .look
            .changed
            .and_then(|changed| changed.get(&folder.path));
        let names = match told {
            Some(Told::Names(names)) if before.is_some_and(is_same) => Some(names),
            Some(_) | None => None,
        };
        match self.list_folder(&folder, names, devices) {
            Ok(()) => {
                self.tell_folder(folder.path, &metadata, before);
                Ok(())
            }
            Err(Trouble::Folder(error)) => self.cannot_list(folder, before, error),
            Err(Trouble::Name(error)) => Err(error),
        }
    }

    /// What is to be told of a folder itself.
    fn tell_folder(&mut self, path: String, metadata: &Metadata, before: Option<Known>) {
        let now = Found {
            path,
            kind: FoundKind::Dir,
            mtime: modified(metadata),
            stamp: folder_stamp(metadata),
        };
        let is_same = |before: Known| {
            before.kind == KnownKind::Dir && (before.mtime, before.stamp) == (now.mtime, now.stamp)
        };
        if !before.is_some_and(is_same) {
            self.listed.ready.push(now);
        }
    }

    /// The disk does not give this folder: what was known of it stays, unless it is gone.
    fn cannot_list(
        &mut self,
        folder: Folder,
        before: Option<Known>,
        error: io::Error,
    ) -> Result<(), TreeError> {
        let is_root = folder.path.is_empty();
        if error.kind() == io::ErrorKind::NotFound && !is_root {
            let parent = names::split(&folder.path).0;
            if !self.visited.contains(parent) {
                // It knows whether there is a disk where there was one.
                self.call(parent);
            } else if before.is_some() {
                self.listed.gone.push(folder.path);
            }
            return Ok(());
        }
        if is_root {
            let doing = "read the library folder";
            return Err(TreeError::io(&folder.on_disk, doing, error));
        }
        if before.is_some() {
            self.listed.kept.push((folder.path, error.to_string()));
            return Ok(());
        }
        if error.kind() != io::ErrorKind::PermissionDenied {
            return Err(TreeError::io(&folder.on_disk, "read the folder", error));
        }
        let path = &folder.path;
        let why = format!("the folder {path:?} may not be read: {error}");
        self.listed.left_out.push(why);
        if let Some(seen) = &folder.seen {
            self.tell_folder(folder.path, seen, None);
        }
        Ok(())
    }

    /// Looks at what has these `names`, or at all that is in a folder.
    fn list_folder(
        &mut self,
        folder: &Folder,
        names: Option<&'a HashSet<String>>,
        devices: Option<(u64, u64)>,
    ) -> Result<(), Trouble> {
        // All or nothing: what was pushed of a folder that breaks off goes again.
        let (ready, unread) = (self.listed.ready.len(), self.listed.unread.len());
        let pending = self.folders.len();
        let mut before = self.known_in(&folder.path, names);
        let result = if let Some(names) = names {
            names.iter().try_for_each(|name| {
                let on_disk = folder.on_disk.join(name);
                let metadata = fs::symlink_metadata(&on_disk);
                self.take(
                    folder,
                    (name.as_ref(), on_disk),
                    metadata,
                    &mut before,
                    devices,
                )
            })
        } else {
            let entries = fs::read_dir(&folder.on_disk).map_err(Trouble::Folder);
            entries.and_then(|mut entries| {
                entries.try_for_each(|entry| {
                    let entry = entry.map_err(Trouble::Folder)?;
                    let named = (&*entry.file_name(), entry.path());
                    self.take(folder, named, entry.metadata(), &mut before, devices)
                })
            })
        };
        if result.is_err() {
            self.listed.ready.truncate(ready);
            self.listed.unread.truncate(unread);
            self.folders.truncate(pending);
            return result;
        }
        let gone = before.into_keys();
        let gone = gone.map(|name| names::join(&folder.path, name));
        self.listed.gone.extend(gone);
        Ok(())
    }

    /// What the earlier scan knew of these `names` in a folder, or of all.
    fn known_in(
        &self,
        folder: &str,
        names: Option<&'a HashSet<String>>,
    ) -> FxHashMap<&'a str, Known> {
        let Some(earlier) = self.look.earlier else {
            return FxHashMap::default();
        };
        let Some(names) = names else {
            return earlier.children(folder);
        };
        let known = names.iter().map(|name| {
            let known = earlier.at(&names::join(folder, name))?;
            Some((name.as_str(), known))
        });
        known.flatten().collect()
    }

    /// One name of a folder; takes what is still there out of `before`.
    fn take(
        &mut self,
        folder: &Folder,
        (name, on_disk): (&OsStr, PathBuf),
        metadata: io::Result<Metadata>,
        before: &mut FxHashMap<&str, Known>,
        devices: Option<(u64, u64)>,
    ) -> Result<(), Trouble> {
        let Some(path) = self.path_of(&folder.path, name, &on_disk) else {
            return Ok(());
        };
        let name = names::split(&path).1;
        let metadata = match self.look_at(&path, &on_disk, metadata) {
            Ok(Some(metadata)) => metadata,
            Ok(None) => return Ok(()),
            Err(error) if before.remove(name).is_some() => {
                self.listed.kept.push((path, error.to_string()));
                return Ok(());
            }
            Err(error) => return Err(Trouble::Name(TreeError::io(&on_disk, "look at", error))),
        };
        let before = before.remove(name);
        if !metadata.is_dir() {
            self.take_file(path, on_disk, &metadata, before);
            return Ok(());
        }
        let is_told = self
            .look
            .changed
            .is_none_or(|told| told.contains_key(&path));
        let is_same = before.is_some_and(|before| {
            before.kind == KnownKind::Dir && before.stamp.same_object(&folder_stamp(&metadata))
        });
        if is_same && !is_told {
            self.tell_folder(path, &metadata, before);
            return Ok(());
        }
        self.folders.push(Folder {
            path,
            on_disk,
            seen: Some(metadata),
            above: devices.or(Some((0, 0))),
        });
        Ok(())
    }

    fn take_file(
        &mut self,
        path: String,
        on_disk: PathBuf,
        metadata: &Metadata,
        before: Option<Known>,
    ) {
        let (len, mtime) = (metadata.len(), modified(metadata));
        let stamp = file_stamp(metadata);
        let is_small = usize::try_from(len).is_ok_and(|len| len <= STUB_BYTES_MAX);
        let is_stub = is_small && has_stub_name(&path);
        let kind = if is_stub {
            KnownKind::Film
        } else {
            KnownKind::SideCar
        };
        if before.is_some_and(|before| (before.kind, before.stamp) == (kind, stamp)) {
            return;
        }
        if is_stub {
            self.listed.unread.push(Unread {
                path,
                on_disk,
                mtime,
                stamp,
                before: before.map(|before| before.kind),
            });
        } else {
            self.listed.ready.push(Found {
                path,
                kind: FoundKind::SideCar { len },
                mtime,
                stamp,
            });
        }
    }

    /// The relative path of an entry, or none if it is to be left out by its name.
    fn path_of(&mut self, folder: &str, name: &OsStr, on_disk: &Path) -> Option<String> {
        let Some(name) = name.to_str() else {
            let why = format!("{on_disk:?}: a name that is not UTF-8");
            self.listed.left_out.push(why);
            return None;
        };
        if atomic::is_temporary(name) {
            if atomic::is_leftover(name)
                && let Err(error) = fs::remove_file(on_disk)
            {
                let why = format!("{on_disk:?}, of an earlier run, stays: {error}");
                self.listed.left_out.push(why);
            }
            return None;
        }
        let relative = names::join(folder, name);
        match names::check(&relative) {
            Ok(()) => Some(relative),
            Err(error) => {
                self.listed.left_out.push(error.to_string());
                None
            }
        }
    }

    /// What an entry is; none if it is gone, or neither a file nor a folder of the tree.
    fn look_at(
        &mut self,
        path: &str,
        on_disk: &Path,
        metadata: io::Result<Metadata>,
    ) -> io::Result<Option<Metadata>> {
        match metadata {
            Ok(metadata) if metadata.is_symlink() => {
                let target = linked_file(self.root, on_disk);
                if target.is_none() {
                    let why = format!("{path:?}: a link that leads to no file of the library");
                    self.listed.left_out.push(why);
                }
                Ok(target)
            }
            Ok(metadata) if metadata.is_dir() || metadata.is_file() => Ok(Some(metadata)),
            Ok(_) => {
                let why = format!("{path:?}: neither a file nor a folder");
                self.listed.left_out.push(why);
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Why a folder was not listed to its end.
enum Trouble {
    /// The folder itself cannot be read.
    Folder(io::Error),
    /// Something in it cannot be looked at, and nobody knows what it was.
    Name(TreeError),
}

/// The file that a link leads to, if it lies inside the tree.
fn linked_file(root: &Path, link: &Path) -> Option<Metadata> {
    let target = link.canonicalize().ok()?;
    let metadata = fs::metadata(&target).ok()?;
    (target.starts_with(root) && metadata.is_file()).then_some(metadata)
}

/// Every file system that can hold the tree knows this time. As it is shown: never 0 or before 1970.
fn modified(metadata: &Metadata) -> SystemTime {
    let least = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    metadata.modified().map_or(least, |time| time.max(least))
}

/// The time and the stamp of what is there.
pub(crate) fn state_of(metadata: &Metadata) -> (SystemTime, Stamp) {
    let stamp = if metadata.is_dir() {
        folder_stamp(metadata)
    } else {
        file_stamp(metadata)
    };
    (modified(metadata), stamp)
}

fn folder_stamp(metadata: &Metadata) -> Stamp {
    let made = metadata.created().ok();
    let made = made.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let nanoseconds = made.map_or(0, |made| made.as_nanos());
    Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        // Good for five centuries from 1970.
        version: u64::try_from(nanoseconds).unwrap_or(0),
    }
}

fn file_stamp(metadata: &Metadata) -> Stamp {
    let mut version = FxHasher::default();
    let times = [
        (metadata.mtime(), metadata.mtime_nsec()),
        (metadata.ctime(), metadata.ctime_nsec()),
    ];
    (metadata.len(), times).hash(&mut version);
    Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        version: version.finish(),
    }
}
