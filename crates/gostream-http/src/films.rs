//! The library as files over HTTP: the trait that the binary implements over the mount's tree and the engine.
//!
//! Called by the ports that serve bytes. [`FilmLibrary::find`] and [`FilmLibrary::children`] answer from memory
//! and wake nothing; [`FilmLibrary::open`] returns at once and its reads carry the deadline, as those of the
//! mount do. Dropping an [`OpenFilm`] closes the reader.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// What the mount shows, by path. Paths are relative to its root, with `/` between names; the root is empty.
pub trait FilmLibrary: Send + Sync + 'static {
    /// What lies at a path.
    fn find(&self, path: &str) -> Option<Item>;

    /// What lies in a folder, sorted by name; none if there is no such folder.
    fn children(&self, path: &str) -> Option<Vec<Item>>;

    /// Opens a file.
    ///
    /// # Errors
    /// [`FilmError`], which the client sees as a status.
    fn open(&self, path: &str) -> Result<(Item, Arc<dyn OpenFilm>), FilmError>;
}

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Name within its folder; empty for the root.
    pub name: String,
    /// When its content last changed.
    pub modified: SystemTime,
    /// What it is.
    pub kind: ItemKind,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// Length in bytes.
        len: u64,
        /// A word that changes with the content: letters, digits and `-` only.
        tag: String,
    },
}

impl Item {
    /// Whether it is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        self.kind == ItemKind::Folder
    }

    /// Length in bytes; 0 for a folder.
    pub(crate) fn len(&self) -> u64 {
        match self.kind {
            ItemKind::Folder => 0,
            ItemKind::File { len, .. } => len,
        }
    }
}

/// An open file.
pub trait OpenFilm: Send + Sync {
    /// Exactly `len` bytes at `offset`; both within the file.
    fn read(&self, offset: u64, len: u32) -> BoxFuture<'static, Result<Bytes, FilmError>>;
}

/// Why there are no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilmError {
    /// There is no such file.
    #[error("there is no such film")]
    NotFound,
    /// It is a folder.
    #[error("this is a folder")]
    IsFolder,
    /// Too much is under way.
    #[error("too many films are open")]
    Busy,
    /// The swarm did not deliver in time.
    #[error("the bytes did not come in time")]
    TimedOut,
    /// The torrent has no such bytes, or nobody has them.
    #[error("the bytes cannot be had")]
    Unavailable,
    /// The server is ending.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// Anything else, such as a side-car that the disk does not give.
    #[error("the file cannot be read")]
    Io,
}
