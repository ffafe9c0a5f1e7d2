//! The walk through the folders: what there is, and which stubs are to be read.
//!
//! A folder is listed if no earlier scan knew it, if it is another one than the earlier scan saw, or if it is
//! said to have changed; of any other, what the earlier scan found is taken over. Each folder speaks for
//! itself: its time is looked at when its turn comes, so that a change in it need not be told to its parent.

use std::{
    collections::HashMap,
    fs::{self, DirEntry, Metadata},
    hash::{Hash as _, Hasher as _},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use gostream_library::{Stamp, path as names, stub::STUB_BYTES_MAX};
use rustc_hash::FxHasher;

use crate::{
    atomic,
    error::TreeError,
    found::{Earlier, Found, FoundKind, Look, everything},
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
}

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) ready: Vec<Found>,
    pub(super) unread: Vec<Unread>,
    pub(super) kept: Vec<(String, String)>,
    pub(super) left_out: Vec<String>,
    /// Folders that lie on another device than they did, or the root that is another folder; outermost first.
    pub(super) on_another_device: Vec<String>,
}

/// A folder whose turn has not come.
struct Folder {
    path: String,
    on_disk: PathBuf,
    /// As its parent saw it just now; `None` when the parent was taken over.
    seen: Option<Metadata>,
    /// The device of its parent, before and now.
    above: Option<(u64, u64)>,
}

struct Walk<'a> {
    root: &'a Path,
    look: Look<'a>,
    folders: Vec<Folder>,
    listed: Listed,
}

/// Walks through the tree from its root, which has no links in it.
pub(super) fn list(root: &Path, look: Look<'_>) -> Result<Listed, TreeError> {
    let mut walk = Walk {
        root,
        look,
        folders: vec![Folder {
            path: String::new(),
            on_disk: root.to_owned(),
            seen: None,
            above: None,
        }],
        listed: Listed::default(),
    };
    while let Some(folder) = walk.folders.pop() {
        walk.visit(folder)?;
    }
    walk.listed.on_another_device.sort_unstable();
    Ok(walk.listed)
}

impl Walk<'_> {
    fn visit(&mut self, folder: Folder) -> Result<(), TreeError> {
        let before = self
            .look
            .earlier
            .and_then(|earlier| earlier.at(&folder.path))
            .filter(|before| matches!(before.kind, FoundKind::Dir));
        let is_told = self
            .look
            .changed
            .is_none_or(|changed| changed.contains(&folder.path));
        if let (Some(before), Some(earlier), false) = (&before, self.look.earlier, is_told) {
            let is_same = folder
                .seen
                .as_ref()
                .is_none_or(|seen| folder_stamp(seen).same_object(&before.stamp));
            if is_same {
                self.take_over(&folder, before.clone(), earlier);
                return Ok(());
            }
        }
        // Before the look, so that no change falls between the two.
        (self.look.enter)(&folder.path, &folder.on_disk);
        let metadata = match fs::symlink_metadata(&folder.on_disk) {
            Ok(metadata) => metadata,
            Err(error) => return self.cannot_list(folder, before, error),
        };
        let now = Found {
            path: folder.path.clone(),
            kind: FoundKind::Dir,
            mtime: modified(&metadata),
            stamp: folder_stamp(&metadata),
        };
        let devices = before
            .as_ref()
            .map(|before| (before.stamp.device, now.stamp.device));
        let is_other = match (&before, folder.above) {
            (None, _) => false,
            (Some(before), None) => !before.stamp.same_object(&now.stamp),
            // Something was mounted here, or is now; where both went along with the folder above, that one speaks.
            (Some(before), Some(above)) => {
                before.stamp.device != now.stamp.device && devices != Some(above)
            }
        };
        if is_other {
            self.listed.on_another_device.push(folder.path.clone());
        }
        match self.list_folder(&folder, devices) {
            Ok(()) => {
                self.listed.ready.push(now);
                Ok(())
            }
            Err(Trouble::Folder(error)) => self.cannot_list(folder, before, error),
            Err(Trouble::Name(error)) => Err(error),
        }
    }

    /// Nothing changed directly in this folder.
    fn take_over(&mut self, folder: &Folder, before: Found, earlier: &dyn Earlier) {
        let mtime = folder.seen.as_ref().map_or(before.mtime, modified);
        self.listed.ready.push(Found {
            mtime,
            ..before.clone()
        });
        for child in earlier.children(&folder.path) {
            if matches!(child.kind, FoundKind::Dir) {
                self.folders.push(Folder {
                    on_disk: self.root.join(&child.path),
                    path: child.path,
                    seen: None,
                    above: Some((before.stamp.device, before.stamp.device)),
                });
            } else {
                self.listed.ready.push(child);
            }
        }
    }

    /// The disk does not give this folder: what was known of it stays, unless it is gone.
    fn cannot_list(
        &mut self,
        folder: Folder,
        before: Option<Found>,
        error: io::Error,
    ) -> Result<(), TreeError> {
        let is_root = folder.path.is_empty();
        if error.kind() == io::ErrorKind::NotFound && !is_root {
            return Ok(());
        }
        if is_root {
            let doing = "read the library folder";
            return Err(TreeError::io(&folder.on_disk, doing, error));
        }
        match (before, self.look.earlier) {
            (Some(_), Some(earlier)) => {
                let known = everything(earlier, &folder.path);
                self.listed.ready.extend(known);
                self.listed.kept.push((folder.path, error.to_string()));
                Ok(())
            }
            (None, _) | (_, None) if error.kind() == io::ErrorKind::PermissionDenied => {
                let path = &folder.path;
                let why = format!("the folder {path:?} may not be read: {error}");
                self.listed.left_out.push(why);
                if let Some(seen) = &folder.seen {
                    self.listed.ready.push(Found {
                        path: folder.path,
                        kind: FoundKind::Dir,
                        mtime: modified(seen),
                        stamp: folder_stamp(seen),
                    });
                }
                Ok(())
            }
            (None, _) | (_, None) => Err(TreeError::io(&folder.on_disk, "read the folder", error)),
        }
    }

    fn list_folder(&mut self, folder: &Folder, devices: Option<(u64, u64)>) -> Result<(), Trouble> {
        // All or nothing: what was pushed of a folder that breaks off goes again.
        let (ready, unread) = (self.listed.ready.len(), self.listed.unread.len());
        let pending = self.folders.len();
        let known: HashMap<String, Found> = self
            .look
            .earlier
            .map(|earlier| earlier.children(&folder.path))
            .unwrap_or_default()
            .into_iter()
            .map(|child| (child.path.clone(), child))
            .collect();
        let result = fs::read_dir(&folder.on_disk)
            .map_err(Trouble::Folder)
            .and_then(|mut entries| {
                entries.try_for_each(|entry| {
                    self.take(folder, &entry.map_err(Trouble::Folder)?, &known, devices)
                })
            });
        if result.is_err() {
            self.listed.ready.truncate(ready);
            self.listed.unread.truncate(unread);
            self.folders.truncate(pending);
        }
        result
    }

    /// One name of a folder.
    fn take(
        &mut self,
        folder: &Folder,
        entry: &DirEntry,
        known: &HashMap<String, Found>,
        devices: Option<(u64, u64)>,
    ) -> Result<(), Trouble> {
        let on_disk = entry.path();
        let Some(path) = self.path_of(&folder.path, entry) else {
            return Ok(());
        };
        let before = known.get(&path);
        let metadata = match self.look_at(&path, &on_disk, entry) {
            Ok(Some(metadata)) => metadata,
            Ok(None) => return Ok(()),
            Err(error) => {
                let (Some(before), Some(earlier)) = (before, self.look.earlier) else {
                    return Err(Trouble::Name(TreeError::io(&on_disk, "look at", error)));
                };
                let all = match before.kind {
                    FoundKind::Dir => everything(earlier, &path),
                    FoundKind::Film(_) | FoundKind::Broken(_) | FoundKind::SideCar { .. } => {
                        vec![before.clone()]
                    }
                };
                self.listed.ready.extend(all);
                self.listed.kept.push((path, error.to_string()));
                return Ok(());
            }
        };
        if metadata.is_dir() {
            self.folders.push(Folder {
                path,
                on_disk,
                seen: Some(metadata),
                above: devices.or(Some((0, 0))),
            });
            return Ok(());
        }
        self.take_file(path, on_disk, &metadata, before);
        Ok(())
    }

    fn take_file(
        &mut self,
        path: String,
        on_disk: PathBuf,
        metadata: &Metadata,
        before: Option<&Found>,
    ) {
        let (len, mtime) = (metadata.len(), modified(metadata));
        let stamp = file_stamp(metadata);
        let is_small = usize::try_from(len).is_ok_and(|len| len <= STUB_BYTES_MAX);
        if !is_small || !has_stub_name(&path) {
            self.listed.ready.push(Found {
                path,
                kind: FoundKind::SideCar { len },
                mtime,
                stamp,
            });
            return;
        }
        match before.map(|before| (&before.kind, before.stamp)) {
            Some((kind @ FoundKind::Film(_), known)) if known == stamp => {
                self.listed.ready.push(Found {
                    path,
                    kind: kind.clone(),
                    mtime,
                    stamp,
                });
            }
            Some(_) | None => self.listed.unread.push(Unread {
                path,
                on_disk,
                mtime,
                stamp,
            }),
        }
    }

    /// The relative path of an entry, or none if it is to be left out by its name.
    fn path_of(&mut self, folder: &str, entry: &DirEntry) -> Option<String> {
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else {
            let why = format!("{:?}: a name that is not UTF-8", entry.path());
            self.listed.left_out.push(why);
            return None;
        };
        if atomic::is_temporary(name) {
            if atomic::is_leftover(name)
                && let Err(error) = fs::remove_file(entry.path())
            {
                let why = format!("{:?}, of an earlier run, stays: {error}", entry.path());
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
        entry: &DirEntry,
    ) -> io::Result<Option<Metadata>> {
        match entry.metadata() {
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

/// Every file system that can hold the tree knows this time.
fn modified(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
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
