//! What every test here needs: a store in memory, an engine with short times, a film and its peers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gostorm::{
    Config, Engine, FetchedList, KnownPeer, OpenRequest, ReadError, StoreFailure, StoredTorrent,
    Stream, TorrentStore,
};
use gostorm_sim::lab::{Content, LabPeer, Script};
use gostorm_wire::{InfoHash, PeerHint};
use tokio::sync::oneshot;

/// Whatever takes longer has failed.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// A piece of most films here.
pub(crate) const PIECE: u32 = 256 << 10;
pub(crate) const MIB: u64 = 1 << 20;

/// A store that forgets nothing but its process.
#[derive(Default)]
pub(crate) struct MemoryStore {
    torrents: Mutex<HashMap<InfoHash, StoredTorrent>>,
    bans: Mutex<Vec<(IpAddr, String)>>,
    dht: Mutex<Option<Vec<u8>>>,
    list: Mutex<Option<FetchedList>>,
}

impl MemoryStore {
    pub(crate) fn put(&self, info_hash: InfoHash, torrent: StoredTorrent) {
        self.torrents.lock().unwrap().insert(info_hash, torrent);
    }

    pub(crate) fn get(&self, info_hash: InfoHash) -> StoredTorrent {
        let torrents = self.torrents.lock().unwrap();
        torrents.get(&info_hash).cloned().unwrap_or_default()
    }

    /// What the DHT has kept.
    pub(crate) fn dht(&self) -> Option<Vec<u8>> {
        self.dht.lock().unwrap().clone()
    }

    pub(crate) fn bans(&self) -> Vec<IpAddr> {
        self.bans.lock().unwrap().iter().map(|ban| ban.0).collect()
    }
}

impl TorrentStore for MemoryStore {
    fn load(&self, info_hash: InfoHash) -> Result<Option<StoredTorrent>, StoreFailure> {
        Ok(self.torrents.lock().unwrap().get(&info_hash).cloned())
    }

    fn save_info(&self, info_hash: InfoHash, info: &[u8]) -> Result<(), StoreFailure> {
        let mut torrents = self.torrents.lock().unwrap();
        torrents.entry(info_hash).or_default().info = Some(Bytes::copy_from_slice(info));
        Ok(())
    }

    fn save_layers(&self, info_hash: InfoHash, layers: &[u8]) -> Result<(), StoreFailure> {
        let mut torrents = self.torrents.lock().unwrap();
        torrents.entry(info_hash).or_default().layers = Some(Bytes::copy_from_slice(layers));
        Ok(())
    }

    fn save_known_good(
        &self,
        info_hash: InfoHash,
        peers: &[KnownPeer],
    ) -> Result<(), StoreFailure> {
        let mut torrents = self.torrents.lock().unwrap();
        torrents.entry(info_hash).or_default().known_good = peers.to_vec();
        Ok(())
    }

    fn load_dht(&self) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(self.dht.lock().unwrap().clone())
    }

    fn save_dht(&self, state: &[u8]) -> Result<(), StoreFailure> {
        *self.dht.lock().unwrap() = Some(state.to_vec());
        Ok(())
    }

    fn banned(&self) -> Result<Vec<IpAddr>, StoreFailure> {
        Ok(self.bans())
    }

    fn ban(&self, ip: IpAddr, reason: &str) -> Result<(), StoreFailure> {
        self.bans.lock().unwrap().push((ip, reason.to_owned()));
        Ok(())
    }

    fn fetched_list(&self) -> Result<Option<FetchedList>, StoreFailure> {
        Ok(self.list.lock().unwrap().clone())
    }

    fn save_fetched_list(&self, list: &FetchedList) -> Result<(), StoreFailure> {
        *self.list.lock().unwrap() = Some(list.clone());
        Ok(())
    }
}

/// Short times, one hash thread, a port of the system's choice.
pub(crate) fn config() -> Config {
    Config {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        budget_bytes: 32 * MIB,
        sleep_after: Duration::from_millis(50),
        read_deadline: SOON,
        hash_threads: 1,
        ..Config::default()
    }
}

/// An engine and its store.
pub(crate) struct Stand {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<MemoryStore>,
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: Config) -> Self {
        let store = Arc::new(MemoryStore::default());
        let engine = Engine::start(config, store.clone()).unwrap();
        Self { engine, store }
    }

    /// Where peers can dial the engine.
    pub(crate) fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.engine.port()).into()
    }

    /// The engine knows the film's info dict.
    pub(crate) fn knows(&self, content: &Content, trackers: &[String]) {
        let torrent = StoredTorrent {
            info: Some(content.info()),
            trackers: trackers.iter().map(|url| vec![url.clone()]).collect(),
            ..StoredTorrent::default()
        };
        self.store.put(content.info_hash(), torrent);
    }

    /// Opens the film's only file, with these peers as the magnet's.
    pub(crate) fn open(&self, content: &Content, peers: &[&LabPeer]) -> Stream {
        self.engine
            .open(request(content, peers), Arc::new(|_| Some(0)))
            .unwrap()
    }

    /// Waits until nothing is awake any more.
    pub(crate) async fn asleep(&self) {
        eventually("the torrents sleep", || self.engine.awake_count() == 0).await;
        eventually("their memory is given back", || {
            self.engine.memory().0 == 0 && self.engine.peer_count() == 0
        })
        .await;
    }
}

pub(crate) fn request(content: &Content, peers: &[&LabPeer]) -> OpenRequest {
    let hints = peers.iter().map(|peer| PeerHint::Addr(peer.addr()));
    OpenRequest {
        hints: hints.collect(),
        ..OpenRequest::from(content.info_hash())
    }
}

pub(crate) fn film(seed: u64, len: u64) -> Arc<Content> {
    Arc::new(Content::new(seed, len, PIECE).unwrap())
}

pub(crate) fn peer(content: &Arc<Content>, script: Script) -> LabPeer {
    LabPeer::start(content, script).unwrap()
}

/// A read that is under way.
pub(crate) type Answer = oneshot::Receiver<Result<Vec<u8>, ReadError>>;

/// Starts a read.
pub(crate) fn ask(stream: &Stream, offset: u64, len: u32) -> Answer {
    let (reply, answer) = oneshot::channel();
    stream.read(offset, len, move |result| {
        let _ = reply.send(result.map(|bytes| bytes.to_vec()));
    });
    answer
}

/// Its end.
pub(crate) async fn answer(answer: Answer) -> Result<Vec<u8>, ReadError> {
    tokio::time::timeout(SOON * 2, answer)
        .await
        .expect("a read is answered")
        .expect("a read's reply is called")
}

pub(crate) async fn read(stream: &Stream, offset: u64, len: u32) -> Result<Vec<u8>, ReadError> {
    answer(ask(stream, offset, len)).await
}

/// Reads and compares.
pub(crate) async fn check(stream: &Stream, content: &Content, offset: u64, len: u32) {
    let bytes = read(stream, offset, len).await.unwrap();
    assert_eq!(bytes.len(), len as usize);
    assert!(content.matches(offset, &bytes), "bytes at {offset}");
}

/// Reads a part of the film in steps and compares.
pub(crate) async fn check_all(stream: &Stream, content: &Content, from: u64, to: u64) {
    let mut offset = from;
    while offset < to {
        let len = u32::try_from((to - offset).min(128 << 10)).unwrap();
        check(stream, content, offset, len).await;
        offset += u64::from(len);
    }
}

/// Waits for what nobody announces: looks again whenever a while has passed.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    let seen = async {
        while !holds() {
            looks.tick().await;
        }
    };
    let met = tokio::time::timeout(SOON, seen).await;
    assert!(met.is_ok(), "in vain: {what}");
}
