//! Removing and moving in the stub tree.
//!
//! Two callers with two expectations: `gostream rm` removes a title ([`StubTree::remove`]: the stub, its
//! side-cars and the folders that become empty), the mount passes on single system calls
//! ([`StubTree::unlink`], `rename`, `make_folder`, `remove_folder`: exactly what POSIX says, no more). A stub
//! never changes into a side-car or back by being moved.

use std::{fs, io, path::Path, time::SystemTime};

use gostream_library::{Stamp, media, path as names};

use crate::{
    atomic,
    error::TreeError,
    scan,
    stubs::{StubTree, has_stub_name, not_found_or},
};

impl StubTree {
    /// Removes a stub or other file; with a stub its side-cars (`<stem>.*` beside it). Then the folders that
    /// are empty now, but never one directly below the root: `movies` stays. A real film (a `.mkv` over 10 KiB)
    /// is refused. Returns the paths of what went, files first.
    pub fn remove(&self, relative: &str) -> Result<Vec<String>, TreeError> {
        let _changes = self.lock();
        let path = self.inside(relative)?;
        let mut gone = vec![relative.to_owned()];
        if has_stub_name(relative) {
            refuse_real_film(relative, &path)?;
            gone.extend(sidecars(relative, &path)?);
        }
        for file in &gone {
            self.unlink_locked(file)?;
        }
        let mut folder = names::split(relative).0;
        while folder.contains('/') {
            match fs::remove_dir(self.root().join(folder)) {
                Ok(()) => gone.push(folder.to_owned()),
                // Something else is in it, or it is not ours to remove: it stays.
                Err(_) => break,
            }
            folder = names::split(folder).0;
        }
        self.sync(folder)?;
        Ok(gone)
    }

    /// Whether [`StubTree::unlink`] of a stub has a chance: it is there, is no real film, and its folder may be
    /// written. Changes nothing.
    pub fn may_unlink(&self, relative: &str) -> Result<(), TreeError> {
        let path = self.inside(relative)?;
        refuse_real_film(relative, &path)?;
        let folder = self.root().join(names::split(relative).0);
        rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK)
            .map_err(|e| TreeError::io(&folder, "write the folder", e.into()))
    }

    /// When a file or folder last changed, and which of the disk it is, as a scan would find it; the empty path
    /// is the root.
    pub fn state_of(&self, relative: &str) -> Result<(SystemTime, Stamp), TreeError> {
        let path = self.root().join(relative);
        let metadata =
            fs::metadata(&path).map_err(|e| not_found_or(e, relative, &path, "look at"))?;
        Ok(scan::state_of(&metadata))
    }

    /// Removes exactly one file, and no folder.
    pub fn unlink(&self, relative: &str) -> Result<(), TreeError> {
        let _changes = self.lock();
        self.unlink_locked(relative)?;
        self.settle(names::split(relative).0);
        Ok(())
    }

    /// Moves a file or folder. Like `rename(2)` it replaces a side-car or an empty folder, but never a stub or
    /// real film. The folder of `to` must exist.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), TreeError> {
        let _changes = self.lock();
        let (old, new) = (self.inside(from)?, self.inside(to)?);
        let metadata =
            fs::symlink_metadata(&old).map_err(|e| not_found_or(e, from, &old, "look at"))?;
        if !metadata.is_dir() {
            match (has_stub_name(from), has_stub_name(to)) {
                (true, false) => {
                    return Err(TreeError::NotAStubName {
                        path: to.to_owned(),
                    });
                }
                (false, true) => {
                    return Err(TreeError::StubName {
                        path: to.to_owned(),
                    });
                }
                (true, true) | (false, false) => {}
            }
        }
        if from != to && has_stub_name(to) && fs::symlink_metadata(&new).is_ok() {
            return Err(TreeError::Exists {
                path: to.to_owned(),
            });
        }
        fs::rename(&old, &new).map_err(|e| TreeError::io(&old, "move", e))?;
        self.settle(names::split(from).0);
        self.settle(names::split(to).0);
        Ok(())
    }

    /// Makes one folder; the folder above it must exist.
    pub fn make_folder(&self, relative: &str) -> Result<(), TreeError> {
        let _changes = self.lock();
        let path = self.inside(relative)?;
        fs::create_dir(&path).map_err(|e| {
            if e.kind() == io::ErrorKind::AlreadyExists {
                return TreeError::Exists {
                    path: relative.to_owned(),
                };
            }
            TreeError::io(&path, "make the folder", e)
        })?;
        self.settle(names::split(relative).0);
        Ok(())
    }

    /// Removes one empty folder.
    pub fn remove_folder(&self, relative: &str) -> Result<(), TreeError> {
        let _changes = self.lock();
        let path = self.inside(relative)?;
        fs::remove_dir(&path).map_err(|e| not_found_or(e, relative, &path, "remove the folder"))?;
        self.settle(names::split(relative).0);
        Ok(())
    }

    fn unlink_locked(&self, relative: &str) -> Result<(), TreeError> {
        let path = self.inside(relative)?;
        let metadata =
            fs::symlink_metadata(&path).map_err(|e| not_found_or(e, relative, &path, "look at"))?;
        if metadata.is_dir() {
            return Err(TreeError::NotAFile {
                path: relative.to_owned(),
            });
        }
        fs::remove_file(&path).map_err(|e| not_found_or(e, relative, &path, "remove"))
    }

    /// Syncs a folder after a change that is done, whatever comes of the sync.
    fn settle(&self, folder: &str) {
        if let Err(error) = self.sync(folder) {
            tracing::warn!(%error, "a change of the library may not survive a power cut");
        }
    }

    fn sync(&self, folder: &str) -> Result<(), TreeError> {
        let path = self.root().join(folder);
        atomic::sync_folder(&path).map_err(|e| TreeError::io(&path, "sync the folder", e))
    }
}

/// Our rule for removal is that stubs can be made again and real films cannot.
fn refuse_real_film(relative: &str, path: &Path) -> Result<(), TreeError> {
    let metadata =
        fs::symlink_metadata(path).map_err(|e| not_found_or(e, relative, path, "look at"))?;
    let stub_max = u64::try_from(gostream_library::stub::STUB_BYTES_MAX).unwrap_or(u64::MAX);
    if metadata.is_file() && metadata.len() > stub_max {
        return Err(TreeError::RealFilm {
            path: relative.to_owned(),
        });
    }
    Ok(())
}

/// The files `<stem>.*` beside a stub that belong to it and to no stub with a longer stem.
fn sidecars(relative: &str, path: &Path) -> Result<Vec<String>, TreeError> {
    let (folder, name) = names::split(relative);
    let Some(on_disk) = path.parent() else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    let entries =
        fs::read_dir(on_disk).map_err(|e| TreeError::io(on_disk, "read the folder", e))?;
    for entry in entries {
        let entry = entry.map_err(|e| TreeError::io(on_disk, "read the folder", e))?;
        let is_file = entry.file_type().is_ok_and(|kind| !kind.is_dir());
        if let (true, Ok(name)) = (is_file, entry.file_name().into_string()) {
            files.push(name);
        }
    }
    let (stem, _) = media::split_extension(name);
    let begins = |file: &str, stem: &str| {
        file.strip_prefix(stem)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    let longer: Vec<&str> = files
        .iter()
        .filter(|file| has_stub_name(file) && begins(file, stem) && *file != name)
        .map(|file| media::split_extension(file).0)
        .collect();
    let mut beside: Vec<String> = files
        .iter()
        .filter(|file| !has_stub_name(file) && begins(file, stem))
        .filter(|file| !longer.iter().any(|stem| begins(file, stem)))
        .map(|file| names::join(folder, file))
        .collect();
    beside.sort_unstable();
    Ok(beside)
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
