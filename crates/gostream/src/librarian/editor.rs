//! Changes through the mount: [`LibraryEditor`] over stub tree, database and engine.
//!
//! Called on the file system's own thread for changes, which may wait for the disk. Every step of a removal is
//! tried whatever became of the others; only a stub that is still there makes it fail, and what else went wrong
//! is logged.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use gostream_fs::{EditError, LibraryEditor, Made, Seen, Tree, WrittenSideCar};
use gostream_library::{Film, PathError, Stamp};
use gostream_store::{InodeKey, TreeError};
use rustix::io::Errno;

use super::desk::Desk;

/// The adapter.
pub(super) struct Editor {
    desk: Arc<Desk>,
}

impl Editor {
    pub(super) const fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    fn made(&self, path: &str, ino: u64) -> Made {
        let unseen = || Seen {
            mtime: SystemTime::now(),
            stamp: Stamp::default(),
        };
        Made {
            ino,
            seen: self.seen(path).unwrap_or_else(unseen),
        }
    }

    /// Nothing is made beneath a disk that is not mounted.
    fn check_source(&self) -> Result<(), EditError> {
        if self.desk.shelf.root_is_shown() {
            Ok(())
        } else {
            tracing::warn!(
                "a change through the mount is refused: the library's disk is not there"
            );
            Err(EditError::Io)
        }
    }
}

impl LibraryEditor for Editor {
    fn may_unlink(&self, path: &str) -> Result<(), EditError> {
        self.check_source()?;
        let stubs = self.desk.shelf.stubs();
        stubs.may_unlink(path).map_err(|error| refused(&error))
    }

    fn unlink_film(&self, path: &str, film: &Film, tree: &Tree) -> Result<(), EditError> {
        let stubs = self.desk.shelf.stubs();
        let unlink = || stubs.unlink(path).map_err(|error| refused(&error));
        let title = (film.hash, film.index);
        self.desk.part_with(path, title, tree, unlink)?;
        tracing::info!(path, torrent = %film.hash, "a film was removed through the mount");
        Ok(())
    }

    fn write_side_car(&self, path: &str, bytes: &[u8]) -> Result<WrittenSideCar, EditError> {
        self.check_source()?;
        let stubs = self.desk.shelf.stubs();
        let key = InodeKey::file(path);
        let number = self.desk.store.inodes().assign(vec![key]);
        let number = number
            .map_err(|error| error.to_string())
            .and_then(|numbers| numbers.first().copied().ok_or_else(String::new));
        let ino = number.map_err(|error| {
            tracing::error!(path, error, "a side-car has no inode number");
            EditError::Io
        })?;
        stubs
            .write_sidecar(path, bytes)
            .map_err(|error| refused(&error))?;
        Ok(WrittenSideCar {
            made: self.made(path, ino),
            source: stubs.root().join(path),
        })
    }

    fn room(&self) -> u64 {
        // What cannot be asked decides when it is written.
        rustix::fs::statvfs(self.desk.shelf.root())
            .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn unlink_side_car(&self, path: &str) -> Result<(), EditError> {
        let stubs = self.desk.shelf.stubs();
        stubs.unlink(path).map_err(|error| refused(&error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), EditError> {
        let stubs = self.desk.shelf.stubs();
        self.check_source()?;
        stubs.rename(from, to).map_err(|error| refused(&error))?;
        self.desk.shelf.renamed(from, to);
        if let Err(error) = self.desk.store.inodes().rename(from, to) {
            tracing::error!(from, to, %error, "what was moved has another inode number after a restart");
        }
        Ok(())
    }

    fn make_directory(&self, path: &str) -> Result<Made, EditError> {
        self.check_source()?;
        let stubs = self.desk.shelf.stubs();
        stubs.make_folder(path).map_err(|error| refused(&error))?;
        self.desk.shelf.made_folder(path);
        let numbers = self.desk.store.inodes();
        let made = numbers
            .assign(vec![InodeKey::directory(path)])
            .map_err(|error| error.to_string())
            .and_then(|numbers| numbers.first().copied().ok_or_else(String::new));
        match made {
            Ok(ino) => Ok(self.made(path, ino)),
            Err(error) => {
                tracing::error!(path, error, "a new folder has no inode number");
                stubs.remove_folder(path).map_err(|error| refused(&error))?;
                Err(EditError::Io)
            }
        }
    }

    fn remove_directory(&self, path: &str) -> Result<(), EditError> {
        let stubs = self.desk.shelf.stubs();
        stubs.remove_folder(path).map_err(|error| refused(&error))
    }

    fn seen(&self, path: &str) -> Option<Seen> {
        let (mtime, stamp) = self.desk.shelf.stubs().state_of(path).ok()?;
        Some(Seen { mtime, stamp })
    }
}

/// What a refusal of the stub tree means to the program that asked.
fn refused(error: &TreeError) -> EditError {
    tracing::debug!(%error, "a change through the mount was refused");
    match error {
        TreeError::NotFound { .. } => EditError::NotFound,
        TreeError::Exists { .. } | TreeError::OtherTorrent { .. } => EditError::Exists,
        TreeError::NotAFile { .. } => EditError::IsDirectory,
        TreeError::NotAStubName { .. }
        | TreeError::StubName { .. }
        | TreeError::RealFilm { .. }
        | TreeError::Outside { .. } => EditError::NotPermitted,
        TreeError::BadPath(PathError::TooLong { .. }) => EditError::NameTooLong,
        TreeError::BadPath(_) => EditError::Invalid,
        TreeError::Io { source, .. } => of_disk(source),
        TreeError::RootMissing { .. } | TreeError::SourceGone { .. } | TreeError::Broken { .. } => {
            tracing::warn!(%error, "a change through the mount failed");
            EditError::Io
        }
    }
}

fn of_disk(error: &io::Error) -> EditError {
    match Errno::from_io_error(error).or_else(|| errno_of(error.kind())) {
        Some(Errno::NOENT) => EditError::NotFound,
        Some(Errno::EXIST) => EditError::Exists,
        Some(Errno::NOTEMPTY) => EditError::NotEmpty,
        Some(Errno::NOTDIR) => EditError::NotDirectory,
        Some(Errno::ISDIR) => EditError::IsDirectory,
        Some(Errno::ACCESS | Errno::PERM) => EditError::Denied,
        Some(Errno::ROFS) => EditError::ReadOnly,
        Some(Errno::NOSPC | Errno::DQUOT) => EditError::NoSpace,
        Some(Errno::INVAL) => EditError::Invalid,
        Some(Errno::NAMETOOLONG) => EditError::NameTooLong,
        Some(_) | None => {
            tracing::warn!(%error, "a change through the mount failed");
            EditError::Io
        }
    }
}

/// What the system said, where who called it has put its own words around that and kept only the kind.
fn errno_of(kind: io::ErrorKind) -> Option<Errno> {
    let told = [
        (io::ErrorKind::ReadOnlyFilesystem, Errno::ROFS),
        (io::ErrorKind::StorageFull, Errno::NOSPC),
        (io::ErrorKind::QuotaExceeded, Errno::DQUOT),
        (io::ErrorKind::PermissionDenied, Errno::ACCESS),
        (io::ErrorKind::NotFound, Errno::NOENT),
    ];
    let found = told.into_iter().find(|(one, _)| *one == kind);
    found.map(|(_, errno)| errno)
}
