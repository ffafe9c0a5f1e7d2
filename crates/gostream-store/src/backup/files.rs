//! The files of a library that belong in a backup.
//!
//! A walk of its own: the scan of the stub tree removes what dead processes left, and belongs to the process that
//! holds the state lock. Symbolic links are not followed.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use gostream_library::path as names;

use super::{
    BackupError,
    format::{is_kept, library_bytes_max},
};
use crate::atomic;

/// A file below a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Its path from there, names separated by `/`.
    pub(crate) path: String,
    /// When it was last written.
    pub(crate) mtime: SystemTime,
    /// Its size in bytes.
    pub(crate) len: u64,
    inode: u64,
}

/// What a walk found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// What belongs in a backup, by path.
    pub(crate) files: Vec<File>,
    /// How many files do not: pictures, real films, links, names that nobody could write.
    pub(crate) left_out: u64,
}

/// Walks through `root`. What vanishes meanwhile is not there.
pub(crate) fn list(root: &Path) -> Result<Listing, BackupError> {
    let mut listing = Listing::default();
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, above)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !above.is_empty() => continue,
            Err(error) => return Err(BackupError::io("read the folder", &folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(BackupError::io("read the folder", &folder))?;
            let found = match fs::symlink_metadata(entry.path()) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(BackupError::io("look at", &entry.path())(error)),
            };
            take(&mut listing, &mut folders, (entry.path(), &above), &found);
        }
    }
    listing.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

fn take(
    listing: &mut Listing,
    folders: &mut Vec<(PathBuf, String)>,
    (on_disk, above): (PathBuf, &str),
    found: &fs::Metadata,
) {
    let name = on_disk.file_name().and_then(|name| name.to_str());
    if name.is_some_and(atomic::is_temporary) {
        return;
    }
    let path = name.map(|name| match above {
        "" => name.to_owned(),
        above => format!("{above}/{name}"),
    });
    let Some(path) = path.filter(|path| names::check(path).is_ok()) else {
        listing.left_out += 1;
        return;
    };
    if found.is_dir() {
        folders.push((on_disk, path));
    } else if found.is_file() && is_kept(&path) && found.len() <= library_bytes_max(&path) {
        listing.files.push(File {
            path,
            mtime: found.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            len: found.len(),
            inode: found.ino(),
        });
    } else {
        listing.left_out += 1;
    }
}
