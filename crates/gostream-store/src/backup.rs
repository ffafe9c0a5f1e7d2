//! A backup: all that cannot be had again, in one tar file.
//!
//! In it are the database, the stubs and text side-cars of the library, config.json and trackers.txt; no bytes of
//! films, no pictures, no lists that are fetched. The first entry says what the file is, the last one how many
//! there are and what they hash to: what was cut, changed or made by another program is told before anything is
//! taken from it. The file has mode 0600, since config.json holds secrets.
//!
//! [`write()`] needs neither the state lock nor the server: SQLite gives a snapshot of the database while others
//! write it, and the library is looked at before and after. [`crate::restore`] takes a backup in.

mod files;
mod format;
pub mod fuzzing;
mod read;
mod snapshot;
mod write;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{atomic::AtomicError, error::StoreError};

pub(crate) use self::files::list;
pub(crate) use self::format::{DATABASE, LIBRARY, SETTINGS, TRACKERS};
pub use self::read::Unpacked;
pub(crate) use self::read::unpack;
pub use self::write::{Contents, Saved, write};

/// Why a backup was not made, or cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to back up.
    #[error("there is no database {}: nothing to back up", path.display())]
    NoDatabase {
        /// Where it would be.
        path: PathBuf,
    },
    /// A file that is not ours to replace.
    #[error("{} exists and is no backup of GoStream: it was left as it is, choose another name", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// Not one of our backups.
    #[error("{} is no backup of GoStream ({detail})", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is not as in a backup.
        detail: String,
    },
    /// A newer GoStream made it.
    #[error("{} was made by a newer GoStream (format {found}, this one knows {known}); update first", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// One of ours, but not as it was written.
    #[error("the backup {} is damaged: {detail}. Nothing was taken from it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Another restored state was not put in place yet.
    #[error("a restored state waits already for the next start in {}: start GoStream once, or remove that folder", path.display())]
    Waiting {
        /// Its folder.
        path: PathBuf,
    },
    /// The library's disk is not mounted, as it seems.
    #[error("the library folder {} holds no film and is not the folder that held films before: mount its disk. If it is meant to be empty, make a file {} in it", path.display(), crate::scan::MARKER)]
    LibraryGone {
        /// The folder.
        path: PathBuf,
    },
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The system's words.
        source: io::Error,
    },
}

impl BackupError {
    /// A refusal of the disk, for `map_err`.
    pub(crate) fn io<'a>(
        doing: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    }
}

impl From<AtomicError> for BackupError {
    fn from(error: AtomicError) -> Self {
        Self::Io {
            path: error.path,
            doing: error.doing,
            source: error.source,
        }
    }
}

#[cfg(test)]
#[path = "backup/corpus_tests.rs"]
mod corpus_tests;
#[cfg(test)]
#[path = "backup/tests.rs"]
mod tests;
