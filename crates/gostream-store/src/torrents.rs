//! The torrents that were ever added: what is needed to wake one without asking anybody.
//!
//! The command line and the API add records, the engine completes them when metadata arrives, a wake reads
//! one. Adding again merges: nothing that is known is ever lost, least of all an info dict.

use gostream_library::TorrentHash;
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::Type};

use crate::{db::Store, error::StoreError};

/// Most trackers kept for a torrent, over all tiers; also most web seeds, and most peer hints.
pub const URLS_MAX: usize = 100;

/// All that is known of one torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentRecord {
    /// The torrent.
    pub hash: TorrentHash,
    /// Its whole hash of v2, where it is of v2 and that is known (BEP 52).
    pub hash_v2: Option<[u8; 32]>,
    /// Its name, empty when not yet known.
    pub name: String,
    /// The bencoded info dictionary, as hashed; none until metadata arrived.
    pub info_dict: Option<Vec<u8>>,
    /// Tracker URLs in tiers (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Web seed URLs (BEP 19).
    pub web_seeds: Vec<String>,
    /// Addresses named by the magnet (`x.pe`, BEP 9), `host:port`.
    pub peer_hints: Vec<String>,
    /// When it was first added, in seconds since 1970.
    pub added_at_unix: i64,
}

/// A line of the list: a record without its heavy part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentSummary {
    /// The torrent.
    pub hash: TorrentHash,
    /// Its name, empty when not yet known.
    pub name: String,
    /// Whether the info dictionary is known.
    pub has_info: bool,
    /// When it was first added, in seconds since 1970.
    pub added_at_unix: i64,
}

/// The table of torrents; get it from [`Store::torrents`].
#[derive(Debug, Clone, Copy)]
pub struct Torrents<'a> {
    store: &'a Store,
}

impl Store {
    /// The torrents.
    pub fn torrents(&self) -> Torrents<'_> {
        Torrents { store: self }
    }
}

impl Torrents<'_> {
    /// Adds or merges a record and waits until it is committed. What is known stays: the info dict unless
    /// there is a new one, the name unless the new one is not empty, the earlier time; URLs are united, the
    /// known ones first, up to [`URLS_MAX`] of each kind.
    pub fn upsert(&self, record: TorrentRecord) -> Result<(), StoreError> {
        self.store
            .write("save a torrent", move |db| upsert(db, record))
    }

    /// Like [`Torrents::upsert`] without waiting; false if it was dropped because too many writes wait.
    pub fn upsert_later(&self, record: TorrentRecord) -> bool {
        self.store
            .write_later("save a torrent", move |db| upsert(db, record))
    }

    /// One record, or none.
    pub fn get(&self, hash: &TorrentHash) -> Result<Option<TorrentRecord>, StoreError> {
        self.store.read("read a torrent", |db| select(db, hash))
    }

    /// Forgets a torrent, its known-good peers and piece layers; false if it was not there.
    pub fn remove(&self, hash: &TorrentHash) -> Result<bool, StoreError> {
        let hash = *hash;
        self.store
            .write("remove a torrent", move |db| remove(db, &hash))
    }

    /// Like [`Torrents::remove`], unless a client lists the torrent ([`crate::listed`]): then nothing is done.
    pub fn remove_unlisted(&self, hash: &TorrentHash) -> Result<bool, StoreError> {
        let hash = *hash;
        self.store.write("remove a torrent", move |db| {
            let mut listed = db.prepare_cached("SELECT 1 FROM listed WHERE hash = ?1")?;
            Ok(!listed.exists([hash.0])? && remove(db, &hash)?)
        })
    }

    /// All torrents, the latest added first.
    pub fn list(&self) -> Result<Vec<TorrentSummary>, StoreError> {
        self.store.read("list the torrents", |db| {
            let mut query = db.prepare_cached(
                "SELECT hash, name, info_dict IS NOT NULL, added_at FROM torrents
                 ORDER BY added_at DESC, hash",
            )?;
            let rows = query.query_map([], |row| {
                Ok(TorrentSummary {
                    hash: TorrentHash(row.get(0)?),
                    name: row.get(1)?,
                    has_info: row.get(2)?,
                    added_at_unix: row.get(3)?,
                })
            })?;
            rows.collect()
        })
    }
}

fn select(db: &Connection, hash: &TorrentHash) -> rusqlite::Result<Option<TorrentRecord>> {
    let mut query = db.prepare_cached(
        "SELECT name, added_at, trackers, web_seeds, peer_hints, info_dict, hash_v2
         FROM torrents WHERE hash = ?1",
    )?;
    let read = |row: &Row<'_>| {
        Ok(TorrentRecord {
            hash: *hash,
            name: row.get(0)?,
            added_at_unix: row.get(1)?,
            trackers: from_json(row, 2)?,
            web_seeds: from_json(row, 3)?,
            peer_hints: from_json(row, 4)?,
            info_dict: row.get(5)?,
            hash_v2: row.get(6)?,
        })
    };
    query.query_row([hash.0], read).optional()
}

fn remove(db: &Connection, hash: &TorrentHash) -> rusqlite::Result<bool> {
    db.execute("DELETE FROM known_peers WHERE hash = ?1", [hash.0])?;
    db.execute("DELETE FROM piece_layers WHERE hash = ?1", [hash.0])?;
    let rows = db.execute("DELETE FROM torrents WHERE hash = ?1", [hash.0])?;
    Ok(rows > 0)
}

pub(crate) fn upsert(db: &Connection, new: TorrentRecord) -> rusqlite::Result<()> {
    let record = match select(db, &new.hash)? {
        Some(known) => merge(known, new),
        None => merge(blank(&new), new),
    };
    db.prepare_cached(
        "INSERT OR REPLACE INTO torrents
         (hash, name, added_at, trackers, web_seeds, peer_hints, info_dict, hash_v2)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        record.hash.0,
        record.name,
        record.added_at_unix,
        to_json(&record.trackers)?,
        to_json(&record.web_seeds)?,
        to_json(&record.peer_hints)?,
        record.info_dict,
        record.hash_v2,
    ])?;
    Ok(())
}

/// A record of the same torrent that knows nothing, so that one rule bounds new and merged records.
fn blank(new: &TorrentRecord) -> TorrentRecord {
    TorrentRecord {
        hash: new.hash,
        hash_v2: None,
        name: String::new(),
        info_dict: None,
        trackers: Vec::new(),
        web_seeds: Vec::new(),
        peer_hints: Vec::new(),
        added_at_unix: new.added_at_unix,
    }
}

fn merge(known: TorrentRecord, new: TorrentRecord) -> TorrentRecord {
    TorrentRecord {
        hash: known.hash,
        hash_v2: known.hash_v2.or(new.hash_v2),
        name: if new.name.is_empty() {
            known.name
        } else {
            new.name
        },
        info_dict: new.info_dict.or(known.info_dict),
        trackers: unite_tiers(known.trackers, new.trackers),
        web_seeds: unite(known.web_seeds, new.web_seeds),
        peer_hints: unite(known.peer_hints, new.peer_hints),
        added_at_unix: known.added_at_unix.min(new.added_at_unix),
    }
}

/// The known tiers, then what is new of the new ones as tiers of their own.
fn unite_tiers(known: Vec<Vec<String>>, new: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let mut seen: Vec<String> = Vec::new();
    let mut tiers = Vec::new();
    for tier in known.into_iter().chain(new) {
        let mut kept = Vec::new();
        for url in tier {
            if seen.len() < URLS_MAX && !seen.contains(&url) {
                seen.push(url.clone());
                kept.push(url);
            }
        }
        if !kept.is_empty() {
            tiers.push(kept);
        }
    }
    tiers
}

fn unite(known: Vec<String>, new: Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for url in known.into_iter().chain(new) {
        if all.len() < URLS_MAX && !all.contains(&url) {
            all.push(url);
        }
    }
    all
}

fn to_json(list: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(list).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

fn from_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))
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

    fn record(byte: u8) -> TorrentRecord {
        TorrentRecord {
            hash: TorrentHash([byte; 20]),
            hash_v2: None,
            name: format!("torrent {byte}"),
            info_dict: Some(vec![byte; 1000]),
            trackers: vec![vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]],
            web_seeds: vec!["w".to_owned()],
            peer_hints: vec!["127.0.0.1:1".to_owned()],
            added_at_unix: 100,
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_also_after_reopening() {
        let (folder, store) = store();
        store.torrents().upsert(record(1)).unwrap();
        assert_eq!(
            store.torrents().get(&record(1).hash).unwrap(),
            Some(record(1))
        );
        assert_eq!(store.torrents().get(&record(2).hash).unwrap(), None);
        drop(store);
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        assert_eq!(
            store.torrents().get(&record(1).hash).unwrap(),
            Some(record(1))
        );
    }

    #[test]
    fn adding_again_never_drops_what_is_known() {
        let (_folder, store) = store();
        store.torrents().upsert(record(1)).unwrap();
        let poor = TorrentRecord {
            name: String::new(),
            info_dict: None,
            trackers: vec![vec!["c".to_owned(), "d".to_owned()], vec!["a".to_owned()]],
            web_seeds: vec!["x".to_owned(), "w".to_owned()],
            peer_hints: Vec::new(),
            added_at_unix: 200,
            ..record(1)
        };
        store.torrents().upsert(poor).unwrap();
        let mut expected = record(1);
        expected.trackers.push(vec!["d".to_owned()]);
        expected.web_seeds.push("x".to_owned());
        assert_eq!(
            store.torrents().get(&expected.hash).unwrap(),
            Some(expected)
        );
    }

    #[test]
    fn lists_of_urls_are_bounded() {
        let (_folder, store) = store();
        let many: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        let tiers = many.iter().map(|url| vec![url.clone()]).collect();
        let big = TorrentRecord {
            trackers: tiers,
            web_seeds: many.clone(),
            peer_hints: many,
            ..record(1)
        };
        store.torrents().upsert(big).unwrap();
        let read = store.torrents().get(&record(1).hash).unwrap().unwrap();
        assert_eq!(
            [
                read.trackers.len(),
                read.web_seeds.len(),
                read.peer_hints.len()
            ],
            [URLS_MAX; 3]
        );
    }

    #[test]
    fn the_list_is_newest_first_and_removal_takes_the_peers_along() {
        let (_folder, store) = store();
        store.torrents().upsert(record(1)).unwrap();
        let later = TorrentRecord {
            added_at_unix: 300,
            info_dict: None,
            ..record(2)
        };
        assert!(store.torrents().upsert_later(later));
        store.flush().unwrap();
        let list = store.torrents().list().unwrap();
        let seen: Vec<_> = list.iter().map(|t| (t.hash.0[0], t.has_info)).collect();
        assert_eq!(seen, [(2, false), (1, true)]);
        assert!(store.torrents().remove(&record(2).hash).unwrap());
        assert!(!store.torrents().remove(&record(2).hash).unwrap());
        assert_eq!(store.torrents().list().unwrap().len(), 1);
    }
}
