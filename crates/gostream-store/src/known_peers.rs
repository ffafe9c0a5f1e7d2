//! Known-good peers of each torrent: who delivered verified data last time, and how fast.
//!
//! The engine saves the list when a torrent goes to sleep and dials it first when it wakes. The best
//! [`KNOWN_PEERS_MAX`] are kept.

use std::{cmp::Reverse, net::SocketAddr};

use gostream_library::TorrentHash;
use rusqlite::{Connection, params, types::Type};

use crate::{db::Store, error::StoreError};

/// Most peers kept for one torrent.
pub const KNOWN_PEERS_MAX: usize = 200;

/// A peer that delivered verified data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeer {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its rate as last estimated, in bytes per second.
    pub rate_bytes_per_s: u64,
    /// Its round-trip time as last estimated, in microseconds.
    pub rtt_us: u32,
    /// When it last delivered, in seconds since 1970.
    pub last_good_unix: i64,
    /// Gave a verified piece and never failed since.
    pub trusted: bool,
}

/// The table of known-good peers; get it from [`Store::known_peers`].
#[derive(Debug, Clone, Copy)]
pub struct KnownPeers<'a> {
    store: &'a Store,
}

impl Store {
    /// The known-good peers.
    pub fn known_peers(&self) -> KnownPeers<'_> {
        KnownPeers { store: self }
    }
}

impl KnownPeers<'_> {
    /// Replaces the list of a torrent and waits until it is committed. Of more than [`KNOWN_PEERS_MAX`] the
    /// trusted, then the fastest are kept; of two with one address the better.
    pub fn replace(&self, hash: &TorrentHash, peers: Vec<KnownPeer>) -> Result<(), StoreError> {
        let hash = *hash;
        self.store
            .write("save known peers", move |db| replace(db, &hash, peers))
    }

    /// Like [`KnownPeers::replace`] without waiting; false if it was dropped because too many writes wait.
    pub fn replace_later(&self, hash: &TorrentHash, peers: Vec<KnownPeer>) -> bool {
        let hash = *hash;
        self.store
            .write_later("save known peers", move |db| replace(db, &hash, peers))
    }

    /// The peers of a torrent, best first.
    pub fn get(&self, hash: &TorrentHash) -> Result<Vec<KnownPeer>, StoreError> {
        let mut peers: Vec<KnownPeer> = self.store.read("read known peers", |db| {
            let mut query = db.prepare_cached(
                "SELECT addr, rate_bytes_per_s, rtt_us, last_good, trusted FROM known_peers
                 WHERE hash = ?1",
            )?;
            let rows = query.query_map([hash.0], |row| {
                let addr: String = row.get(0)?;
                Ok(KnownPeer {
                    addr: addr.parse().map_err(|e| {
                        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(e))
                    })?,
                    // Never negative: written from an unsigned number.
                    rate_bytes_per_s: row.get::<_, i64>(1)?.unsigned_abs(),
                    rtt_us: row.get(2)?,
                    last_good_unix: row.get(3)?,
                    trusted: row.get(4)?,
                })
            })?;
            rows.collect()
        })?;
        sort(&mut peers);
        Ok(peers)
    }
}

fn replace(db: &Connection, hash: &TorrentHash, mut peers: Vec<KnownPeer>) -> rusqlite::Result<()> {
    sort(&mut peers);
    db.execute("DELETE FROM known_peers WHERE hash = ?1", [hash.0])?;
    let mut insert = db.prepare_cached(
        "INSERT OR IGNORE INTO known_peers
         (hash, addr, rate_bytes_per_s, rtt_us, last_good, trusted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut kept = 0;
    for peer in &peers {
        if kept == KNOWN_PEERS_MAX {
            break;
        }
        kept += insert.execute(params![
            hash.0,
            peer.addr.to_string(),
            i64::try_from(peer.rate_bytes_per_s).unwrap_or(i64::MAX),
            peer.rtt_us,
            peer.last_good_unix,
            peer.trusted,
        ])?;
    }
    Ok(())
}

/// Best first; the address settles ties, so that the order never depends on the table's.
fn sort(peers: &mut [KnownPeer]) {
    peers.sort_by_key(|p| (!p.trusted, Reverse(p.rate_bytes_per_s), p.rtt_us, p.addr));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const HASH: TorrentHash = TorrentHash([9; 20]);

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("gostream.db")).unwrap();
        (folder, store)
    }

    fn peer(addr: &str, rate: u64, trusted: bool) -> KnownPeer {
        KnownPeer {
            addr: addr.parse().unwrap(),
            rate_bytes_per_s: rate,
            rtt_us: 1500,
            last_good_unix: 7,
            trusted,
        }
    }

    #[test]
    fn peers_come_back_best_first_and_are_replaced_whole() {
        let (_folder, store) = store();
        let slow = peer("10.0.0.1:1", 5, true);
        let fast = peer("[2001:db8::1]:2", u64::from(u32::MAX) + 1, false);
        store
            .known_peers()
            .replace(&HASH, vec![fast.clone(), slow.clone()])
            .unwrap();
        assert_eq!(
            store.known_peers().get(&HASH).unwrap(),
            [slow, fast.clone()]
        );
        assert!(store.known_peers().replace_later(&HASH, vec![fast.clone()]));
        store.flush().unwrap();
        assert_eq!(store.known_peers().get(&HASH).unwrap(), [fast]);
        assert_eq!(store.known_peers().get(&TorrentHash([1; 20])).unwrap(), []);
    }

    #[test]
    fn the_best_two_hundred_are_kept_and_an_address_once() {
        let (_folder, store) = store();
        let mut peers: Vec<KnownPeer> = (0..500u64)
            .map(|n| peer(&format!("10.0.{}.{}:1", n / 250, n % 250), n, n < 10))
            .collect();
        peers.push(peer("10.0.0.0:1", 1000, true));
        store.known_peers().replace(&HASH, peers).unwrap();
        let kept = store.known_peers().get(&HASH).unwrap();
        assert_eq!(kept.len(), KNOWN_PEERS_MAX);
        assert_eq!(kept[0].rate_bytes_per_s, 1000);
        assert_eq!(kept.iter().filter(|p| p.trusted).count(), 10);
        assert_eq!(kept.last().unwrap().rate_bytes_per_s, 310);
    }

    #[test]
    fn removing_the_torrent_forgets_its_peers() {
        let (_folder, store) = store();
        store
            .known_peers()
            .replace(&HASH, vec![peer("10.0.0.1:1", 1, false)])
            .unwrap();
        store.torrents().remove(&HASH).unwrap();
        assert_eq!(store.known_peers().get(&HASH).unwrap(), []);
    }
}
