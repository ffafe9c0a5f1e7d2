//! The one place where a failure becomes an errno. Every match is exhaustive.
//!
//! A read that cannot be served is EIO, nothing else: EAGAIN makes Samba and players spin, a short read looks
//! like the end of the file, and ETIMEDOUT is unknown to most of them. That holds also for the handles of a
//! film that was removed.

use fuser::Errno;

use crate::editor::EditError;
use crate::failure::{OpenError, ReadFailure};

/// What the operations themselves refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such name or inode.
    NotFound,
    /// A file where a directory is needed.
    NotDirectory,
    /// A directory where a file is needed.
    IsDirectory,
    /// A name over 255 bytes.
    NameTooLong,
    /// An unknown file handle.
    BadHandle,
    /// Too many handles are open.
    TooManyOpen,
    /// Whatever would write.
    ReadOnly,
    /// No such extended attribute.
    NoAttribute,
    /// The value of an extended attribute is longer than there is room for.
    NoRoom,
    /// An operation that this file system does not have; the kernel stops asking.
    NotImplemented,
}

impl From<Refusal> for Errno {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::ENOENT,
            Refusal::NotDirectory => Self::ENOTDIR,
            Refusal::IsDirectory => Self::EISDIR,
            Refusal::NameTooLong => Self::ENAMETOOLONG,
            Refusal::BadHandle => Self::EBADF,
            Refusal::TooManyOpen => Self::ENFILE,
            Refusal::ReadOnly => Self::EROFS,
            Refusal::NoAttribute => Self::ENODATA,
            Refusal::NoRoom => Self::ERANGE,
            Refusal::NotImplemented => Self::ENOSYS,
        }
    }
}

impl From<OpenError> for Errno {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NotFound => Self::ENOENT,
            OpenError::Busy => Self::EBUSY,
            OpenError::ShuttingDown | OpenError::Io => Self::EIO,
        }
    }
}

impl From<EditError> for Errno {
    fn from(error: EditError) -> Self {
        match error {
            EditError::NotFound => Self::ENOENT,
            EditError::Exists => Self::EEXIST,
            EditError::NotEmpty => Self::ENOTEMPTY,
            EditError::NotDirectory => Self::ENOTDIR,
            EditError::IsDirectory => Self::EISDIR,
            EditError::Denied => Self::EACCES,
            EditError::NotPermitted => Self::EPERM,
            EditError::ReadOnly => Self::EROFS,
            EditError::Invalid => Self::EINVAL,
            EditError::NameTooLong => Self::ENAMETOOLONG,
            EditError::TooLarge => Self::EFBIG,
            EditError::NoSpace => Self::ENOSPC,
            EditError::Io => Self::EIO,
        }
    }
}

impl From<ReadFailure> for Errno {
    fn from(failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::TimedOut
            | ReadFailure::Unavailable
            | ReadFailure::ShuttingDown
            | ReadFailure::Io => Self::EIO,
        }
    }
}

/// The errno for a failure on the file behind a side-car. One that is shown and cannot be found is EIO: its disk
/// may be gone for a while, and a media server forgets what it is told does not exist.
pub(crate) fn of_side_car(error: &std::io::Error) -> Errno {
    match error.raw_os_error() {
        Some(code) if code == Errno::EACCES.code() => Errno::EACCES,
        Some(code) if code == Errno::EMFILE.code() => Errno::EMFILE,
        Some(_) | None => Errno::EIO,
    }
}
