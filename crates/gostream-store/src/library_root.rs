//! Where the library was when it last held films, so that a start on an empty folder can tell a library that
//! was emptied from a disk that is not mounted.

use std::{io, os::unix::fs::MetadataExt as _, path::Path};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{db::Store, error::StoreError};

/// The folder that is the root of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryRoot {
    /// Its path, as the settings have it.
    pub path: String,
    /// `f_fsid` of statfs(2): the same for the same disk.
    pub filesystem: u64,
    /// Its inode number on that disk.
    pub inode: u64,
}

impl LibraryRoot {
    /// The folder that is there now.
    pub fn of(root: &Path) -> io::Result<Self> {
        Ok(Self {
            path: root.to_string_lossy().into_owned(),
            filesystem: rustix::fs::statvfs(root)?.f_fsid,
            inode: std::fs::metadata(root)?.ino(),
        })
    }

    /// What a database keeps.
    pub(crate) fn read(db: &Connection) -> rusqlite::Result<Option<Self>> {
        let sql = "SELECT path, filesystem, inode FROM library_root";
        db.query_row(sql, [], |row| {
            Ok(Self {
                path: row.get(0)?,
                filesystem: row.get::<_, i64>(1)?.cast_unsigned(),
                inode: row.get::<_, i64>(2)?.cast_unsigned(),
            })
        })
        .optional()
    }
}

/// The one row; get it from [`Store::library_root`].
#[derive(Debug, Clone, Copy)]
pub struct LibraryRoots<'a> {
    store: &'a Store,
}

impl Store {
    /// Where the library last held films.
    pub fn library_root(&self) -> LibraryRoots<'_> {
        LibraryRoots { store: self }
    }
}

impl LibraryRoots<'_> {
    /// The root that was kept; none if no library ever held films.
    pub fn get(&self) -> Result<Option<LibraryRoot>, StoreError> {
        self.store
            .read("read where the library is", LibraryRoot::read)
    }

    /// Keeps the root in the place of the one that was kept.
    pub fn set(&self, root: LibraryRoot) -> Result<(), StoreError> {
        self.store.write("keep where the library is", move |db| {
            db.execute("DELETE FROM library_root", [])?;
            db.execute(
                "INSERT INTO library_root (path, filesystem, inode) VALUES (?1, ?2, ?3)",
                params![
                    root.path,
                    root.filesystem.cast_signed(),
                    root.inode.cast_signed()
                ],
            )
            .map(|_| ())
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_last_root_is_kept_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        assert_eq!(store.library_root().get().unwrap(), None);
        for (path, filesystem) in [("/a", 1), ("/b", u64::MAX), ("/b", 7)] {
            let root = LibraryRoot {
                path: path.to_owned(),
                filesystem,
                inode: 1 << 63,
            };
            store.library_root().set(root.clone()).unwrap();
            assert_eq!(store.library_root().get().unwrap(), Some(root));
        }
    }
}
