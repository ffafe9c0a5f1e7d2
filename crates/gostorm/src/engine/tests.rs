//! What can only be broken from within: a hash thread that panics under an engine that serves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use gostorm_sim::lab::{Content, LabPeer, Script};
use gostorm_wire::{PeerHint, PieceIndex};
use tokio::sync::oneshot;

use super::*;
use crate::read::ReadError;
use crate::store::{FetchedList, StoreFailure, StoredTorrent};

const PIECE: u32 = 64 << 10;

/// Knows the info dicts of some films, and keeps nothing.
struct Films(Vec<Arc<Content>>);

impl TorrentStore for Films {
    fn load(&self, info_hash: InfoHash) -> Result<Option<StoredTorrent>, StoreFailure> {
        let film = self.0.iter().find(|film| film.info_hash() == info_hash);
        Ok(film.map(|film| StoredTorrent {
            info: Some(film.info()),
            ..StoredTorrent::default()
        }))
    }

    fn save_info(&self, _: InfoHash, _: &[u8]) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn save_layers(&self, _: InfoHash, _: &[u8]) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn save_known_good(
        &self,
        _: InfoHash,
        _: &[gostorm_core::KnownPeer],
    ) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn load_dht(&self) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(None)
    }

    fn save_dht(&self, _: &[u8]) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn banned(&self) -> Result<Vec<IpAddr>, StoreFailure> {
        Ok(Vec::new())
    }

    fn ban(&self, ip: IpAddr, reason: &str) -> Result<(), StoreFailure> {
        panic!("{ip} is banned for a fault of ours: {reason}");
    }

    fn fetched_list(&self) -> Result<Option<FetchedList>, StoreFailure> {
        Ok(None)
    }

    fn save_fetched_list(&self, _: &FetchedList) -> Result<(), StoreFailure> {
        Ok(())
    }
}

async fn read(stream: &Stream, offset: u64) -> Result<Bytes, ReadError> {
    let (reply, answer) = oneshot::channel();
    stream.read(offset, 1_000, move |result| {
        let _ = reply.send(result.map(|bytes| Bytes::copy_from_slice(&bytes)));
    });
    answer.await.unwrap()
}

#[tokio::test]
async fn a_hash_thread_that_panics_fails_one_torrent_and_serves_it_again_when_it_is_opened_anew() {
    let films: Vec<_> = [1, 2]
        .map(|seed| Content::new(seed, 1 << 20, PIECE).unwrap())
        .into();
    let films: Vec<_> = films.into_iter().map(Arc::new).collect();
    let config = Config {
        hash_threads: 1,
        ..Config::default()
    };
    let engine = Engine::start(config, Arc::new(Films(films.clone()))).unwrap();
    let seeders: Vec<_> = films
        .iter()
        .map(|film| LabPeer::start(film, Script::default()).unwrap())
        .collect();
    let open = |number: usize| {
        let request = OpenRequest {
            hints: vec![PeerHint::Addr(seeders[number].addr())],
            ..OpenRequest::from(films[number].info_hash())
        };
        engine.open(request, Arc::new(|_| Some(0))).unwrap()
    };
    // The thread is there for both: the other film goes on with it.
    let other = open(1);
    assert!(films[1].matches(0, &read(&other, 0).await.unwrap()));
    let first = films[0].bytes(0, PIECE as usize);
    let hasher = &engine.shared.hasher;
    hasher.panic_over((0, PieceIndex(0)), gostorm_wire::sha1(&first));
    let broken = open(0);
    assert_eq!(read(&broken, 0).await, Err(ReadError::ShuttingDown));
    // Nothing of it hangs: whoever still has it open is answered.
    assert!(read(&broken, 500_000).await.is_err());
    let end = films[1].len() - 1_000;
    assert!(films[1].matches(end, &read(&other, end).await.unwrap()));
    let anew = open(0);
    assert!(films[0].matches(0, &read(&anew, 0).await.unwrap()));
    drop((other, broken, anew));
    engine.shutdown().await;
}
