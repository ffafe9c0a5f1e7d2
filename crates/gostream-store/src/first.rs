//! The first start: a database appears under its name whole, so that one that is empty, or gone from beside its journal,
//! is known to be damaged and is never taken for a new one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{atomic, error::StoreError};

/// The shortest page that a database can have.
const PAGE_LEN_MIN: u64 = 512;

/// Makes a database where there is none, by `make` under another name. One that is there is only looked at.
pub(crate) fn prepare(
    path: &Path,
    make: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let damaged = |detail: &str| StoreError::Corrupt {
        path: path.to_owned(),
        detail: detail.to_owned(),
    };
    match fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() == 0 => Err(damaged("it is empty")),
        // SQLite takes what is shorter than any page for an empty one.
        Ok(found) if found.is_file() && found.len() < PAGE_LEN_MIN => Err(damaged("it is cut off")),
        // What else may be wrong SQLite says.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if with_suffix(path, "-wal").exists() {
                return Err(damaged("it is gone, and its journal is still there"));
            }
            begin(path, make)
        }
        Err(_) => Ok(()),
    }
}

fn begin(
    path: &Path,
    make: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let new = with_suffix(path, ".new");
    // Left by a start that was killed here.
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(with_suffix(&new, suffix));
    }
    // Closed, its journal is in it.
    make(&new)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::rename(&new, path)
        .and_then(|()| atomic::sync_folder(folder))
        .map_err(|source| StoreError::Folder {
            path: folder.to_owned(),
            source,
        })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::Store;

    #[test]
    fn a_database_that_is_empty_or_gone_from_beside_its_journal_is_not_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gostream.db");
        fs::write(&path, "").unwrap();
        let said = Store::open(&path).unwrap_err().to_string();
        assert!(
            said.contains("it is empty") && said.contains("gostream restore"),
            "{said}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"");
        fs::write(&path, "S").unwrap();
        let said = Store::open(&path).unwrap_err().to_string();
        assert!(said.contains("it is cut off"), "{said}");
        fs::remove_file(&path).unwrap();
        fs::write(folder.path().join("gostream.db-wal"), "letters").unwrap();
        let said = Store::open(&path).unwrap_err().to_string();
        assert!(said.contains("its journal is still there"), "{said}");
        assert!(!path.exists());
    }

    #[test]
    fn a_first_start_that_was_killed_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gostream.db");
        fs::write(folder.path().join("gostream.db.new"), "half").unwrap();
        fs::write(folder.path().join("gostream.db.new-wal"), "half").unwrap();
        Store::open(&path).unwrap().flush().unwrap();
        drop(Store::open(&path).unwrap());
        let names = fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["gostream.db"]);
    }
}
