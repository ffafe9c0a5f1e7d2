//! The hashes of pieces of v2 torrents (BEP 52): bencoded as in a .torrent, opaque here.
//!
//! Written when a .torrent is added or peers have given them, read when the torrent wakes; gone with its record.

use gostream_library::TorrentHash;
use rusqlite::OptionalExtension as _;

use crate::{db::Store, error::StoreError};

/// The table of piece layers; get it from [`Store::piece_layers`].
#[derive(Debug, Clone, Copy)]
pub struct PieceLayers<'a> {
    store: &'a Store,
}

impl Store {
    /// The piece layers.
    pub fn piece_layers(&self) -> PieceLayers<'_> {
        PieceLayers { store: self }
    }
}

impl PieceLayers<'_> {
    /// Keeps the layers of a torrent, instead of those kept before, and waits until they are committed.
    pub fn save(&self, hash: &TorrentHash, layers: Vec<u8>) -> Result<(), StoreError> {
        let hash = *hash;
        self.store.write("save piece layers", move |db| {
            db.prepare_cached(
                "INSERT OR REPLACE INTO piece_layers (hash, layers) VALUES (?1, ?2)",
            )?
            .execute((hash.0, layers))?;
            Ok(())
        })
    }

    /// The layers of a torrent, if there are any.
    pub fn get(&self, hash: &TorrentHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.read("read piece layers", |db| {
            let mut query = db.prepare_cached("SELECT layers FROM piece_layers WHERE hash = ?1")?;
            query.query_row([hash.0], |row| row.get(0)).optional()
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::TorrentRecord;

    #[test]
    fn layers_are_kept_until_their_torrent_goes() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("test.db")).unwrap();
        let hash = TorrentHash([7; 20]);
        let record = TorrentRecord {
            hash,
            hash_v2: Some([7; 32]),
            name: String::new(),
            info_dict: None,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            peer_hints: Vec::new(),
            added_at_unix: 1,
        };
        store.torrents().upsert(record).unwrap();
        assert_eq!(store.piece_layers().get(&hash).unwrap(), None);
        store.piece_layers().save(&hash, b"de".to_vec()).unwrap();
        let later = b"d1:a1:be".to_vec();
        store.piece_layers().save(&hash, later.clone()).unwrap();
        assert_eq!(store.piece_layers().get(&hash).unwrap(), Some(later));
        let kept = store.torrents().get(&hash).unwrap().unwrap();
        assert_eq!(kept.hash_v2, Some([7; 32]));
        store.torrents().remove(&hash).unwrap();
        assert_eq!(store.piece_layers().get(&hash).unwrap(), None);
    }
}
