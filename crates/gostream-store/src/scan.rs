//! Reads the whole stub tree at once.
//!
//! The mount shows a tree only when it is complete, so a scan gives all or an error: a folder that a disk fails
//! to read must not look empty, or a media server would drop its titles. What vanishes during the scan is left
//! out; what may not be read by us is shown as unreadable or, for a folder, as empty, with a warning. Names
//! that are not UTF-8 or hold control characters, special files, and links that lead out of the tree or to
//! folders are left out with a warning. Temporary files of dead processes are removed on the way.

use std::{
    fs::{self, DirEntry, Metadata},
    io,
    num::NonZeroUsize,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    thread,
    time::SystemTime,
};

use gostream_library::{Stub, StubError, path as names, stub::STUB_BYTES_MAX};

use crate::{
    atomic,
    error::TreeError,
    stubs::{StubTree, has_stub_name, read_small},
};

/// Threads that read stubs. More do not help an SD card, and leave cores to playback.
const THREADS_MAX: usize = 4;

/// One thing in the tree.
#[derive(Debug)]
pub struct Found {
    /// Path relative to the root, names separated by `/`.
    pub path: String,
    /// What it is.
    pub kind: FoundKind,
    /// When its content last changed.
    pub mtime: SystemTime,
    /// Owner on disk.
    pub uid: u32,
    /// Group on disk.
    pub gid: u32,
}

/// What a thing in the tree is.
#[derive(Debug)]
pub enum FoundKind {
    /// A folder.
    Dir,
    /// A stub: a name that ends in `.mkv` and at most 10 KiB.
    Stub(Stub),
    /// A stub by its name and size, but not by what is in it.
    BrokenStub(StubError),
    /// A stub that could not be read.
    Unreadable(io::Error),
    /// Any other file.
    SideCar {
        /// Its size in bytes.
        len: u64,
    },
}

/// A thing as listed, before stubs are read.
struct Listed {
    relative: String,
    path: PathBuf,
    metadata: Metadata,
}

impl StubTree {
    /// Everything below the root, sorted by path: a folder comes before what is in it.
    pub fn scan(&self) -> Result<Vec<Found>, TreeError> {
        let mut listed = self.list()?;
        listed.sort_unstable_by(|a, b| a.relative.cmp(&b.relative));
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = listed.len().div_ceil(threads.min(THREADS_MAX)).max(1);
        let mut parts = Vec::new();
        while !listed.is_empty() {
            let rest = listed.split_off(share.min(listed.len()));
            parts.push(std::mem::replace(&mut listed, rest));
        }
        let found = thread::scope(|scope| {
            let readers: Vec<_> = parts
                .into_iter()
                .map(|part| scope.spawn(|| part.into_iter().filter_map(read).collect::<Vec<_>>()))
                .collect();
            let mut all = Vec::new();
            for reader in readers {
                match reader.join() {
                    Ok(part) => all.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        });
        Ok(found)
    }

    fn list(&self) -> Result<Vec<Listed>, TreeError> {
        let root = self.canonical_root()?;
        let mut listed = Vec::new();
        let mut folders = vec![(String::new(), root.clone())];
        while let Some((relative, folder)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(e) if relative.is_empty() => {
                    return Err(TreeError::io(&folder, "read the library folder", e));
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                    tracing::warn!(path = relative, "a folder of the library may not be read");
                    continue;
                }
                Err(e) => return Err(TreeError::io(&folder, "read the folder", e)),
            };
            for entry in entries {
                let entry = entry.map_err(|e| TreeError::io(&folder, "read the folder", e))?;
                let Some(thing) = look_at(&root, &relative, &entry)? else {
                    continue;
                };
                if thing.metadata.is_dir() {
                    folders.push((thing.relative.clone(), thing.path.clone()));
                }
                listed.push(thing);
            }
        }
        Ok(listed)
    }
}

/// One name of a folder, or none if it is to be left out.
fn look_at(root: &Path, folder: &str, entry: &DirEntry) -> Result<Option<Listed>, TreeError> {
    let path = entry.path();
    let file_name = entry.file_name();
    let Some(name) = file_name.to_str() else {
        tracing::warn!(path = ?path, "a name that is not UTF-8 is left out");
        return Ok(None);
    };
    if atomic::is_temporary(name) {
        if atomic::is_leftover(name)
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(path = ?path, %error, "a temporary file of an earlier run stays");
        }
        return Ok(None);
    }
    let relative = names::join(folder, name);
    if let Err(error) = names::check(&relative) {
        tracing::warn!(%error, "a file of the library is left out");
        return Ok(None);
    }
    let metadata = match entry.metadata() {
        Ok(metadata) if metadata.is_symlink() => match linked_file(root, &path) {
            Some(metadata) => metadata,
            None => {
                tracing::warn!(
                    path = relative,
                    "a link that leads to no file of the library is left out"
                );
                return Ok(None);
            }
        },
        Ok(metadata) if metadata.is_dir() || metadata.is_file() => metadata,
        Ok(_) => {
            tracing::warn!(path = relative, "neither a file nor a folder; left out");
            return Ok(None);
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(TreeError::io(&path, "look at", e)),
    };
    Ok(Some(Listed {
        relative,
        path,
        metadata,
    }))
}

/// The file that a link leads to, if it lies inside the tree.
fn linked_file(root: &Path, link: &Path) -> Option<Metadata> {
    let target = link.canonicalize().ok()?;
    let metadata = fs::metadata(&target).ok()?;
    (target.starts_with(root) && metadata.is_file()).then_some(metadata)
}

/// Reads what is a stub by name and size; none if it vanished.
fn read(thing: Listed) -> Option<Found> {
    let Listed {
        relative,
        path,
        metadata,
    } = thing;
    let len = metadata.len();
    let small = usize::try_from(len).is_ok_and(|len| len <= STUB_BYTES_MAX);
    let kind = if metadata.is_dir() {
        FoundKind::Dir
    } else if !small || !has_stub_name(&relative) {
        FoundKind::SideCar { len }
    } else {
        match read_small(&path) {
            Ok(bytes) => match Stub::parse(&bytes) {
                Ok(stub) => FoundKind::Stub(stub),
                Err(error) => FoundKind::BrokenStub(error),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(e) => FoundKind::Unreadable(e),
        }
    };
    Some(Found {
        path: relative,
        kind,
        // Every file system that can hold the tree knows this time.
        mtime: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        uid: metadata.uid(),
        gid: metadata.gid(),
    })
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
