//! How the library is changed on the disk: the trait that the binary implements over stub tree and database.
//!
//! Called by `edit.rs` on the one thread that changes things, never on a thread that answers the kernel's
//! other requests: an editor may wait for the disk. What POSIX wants (who exists, who is a directory, who is
//! empty) was checked against the tree before; the editor does the one change, or says why not, and the tree
//! that the mount shows follows when it says `Ok`.

use std::path::PathBuf;
use std::time::SystemTime;

use gostream_library::{Film, Stamp};

use crate::tree::{Node, Tree, TreeEntry};

/// Changes the library. Paths are relative to its root, as in [`crate::TreeEntry`].
pub trait LibraryEditor: Send + Sync + 'static {
    /// Whether [`LibraryEditor::unlink_film`] has a chance: asked before readers are closed, so that a removal
    /// that the disk refuses costs nobody the film.
    ///
    /// # Errors
    /// What the disk would say.
    fn may_unlink(&self, path: &str) -> Result<(), EditError>;

    /// Removes the stub of a film whose readers are closed, remembers that it is not wanted, and forgets its
    /// torrent when nothing in `tree` but this film needs it.
    ///
    /// # Errors
    /// Only when the stub is still there.
    fn unlink_film(&self, path: &str, film: &Film, tree: &Tree) -> Result<(), EditError>;

    /// Writes a side-car, new or not, whole or not at all.
    ///
    /// # Errors
    /// When the disk has what it had before.
    fn write_side_car(&self, path: &str, bytes: &[u8]) -> Result<WrittenSideCar, EditError>;

    /// Bytes that the library's disk has room for.
    fn room(&self) -> u64;

    /// Removes a side-car.
    ///
    /// # Errors
    /// When it is still there.
    fn unlink_side_car(&self, path: &str) -> Result<(), EditError>;

    /// Moves a file or directory, with its inode number and those of everything in it. What is at `to` is
    /// replaced: a side-car by a side-car, an empty directory by a directory.
    ///
    /// # Errors
    /// When everything is where it was.
    fn rename(&self, from: &str, to: &str) -> Result<(), EditError>;

    /// Makes a directory.
    ///
    /// # Errors
    /// When there is none.
    fn make_directory(&self, path: &str) -> Result<Made, EditError>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// When it is still there, as when it holds something that the mount does not show.
    fn remove_directory(&self, path: &str) -> Result<(), EditError>;

    /// How a file or directory is on the disk now; the empty path is the root.
    fn seen(&self, path: &str) -> Option<Seen>;
}

/// Something new in the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its inode number.
    pub ino: u64,
    /// How it is on the disk.
    pub seen: Seen,
}

impl Made {
    /// What the tree shows of it at `path`.
    pub(crate) fn entry(self, path: &str, node: Node) -> TreeEntry {
        TreeEntry {
            path: path.to_owned(),
            ino: self.ino,
            mtime: self.seen.mtime,
            stamp: self.seen.stamp,
            node,
        }
    }
}

/// A side-car on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenSideCar {
    /// Number and state.
    pub made: Made,
    /// Where it lies.
    pub source: PathBuf,
}

/// How something is on the disk, as a scan would find it: a scan after the change finds nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its modification time.
    pub mtime: SystemTime,
    /// Which file of the disk it is.
    pub stamp: Stamp,
}

/// Why a change was not made. Each is one errno (`errno.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// No such name or inode.
    #[error("it does not exist")]
    NotFound,
    /// The name is taken.
    #[error("the name is taken")]
    Exists,
    /// A directory that is not empty.
    #[error("the directory is not empty")]
    NotEmpty,
    /// A file where a directory is needed.
    #[error("it is no directory")]
    NotDirectory,
    /// A directory where a file is needed.
    #[error("it is a directory")]
    IsDirectory,
    /// This user may not.
    #[error("this user may not change the library")]
    Denied,
    /// Nobody may: a film stays a film, and a real film is not touched.
    #[error("that is never done to a film")]
    NotPermitted,
    /// What writes.
    #[error("read-only")]
    ReadOnly,
    /// A name that cannot be in the library, or a combination that makes no sense.
    #[error("the name or the request is not valid")]
    Invalid,
    /// A name over 255 bytes.
    #[error("the name is too long")]
    NameTooLong,
    /// More than a side-car may have.
    #[error("too large for a side-car")]
    TooLarge,
    /// The disk is full.
    #[error("no space left")]
    NoSpace,
    /// Anything else.
    #[error("input/output error")]
    Io,
}
