//! Which files of torrents were watched, and up to where.
//!
//! The TorrServer API sets and lists the marks. A mark stays when its torrent goes: who adds it again has seen it
//! all the same. Past [`VIEWED_MAX`] the oldest go.

use gostream_library::TorrentHash;
use rusqlite::{Row, params};

use crate::{db::Store, error::StoreError};

/// Most marks kept.
pub const VIEWED_MAX: u32 = 100_000;

/// One watched file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ViewedMark {
    /// The torrent.
    pub hash: TorrentHash,
    /// Which of its files, counted from 1 in the order of the API ([`gostream_library::FileIds`]).
    pub file_index: u32,
    /// Up to which second of film; 0 when that is not known. What is no finite number is kept as 0.
    pub timecode_seconds: f64,
    /// When it was marked, in seconds since 1970.
    pub viewed_at_unix: i64,
}

/// The table of marks; get it from [`Store::viewed`].
#[derive(Debug, Clone, Copy)]
pub struct Viewed<'a> {
    store: &'a Store,
}

impl Store {
    /// The files that were watched.
    pub fn viewed(&self) -> Viewed<'_> {
        Viewed { store: self }
    }
}

const INSERT: &str = "INSERT OR REPLACE INTO viewed (hash, file_index, timecode, viewed_at)
    VALUES (?1, ?2, ?3, ?4)";
const TRIM: &str = "DELETE FROM viewed WHERE (hash, file_index) IN
    (SELECT hash, file_index FROM viewed ORDER BY viewed_at DESC LIMIT -1 OFFSET ?1)";
const COLUMNS: &str = "SELECT hash, file_index, timecode, viewed_at FROM viewed";

impl Viewed<'_> {
    /// Marks a file, or replaces its mark, and waits until it is committed.
    pub fn set(&self, mark: ViewedMark) -> Result<(), StoreError> {
        self.store
            .write("mark a file as viewed", move |db| set(db, &mark))
    }

    /// Like [`Viewed::set`] without waiting; false if it was dropped because too many writes wait.
    pub fn set_later(&self, mark: ViewedMark) -> bool {
        self.store
            .write_later("mark a file as viewed", move |db| set(db, &mark))
    }

    /// Takes the mark from a file; false if it had none.
    pub fn remove(&self, hash: &TorrentHash, file_index: u32) -> Result<bool, StoreError> {
        let hash = *hash;
        self.store.write("remove a viewed mark", move |db| {
            let sql = "DELETE FROM viewed WHERE hash = ?1 AND file_index = ?2";
            Ok(db.execute(sql, params![hash.0, file_index])? > 0)
        })
    }

    /// Takes the marks from all files of a torrent; how many there were.
    pub fn remove_all(&self, hash: &TorrentHash) -> Result<usize, StoreError> {
        let hash = *hash;
        self.store.write("remove viewed marks", move |db| {
            db.execute("DELETE FROM viewed WHERE hash = ?1", [hash.0])
        })
    }

    /// All marks, by torrent and file.
    pub fn list(&self) -> Result<Vec<ViewedMark>, StoreError> {
        self.store.read("list the viewed marks", |db| {
            let mut query = db.prepare_cached(&format!("{COLUMNS} ORDER BY hash, file_index"))?;
            query.query_map([], from_row)?.collect()
        })
    }

    /// The marks of one torrent, by file.
    pub fn of(&self, hash: &TorrentHash) -> Result<Vec<ViewedMark>, StoreError> {
        self.store.read("list the viewed marks", |db| {
            let of_one = format!("{COLUMNS} WHERE hash = ?1 ORDER BY file_index");
            let mut query = db.prepare_cached(&of_one)?;
            query.query_map([hash.0], from_row)?.collect()
        })
    }
}

fn set(db: &rusqlite::Connection, mark: &ViewedMark) -> rusqlite::Result<()> {
    insert(db, mark)?;
    trim(db)
}

/// Lets the oldest marks go that are too many.
pub(crate) fn trim(db: &rusqlite::Connection) -> rusqlite::Result<()> {
    db.prepare_cached(TRIM)?.execute([VIEWED_MAX])?;
    Ok(())
}

/// Without a look at the bound.
pub(crate) fn insert(db: &rusqlite::Connection, mark: &ViewedMark) -> rusqlite::Result<()> {
    let seconds = mark.timecode_seconds;
    // SQLite takes a NaN for NULL.
    let seconds = if seconds.is_finite() { seconds } else { 0.0 };
    let row = params![mark.hash.0, mark.file_index, seconds, mark.viewed_at_unix];
    db.prepare_cached(INSERT)?.execute(row)?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ViewedMark> {
    Ok(ViewedMark {
        hash: TorrentHash(row.get(0)?),
        file_index: row.get(1)?,
        timecode_seconds: row.get(2)?,
        viewed_at_unix: row.get(3)?,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        (folder, store)
    }

    fn mark(byte: u8, file_index: u32, timecode_seconds: f64) -> ViewedMark {
        ViewedMark {
            hash: TorrentHash([byte; 20]),
            file_index,
            timecode_seconds,
            viewed_at_unix: 7,
        }
    }

    #[test]
    fn marks_are_set_listed_and_removed() {
        let (_folder, store) = store();
        for new in [
            mark(2, 1, 0.0),
            mark(1, 10, 3.5),
            mark(1, 2, 1.0),
            mark(1, 2, 61.5),
        ] {
            store.viewed().set(new).unwrap();
        }
        assert!(store.viewed().set_later(mark(1, 3, f64::NAN)));
        store.flush().unwrap();
        let of_one = [mark(1, 2, 61.5), mark(1, 3, 0.0), mark(1, 10, 3.5)];
        assert_eq!(store.viewed().of(&TorrentHash([1; 20])).unwrap(), of_one);
        let all = [of_one[0], of_one[1], of_one[2], mark(2, 1, 0.0)];
        assert_eq!(store.viewed().list().unwrap(), all);
        assert!(store.viewed().remove(&TorrentHash([2; 20]), 1).unwrap());
        assert!(!store.viewed().remove(&TorrentHash([2; 20]), 1).unwrap());
        assert_eq!(store.viewed().remove_all(&TorrentHash([1; 20])).unwrap(), 3);
        assert_eq!(store.viewed().list().unwrap(), []);
    }

    #[test]
    fn the_oldest_marks_go_when_there_are_too_many() {
        let (_folder, store) = store();
        let fill = |db: &rusqlite::Transaction<'_>| {
            for n in 0..VIEWED_MAX {
                db.prepare_cached(INSERT)?
                    .execute(params![[1u8; 20], n + 1, 0.0, n + 10])?;
            }
            Ok(())
        };
        store.write("fill", fill).unwrap();
        store
            .viewed()
            .set(ViewedMark {
                viewed_at_unix: 1_000_000,
                ..mark(2, 1, 0.0)
            })
            .unwrap();
        let list = store.viewed().list().unwrap();
        assert_eq!(list.len(), usize::try_from(VIEWED_MAX).unwrap());
        assert_eq!((list[0].file_index, list.last().unwrap().hash.0[0]), (2, 2));
    }
}
