//! Making a mount point fit for use: what a killed predecessor left there is taken off, anything else stays.
//!
//! Called by [`crate::mount()`], and by `gostream doctor` ([`inspect`] changes nothing). The mount table is
//! read before the path is touched: on a dead mount every access fails with ENOTCONN, and a hung one may never
//! answer. Only mounts of type `fuse.gostream` whose server is dead are ever taken off.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use rustix::io::Errno;

use crate::attach::{Detach, detach};
use crate::mountinfo::{OUR_TYPE, mounts_at};

/// Mounts that may lie on one another at one path; a service that restarts in a loop can stack them.
const MAX_STACKED: usize = 5;
/// How long another instance may take to answer before it counts as hung.
const ANSWER_TIME: Duration = Duration::from_secs(3);
/// Symbolic links followed on the way to a mount point.
const MAX_LINKS: usize = 8;

/// What is at a mount point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointState {
    /// Nothing, or an empty directory.
    Free,
    /// Mounts of dead servers.
    Stale {
        /// How many, one upon the other.
        count: usize,
    },
    /// A GoStream that serves it, or one that hangs.
    Live {
        /// Whether it answers.
        answers: bool,
    },
    /// A GoStream of another user, dead or alive, that lets nobody else in.
    OtherUser,
    /// A mount that is not ours.
    Foreign {
        /// Its type.
        fs_type: String,
    },
    /// A directory with files in it, which a mount would hide.
    NotEmpty,
    /// A file.
    NotDirectory,
}

/// Why a mount point cannot be used. The text says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum StaleError {
    /// Another instance serves it.
    #[error(
        "{point} is served by another GoStream: stop that one first ('systemctl stop gostream'), \
         or choose another mount point",
        point = point.display()
    )]
    Live {
        /// Where.
        point: PathBuf,
    },
    /// Another instance is mounted there and does not answer.
    #[error(
        "{point} belongs to a GoStream that does not answer: stop it ('systemctl stop gostream' or \
         'kill'), then start again",
        point = point.display()
    )]
    Hung {
        /// Where.
        point: PathBuf,
    },
    /// Another user's instance, which does not let this one look in.
    #[error(
        "{point} is the mount of another user's GoStream: stop that one, or as that user run \
         'fusermount3 -uz {point}'",
        point = point.display()
    )]
    OtherUser {
        /// Where.
        point: PathBuf,
    },
    /// Something else is mounted there.
    #[error(
        "{point} is a mount of type {fs_type}, not one of GoStream: unmount it ('umount {point}') or \
         choose another mount point",
        point = point.display()
    )]
    Foreign {
        /// Where.
        point: PathBuf,
        /// Its type.
        fs_type: String,
    },
    /// Files would be hidden.
    #[error(
        "{point} is not empty, and a mount would hide what is in it: move the files away or choose \
         another mount point",
        point = point.display()
    )]
    NotEmpty {
        /// Where.
        point: PathBuf,
    },
    /// A file is in the way.
    #[error(
        "{point} is not a directory: remove it or choose another mount point",
        point = point.display()
    )]
    NotDirectory {
        /// Where.
        point: PathBuf,
    },
    /// A dead mount cannot be taken off.
    #[error(
        "cannot take the dead mount off {point}: {error}; as root try 'umount -l {point}' (under Docker: \
         on the host)",
        point = point.display()
    )]
    Detach {
        /// Where.
        point: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The directory cannot be made or read.
    #[error("cannot use {point} as a mount point: {error}", point = point.display())]
    Io {
        /// Where.
        point: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// Looks at a mount point and changes nothing.
///
/// # Errors
/// [`StaleError::Io`] when the mount table or the directory cannot be read.
pub fn inspect(point: &Path) -> Result<PointState, StaleError> {
    let resolved = resolve(point).map_err(|error| io_error(point, error))?;
    state_of(&resolved).map_err(|error| io_error(&resolved, error))
}

/// Makes `point` an empty directory without a mount, if that harms nobody: takes dead mounts of ours off and
/// creates missing directories. Returns its absolute path without symbolic links.
///
/// # Errors
/// [`StaleError`], with the remedy in its text.
pub fn prepare(point: &Path) -> Result<PathBuf, StaleError> {
    let resolved = resolve(point).map_err(|error| io_error(point, error))?;
    // One more look than mounts: the last one finds the free directory.
    for _ in 0..=MAX_STACKED {
        let state = state_of(&resolved).map_err(|error| io_error(&resolved, error))?;
        let point = resolved.clone();
        match state {
            PointState::Free => {
                std::fs::create_dir_all(&resolved).map_err(|error| io_error(&resolved, error))?;
                return Ok(resolved);
            }
            PointState::Stale { count } => {
                tracing::warn!(point = %point.display(), count, "taking a dead mount off");
                detach(&resolved, Detach::Lazy)
                    .map_err(|error| StaleError::Detach { point, error })?;
            }
            PointState::Live { answers: true } => return Err(StaleError::Live { point }),
            PointState::Live { answers: false } => return Err(StaleError::Hung { point }),
            PointState::OtherUser => return Err(StaleError::OtherUser { point }),
            PointState::Foreign { fs_type } => return Err(StaleError::Foreign { point, fs_type }),
            PointState::NotEmpty => return Err(StaleError::NotEmpty { point }),
            PointState::NotDirectory => return Err(StaleError::NotDirectory { point }),
        }
    }
    let error = io::Error::other(format!("more than {MAX_STACKED} mounts lie on one another"));
    Err(StaleError::Detach {
        point: resolved,
        error,
    })
}

fn io_error(point: &Path, error: io::Error) -> StaleError {
    StaleError::Io {
        point: point.to_owned(),
        error,
    }
}

fn state_of(point: &Path) -> io::Result<PointState> {
    let mounts = mounts_at(point)?;
    let Some(top) = mounts.last() else {
        return state_of_directory(point);
    };
    if top.fs_type != OUR_TYPE {
        return Ok(PointState::Foreign {
            fs_type: top.fs_type.clone(),
        });
    }
    Ok(match answer(point) {
        Answer::Dead => PointState::Stale {
            count: mounts
                .iter()
                .rev()
                .take_while(|line| line.fs_type == OUR_TYPE)
                .count(),
        },
        Answer::Alive => PointState::Live { answers: true },
        Answer::Denied => PointState::OtherUser,
        Answer::None => PointState::Live { answers: false },
    })
}

fn state_of_directory(point: &Path) -> io::Result<PointState> {
    match std::fs::read_dir(point) {
        Ok(mut entries) => Ok(match entries.next() {
            None => PointState::Free,
            Some(_) => PointState::NotEmpty,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(PointState::Free),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(PointState::NotDirectory),
        Err(error) => Err(error),
    }
}

enum Answer {
    Alive,
    Dead,
    Denied,
    None,
}

/// Asks the server of a mount, on a thread that is left behind if it never answers. statfs and not stat: the
/// kernel answers a stat of a dead mount from its cache for a second. The stat after it is for a mount that lets
/// only its owner in: there the kernel answers the statfs itself.
fn answer(point: &Path) -> Answer {
    let (sender, receiver) = mpsc::channel();
    let path = point.to_owned();
    let asking = std::thread::Builder::new()
        .name("gostream-probe".to_owned())
        .spawn(move || {
            // Nobody may be listening any more.
            let answer = rustix::fs::statfs(&path).and_then(|_| rustix::fs::stat(&path));
            let _ = sender.send(answer.map(|_| ()));
        });
    if asking.is_err() {
        return Answer::None;
    }
    match receiver.recv_timeout(ANSWER_TIME) {
        Ok(Err(Errno::NOTCONN | Errno::CONNABORTED)) => Answer::Dead,
        Ok(Err(Errno::ACCESS)) => Answer::Denied,
        Ok(Ok(()) | Err(_)) => Answer::Alive,
        Err(_) => Answer::None,
    }
}

/// The absolute path without symbolic links, without touching the mount point itself: its parent is resolved
/// by the system, its own name by hand.
fn resolve(point: &Path) -> io::Result<PathBuf> {
    let mut path = std::path::absolute(point)?;
    for _ in 0..MAX_LINKS {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(path); // the root directory: not empty, so it is refused later
        };
        let real = resolve_parent(parent)?.join(name);
        // On a mount, dead or alive, this is EINVAL or ENOTCONN: no symbolic link.
        match std::fs::read_link(&real) {
            Ok(target) => path = real.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => return Ok(real),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Resolves what exists of a path and keeps the rest, which is to be created.
fn resolve_parent(parent: &Path) -> io::Result<PathBuf> {
    let mut missing: Vec<&OsStr> = Vec::new();
    let mut at = parent;
    loop {
        match at.canonicalize() {
            Ok(real) => {
                return Ok(missing
                    .iter()
                    .rev()
                    .fold(real, |path, name| path.join(name)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (Some(up), Some(name)) = (at.parent(), at.file_name()) else {
                    return Err(error);
                };
                missing.push(name);
                at = up;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_missing_mount_point_is_created_with_its_parents() {
        let dir = tempfile::tempdir().unwrap();
        let point = dir.path().join("a/b/c");
        assert_eq!(inspect(&point).unwrap(), PointState::Free);
        assert!(!point.exists());
        let real = prepare(&point).unwrap();
        assert!(real.is_dir());
    }

    #[test]
    fn a_directory_with_files_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("film.mkv"), "x").unwrap();
        let error = prepare(dir.path()).unwrap_err();
        assert!(matches!(error, StaleError::NotEmpty { .. }));
        assert!(error.to_string().contains("choose another mount point"));
        assert!(dir.path().join("film.mkv").exists());
    }

    #[test]
    fn a_file_and_a_foreign_mount_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let error = prepare(&file).unwrap_err();
        assert!(matches!(error, StaleError::NotDirectory { .. }));
        let error = prepare(Path::new("/proc")).unwrap_err();
        assert!(matches!(error, StaleError::Foreign { fs_type, .. } if fs_type == "proc"));
    }

    #[test]
    fn a_symbolic_link_leads_to_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("real", &link).unwrap();
        assert_eq!(prepare(&link).unwrap(), real.canonicalize().unwrap());
        let round = dir.path().join("round");
        std::os::unix::fs::symlink("round", &round).unwrap();
        assert!(prepare(&round).is_err());
    }
}
