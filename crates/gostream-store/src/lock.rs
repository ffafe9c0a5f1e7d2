//! One process per state folder.
//!
//! The server, and a CLI command that works without one, take this lock before they open the database or
//! write a stub. It is an advisory `flock` on `gostream.lock`, which the kernel drops when the process dies
//! however it dies; the file holds the process id for the message and is never removed (removing it would let
//! two processes lock two files of the same name).

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use crate::atomic;

/// The name of the lock file in the state folder.
pub const LOCK_FILE: &str = "gostream.lock";

/// The lock; it is given up when this is dropped.
#[derive(Debug)]
pub struct StateLock {
    /// Closing it unlocks.
    file: File,
    path: PathBuf,
}

/// Why the lock was not got.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the state folder is in use by a running GoStream{} ({})", pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), path.display())]
    Held {
        /// Its process id, if it could be read.
        pid: Option<u32>,
        /// The lock file.
        path: PathBuf,
    },
    /// The file cannot be made, locked or written.
    #[error("cannot {doing} the lock file {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The step that failed.
        doing: &'static str,
        /// The system's words.
        source: io::Error,
    },
}

impl StateLock {
    /// Takes the lock at once or not at all; makes the folder if need be.
    pub fn acquire(state_dir: &Path) -> Result<Self, LockError> {
        let path = state_dir.join(LOCK_FILE);
        let failed = |doing| {
            let path = path.clone();
            move |source| LockError::Io {
                path,
                doing,
                source,
            }
        };
        atomic::create_folders(state_dir).map_err(|e| failed("make the folder of")(e.source))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = read_pid(&mut file);
                return Err(LockError::Held { pid, path });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let pid = std::process::id();
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{pid}"))
            .map_err(failed("write"))?;
        Ok(Self { file, path })
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // No process id of the dead stays in the file. Should this fail, the next holder overwrites it.
        let _ = self.file.set_len(0);
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs;

    use super::*;

    #[test]
    fn the_second_taker_learns_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = StateLock::acquire(&state).unwrap();
        let Err(LockError::Held { pid, .. }) = StateLock::acquire(&state) else {
            panic!("locked twice");
        };
        assert_eq!(pid, Some(std::process::id()));
        drop(first);
        StateLock::acquire(&state).unwrap();
    }

    #[test]
    fn a_file_left_by_a_dead_process_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOCK_FILE), b"4194304999\n").unwrap();
        let lock = StateLock::acquire(folder.path()).unwrap();
        let text = fs::read_to_string(lock.path()).unwrap();
        assert_eq!(text.trim(), std::process::id().to_string());
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let error = StateLock::acquire(&folder.path().join("file")).unwrap_err();
        assert!(error.to_string().contains("gostream.lock"), "{error}");
    }
}
