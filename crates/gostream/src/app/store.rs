//! The engine's memory over the database: [`TorrentStore`] for `gostream_store::Store`.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use gostorm::{FetchedList, KnownPeer, StoreFailure, StoredTorrent, TorrentStore};
use gostorm_wire::{InfoHash, InfoHashV2};
use gostream_library::TorrentHash;
use gostream_store::{Ban, Store, StoreError, TorrentRecord};

use crate::clock::now_unix;

/// Under this name the DHT keeps its nodes.
const DHT: &str = "dht";

/// The adapter.
pub(super) struct EngineStore {
    store: Arc<Store>,
}

impl EngineStore {
    pub(super) const fn new(store: Arc<Store>) -> Self {
        Self { store }
    }
}

fn failure(error: StoreError) -> StoreFailure {
    StoreFailure(error.to_string())
}

impl TorrentStore for EngineStore {
    fn load(&self, info_hash: InfoHash) -> Result<Option<StoredTorrent>, StoreFailure> {
        let hash = TorrentHash(info_hash.0);
        let Some(record) = self.store.torrents().get(&hash).map_err(failure)? else {
            return Ok(None);
        };
        let known = self.store.known_peers().get(&hash).map_err(failure)?;
        let layers = self.store.piece_layers().get(&hash).map_err(failure)?;
        let known_good = known.into_iter().map(|peer| KnownPeer {
            addr: peer.addr,
            rate: peer.rate_bytes_per_s,
            rtt_us: u64::from(peer.rtt_us),
            trusted: peer.trusted,
        });
        Ok(Some(StoredTorrent {
            info: record.info_dict.map(Bytes::from),
            trackers: record.trackers,
            web_seeds: record.web_seeds,
            // Each was checked when the magnet was read; what does not read back now is no loss.
            hints: record
                .peer_hints
                .iter()
                .filter_map(|hint| hint.parse().ok())
                .collect(),
            known_good: known_good.collect(),
            info_hash_v2: record.hash_v2.map(InfoHashV2),
            layers: layers.map(Bytes::from),
        }))
    }

    fn save_info(&self, info_hash: InfoHash, info: &[u8]) -> Result<(), StoreFailure> {
        let record = TorrentRecord {
            hash: TorrentHash(info_hash.0),
            hash_v2: None,
            name: String::new(),
            info_dict: Some(info.to_vec()),
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            peer_hints: Vec::new(),
            added_at_unix: now_unix(),
        };
        self.store.torrents().upsert(record).map_err(failure)
    }

    fn save_layers(&self, info_hash: InfoHash, layers: &[u8]) -> Result<(), StoreFailure> {
        let hash = TorrentHash(info_hash.0);
        let layers = layers.to_vec();
        self.store
            .piece_layers()
            .save(&hash, layers)
            .map_err(failure)
    }

    fn save_known_good(
        &self,
        info_hash: InfoHash,
        peers: &[KnownPeer],
    ) -> Result<(), StoreFailure> {
        let now = now_unix();
        let kept = peers.iter().map(|peer| gostream_store::KnownPeer {
            addr: peer.addr,
            rate_bytes_per_s: peer.rate,
            rtt_us: u32::try_from(peer.rtt_us).unwrap_or(u32::MAX),
            last_good_unix: now,
            trusted: peer.trusted,
        });
        self.store
            .known_peers()
            .replace(&TorrentHash(info_hash.0), kept.collect())
            .map_err(failure)
    }

    fn load_dht(&self) -> Result<Option<Vec<u8>>, StoreFailure> {
        self.store.network().get(DHT).map_err(failure)
    }

    fn save_dht(&self, state: &[u8]) -> Result<(), StoreFailure> {
        let network = self.store.network();
        network.put(DHT, state.to_vec()).map_err(failure)
    }

    fn banned(&self) -> Result<Vec<IpAddr>, StoreFailure> {
        Ok(self
            .store
            .bans()
            .list()
            .map_err(failure)?
            .into_iter()
            .map(|ban| ban.ip)
            .collect())
    }

    fn ban(&self, ip: IpAddr, reason: &str) -> Result<(), StoreFailure> {
        let ban = Ban {
            ip,
            reason: reason.to_owned(),
            since_unix: now_unix(),
        };
        self.store.bans().add(ban).map_err(failure)
    }

    fn fetched_list(&self) -> Result<Option<FetchedList>, StoreFailure> {
        let kept = self.store.fetched_list().get().map_err(failure)?;
        Ok(kept.map(|list| FetchedList {
            url: list.url,
            checked_unix: list.checked_unix,
            etag: list.etag,
            last_modified: list.last_modified,
        }))
    }

    fn save_fetched_list(&self, list: &FetchedList) -> Result<(), StoreFailure> {
        let list = list.clone();
        let kept = gostream_store::FetchedList {
            url: list.url,
            checked_unix: list.checked_unix,
            etag: list.etag,
            last_modified: list.last_modified,
        };
        self.store.fetched_list().set(&kept).map_err(failure)
    }
}
