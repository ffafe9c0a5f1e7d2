//! From a magnet to an info dict, among peers that lie, refuse and say nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gostorm::{ReadError, ResolveError};
use gostorm_sim::lab::{Content, LabTracker, Metadata, Script};
use tokio::time::timeout;

use crate::stand::{MIB, SOON, Stand, check, eventually, film, peer, read, request};

fn who(metadata: Metadata) -> Script {
    Script {
        metadata,
        ..Script::default()
    }
}

/// A film whose info dict has several parts.
fn long_film(seed: u64) -> Arc<Content> {
    // 2,560 pieces of 16 KiB: 51 KB of hashes.
    Arc::new(Content::new(seed, 40 * MIB, 16 << 10).unwrap())
}

#[tokio::test]
async fn a_magnet_resolves_in_spite_of_a_liar() {
    let content = long_film(30);
    let peers = [
        peer(&content, who(Metadata::Lie)),
        peer(&content, who(Metadata::Serve)),
        peer(&content, who(Metadata::Serve)),
        peer(&content, who(Metadata::Refuse)),
        peer(&content, who(Metadata::Absent)),
    ];
    let stand = Stand::new();
    let hints: Vec<_> = peers.iter().collect();
    let mut resolution = stand.engine.resolve(request(&content, &hints));
    let info = timeout(SOON, resolution.info()).await.unwrap().unwrap();
    assert_eq!(info, content.info());
    eventually("it is stored", || {
        stand.store.get(content.info_hash()).info == Some(content.info())
    })
    .await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_magnet_resolves_by_its_tracker_and_plays_on_the_same_connections() {
    let content = film(31, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let tracker = LabTracker::start(vec![seeder.addr()], Duration::from_millis(5))
        .await
        .unwrap();
    let stand = Stand::new();
    let mut open = request(&content, &[]);
    open.trackers.push(vec![tracker.url()]);
    let stream = stand.engine.open(open, Arc::new(|_| Some(0))).unwrap();
    // The read comes before anything is known of the torrent.
    check(&stream, &content, 123_456, 200_000).await;
    assert_eq!(seeder.counters().connections, 1);
    let state = stand.engine.peek(content.info_hash()).await.unwrap();
    assert!(state.resolved);
    drop(stream);
    tracker
        .until(SOON, |heard| heard.stopped == 1)
        .await
        .unwrap();
    assert_eq!(tracker.heard().started, 1);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_search_that_is_given_up_ends() {
    let content = film(32, MIB);
    let mute = peer(&content, who(Metadata::Silent));
    let stand = Stand::new();
    let resolution = stand.engine.resolve(request(&content, &[&mute]));
    mute.until(SOON, |counters| counters.metadata_requests > 0)
        .await
        .unwrap();
    drop(resolution);
    stand.asleep().await;
    mute.until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_search_that_waits_ends_with_the_engine() {
    let content = film(33, MIB);
    let stand = Stand::new();
    let mut resolution = stand.engine.resolve(request(&content, &[]));
    stand.engine.shutdown().await;
    let ended = timeout(SOON, resolution.info()).await.unwrap();
    assert!(matches!(ended, Err(ResolveError::Ended)));
    let mut late = stand.engine.resolve(request(&content, &[]));
    let ended = timeout(SOON, late.info()).await.unwrap();
    assert!(matches!(ended, Err(ResolveError::Ended)));
}

#[tokio::test]
async fn a_dict_that_is_no_torrent_is_fetched_once_and_fails_everyone() {
    let content = Arc::new(Content::of_info(Bytes::from_static(b"d3:foo3:bare")));
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    let stream = stand.open(&content, &[&seeder]);
    assert_eq!(read(&stream, 0, 1_000).await, Err(ReadError::Unavailable));
    for _ in 0..3 {
        let mut resolution = stand.engine.resolve(request(&content, &[&seeder]));
        let failed = timeout(SOON, resolution.info()).await.unwrap();
        assert!(
            matches!(failed, Err(ResolveError::Invalid(_))),
            "{failed:?}"
        );
        assert_eq!(read(&stream, 0, 1_000).await, Err(ReadError::Unavailable));
    }
    let counters = seeder
        .until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
    assert_eq!(counters.metadata_requests, 1, "{counters:?}");
    drop(stream);
    stand.asleep().await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn peers_that_refuse_the_dict_are_not_asked_without_end() {
    let content = film(34, MIB);
    let peers = [
        peer(&content, who(Metadata::Refuse)),
        peer(&content, who(Metadata::Refuse)),
    ];
    let stand = Stand::with(gostorm::Config {
        read_deadline: Duration::from_millis(500),
        ..crate::stand::config()
    });
    let stream = stand.open(&content, &[&peers[0], &peers[1]]);
    assert_eq!(read(&stream, 0, 1_000).await, Err(ReadError::TimedOut));
    for peer in &peers {
        let counters = peer.counters();
        assert!(counters.metadata_requests >= 1, "{counters:?}");
        assert!(counters.metadata_requests <= 5, "{counters:?}");
    }
    stand.engine.shutdown().await;
}
