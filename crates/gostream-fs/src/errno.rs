//! The one place where a failure becomes an errno. Every match is exhaustive.
//!
//! A read that cannot be served is EIO, nothing else: EAGAIN makes Samba and players spin, a short read looks
//! like the end of the file, and ETIMEDOUT is unknown to most of them.

use fuser::Errno;

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

/// The errno for a failure on the file behind a side-car.
pub(crate) fn of_side_car(error: &std::io::Error) -> Errno {
    match error.raw_os_error() {
        Some(code) if code == Errno::ENOENT.code() => Errno::ENOENT,
        Some(code) if code == Errno::EACCES.code() => Errno::EACCES,
        Some(code) if code == Errno::EMFILE.code() => Errno::EMFILE,
        Some(_) | None => Errno::EIO,
    }
}
