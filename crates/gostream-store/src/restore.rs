//! A backup becomes the state: first it is unpacked beside the state and checked, then put in place.
//!
//! [`Staged::unpack`] needs no lock: it makes a folder of its own in the state folder, and [`Staged::wait`] gives
//! it the name [`WAITING`]. [`put_in_place`] is called by the process that holds the state lock before it opens the
//! database: by `gostream restore` itself when nothing runs, else by the next start.
//!
//! Nothing is lost: the database and every file that another takes the place of go into a folder
//! `before-restore-<seconds>` of the state folder. Films and side-cars that are in the library and not in the
//! backup stay. A power cut on the way is made good at the next start: the library comes first, the database
//! last, and what was done is not done again.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use gostream_library::path as names;
use rusqlite::{Connection, OpenFlags};

use crate::{
    atomic::{self, MODE_PRIVATE, MODE_PUBLIC},
    backup::{self, BackupError, DATABASE, LIBRARY, SETTINGS, TRACKERS, Unpacked},
    library_root::LibraryRoot,
    scan::MARKER,
    stubs::{StubTree, has_stub_name},
};

/// The folder of a restored state that waits to be put in place, in the state folder.
pub const WAITING: &str = "restore-waiting";
/// Where the settings of a backup are left, in the state folder.
pub const SETTINGS_BESIDE: &str = "config-from-backup.json";
/// When it was unpacked, in the waiting folder: names the folder for what it replaces.
const STAGED_AT: &str = "staged-at";
/// A killed `restore` leaves its folder; another one this much later removes it.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 60 * 60);
const STAGING_PREFIX: &str = ".gostream-restore-";
/// A restored state that is in place, while what is left of its folder is removed.
const DONE: &str = ".gostream-restore-done";

/// A backup that was unpacked and found whole.
#[derive(Debug)]
pub struct Staged {
    folder: tempfile::TempDir,
    state: PathBuf,
    unpacked: Unpacked,
}

impl Staged {
    /// Unpacks a backup beside the state and checks it; the state is as it was. Dropped, it leaves nothing.
    pub fn unpack(archive: &Path, state: &Path, now_unix: i64) -> Result<Self, BackupError> {
        atomic::create_folders(state)?;
        remove_leftovers(state);
        let waiting = state.join(WAITING);
        if waiting.exists() {
            return Err(BackupError::Waiting { path: waiting });
        }
        let folder = tempfile::Builder::new()
            .prefix(STAGING_PREFIX)
            .tempdir_in(state)
            .map_err(BackupError::io("make a folder in", state))?;
        let unpacked = backup::unpack(archive, folder.path())?;
        let note = folder.path().join(STAGED_AT);
        fs::write(&note, now_unix.to_string()).map_err(BackupError::io("write", &note))?;
        sync_disk_of(folder.path())?;
        Ok(Self {
            folder,
            state: state.to_owned(),
            unpacked,
        })
    }

    /// What is in it.
    pub fn unpacked(&self) -> &Unpacked {
        &self.unpacked
    }

    /// The file of settings, if there is one.
    pub fn settings(&self) -> Option<PathBuf> {
        self.unpacked
            .settings
            .then(|| self.folder.path().join(SETTINGS))
    }

    /// Has it put in place by [`put_in_place`], now or at the next start.
    pub fn wait(self) -> Result<PathBuf, BackupError> {
        let waiting = self.state.join(WAITING);
        own_like_folder_above(self.folder.path());
        // Fails if there is one already, since that is not empty.
        fs::rename(self.folder.path(), &waiting).map_err(|error| {
            if waiting.exists() {
                BackupError::Waiting {
                    path: waiting.clone(),
                }
            } else {
                BackupError::io("make", &waiting)(error)
            }
        })?;
        let _ = self.folder.keep();
        atomic::sync_folder(&self.state)
            .map_err(BackupError::io("sync the folder", &self.state))?;
        Ok(waiting)
    }
}

/// What was put in place.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Files of the library that were not there.
    pub created: u64,
    /// Files of the library that were other ones; the old ones are in `aside`.
    pub replaced: u64,
    /// Files of the library that were the same.
    pub unchanged: u64,
    /// Paths where something lies that is never replaced: a real film, a folder, a link.
    pub refused: Vec<String>,
    /// Where the old state is now, if there was any.
    pub aside: Option<PathBuf>,
    /// Where the settings of the backup are, if it had any.
    pub settings: Option<PathBuf>,
}

/// Puts a state that waits in place; nothing if none does. The caller holds the state lock and has no database open.
pub fn put_in_place(
    state: &Path,
    database: &Path,
    library: &StubTree,
) -> Result<Option<Placed>, BackupError> {
    let done = state.join(DONE);
    if done.exists() {
        remove_leftover(&done);
    }
    let waiting = state.join(WAITING);
    if !waiting.is_dir() {
        return Ok(None);
    }
    let staged_library = waiting.join(LIBRARY);
    if staged_library.is_dir() {
        refuse_lost_library(database, library.root())?;
    }
    let note = waiting.join(STAGED_AT);
    let staged_at = fs::read_to_string(&note).map_err(BackupError::io("read", &note))?;
    let mut placing = Placing {
        aside: state.join(format!("before-restore-{}", staged_at.trim())),
        placed: Placed::default(),
    };
    if staged_library.is_dir() {
        placing.library(&staged_library, library)?;
        sync_disk_of(library.root())?;
    }
    placing.text(&waiting.join(TRACKERS), &state.join(TRACKERS), TRACKERS)?;
    let settings = state.join(SETTINGS_BESIDE);
    if placing.text(&waiting.join(SETTINGS), &settings, SETTINGS_BESIDE)? {
        placing.placed.settings = Some(settings);
    }
    placing.database(&waiting.join(DATABASE), database)?;
    // Under another name first: what is half removed must not be taken for a state that waits.
    fs::rename(&waiting, &done).map_err(BackupError::io("rename", &waiting))?;
    atomic::sync_folder(state).map_err(BackupError::io("sync the folder", state))?;
    remove_leftover(&done);
    let Placing { aside, mut placed } = placing;
    placed.aside = aside.is_dir().then_some(aside);
    Ok(Some(placed))
}

struct Placing {
    aside: PathBuf,
    placed: Placed,
}

impl Placing {
    fn library(&mut self, staged: &Path, tree: &StubTree) -> Result<(), BackupError> {
        for file in backup::list(staged)?.files {
            let from = staged.join(&file.path);
            let Ok(to) = tree.inside(&file.path) else {
                self.placed.refused.push(file.path);
                continue;
            };
            let bytes = fs::read(&from).map_err(BackupError::io("read", &from))?;
            match fs::symlink_metadata(&to) {
                Err(error) if is_absent(&error) => self.placed.created += 1,
                Err(error) => return Err(BackupError::io("look at", &to)(error)),
                Ok(there) if !may_be_replaced(&file.path, &there) => {
                    self.placed.refused.push(file.path);
                    continue;
                }
                Ok(_) => {
                    let old = fs::read(&to).map_err(BackupError::io("read", &to))?;
                    if old == bytes {
                        self.placed.unchanged += 1;
                        continue;
                    }
                    let name = format!("{LIBRARY}/{}", file.path);
                    self.keep(&name, &old, MODE_PUBLIC)?;
                    self.placed.replaced += 1;
                }
            }
            make_folders(tree.root(), names::split(&file.path).0)?;
            move_or_copy(&from, &to, &bytes, file.mtime)?;
        }
        Ok(())
    }

    /// Places a file of settings; whether there was one to place.
    fn text(&mut self, from: &Path, to: &Path, name: &str) -> Result<bool, BackupError> {
        let bytes = match fs::read(from) {
            Ok(bytes) => bytes,
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(BackupError::io("read", from)(error)),
        };
        match fs::read(to) {
            Ok(old) if old == bytes => return Ok(true),
            Ok(old) => self.keep(name, &old, MODE_PRIVATE)?,
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(BackupError::io("read", to)(error)),
        }
        place(to, &bytes, MODE_PRIVATE, None)?;
        Ok(true)
    }

    /// The old database goes first, its journal after it, and the new one comes when there is no journal that is
    /// not its own.
    fn database(&self, from: &Path, to: &Path) -> Result<(), BackupError> {
        if !from.is_file() {
            // A start that was cut short came this far.
            return Ok(());
        }
        let folder = to.parent().unwrap_or(Path::new("."));
        for suffix in ["", "-wal", "-shm"] {
            let old = with_suffix(to, suffix);
            if !old.exists() {
                continue;
            }
            fs::create_dir_all(&self.aside).map_err(BackupError::io("make", &self.aside))?;
            own_like_folder_above(&self.aside);
            let kept = with_suffix(&self.aside.join(DATABASE), suffix);
            fs::rename(&old, &kept).map_err(BackupError::io("move aside", &old))?;
            atomic::sync_folder(folder).map_err(BackupError::io("sync the folder", folder))?;
        }
        own_like_folder(from, folder);
        fs::rename(from, to).map_err(BackupError::io("put in place", to))?;
        atomic::sync_folder(folder).map_err(BackupError::io("sync the folder", folder))
    }

    /// Keeps what is about to be replaced, once: what lies there already is the older.
    fn keep(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), BackupError> {
        let kept = self.aside.join(name);
        if kept.exists() {
            return Ok(());
        }
        let folder = kept.parent().unwrap_or(&self.aside);
        fs::create_dir_all(folder).map_err(BackupError::io("make the folder", folder))?;
        own_like_folder_above(&self.aside);
        Ok(atomic::write(&kept, bytes, mode)?)
    }
}

/// A real film is never touched, nor what is no file.
fn may_be_replaced(path: &str, there: &fs::Metadata) -> bool {
    let stub_max = u64::try_from(gostream_library::stub::STUB_BYTES_MAX).unwrap_or(u64::MAX);
    there.is_file() && (!has_stub_name(path) || there.len() <= stub_max)
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// A rename costs the least; the library may lie on another disk.
fn move_or_copy(
    from: &Path,
    to: &Path,
    bytes: &[u8],
    mtime: SystemTime,
) -> Result<(), BackupError> {
    fs::set_permissions(from, Permissions::from_mode(MODE_PUBLIC))
        .map_err(BackupError::io("set the mode of", from))?;
    if let Some(folder) = to.parent() {
        own_like_folder(from, folder);
    }
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    place(to, bytes, MODE_PUBLIC, Some(mtime))
}

/// Writes a file whole, without a sync of its own.
fn place(to: &Path, bytes: &[u8], mode: u32, mtime: Option<SystemTime>) -> Result<(), BackupError> {
    atomic::write_with(to, mode, |file| {
        io::Write::write_all(file, bytes)?;
        mtime.map_or(Ok(()), |mtime| file.set_modified(mtime))
    })?;
    if let Some(folder) = to.parent() {
        own_like_folder(to, folder);
    }
    Ok(())
}

fn make_folders(root: &Path, folder: &str) -> Result<(), BackupError> {
    let mut path = root.to_owned();
    for name in folder.split('/').filter(|name| !name.is_empty()) {
        let above = path.clone();
        path.push(name);
        match fs::create_dir(&path) {
            Ok(()) => own_like_folder(&path, &above),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(BackupError::io("make the folder", &path)(error)),
        }
    }
    Ok(())
}

/// What root makes here belongs to whoever has the folder that it is in: the server may run as another user.
fn own_like_folder(path: &Path, folder: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    if let Ok(above) = fs::metadata(folder)
        && let Err(error) = std::os::unix::fs::lchown(path, Some(above.uid()), Some(above.gid()))
    {
        tracing::warn!(path = %path.display(), %error, "cannot give a file to the owner of its folder");
    }
}

/// The same for a folder with all that is in it.
fn own_like_folder_above(folder: &Path) {
    let Some(above) = folder.parent() else { return };
    own_like_folder(folder, above);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            own_like_folder(&entry.path(), above);
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn sync_disk_of(folder: &Path) -> Result<(), BackupError> {
    let failed = BackupError::io("sync the disk of", folder);
    fs::File::open(folder)
        .and_then(|open| Ok(rustix::fs::syncfs(open)?))
        .map_err(failed)
}

/// Films must not land under a disk that is not mounted: a folder without films that is another one than the
/// database in use knows. A database that cannot be read knows nothing.
fn refuse_lost_library(database: &Path, root: &Path) -> Result<(), BackupError> {
    let kept = known_root(database);
    let is_other = kept.is_some_and(|kept| {
        LibraryRoot::of(root).is_ok_and(|now| kept.path == now.path && kept != now)
    });
    if !is_other || root.join(MARKER).exists() {
        return Ok(());
    }
    let listing = backup::list(root)?;
    if listing.files.iter().any(|file| has_stub_name(&file.path)) {
        return Ok(());
    }
    Err(BackupError::LibraryGone {
        path: root.to_owned(),
    })
}

fn known_root(database: &Path) -> Option<LibraryRoot> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(database, flags).ok()?;
    LibraryRoot::read(&db).ok().flatten()
}

/// Folders of commands that were killed.
fn remove_leftovers(state: &Path) {
    for entry in fs::read_dir(state).into_iter().flatten().flatten() {
        let ours = entry
            .file_name()
            .to_string_lossy()
            .starts_with(STAGING_PREFIX);
        let age = entry.metadata().and_then(|found| found.modified()).ok();
        let is_old = age.is_some_and(|time| time.elapsed().is_ok_and(|age| age > LEFTOVER_AGE));
        if ours && is_old {
            remove_leftover(&entry.path());
        }
    }
}

fn remove_leftover(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(path = %folder.display(), %error, "a leftover of a restore stays");
    }
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
