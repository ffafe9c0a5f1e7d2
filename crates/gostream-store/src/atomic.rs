//! Files are replaced whole or not at all.
//!
//! [`write()`] puts the bytes into a temporary file of the same folder, syncs it, renames it over the target
//! and syncs the folder: whoever reads sees the old file or the new one, also after `kill -9` or a power cut.
//! What a killed process leaves behind has a name of its own ([`is_temporary`]); the scan of the stub tree
//! ignores such files and removes those of earlier processes ([`is_leftover`]). Used for stubs, side-cars,
//! and any state or configuration file.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::SystemTime,
};

/// Every temporary file of ours begins so.
const TEMPORARY_PREFIX: &str = ".gostream-tmp-";

/// Mode of files that anyone may read, less the process's umask.
pub const MODE_PUBLIC: u32 = 0o644;
/// Mode of files that hold secrets.
pub const MODE_PRIVATE: u32 = 0o600;

/// A file that could not be written. The target is as it was, or complete.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct AtomicError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// The step that failed.
    pub doing: &'static str,
    /// The system's words.
    pub source: io::Error,
}

/// Writes `bytes` to `path` atomically, with `mode` less the umask. The folder must exist. A symbolic link
/// at `path` is replaced, not followed.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AtomicError> {
    let failed = |source| AtomicError {
        path: path.to_owned(),
        doing: "sync the folder of",
        source,
    };
    write_with(path, mode, |file| {
        file.write_all(bytes)?;
        file.sync_all()
    })?;
    sync_folder(folder_of(path)).map_err(failed)
}

/// Like [`write()`] with what `fill` writes; nothing is synced but by `fill`.
pub(crate) fn write_with(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), AtomicError> {
    let failed = |doing| {
        move |source| AtomicError {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    let folder = folder_of(path);
    let mut file = tempfile::Builder::new()
        .prefix(session_prefix())
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(failed("make a temporary file for"))?;
    fill(file.as_file_mut()).map_err(failed("write"))?;
    file.persist(path)
        .map_err(|e| failed("put in place")(e.error))?;
    Ok(())
}

/// Makes a folder and those above it, and syncs what holds them.
pub fn create_folders(path: &Path) -> Result<(), AtomicError> {
    let failed = |doing| {
        move |source| AtomicError {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    if above != path {
        create_folders(above)?;
    }
    match fs::create_dir(path) {
        Ok(()) => sync_folder(above).map_err(failed("sync the folder of")),
        // Another thread was faster.
        Err(_) if path.is_dir() => Ok(()),
        Err(source) => Err(failed("make the folder")(source)),
    }
}

/// Makes the names in a folder survive a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// True for the name of a temporary file of this crate.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX)
}

/// True for the name of a temporary file that another process made: when the state lock is held, that
/// process is dead.
pub fn is_leftover(name: &str) -> bool {
    is_temporary(name) && !name.starts_with(session_prefix())
}

/// The folder that holds `path`; `.` for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) => Path::new("."),
        None => path,
    }
}

/// The prefix of this process's temporary files. The time is in it because a container gives every process
/// the same id.
fn session_prefix() -> &'static str {
    static PREFIX: OnceLock<String> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        format!("{TEMPORARY_PREFIX}{}-{now:x}-", std::process::id())
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, b"first", MODE_PUBLIC).unwrap();
        write(&path, b"2", MODE_PRIVATE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn a_reader_that_has_the_old_file_open_keeps_it() {
        use std::io::Read as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"old", MODE_PUBLIC).unwrap();
        let mut open = File::open(&path).unwrap();
        write(&path, b"new", MODE_PUBLIC).unwrap();
        let mut text = String::new();
        open.read_to_string(&mut text).unwrap();
        assert_eq!(text, "old");
    }

    #[test]
    fn a_write_that_fails_leaves_the_target_and_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), b"x").unwrap();
        let error = write(&path, b"bytes", MODE_PUBLIC).unwrap_err();
        assert_eq!((error.doing, &error.path), ("put in place", &path));
        assert_eq!(names(folder.path()), ["taken"]);
        let nowhere = folder.path().join("no/such/file");
        assert!(write(&nowhere, b"bytes", MODE_PUBLIC).is_err());
    }

    #[test]
    fn leftovers_are_those_of_other_processes() {
        let ours = format!("{}abc", session_prefix());
        assert!(is_temporary(&ours) && !is_leftover(&ours));
        assert!(is_leftover(".gostream-tmp-1-0-abc"));
        assert!(!is_temporary("a.mkv") && !is_leftover("a.mkv"));
    }

    #[test]
    fn folders_are_made_all_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        create_folders(&deep).unwrap();
        create_folders(&deep).unwrap();
        assert!(deep.is_dir());
        fs::write(folder.path().join("file"), b"").unwrap();
        assert!(create_folders(&folder.path().join("file/below")).is_err());
    }
}
