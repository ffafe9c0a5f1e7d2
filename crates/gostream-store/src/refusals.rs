//! What was removed by a person, through the mount or with `gostream rm`, and shall not be brought back by a job.
//!
//! The librarian adds a refusal when a stub goes, and lifts it when the torrent is added by hand. It is small:
//! past [`REFUSALS_MAX`] the oldest go.

use gostream_library::TorrentHash;
use rusqlite::params;

use crate::{db::Store, error::StoreError};

/// Most refusals kept.
pub const REFUSALS_MAX: u32 = 100_000;

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The torrent that is not wanted.
    pub hash: TorrentHash,
    /// The normalised title ([`gostream_library::title`]), when no other release of it is wanted either.
    pub title: Option<String>,
    /// Since when, in seconds since 1970.
    pub since_unix: i64,
}

/// The table of refusals; get it from [`Store::refusals`].
#[derive(Debug, Clone, Copy)]
pub struct Refusals<'a> {
    store: &'a Store,
}

impl Store {
    /// The refusals.
    pub fn refusals(&self) -> Refusals<'_> {
        Refusals { store: self }
    }
}

/// A title that is refused once stays so when another file of the torrent goes.
const INSERT: &str = "INSERT INTO refused (hash, title, since) VALUES (?1, ?2, ?3)
    ON CONFLICT (hash) DO UPDATE SET
        title = CASE excluded.title WHEN '' THEN title ELSE excluded.title END,
        since = excluded.since";
const TRIM: &str = "DELETE FROM refused WHERE hash IN
    (SELECT hash FROM refused ORDER BY since DESC, hash LIMIT -1 OFFSET ?1)";

impl Refusals<'_> {
    /// Adds or renews a refusal and waits until it is committed.
    pub fn add(&self, refusal: Refusal) -> Result<(), StoreError> {
        self.store
            .write("save a refusal", move |db| add(db, &refusal))
    }

    /// Lifts the refusal of a torrent, and that of these titles, whatever torrent they came from; whether there
    /// was any. The other torrents stay refused.
    pub fn lift(&self, hash: &TorrentHash, titles: Vec<String>) -> Result<bool, StoreError> {
        let hash = *hash;
        self.store.write("lift a refusal", move |db| {
            let mut lifted = db.execute("DELETE FROM refused WHERE hash = ?1", [hash.0])?;
            for title in titles.iter().filter(|title| !title.is_empty()) {
                lifted += db.execute("UPDATE refused SET title = '' WHERE title = ?1", [title])?;
            }
            Ok(lifted > 0)
        })
    }

    /// All refusals, the latest first.
    pub fn list(&self) -> Result<Vec<Refusal>, StoreError> {
        self.store.read("list the refusals", |db| {
            let mut query = db.prepare_cached(
                "SELECT hash, title, since FROM refused ORDER BY since DESC, hash",
            )?;
            let rows = query.query_map([], |row| {
                let title: String = row.get(1)?;
                Ok(Refusal {
                    hash: TorrentHash(row.get(0)?),
                    title: Some(title).filter(|title| !title.is_empty()),
                    since_unix: row.get(2)?,
                })
            })?;
            rows.collect()
        })
    }
}

fn add(db: &rusqlite::Connection, refusal: &Refusal) -> rusqlite::Result<()> {
    insert(db, refusal)?;
    trim(db)
}

/// Lets the oldest refusals go that are too many.
pub(crate) fn trim(db: &rusqlite::Connection) -> rusqlite::Result<()> {
    db.prepare_cached(TRIM)?.execute([REFUSALS_MAX])?;
    Ok(())
}

/// Without a look at the bound.
pub(crate) fn insert(db: &rusqlite::Connection, refusal: &Refusal) -> rusqlite::Result<()> {
    let title = refusal.title.as_deref().unwrap_or_default();
    let row = params![refusal.hash.0, title, refusal.since_unix];
    db.prepare_cached(INSERT)?.execute(row)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn refusal(hash: u8, title: Option<&str>, since_unix: i64) -> Refusal {
        Refusal {
            hash: TorrentHash([hash; 20]),
            title: title.map(str::to_owned),
            since_unix,
        }
    }

    #[test]
    fn refusals_outlive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gostream.db");
        let store = Store::open(&path).unwrap();
        store.refusals().add(refusal(1, Some("film"), 10)).unwrap();
        store.refusals().add(refusal(2, None, 20)).unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(
            store.refusals().list().unwrap(),
            [refusal(2, None, 20), refusal(1, Some("film"), 10)]
        );
    }

    #[test]
    fn a_second_file_of_a_torrent_does_not_lift_its_title() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        store.refusals().add(refusal(1, Some("film"), 10)).unwrap();
        store.refusals().add(refusal(1, None, 20)).unwrap();
        assert_eq!(
            store.refusals().list().unwrap(),
            [refusal(1, Some("film"), 20)]
        );
    }

    #[test]
    fn lifting_frees_the_torrent_and_the_title_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        store.refusals().add(refusal(1, Some("film"), 10)).unwrap();
        store.refusals().add(refusal(2, Some("film"), 20)).unwrap();
        let hash = TorrentHash([2; 20]);
        let lift = || store.refusals().lift(&hash, vec!["film".to_owned()]);
        assert!(lift().unwrap());
        assert!(!lift().unwrap());
        assert_eq!(store.refusals().list().unwrap(), [refusal(1, None, 10)]);
    }
}
