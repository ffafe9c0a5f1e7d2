//! Takes a backup apart, into a folder, and believes nothing of it before the last entry fits.
//!
//! Written by hand for the entries that [`super::write()`] makes and no others: files with names of ours, no links,
//! no folders, no absolute paths, each within its bound.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tar::{Archive, Entry, EntryType};

use super::{
    BackupError, DATABASE,
    format::{Digest, END, End, FILES_MAX, FORMAT, HEAD, Head, Kind, NOTE_BYTES_MAX},
    snapshot,
};
use crate::{atomic::MODE_PRIVATE, error::StoreError};

/// Longest name of an entry: the deepest path with the longest names.
const NAME_BYTES_MAX: u64 = 8192;

/// What was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The version of the program that made the backup.
    pub version: String,
    /// When it was made, in seconds since 1970.
    pub made_at_unix: i64,
    /// Whether settings are among it.
    pub settings: bool,
    /// Files of the library.
    pub library_files: u64,
}

/// Whether a file begins as a backup does; it may be damaged further on.
pub(super) fn is_backup(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let mut archive = Archive::new(BufReader::new(file));
    let first = archive
        .entries()
        .ok()
        .and_then(|entries| entries.raw(true).next());
    first.is_some_and(|entry| entry.is_ok_and(|entry| *entry.path_bytes() == *HEAD.as_bytes()))
}

/// Unpacks `archive` into `folder`, an empty one, and checks all of it, the database too.
pub(crate) fn unpack(archive: &Path, folder: &Path) -> Result<Unpacked, BackupError> {
    let file = File::open(archive).map_err(BackupError::io("open", archive))?;
    if file.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(BackupError::Foreign {
            path: archive.to_owned(),
            detail: "it is no file".to_owned(),
        });
    }
    let mut tar = Archive::new(BufReader::with_capacity(1 << 17, file));
    let reader = Reader {
        archive,
        folder,
        digest: Digest::new(),
        files: 0,
        library_files: 0,
        settings: false,
    };
    let unpacked = reader.read(&mut tar)?;
    let database = folder.join(DATABASE);
    if !database.is_file() {
        return Err(damaged(archive, "there is no database in it"));
    }
    snapshot::check(&database).map_err(|error| match error {
        // The path of the unpacked copy says nothing to anybody.
        StoreError::Corrupt { detail, .. } => damaged(archive, format!("its database: {detail}")),
        StoreError::Newer { found, known, .. } => BackupError::Store(StoreError::Newer {
            path: archive.to_owned(),
            found,
            known,
        }),
        StoreError::Foreign { .. } => damaged(archive, "its database is of another program"),
        StoreError::Folder { .. }
        | StoreError::Locked { .. }
        | StoreError::Migration { .. }
        | StoreError::Sql { .. }
        | StoreError::Thread { .. }
        | StoreError::Closed { .. }
        | StoreError::Full { .. }
        | StoreError::BadRename { .. } => error.into(),
    })?;
    Ok(unpacked)
}

fn damaged(archive: &Path, detail: impl Into<String>) -> BackupError {
    BackupError::Damaged {
        path: archive.to_owned(),
        detail: detail.into(),
    }
}

struct Reader<'a> {
    archive: &'a Path,
    folder: &'a Path,
    digest: Digest,
    files: u64,
    library_files: u64,
    settings: bool,
}

impl Reader<'_> {
    fn read<R: Read>(mut self, tar: &mut Archive<R>) -> Result<Unpacked, BackupError> {
        let foreign = |error: io::Error| BackupError::Foreign {
            path: self.archive.to_owned(),
            detail: error.to_string(),
        };
        let mut entries = tar.entries().map_err(foreign)?.raw(true);
        let first = entries.next().transpose().map_err(foreign)?;
        let head = self.head(first)?;
        // A name of over 100 bytes comes as an entry of its own before its file.
        let mut long_name = None;
        for entry in entries {
            let mut entry = entry.map_err(|error| damaged(self.archive, error.to_string()))?;
            let kind = entry.header().entry_type();
            if kind == EntryType::GNULongName && long_name.is_none() {
                long_name = Some(self.long_name(&mut entry)?);
                continue;
            }
            if kind != EntryType::Regular {
                let detail = format!("an entry in it is no file ({kind:?})");
                return Err(damaged(self.archive, detail));
            }
            let name = match long_name.take() {
                Some(name) => name,
                None => self.text(entry.path_bytes().into_owned())?,
            };
            if name == END {
                return self.end(&mut entry, head);
            }
            self.file(&name, &mut entry)?;
        }
        Err(damaged(self.archive, "it is cut off"))
    }

    fn head<R: Read>(&mut self, first: Option<Entry<'_, R>>) -> Result<Head, BackupError> {
        let foreign = |detail: String| BackupError::Foreign {
            path: self.archive.to_owned(),
            detail,
        };
        let mut entry = first.ok_or_else(|| foreign("it is empty".to_owned()))?;
        if *entry.path_bytes() != *HEAD.as_bytes() {
            return Err(foreign(format!("it does not begin with {HEAD}")));
        }
        let bytes = self.small(&mut entry, NOTE_BYTES_MAX)?;
        let head: Head =
            serde_json::from_slice(&bytes).map_err(|error| foreign(format!("{HEAD}: {error}")))?;
        if head.format != FORMAT {
            return Err(BackupError::Newer {
                path: self.archive.to_owned(),
                found: head.format,
                known: FORMAT,
            });
        }
        self.digest.begin(HEAD, entry.size());
        self.digest.update(&bytes);
        Ok(head)
    }

    fn long_name<R: Read>(&self, entry: &mut Entry<'_, R>) -> Result<String, BackupError> {
        let mut bytes = self.small(entry, NAME_BYTES_MAX)?;
        if bytes.last() == Some(&0) {
            bytes.pop();
        }
        self.text(bytes)
    }

    fn text(&self, bytes: Vec<u8>) -> Result<String, BackupError> {
        String::from_utf8(bytes).map_err(|_| damaged(self.archive, "a name in it is not UTF-8"))
    }

    /// All of a small entry.
    fn small<R: Read>(&self, entry: &mut Entry<'_, R>, max: u64) -> Result<Vec<u8>, BackupError> {
        let len = entry.size();
        if len > max {
            return Err(damaged(
                self.archive,
                format!("an entry of {len} bytes where {max} are the most"),
            ));
        }
        let mut bytes = Vec::new();
        let got = entry.read_to_end(&mut bytes);
        match got {
            Ok(got) if u64::try_from(got) == Ok(len) => Ok(bytes),
            Ok(_) => Err(damaged(self.archive, "it is cut off")),
            Err(error) => Err(damaged(self.archive, error.to_string())),
        }
    }

    fn file<R: Read>(&mut self, name: &str, entry: &mut Entry<'_, R>) -> Result<(), BackupError> {
        let kind = Kind::of(name).map_err(|detail| damaged(self.archive, detail))?;
        let (len, max) = (entry.size(), kind.bytes_max());
        if len > max {
            return Err(damaged(
                self.archive,
                format!("{name} has {len} bytes, {max} are the most"),
            ));
        }
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(damaged(
                self.archive,
                format!("it has more than {FILES_MAX} files"),
            ));
        }
        match kind {
            Kind::Library(_) => self.library_files += 1,
            Kind::Settings => self.settings = true,
            Kind::Database | Kind::Trackers => {}
        }
        let path = self.folder.join(name);
        let mut file = self.create(name, &path)?;
        self.digest.begin(name, len);
        self.copy(entry, &mut file, &path, len)?;
        let mtime = SystemTime::UNIX_EPOCH
            + Duration::from_secs(entry.header().mtime().unwrap_or(0).min(1 << 40));
        file.set_modified(mtime)
            .map_err(BackupError::io("set the time of", &path))
    }

    fn create(&self, name: &str, path: &PathBuf) -> Result<File, BackupError> {
        if let Some(above) = path.parent() {
            fs::create_dir_all(above).map_err(BackupError::io("make the folder", above))?;
        }
        let mut options = OpenOptions::new();
        let created = options
            .write(true)
            .create_new(true)
            .mode(MODE_PRIVATE)
            .open(path);
        created.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                damaged(self.archive, format!("{name} is in it twice"))
            } else {
                BackupError::io("make", path)(error)
            }
        })
    }

    fn copy<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        file: &mut File,
        path: &Path,
        len: u64,
    ) -> Result<(), BackupError> {
        let mut buffer = vec![0; 1 << 16];
        let mut copied = 0;
        loop {
            let got = entry
                .read(&mut buffer)
                .map_err(|error| damaged(self.archive, error.to_string()))?;
            if got == 0 {
                break;
            }
            self.digest.update(&buffer[..got]);
            file.write_all(&buffer[..got])
                .map_err(BackupError::io("write", path))?;
            copied += u64::try_from(got).unwrap_or(0);
        }
        if copied == len {
            Ok(())
        } else {
            Err(damaged(self.archive, "it is cut off"))
        }
    }

    fn end<R: Read>(self, entry: &mut Entry<'_, R>, head: Head) -> Result<Unpacked, BackupError> {
        let bytes = self.small(entry, NOTE_BYTES_MAX)?;
        let end: End = serde_json::from_slice(&bytes)
            .map_err(|error| damaged(self.archive, format!("{END}: {error}")))?;
        let found = End {
            files: self.files,
            sha256: self.digest.finish(),
        };
        if end != found {
            return Err(damaged(
                self.archive,
                "its contents are not what was written",
            ));
        }
        Ok(Unpacked {
            version: head.version,
            made_at_unix: head.made_at,
            settings: self.settings,
            library_files: self.library_files,
        })
    }
}
