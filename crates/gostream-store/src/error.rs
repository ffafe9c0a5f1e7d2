//! The errors of this crate: one enum for the database, one for the stub tree.
//!
//! Each message says what was done, where, and what the user can do about it; callers match on the variants
//! to choose an exit code or an errno.

use std::path::{Path, PathBuf};

use gostream_library::{PathError, StubError, TorrentHash};
use rusqlite::ErrorCode;

use crate::atomic::AtomicError;

/// What went wrong with the database. The file itself is never changed by an error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder of the database cannot be made.
    #[error("cannot make the folder of the database {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file is damaged or no database.
    #[error("the database {} is damaged or is no database ({detail}). It was left as it is: `gostream restore FILE` puts a backup in its place and keeps it aside; or move it away to begin anew", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// SQLite's words.
        detail: String,
    },
    /// Another process holds it.
    #[error("the database {} is in use by another program; stop that one first", path.display())]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// A newer GoStream wrote it.
    #[error("the database {} was made by a newer GoStream (schema {found}, this one knows {known}); update, or use another state folder", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema number.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// A database of another program.
    #[error("{} is a database of another program; it was left as it is", path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// A step of the schema failed and was rolled back.
    #[error("cannot bring the database {} from schema {from} to {to}: {source}", path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
        /// Schema that it still has.
        from: i64,
        /// Schema that was tried.
        to: i64,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// Any other failure of SQLite, such as a full disk or a value that cannot be read back.
    #[error("cannot {doing} in the database {}: {source}", path.display())]
    Sql {
        /// The database file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// The thread that writes could not be started.
    #[error("cannot start the thread that writes the database: {source}")]
    Thread {
        /// The system's words.
        source: std::io::Error,
    },
    /// The thread that writes has ended.
    #[error("cannot {doing}: the database {} is closed", path.display())]
    Closed {
        /// The database file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
    },
    /// A list is at its bound; nothing was changed.
    #[error("the {what} in the database {} is full", path.display())]
    Full {
        /// The database file.
        path: PathBuf,
        /// Which list.
        what: &'static str,
    },
    /// A folder cannot be moved into itself.
    #[error("cannot move {from:?} to {to:?}: one lies inside the other")]
    BadRename {
        /// Old path.
        from: String,
        /// New path.
        to: String,
    },
}

impl StoreError {
    /// Sorts a failure of SQLite into the variants.
    pub(crate) fn sql(path: &Path, doing: &'static str, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Corrupt {
                path,
                detail: source.to_string(),
            },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            _ => Self::Sql {
                path,
                doing,
                source,
            },
        }
    }
}

/// What went wrong with the stub tree. Paths are relative to its root unless they are `PathBuf`.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The root is not there: not made, or its disk is not mounted.
    #[error("the library folder {} does not exist (is its disk mounted?)", path.display())]
    RootMissing {
        /// The root.
        path: PathBuf,
    },
    /// The root holds no film and is not the folder that it was: its disk was unmounted.
    #[error(
        "the library folder {} holds no film any more and is another folder than before: its disk is not mounted, as it \
         seems. If the library is meant to be empty, make a file {} in it",
        path.display(),
        crate::scan::MARKER
    )]
    SourceGone {
        /// The root.
        path: PathBuf,
    },
    /// The path is no path inside the library.
    #[error(transparent)]
    BadPath(#[from] PathError),
    /// A symbolic link leads out of the library.
    #[error("{path:?} leads out of the library by a symbolic link")]
    Outside {
        /// The path.
        path: String,
    },
    /// There is nothing.
    #[error("{path:?} does not exist")]
    NotFound {
        /// The path.
        path: String,
    },
    /// A folder or other thing where a file is needed.
    #[error("{path:?} is not a file")]
    NotAFile {
        /// The path.
        path: String,
    },
    /// Something is there already.
    #[error("{path:?} exists")]
    Exists {
        /// The path.
        path: String,
    },
    /// A stub of another torrent is there.
    #[error("{path:?} belongs to another torrent ({found})")]
    OtherTorrent {
        /// The path.
        path: String,
        /// The torrent that it belongs to.
        found: TorrentHash,
    },
    /// A stub's name must end in `.mkv`.
    #[error("{path:?}: the name of a stub must end in .mkv")]
    NotAStubName {
        /// The path.
        path: String,
    },
    /// Only stubs may be called `.mkv`.
    #[error("{path:?}: only a stub may have a name that ends in .mkv")]
    StubName {
        /// The path.
        path: String,
    },
    /// A `.mkv` that is too large to be a stub: a real film, never touched.
    #[error("{path:?} is a real file, not a stub")]
    RealFilm {
        /// The path.
        path: String,
    },
    /// The stub cannot be read or made.
    #[error("the stub {path:?} is broken: {source}")]
    Broken {
        /// The path.
        path: String,
        /// What is wrong with it.
        source: StubError,
    },
    /// The disk refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The system's words.
        source: std::io::Error,
    },
}

impl TreeError {
    /// A refusal of the disk.
    pub(crate) fn io(path: &Path, doing: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    }
}

impl From<AtomicError> for TreeError {
    fn from(error: AtomicError) -> Self {
        Self::Io {
            path: error.path,
            doing: error.doing,
            source: error.source,
        }
    }
}
