//! The torrents that clients of the TorrServer API list: title, poster, category and what else they keep with each.
//!
//! A listed torrent has its info dict and trackers in [`crate::torrents`], like every torrent. The two are kept
//! apart since a film of the library needs the info dict whether a client lists its torrent or not: taking a
//! torrent from the list leaves its record, and whoever takes it decides whether that goes too
//! ([`crate::Torrents::remove`]). The other way round, [`crate::Torrents::remove_unlisted`] leaves a record that
//! a list needs.

use gostream_library::TorrentHash;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::{db::Store, error::StoreError};

/// Most torrents in the list.
pub const LISTED_MAX: u32 = 10_000;
/// Most bytes of all texts of the list together: 64 MiB.
pub const LISTED_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// One torrent of the list. Every text may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTorrent {
    /// The torrent.
    pub hash: TorrentHash,
    /// What it is called there.
    pub title: String,
    /// URL of a picture.
    pub poster: String,
    /// `movie`, `tv`, `music`, `other`, or what the client likes.
    pub category: String,
    /// Whatever the client put there.
    pub data: String,
    /// When it was first listed, in seconds since 1970.
    pub added_at_unix: i64,
}

/// The list; get it from [`Store::listed`].
#[derive(Debug, Clone, Copy)]
pub struct ListedTorrents<'a> {
    store: &'a Store,
}

impl Store {
    /// A change of the list; `None` from it means that the list is past its bounds, and the change is taken back.
    pub(crate) fn write_within<T: Send + 'static>(
        &self,
        doing: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Option<T>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.write(doing, move |db| {
            // A savepoint of its own, since the writer commits what is left standing.
            db.execute_batch("SAVEPOINT within")?;
            let done = change(db)?;
            if done.is_none() {
                db.execute_batch("ROLLBACK TO within")?;
            }
            db.execute_batch("RELEASE within")?;
            Ok(done)
        })?;
        done.ok_or_else(|| StoreError::Full {
            path: self.path().to_owned(),
            what: "list of torrents",
        })
    }

    /// The torrents that API clients list.
    pub fn listed(&self) -> ListedTorrents<'_> {
        ListedTorrents { store: self }
    }
}

const COLUMNS: &str = "SELECT hash, title, poster, category, data, added_at FROM listed";

impl ListedTorrents<'_> {
    /// Lists a torrent, or replaces what is kept with it; the earlier time stays. Waits until it is committed.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the list would pass [`LISTED_MAX`] or [`LISTED_BYTES_MAX`].
    pub fn put(&self, torrent: ListedTorrent) -> Result<(), StoreError> {
        self.store.write_within("list a torrent", move |db| {
            put(db, &torrent)?;
            Ok(fits(db)?.then_some(()))
        })
    }

    /// One torrent, or none.
    pub fn get(&self, hash: &TorrentHash) -> Result<Option<ListedTorrent>, StoreError> {
        self.store.read("read a listed torrent", |db| {
            let mut query = db.prepare_cached(&format!("{COLUMNS} WHERE hash = ?1"))?;
            query.query_row([hash.0], from_row).optional()
        })
    }

    /// Whether the torrent is listed.
    pub fn contains(&self, hash: &TorrentHash) -> Result<bool, StoreError> {
        self.store.read("look for a listed torrent", |db| {
            db.prepare_cached("SELECT 1 FROM listed WHERE hash = ?1")?
                .exists([hash.0])
        })
    }

    /// All of them: the latest added first, of those of one second the greater title first, as TorrServer does.
    pub fn list(&self) -> Result<Vec<ListedTorrent>, StoreError> {
        self.store.read("list the listed torrents", |db| {
            let order = "ORDER BY added_at DESC, title DESC, hash";
            let mut query = db.prepare_cached(&format!("{COLUMNS} {order}"))?;
            query.query_map([], from_row)?.collect()
        })
    }

    /// Takes one from the list; false if it was not there. Its record in [`crate::torrents`] stays.
    pub fn remove(&self, hash: &TorrentHash) -> Result<bool, StoreError> {
        let hash = *hash;
        self.store.write("take a torrent from the list", move |db| {
            Ok(db.execute("DELETE FROM listed WHERE hash = ?1", [hash.0])? > 0)
        })
    }

    /// Empties the list; says what was in it, so that the caller can let the records go that nobody needs.
    pub fn wipe(&self) -> Result<Vec<TorrentHash>, StoreError> {
        self.store.write("empty the list of torrents", |db| {
            let mut query = db.prepare_cached("DELETE FROM listed RETURNING hash")?;
            let rows = query.query_map([], |row| Ok(TorrentHash(row.get(0)?)))?;
            rows.collect()
        })
    }
}

/// Whether the list is within its bounds.
pub(crate) fn fits(db: &Connection) -> rusqlite::Result<bool> {
    let mut query = db.prepare_cached(
        "SELECT count(*), coalesce(sum(octet_length(title) + octet_length(poster)
                + octet_length(category) + octet_length(data)), 0)
         FROM listed",
    )?;
    let (count, bytes): (i64, i64) = query.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(count <= i64::from(LISTED_MAX) && bytes <= i64::from(LISTED_BYTES_MAX))
}

pub(crate) fn put(db: &Connection, torrent: &ListedTorrent) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO listed (hash, title, poster, category, data, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (hash) DO UPDATE SET
             title = excluded.title, poster = excluded.poster, category = excluded.category,
             data = excluded.data, added_at = min(added_at, excluded.added_at)",
    )?
    .execute(params![
        torrent.hash.0,
        torrent.title,
        torrent.poster,
        torrent.category,
        torrent.data,
        torrent.added_at_unix,
    ])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ListedTorrent> {
    Ok(ListedTorrent {
        hash: TorrentHash(row.get(0)?),
        title: row.get(1)?,
        poster: row.get(2)?,
        category: row.get(3)?,
        data: row.get(4)?,
        added_at_unix: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::torrents::TorrentRecord;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        (folder, store)
    }

    fn torrent(byte: u8, title: &str, added_at_unix: i64) -> ListedTorrent {
        ListedTorrent {
            hash: TorrentHash([byte; 20]),
            title: title.to_owned(),
            poster: "http://pictures.example/1.jpg".to_owned(),
            category: "movie".to_owned(),
            data: r#"{"TorrServer":{"Files":[]}}"#.to_owned(),
            added_at_unix,
        }
    }

    fn record(byte: u8) -> TorrentRecord {
        TorrentRecord {
            hash: TorrentHash([byte; 20]),
            hash_v2: None,
            name: "name".to_owned(),
            info_dict: Some(vec![1, 2, 3]),
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            peer_hints: Vec::new(),
            added_at_unix: 1,
        }
    }

    #[test]
    fn the_list_is_sorted_by_time_and_title_downwards_also_after_reopening() {
        let (folder, store) = store();
        for (byte, title, time) in [(1, "a", 5), (2, "b", 5), (3, "c", 4), (4, "d", 6)] {
            store.listed().put(torrent(byte, title, time)).unwrap();
        }
        drop(store);
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        let titles: Vec<String> = store
            .listed()
            .list()
            .unwrap()
            .into_iter()
            .map(|t| t.title)
            .collect();
        assert_eq!(titles, ["d", "b", "a", "c"]);
        assert_eq!(
            store.listed().get(&TorrentHash([2; 20])).unwrap(),
            Some(torrent(2, "b", 5))
        );
        assert_eq!(store.listed().get(&TorrentHash([9; 20])).unwrap(), None);
    }

    #[test]
    fn listing_again_replaces_the_texts_and_keeps_the_earlier_time() {
        let (_folder, store) = store();
        store.listed().put(torrent(1, "old", 5)).unwrap();
        let new = ListedTorrent {
            poster: String::new(),
            ..torrent(1, "new", 9)
        };
        store.listed().put(new.clone()).unwrap();
        let expected = ListedTorrent {
            added_at_unix: 5,
            ..new
        };
        assert_eq!(store.listed().list().unwrap(), [expected]);
    }

    #[test]
    fn what_leaves_the_list_keeps_its_info_dict() {
        let (_folder, store) = store();
        for byte in 1..=3 {
            store.torrents().upsert(record(byte)).unwrap();
            store.listed().put(torrent(byte, "t", 1)).unwrap();
        }
        let hash = TorrentHash([1; 20]);
        assert!(store.listed().remove(&hash).unwrap());
        assert!(!store.listed().remove(&hash).unwrap());
        assert!(!store.listed().contains(&hash).unwrap());
        let mut wiped = store.listed().wipe().unwrap();
        wiped.sort();
        assert_eq!(wiped, [TorrentHash([2; 20]), TorrentHash([3; 20])]);
        assert_eq!(store.listed().list().unwrap(), []);
        for byte in 1..=3 {
            assert_eq!(
                store.torrents().get(&TorrentHash([byte; 20])).unwrap(),
                Some(record(byte))
            );
        }
    }

    #[test]
    fn a_record_that_a_list_needs_is_not_removed_with_its_last_film() {
        let (_folder, store) = store();
        for byte in 1..=2 {
            store.torrents().upsert(record(byte)).unwrap();
        }
        store.listed().put(torrent(1, "t", 1)).unwrap();
        assert!(
            !store
                .torrents()
                .remove_unlisted(&TorrentHash([1; 20]))
                .unwrap()
        );
        assert!(
            store
                .torrents()
                .remove_unlisted(&TorrentHash([2; 20]))
                .unwrap()
        );
        let left: Vec<_> = store
            .torrents()
            .list()
            .unwrap()
            .iter()
            .map(|t| t.hash.0[0])
            .collect();
        assert_eq!(left, [1]);
    }

    #[test]
    fn a_full_list_says_so_and_still_takes_changes() {
        let (_folder, store) = store();
        let fill = |db: &rusqlite::Transaction<'_>| {
            for n in 0..LISTED_MAX {
                let mut hash = [0; 20];
                hash[..4].copy_from_slice(&n.to_be_bytes());
                put(
                    db,
                    &ListedTorrent {
                        hash: TorrentHash(hash),
                        ..torrent(0, "t", 1)
                    },
                )?;
            }
            Ok(())
        };
        store.write("fill", fill).unwrap();
        let error = store.listed().put(torrent(9, "t", 1)).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        store.listed().put(torrent(0, "changed", 1)).unwrap();
        let large = ListedTorrent {
            data: "x".repeat(usize::try_from(LISTED_BYTES_MAX).unwrap()),
            ..torrent(0, "t", 1)
        };
        assert!(matches!(
            store.listed().put(large),
            Err(StoreError::Full { .. })
        ));
        let kept = store.listed().get(&TorrentHash([0; 20])).unwrap().unwrap();
        assert_eq!(kept.title, "changed");
    }
}
