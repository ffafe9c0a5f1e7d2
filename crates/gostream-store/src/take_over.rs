//! What another program kept, taken over in one transaction: all of it or nothing.
//!
//! Called by `gostream import` and by the route of that name. What is here already stays as it is, and only what is
//! new is counted. A dry run does the same and takes it back.

use rusqlite::{Connection, params};

use crate::{
    Refusal,
    db::Store,
    error::StoreError,
    listed::{self, ListedTorrent},
    positions::{self, PlaybackPosition},
    refusals,
    torrents::{self, TorrentRecord},
    viewed::{self, ViewedMark},
};

/// What is to be taken over.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Torrents to be listed, each with what is known of it.
    pub torrents: Vec<(ListedTorrent, TorrentRecord)>,
    /// Viewed marks.
    pub viewed: Vec<ViewedMark>,
    /// Playback positions.
    pub positions: Vec<PlaybackPosition>,
    /// What is not wanted.
    pub refusals: Vec<Refusal>,
}

/// How many of each were new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Torrents that were not listed.
    pub torrents: u64,
    /// Torrents that were listed without an info dict.
    pub completed: u64,
    /// Viewed marks.
    pub viewed: u64,
    /// Playback positions.
    pub positions: u64,
    /// Refusals.
    pub refusals: u64,
}

impl Store {
    /// Takes over what is new of `brought`. With `dry_run` nothing is kept, and the answer is the same.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the list of torrents would pass its bound; nothing was changed then.
    pub fn take_over(&self, brought: Brought, dry_run: bool) -> Result<Taken, StoreError> {
        let doing = "take over what another program kept";
        self.write_within(doing, move |db| {
            db.execute_batch("SAVEPOINT dry_run")?;
            let taken = take(db, brought)?;
            let fits = listed::fits(db)?;
            if dry_run {
                db.execute_batch("ROLLBACK TO dry_run")?;
            }
            db.execute_batch("RELEASE dry_run")?;
            Ok(fits.then_some(taken))
        })
    }
}

/// The bounds of the tables that let the oldest go are looked at once, at the end.
fn take(db: &Connection, brought: Brought) -> rusqlite::Result<Taken> {
    let mut taken = Taken::default();
    for (torrent, record) in brought.torrents {
        let hash = torrent.hash.0;
        if has(db, "SELECT 1 FROM listed WHERE hash = ?1", [hash])? {
            let lacks = "SELECT 1 FROM torrents WHERE hash = ?1 AND info_dict IS NULL";
            if record.info_dict.is_some() && has(db, lacks, [hash])? {
                torrents::upsert(db, record)?;
                taken.completed += 1;
            }
            continue;
        }
        torrents::upsert(db, record)?;
        listed::put(db, &torrent)?;
        taken.torrents += 1;
    }
    for mark in &brought.viewed {
        let known = "SELECT 1 FROM viewed WHERE hash = ?1 AND file_index = ?2";
        if !has(db, known, params![mark.hash.0, mark.file_index])? {
            viewed::insert(db, mark)?;
            taken.viewed += 1;
        }
    }
    for position in &brought.positions {
        let known = "SELECT 1 FROM positions WHERE hash = ?1 AND file_index = ?2";
        if !has(db, known, params![position.hash.0, position.file_index])? {
            positions::insert(db, position)?;
            taken.positions += 1;
        }
    }
    for refusal in &brought.refusals {
        if !has(
            db,
            "SELECT 1 FROM refused WHERE hash = ?1",
            [refusal.hash.0],
        )? {
            refusals::insert(db, refusal)?;
            taken.refusals += 1;
        }
    }
    viewed::trim(db)?;
    positions::trim(db)?;
    refusals::trim(db)?;
    Ok(taken)
}

fn has(db: &Connection, sql: &str, which: impl rusqlite::Params) -> rusqlite::Result<bool> {
    db.prepare_cached(sql)?.exists(which)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use gostream_library::TorrentHash;

    use super::*;
    use crate::listed::LISTED_BYTES_MAX;

    fn torrent(byte: u8, title: &str, info: Option<&[u8]>) -> (ListedTorrent, TorrentRecord) {
        let hash = TorrentHash([byte; 20]);
        let listed = ListedTorrent {
            hash,
            title: title.to_owned(),
            poster: String::new(),
            category: String::new(),
            data: String::new(),
            added_at_unix: 5,
        };
        let record = TorrentRecord {
            hash,
            hash_v2: None,
            name: String::new(),
            info_dict: info.map(<[u8]>::to_vec),
            trackers: vec![vec!["udp://t".to_owned()]],
            web_seeds: Vec::new(),
            peer_hints: Vec::new(),
            added_at_unix: 5,
        };
        (listed, record)
    }

    fn brought(torrents: Vec<(ListedTorrent, TorrentRecord)>) -> Brought {
        let hash = TorrentHash([1; 20]);
        Brought {
            torrents,
            viewed: vec![ViewedMark {
                hash,
                file_index: 1,
                timecode_seconds: 2.5,
                viewed_at_unix: 5,
            }],
            positions: vec![PlaybackPosition {
                hash,
                file_index: 1,
                offset_bytes: 9,
                seconds: None,
                saved_at_unix: 5,
            }],
            refusals: vec![Refusal {
                hash,
                title: None,
                since_unix: 5,
            }],
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        (folder, store)
    }

    #[test]
    fn a_dry_run_counts_what_the_real_one_then_takes_and_keeps_nothing() {
        let (_folder, store) = store();
        let all = brought(vec![torrent(1, "a", None), torrent(2, "b", Some(b"info"))]);
        let counted = store.take_over(all.clone(), true).unwrap();
        assert_eq!(store.listed().list().unwrap(), []);
        assert_eq!(store.viewed().list().unwrap(), []);
        assert_eq!(store.take_over(all.clone(), false).unwrap(), counted);
        assert_eq!(counted.torrents, 2);
        assert_eq!(
            (counted.viewed, counted.positions, counted.refusals),
            (1, 1, 1)
        );
        assert_eq!(store.take_over(all, false).unwrap(), Taken::default());
    }

    #[test]
    fn what_is_here_stays_but_for_an_info_dict_that_was_missing() {
        let (_folder, store) = store();
        let first = brought(vec![torrent(1, "mine", None)]);
        store.take_over(first, false).unwrap();
        let again = brought(vec![torrent(1, "theirs", Some(b"info"))]);
        let taken = store.take_over(again.clone(), false).unwrap();
        assert_eq!(
            taken,
            Taken {
                completed: 1,
                ..Taken::default()
            }
        );
        let hash = TorrentHash([1; 20]);
        assert_eq!(store.listed().get(&hash).unwrap().unwrap().title, "mine");
        let record = store.torrents().get(&hash).unwrap().unwrap();
        assert_eq!(record.info_dict.as_deref(), Some(&b"info"[..]));
        assert_eq!(store.take_over(again, false).unwrap(), Taken::default());
    }

    #[test]
    fn a_list_without_room_takes_nothing_at_all() {
        let (_folder, store) = store();
        let mut large = torrent(2, "b", None);
        large.0.data = "x".repeat(LISTED_BYTES_MAX as usize);
        let all = brought(vec![torrent(1, "a", None), large]);
        let error = store.take_over(all, false).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(store.listed().list().unwrap(), []);
        assert_eq!(store.torrents().list().unwrap(), []);
        store.flush().unwrap();
    }
}
