//! What can be wrong with a .torrent file or an info dictionary.
//!
//! Made by the parts of `metainfo`, shown to the person who added the torrent.
//! Each error names the key and the place; text from the file is escaped and
//! cut, so that a message is one short line whatever the file holds.

use std::fmt;

use super::limits::{FILES_MAX, PIECE_LENGTH_MAX, PIECE_LENGTH_MIN};
use crate::bencode::BencodeError;
use crate::merkle::Node;

/// Where in a .torrent: a key, and the file and path component it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The path of the key up to the list of files, or within a file entry.
    pub name: &'static str,
    /// The entry of the list `files`, from 0.
    pub file: Option<usize>,
    /// The component of the file's path, from 0.
    pub component: Option<usize>,
}

impl Key {
    pub(super) const fn of(name: &'static str) -> Self {
        Self {
            name,
            file: None,
            component: None,
        }
    }

    pub(super) const fn of_file(name: &'static str, file: usize) -> Self {
        Self {
            name,
            file: Some(file),
            component: None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = self.file {
            write!(f, "info.files[{file}]")?;
            if !self.name.is_empty() {
                f.write_str(".")?;
            }
        }
        f.write_str(self.name)?;
        if let Some(component) = self.component {
            write!(f, "[{component}]")?;
        }
        Ok(())
    }
}

/// Why a .torrent file or an info dictionary is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetainfoError {
    /// More bytes than any torrent needs.
    #[error("{what} has {len} bytes; at most {max} are accepted")]
    TooLarge {
        /// The file or the info dictionary.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Not bencode at all, or not to its end.
    #[error("not a torrent: {0}")]
    Bencode(#[from] BencodeError),
    /// A key that must be there is not.
    #[error("{key} is missing")]
    Missing {
        /// The key.
        key: Key,
    },
    /// A value of the wrong type.
    #[error("{key} is not {expected}")]
    WrongType {
        /// The key.
        key: Key,
        /// What it must be.
        expected: &'static str,
    },
    /// A key that stands twice in its dictionary, so that its value is unclear.
    #[error("{key} is there twice")]
    Twice {
        /// The key.
        key: Key,
    },
    /// A number that is negative or too large.
    #[error("{key} is {value}; {allowed} are accepted")]
    OutOfRange {
        /// The key.
        key: Key,
        /// The number as it stands there, cut when very long.
        value: String,
        /// The range.
        allowed: &'static str,
    },
    /// A piece length that we do not work with.
    #[error(
        "info.piece length is {value}; a power of two from {PIECE_LENGTH_MIN} to \
         {PIECE_LENGTH_MAX} is accepted"
    )]
    PieceLength {
        /// The number as it stands there, cut when very long.
        value: String,
    },
    /// The hashes are not a multiple of 20 bytes.
    #[error("info.pieces has {len} bytes, which is no multiple of 20")]
    PiecesLength {
        /// The length in bytes.
        len: usize,
    },
    /// Too many or too few hashes for the total length.
    #[error("info.pieces holds hashes of {hashes} pieces, but {total_length} bytes make {pieces}")]
    PieceCount {
        /// The hashes there.
        hashes: usize,
        /// The hashes needed.
        pieces: u64,
        /// The sum of the lengths of the files.
        total_length: u64,
    },
    /// The lengths of the files add up to more than 2^53 bytes.
    #[error("{key} takes the total length above 2^53 bytes")]
    TotalLength {
        /// The length that was added last.
        key: Key,
    },
    /// There are no bytes in it.
    #[error("the torrent is empty: its files have no bytes")]
    Empty,
    /// Both `length` and `files`.
    #[error("info.length and info.files are both there: one file or several?")]
    Ambiguous,
    /// More files than we take.
    #[error("info.files has more than {FILES_MAX} entries")]
    TooManyFiles,
    /// A path that is too deep, or too many components in all paths together.
    #[error("{key} has too many components")]
    TooManyComponents {
        /// The path.
        key: Key,
    },
    /// A name or path component that could lead out of the torrent.
    #[error("{key} is {component}, which is not safe: {why}")]
    UnsafePath {
        /// The name or component.
        key: Key,
        /// It, quoted and cut.
        component: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// A path that is another file's, or that has another file as directory.
    #[error("{key} is {path}, which another file already is or has as its directory")]
    DuplicatePath {
        /// The path.
        key: Key,
        /// It, quoted and cut.
        path: String,
    },
    /// A version of the format that we do not know.
    #[error("info.meta version is {value}; 2 is known, and 1 when the key is not there")]
    MetaVersion {
        /// The number as it stands there, cut when very long.
        value: String,
    },
    /// An entry of the file tree that is none (BEP 52).
    #[error("in info.file tree at {path}: {why}")]
    FileTree {
        /// Where, quoted and cut.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The v1 and the v2 description are of different torrents (BEP 52).
    #[error("the v1 and v2 parts of this hybrid torrent disagree at {path}: {why}")]
    Hybrid {
        /// The file, quoted and cut.
        path: String,
        /// What differs.
        why: &'static str,
    },
    /// Hashes of pieces that do not lead to the file's root (BEP 52).
    #[error("the piece layer of {root} is not that of its file")]
    PieceLayer {
        /// The root of the file.
        root: Node,
    },
}

/// Text from outside for a message: quoted, escaped, at most 80 characters.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}
