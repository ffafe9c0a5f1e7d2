//! Makes a backup.

use std::{
    fs::{self, Permissions},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::SystemTime,
};

use serde::Serialize;
use tar::{Builder, EntryType, Header};

use super::{
    BackupError, DATABASE, LIBRARY, SETTINGS, TRACKERS,
    files::{self, Listing},
    format::{Digest, END, End, FORMAT, HEAD, Head, Kind},
    read, snapshot,
};
use crate::atomic::{self, MODE_PRIVATE};

/// How often the library is looked at anew when it changes meanwhile.
const TRIES: u32 = 3;

/// What goes into a backup, and where it is now.
#[derive(Debug, Clone, Copy)]
pub struct Contents<'a> {
    /// The database; others may have it open.
    pub database: &'a Path,
    /// The root of the stub tree.
    pub library: &'a Path,
    /// The file of settings, if there is one.
    pub settings: Option<&'a Path>,
    /// The list of trackers, which need not be there.
    pub trackers: &'a Path,
    /// The version of this program.
    pub version: &'a str,
}

/// What went into a backup.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Stubs.
    pub stubs: u64,
    /// Side-cars.
    pub side_cars: u64,
    /// Files of the library that stayed out: pictures, real films, links, what is too large.
    pub left_out: u64,
    /// Whether settings are in it.
    pub settings: bool,
    /// Whether a list of trackers is in it.
    pub trackers: bool,
    /// The size of the backup in bytes.
    pub bytes: u64,
    /// False if the library changed all the time: a film may be in the database and not among the stubs, or the
    /// other way round.
    pub steady: bool,
}

/// Writes a backup to `target`, whole or not at all. A backup that is there is replaced, any other file is
/// [`BackupError::Taken`].
pub fn write(contents: Contents<'_>, target: &Path) -> Result<Saved, BackupError> {
    if fs::symlink_metadata(target).is_ok() && !read::is_backup(target) {
        return Err(BackupError::Taken {
            path: target.to_owned(),
        });
    }
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    // Beside the target: there must be room for both.
    let copy = tempfile::Builder::new()
        .prefix(".gostream-backup-")
        .permissions(Permissions::from_mode(MODE_PRIVATE))
        .tempfile_in(folder)
        .map_err(BackupError::io("make a temporary file in", folder))?;
    let (listing, steady) = snapshot_with_library(contents, copy.path())?;
    let mut saved = Saved {
        left_out: listing.left_out,
        steady,
        ..Saved::default()
    };
    let mut trouble = None;
    let written = atomic::write_with(target, MODE_PRIVATE, |file| {
        let out = io::BufWriter::with_capacity(1 << 17, &mut *file);
        let done = Archive::new(out).fill(contents, copy.path(), &listing, &mut saved);
        if let Err(error) = done {
            trouble = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        file.sync_all()
    });
    if let Some(error) = trouble {
        return Err(error);
    }
    written?;
    atomic::sync_folder(folder).map_err(BackupError::io("sync the folder", folder))?;
    saved.bytes = fs::metadata(target).map_or(0, |found| found.len());
    Ok(saved)
}

/// Copies the database while the library stands still, if it does: whether it did, and what is in it. A film is
/// added to the database before its stub is written, so every stub that was seen before has its row in the copy.
fn snapshot_with_library(
    contents: Contents<'_>,
    copy: &Path,
) -> Result<(Listing, bool), BackupError> {
    let mut before = files::list(contents.library)?;
    for _ in 0..TRIES {
        let empty = fs::OpenOptions::new().write(true).truncate(true).open(copy);
        empty.map_err(BackupError::io("empty", copy))?;
        snapshot::take(contents.database, copy)?;
        let after = files::list(contents.library)?;
        if before == after {
            return Ok((after, true));
        }
        before = after;
    }
    Ok((before, false))
}

struct Archive<W: Write> {
    tar: Builder<W>,
    digest: Digest,
    files: u64,
}

impl<W: Write> Archive<W> {
    fn new(out: W) -> Self {
        Self {
            tar: Builder::new(out),
            digest: Digest::new(),
            files: 0,
        }
    }

    fn fill(
        mut self,
        contents: Contents<'_>,
        copy: &Path,
        listing: &Listing,
        saved: &mut Saved,
    ) -> Result<(), BackupError> {
        let now = SystemTime::now();
        self.note(
            HEAD,
            &Head {
                format: FORMAT,
                version: contents.version.to_owned(),
                made_at: i64::try_from(seconds(now)).unwrap_or(0),
            },
        )?;
        self.file(DATABASE, copy, now)?;
        if let Some(settings) = contents.settings {
            saved.settings = self.file_if_there(SETTINGS, settings)?;
        }
        saved.trackers = self.file_if_there(TRACKERS, contents.trackers)?;
        for file in &listing.files {
            let name = format!("{LIBRARY}/{}", file.path);
            match self.file(&name, &contents.library.join(&file.path), file.mtime) {
                Ok(()) if file.path.ends_with(".mkv") => saved.stubs += 1,
                Ok(()) => saved.side_cars += 1,
                // It went since it was seen.
                Err(BackupError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    saved.left_out += 1;
                }
                Err(error) => return Err(error),
            }
        }
        let Self {
            mut tar,
            digest,
            files,
        } = self;
        let end = End {
            files,
            sha256: digest.finish(),
        };
        append_note(&mut tar, END, &end)?;
        let finished = tar.into_inner().and_then(|mut out| out.flush());
        finished.map_err(BackupError::io("write", Path::new(END)))
    }

    fn note(&mut self, name: &str, note: &impl Serialize) -> Result<(), BackupError> {
        let bytes = append_note(&mut self.tar, name, note)?;
        self.digest.begin(name, len_of(&bytes));
        self.digest.update(&bytes);
        Ok(())
    }

    /// Whether there was such a file.
    fn file_if_there(&mut self, name: &str, path: &Path) -> Result<bool, BackupError> {
        let Ok(found) = fs::metadata(path) else {
            return Ok(false);
        };
        self.file(
            name,
            path,
            found.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        )?;
        Ok(true)
    }

    fn file(&mut self, name: &str, path: &Path, mtime: SystemTime) -> Result<(), BackupError> {
        let failed = |doing| BackupError::io(doing, path);
        let file = fs::File::open(path).map_err(failed("open"))?;
        let len = file.metadata().map_err(failed("look at"))?.len();
        let max = Kind::of(name).map_or(0, |kind| kind.bytes_max());
        if len > max {
            let source =
                io::Error::other(format!("it has {len} bytes, {max} at most are expected"));
            return Err(failed("back up")(source));
        }
        self.digest.begin(name, len);
        let mut header = header(len, mtime);
        let read = Hashed {
            inner: file.take(len),
            digest: &mut self.digest,
            left: len,
        };
        self.tar
            .append_data(&mut header, name, read)
            .map_err(failed("back up"))?;
        self.files += 1;
        Ok(())
    }
}

fn append_note(
    tar: &mut Builder<impl Write>,
    name: &str,
    note: &impl Serialize,
) -> Result<Vec<u8>, BackupError> {
    let failed = BackupError::io("write", Path::new(name));
    let written = serde_json::to_vec_pretty(note)
        .map_err(io::Error::other)
        .and_then(|bytes| {
            let mut header = header(len_of(&bytes), SystemTime::now());
            tar.append_data(&mut header, name, bytes.as_slice())?;
            Ok(bytes)
        });
    written.map_err(failed)
}

fn header(len: u64, mtime: SystemTime) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(len);
    header.set_mode(MODE_PRIVATE);
    header.set_mtime(seconds(mtime));
    header
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn len_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Hashes what is read, which must be as much as was said: a file that is cut meanwhile is an error.
struct Hashed<'a, R> {
    inner: R,
    digest: &'a mut Digest,
    left: u64,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.digest.update(&buffer[..got]);
        self.left -= u64::try_from(got).unwrap_or(0);
        if got == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::other("it was cut while it was read"));
        }
        Ok(got)
    }
}
