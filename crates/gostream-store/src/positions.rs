//! Where the readers of a film stopped, so that the next one finds those bytes sooner.
//!
//! Written rarely, when somebody stops and not while they watch (SD cards); no byte of a film is kept here. Past
//! [`POSITIONS_MAX`] the oldest go.

use gostream_library::TorrentHash;
use rusqlite::{OptionalExtension as _, params};

use crate::{db::Store, error::StoreError};

/// Most positions kept.
pub const POSITIONS_MAX: u32 = 100_000;

/// How far a file was played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaybackPosition {
    /// The torrent.
    pub hash: TorrentHash,
    /// Which of its files, counted from 1 in the order of the API ([`gostream_library::FileIds`]).
    pub file_index: u32,
    /// The byte of the file that comes next.
    pub offset_bytes: u64,
    /// The second of the film that this is, where it is known.
    pub seconds: Option<f64>,
    /// When that was, in seconds since 1970.
    pub saved_at_unix: i64,
}

/// The table of positions; get it from [`Store::positions`].
#[derive(Debug, Clone, Copy)]
pub struct Positions<'a> {
    store: &'a Store,
}

impl Store {
    /// The playback positions.
    pub fn positions(&self) -> Positions<'_> {
        Positions { store: self }
    }
}

const INSERT: &str = "INSERT OR REPLACE INTO positions
    (hash, file_index, offset_bytes, seconds, saved_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const TRIM: &str = "DELETE FROM positions WHERE (hash, file_index) IN
    (SELECT hash, file_index FROM positions ORDER BY saved_at DESC LIMIT -1 OFFSET ?1)";

impl Positions<'_> {
    /// Saves a position in place of the one before and waits until it is committed.
    pub fn put(&self, position: PlaybackPosition) -> Result<(), StoreError> {
        self.store
            .write("save a playback position", move |db| put(db, &position))
    }

    /// Like [`Positions::put`] without waiting; false if it was dropped because too many writes wait.
    pub fn put_later(&self, position: PlaybackPosition) -> bool {
        self.store
            .write_later("save a playback position", move |db| put(db, &position))
    }

    /// Where that file was left, or nothing.
    pub fn get(
        &self,
        hash: &TorrentHash,
        file_index: u32,
    ) -> Result<Option<PlaybackPosition>, StoreError> {
        self.store.read("read a playback position", |db| {
            let mut query = db.prepare_cached(
                "SELECT offset_bytes, seconds, saved_at FROM positions
                 WHERE hash = ?1 AND file_index = ?2",
            )?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok(PlaybackPosition {
                    hash: *hash,
                    file_index,
                    // Never negative: written from an unsigned number.
                    offset_bytes: row.get::<_, i64>(0)?.unsigned_abs(),
                    seconds: row.get(1)?,
                    saved_at_unix: row.get(2)?,
                })
            };
            query
                .query_row(params![hash.0, file_index], read)
                .optional()
        })
    }

    /// Forgets the position of a file; false if there was none.
    pub fn remove(&self, hash: &TorrentHash, file_index: u32) -> Result<bool, StoreError> {
        let hash = *hash;
        self.store.write("remove a playback position", move |db| {
            let sql = "DELETE FROM positions WHERE hash = ?1 AND file_index = ?2";
            Ok(db.execute(sql, params![hash.0, file_index])? > 0)
        })
    }
}

fn put(db: &rusqlite::Connection, position: &PlaybackPosition) -> rusqlite::Result<()> {
    insert(db, position)?;
    trim(db)
}

/// Lets the oldest positions go that are too many.
pub(crate) fn trim(db: &rusqlite::Connection) -> rusqlite::Result<()> {
    db.prepare_cached(TRIM)?.execute([POSITIONS_MAX])?;
    Ok(())
}

/// Without a look at the bound.
pub(crate) fn insert(
    db: &rusqlite::Connection,
    position: &PlaybackPosition,
) -> rusqlite::Result<()> {
    db.prepare_cached(INSERT)?.execute(params![
        position.hash.0,
        position.file_index,
        i64::try_from(position.offset_bytes).unwrap_or(i64::MAX),
        position.seconds.filter(|seconds| seconds.is_finite()),
        position.saved_at_unix,
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const HASH: TorrentHash = TorrentHash([5; 20]);

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        (folder, store)
    }

    fn position(file_index: u32, offset_bytes: u64, saved_at_unix: i64) -> PlaybackPosition {
        PlaybackPosition {
            hash: HASH,
            file_index,
            offset_bytes,
            seconds: None,
            saved_at_unix,
        }
    }

    #[test]
    fn a_position_is_replaced_read_and_forgotten() {
        let (folder, store) = store();
        store.positions().put(position(1, 10, 1)).unwrap();
        let later = PlaybackPosition {
            seconds: Some(61.5),
            ..position(1, 1 << 40, 2)
        };
        assert!(store.positions().put_later(later));
        store.positions().put(position(2, 7, 3)).unwrap();
        drop(store);
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        assert_eq!(store.positions().get(&HASH, 1).unwrap(), Some(later));
        assert_eq!(store.positions().get(&HASH, 3).unwrap(), None);
        assert!(store.positions().remove(&HASH, 1).unwrap());
        assert!(!store.positions().remove(&HASH, 1).unwrap());
        assert_eq!(
            store.positions().get(&HASH, 2).unwrap(),
            Some(position(2, 7, 3))
        );
    }

    #[test]
    fn the_oldest_positions_go_when_there_are_too_many() {
        let (_folder, store) = store();
        let fill = |db: &rusqlite::Transaction<'_>| {
            for n in 0..POSITIONS_MAX {
                db.prepare_cached(INSERT)?
                    .execute(params![HASH.0, n, 0, None::<f64>, n + 10])?;
            }
            Ok(())
        };
        store.write("fill", fill).unwrap();
        store
            .positions()
            .put(position(POSITIONS_MAX, 1, 1_000_000))
            .unwrap();
        assert_eq!(store.positions().get(&HASH, 0).unwrap(), None);
        assert!(store.positions().get(&HASH, 1).unwrap().is_some());
        assert!(
            store
                .positions()
                .get(&HASH, POSITIONS_MAX)
                .unwrap()
                .is_some()
        );
    }
}
