//! The files of a torrent: where each lies in the stream of pieces.
//!
//! Called by `info`, with the list of v1. What always holds for a list from
//! here: offsets are the running sum of the lengths, the sum is at most 2^53, no path is another
//! file's or runs through another file (padding aside, whose names clients
//! repeat), and the number of entries and of path components is bounded.

use super::error::{Key, MetainfoError, quoted};
use super::fields::{bytes_of, int_of, list_of, once};
use super::limits::{COMPONENTS_MAX, FILES_MAX, PATH_DEPTH_MAX, TOTAL_LENGTH_MAX};
use super::path::component;
use crate::bencode::{Dict, List, Value};

/// One file of a torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// The path below the torrent's own directory: components, at least one,
    /// each safe. For a torrent of a single file, its name.
    pub path: Vec<String>,
    /// How many bytes; may be 0.
    pub length: u64,
    /// Where it begins in the torrent. In a v1 torrent that is the sum of the
    /// lengths before it; in one of v2 alone each file that has bytes begins at
    /// the next piece.
    pub offset: u64,
    /// It only fills up a piece, is all zeros, and is not to be shown (BEP 47).
    pub padding: bool,
}

impl FileEntry {
    /// The path with `/` between its components.
    #[must_use]
    pub fn display_path(&self) -> String {
        self.path.join("/")
    }
}

/// Reads the list `files`.
pub(super) fn read(list: List<'_>) -> Result<Vec<FileEntry>, MetainfoError> {
    let mut files = Vec::new();
    let mut offset = 0;
    let mut components = 0;
    for (index, value) in list.enumerate() {
        if index == FILES_MAX {
            return Err(MetainfoError::TooManyFiles);
        }
        let file = read_one(index, value, offset)?;
        offset = end_of(&file, Key::of_file("length", index))?;
        components += file.path.len();
        if components > COMPONENTS_MAX {
            return Err(MetainfoError::TooManyComponents {
                key: Key::of_file("path", index),
            });
        }
        files.push(file);
    }
    refuse_duplicates(&files)?;
    Ok(files)
}

/// The offset behind a file, when the total stays within bounds.
pub(super) fn end_of(file: &FileEntry, key: Key) -> Result<u64, MetainfoError> {
    file.offset
        .checked_add(file.length)
        .filter(|end| *end <= TOTAL_LENGTH_MAX)
        .ok_or(MetainfoError::TotalLength { key })
}

fn read_one(index: usize, value: Value<'_>, offset: u64) -> Result<FileEntry, MetainfoError> {
    let key = |name| Key::of_file(name, index);
    let dict = value.as_dict().ok_or(MetainfoError::WrongType {
        key: key(""),
        expected: "a dictionary",
    })?;
    let attr = match once(dict, b"attr", key("attr"))? {
        Some(value) => bytes_of(value, key("attr"))?,
        None => b"",
    };
    let length = match once(dict, b"length", key("length"))? {
        Some(value) => int_of(value, key("length"))?,
        // A symbolic link need not have a length (BEP 47); it is empty here.
        None if attr.contains(&b'l') => 0,
        None => return Err(MetainfoError::Missing { key: key("length") }),
    };
    let path = read_path(dict, index)?;
    let padding = attr.contains(&b'p') || is_padding(&path);
    Ok(FileEntry {
        path,
        length,
        offset,
        padding,
    })
}

/// Padding of clients older than the attribute: `.pad/N` (BEP 47 names it) and
/// BitComet's own name.
fn is_padding(path: &[String]) -> bool {
    path.len() > 1 && path[0] == ".pad"
        || path
            .last()
            .is_some_and(|name| name.starts_with("_____padding_file_"))
}

/// `path.utf-8` when there is one, else `path`.
fn read_path(dict: Dict<'_>, file: usize) -> Result<Vec<String>, MetainfoError> {
    let mut key = Key::of_file("path.utf-8", file);
    let mut value = once(dict, b"path.utf-8", key)?;
    if value.is_none() {
        key = Key::of_file("path", file);
        value = once(dict, b"path", key)?;
    }
    let list = list_of(value.ok_or(MetainfoError::Missing { key })?, key)?;
    let mut path = Vec::new();
    for (index, value) in list.enumerate() {
        if index == PATH_DEPTH_MAX {
            return Err(MetainfoError::TooManyComponents { key });
        }
        let key = Key {
            component: Some(index),
            ..key
        };
        path.push(component(bytes_of(value, key)?, key)?);
    }
    if path.is_empty() {
        return Err(MetainfoError::Missing { key });
    }
    Ok(path)
}

/// Sorted by components a path comes right before those that run through it,
/// so looking at neighbours is enough.
pub(super) fn refuse_duplicates(files: &[FileEntry]) -> Result<(), MetainfoError> {
    let mut order: Vec<usize> = (0..files.len()).filter(|&i| !files[i].padding).collect();
    order.sort_unstable_by(|&a, &b| (&files[a].path, a).cmp(&(&files[b].path, b)));
    for pair in order.windows(2) {
        let (before, after) = (&files[pair[0]], &files[pair[1]]);
        if after.path.starts_with(&before.path) {
            return Err(MetainfoError::DuplicatePath {
                key: Key::of_file("path", pair[1]),
                path: quoted(&after.display_path()),
            });
        }
    }
    Ok(())
}
