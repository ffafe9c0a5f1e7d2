//! Tiers of trackers, and what they are told of us.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gostorm::{Config, Retrackers, RetrackersMode, StoredTorrent};
use gostorm_sim::lab::{LabTracker, Script, TrackerMode};

use crate::stand::{MIB, SOON, Stand, check, config, film, peer, request};

async fn tracker(peers: Vec<SocketAddr>) -> LabTracker {
    LabTracker::start(peers, Duration::ZERO).await.unwrap()
}

#[tokio::test]
async fn the_next_tracker_of_a_tier_stands_in_for_one_that_fails() {
    let content = film(401, MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    let dead = tracker(Vec::new()).await;
    dead.set_mode(TrackerMode::Status(503));
    let alive = tracker(vec![seeder.addr()]).await;
    let stored = StoredTorrent {
        info: Some(content.info()),
        trackers: vec![vec![dead.url(), alive.url()]],
        ..StoredTorrent::default()
    };
    stand.store.put(content.info_hash(), stored);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, 100_000).await;
    let state = stand.engine.peek(content.info_hash()).await.unwrap();
    assert_eq!(state.trackers.len(), 2);
    let of = |url: String| state.trackers.iter().find(|tracker| tracker.url == url);
    let working = of(alive.url()).unwrap();
    assert!(working.working && working.peers == 1 && working.next_announce.is_some());
    let other = of(dead.url()).unwrap();
    assert!(!other.working && other.tier == 0);
    drop(stream);
    stand.asleep().await;
    alive.until(SOON, |heard| heard.stopped == 1).await.unwrap();
    assert_eq!(dead.heard().stopped, 0);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_new_port_is_announced_at_once_and_the_film_goes_on() {
    let content = film(402, MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    let tracker = tracker(vec![seeder.addr()]).await;
    stand.knows(&content, &[tracker.url()]);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, 100_000).await;
    assert_eq!(tracker.heard().port, stand.engine.port());
    stand.engine.set_port(4_242);
    tracker
        .until(SOON, |heard| heard.port == 4_242)
        .await
        .unwrap();
    assert_eq!(tracker.heard().started, 1, "it is the same session");
    check(&stream, &content, 500_000, 100_000).await;
    assert_eq!(seeder.counters().connections, 1);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn web_seeds_of_store_and_magnet_reach_the_torrent() {
    let content = film(403, MIB);
    let stand = Stand::new();
    let stored = StoredTorrent {
        info: Some(content.info()),
        web_seeds: vec!["http://127.0.0.1:1/".to_owned()],
        ..StoredTorrent::default()
    };
    stand.store.put(content.info_hash(), stored);
    let mut open = request(&content, &[]);
    open.web_seeds = vec![
        "http://127.0.0.1:2/".to_owned(),
        "http://127.0.0.1:1/".to_owned(),
    ];
    let stream = stand.engine.open(open, Arc::new(|_| Some(0))).unwrap();
    let mut state = stand.engine.peek(content.info_hash()).await.unwrap();
    while !state.resolved {
        state = stand.engine.peek(content.info_hash()).await.unwrap();
    }
    let seeds: Vec<&str> = state.web_seeds.iter().map(|seed| &*seed.url).collect();
    assert_eq!(seeds, ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]);
    drop(stream);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_tracker_that_lies_harms_nothing() {
    let content = film(404, MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    // More than an answer may hold, of every kind that leads nowhere or home.
    let own = stand.engine.port();
    let mut named: Vec<SocketAddr> = (0..20_000_u32)
        .map(|n| match n % 4 {
            0 => SocketAddr::from(([127, 0, 0, 1], own)),
            1 => SocketAddr::from((n.to_be_bytes(), 0)),
            2 => SocketAddr::from(([0, 0, 0, 0], 80)),
            _ => SocketAddr::from(([127, 1, 2, 3], 1)),
        })
        .collect();
    named.insert(0, seeder.addr());
    let liar = tracker(named).await;
    stand.knows(&content, &[liar.url()]);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, 500_000).await;
    let state = stand.engine.peek(content.info_hash()).await.unwrap();
    assert!(state.stats.candidates <= 1_000);
    assert_eq!(state.stats.peers, 1);
    drop(stream);
    stand.asleep().await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn added_trackers_are_asked_for_public_torrents_only() {
    let public = film(405, MIB);
    let private = Arc::new((*film(406, MIB)).clone().private());
    let of_public = peer(&public, Script::default());
    let of_private = peer(&private, Script::default());
    let added = tracker(vec![of_public.addr()]).await;
    let own = tracker(vec![of_private.addr()]).await;
    let stand = Stand::with(Config {
        retrackers: Retrackers {
            mode: RetrackersMode::Replace,
            defaults: vec![added.url()],
            extra: vec!["wss://nobody.example/".to_owned()],
        },
        ..config()
    });
    // The torrent's own tracker is not asked for the public one.
    stand.knows(&public, &[own.url()]);
    let stream = stand.open(&public, &[]);
    check(&stream, &public, 0, 100_000).await;
    assert_eq!((added.heard().started, own.heard().announces), (1, 0));
    stand.knows(&private, &[own.url()]);
    let other = stand.open(&private, &[]);
    check(&other, &private, 0, 100_000).await;
    assert_eq!((added.heard().started, own.heard().started), (1, 1));
    drop((stream, other));
    stand.engine.shutdown().await;
}
