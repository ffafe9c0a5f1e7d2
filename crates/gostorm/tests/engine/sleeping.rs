//! From open to sleep and back: what a sleeping torrent leaves behind, and what it remembers.

use std::time::Duration;

use gostorm::{Config, Happening, KnownPeer};
use gostorm_sim::lab::{LabTracker, Script, TrackerMode};

use crate::stand::{MIB, SOON, Stand, check, config, eventually, film, peer};

#[tokio::test]
async fn after_the_last_close_no_socket_is_left_and_the_tracker_knows() {
    let content = film(20, 2 * MIB);
    let seeders = [
        peer(&content, Script::default()),
        peer(&content, Script::default()),
    ];
    let addrs = seeders.iter().map(gostorm_sim::lab::LabPeer::addr);
    let tracker = LabTracker::start(addrs.collect(), Duration::from_millis(5))
        .await
        .unwrap();
    let stand = Stand::new();
    stand.knows(&content, &[tracker.url()]);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, 100_000).await;
    for seeder in &seeders {
        seeder
            .until(SOON, |counters| counters.open == 1)
            .await
            .unwrap();
    }
    assert!(stand.engine.is_awake(content.info_hash()));
    drop(stream);
    stand.asleep().await;
    for seeder in &seeders {
        seeder
            .until(SOON, |counters| counters.open == 0)
            .await
            .unwrap();
    }
    let heard = tracker
        .until(SOON, |heard| heard.stopped == 1)
        .await
        .unwrap();
    assert_eq!(heard.started, 1);
    assert_eq!((heard.completed, heard.left_nothing), (0, 0));
    assert_eq!(heard.port, stand.engine.port());
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_sleeping_torrent_wakes_for_the_next_open() {
    let content = film(21, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    for round in 0..3 {
        let stream = stand.open(&content, &[&seeder]);
        check(&stream, &content, round * 500_000, 10_000).await;
        drop(stream);
        stand.asleep().await;
    }
    assert_eq!(seeder.counters().connections, 3);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn good_peers_are_remembered_and_found_without_a_tracker() {
    let content = film(22, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let tracker = LabTracker::start(vec![seeder.addr()], Duration::ZERO)
        .await
        .unwrap();
    let stand = Stand::new();
    stand.knows(&content, &[tracker.url()]);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, 600_000).await;
    drop(stream);
    stand.asleep().await;
    eventually("the good peer is stored", || {
        let known = stand.store.get(content.info_hash()).known_good;
        known
            .iter()
            .any(|peer| peer.addr == seeder.addr() && peer.trusted)
    })
    .await;
    tracker.set_mode(TrackerMode::Silent);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, MIB, 100_000).await;
    assert_eq!(seeder.counters().connections, 2);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn known_good_peers_are_dialled_before_the_others() {
    let content = film(23, 2 * MIB);
    let good = peer(&content, Script::default());
    let others: Vec<_> = (0..6).map(|_| peer(&content, Script::default())).collect();
    // One connection at a time: the first dial is the one that counts.
    let stand = Stand::with(Config {
        connections_per_torrent: 1,
        ..config()
    });
    stand.knows(&content, &[]);
    let mut torrent = stand.store.get(content.info_hash());
    torrent.known_good.push(KnownPeer {
        addr: good.addr(),
        rate: 1_000_000,
        rtt_us: 1_000,
        trusted: true,
    });
    stand.store.put(content.info_hash(), torrent);
    let hints: Vec<_> = others.iter().collect();
    let stream = stand.open(&content, &hints);
    check(&stream, &content, 0, 100_000).await;
    assert!(good.counters().accepted >= 1);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn two_hundred_opens_and_closes_leave_nothing() {
    let content = film(24, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::with(Config {
        sleep_after: Duration::from_millis(1),
        ..config()
    });
    stand.knows(&content, &[]);
    let metrics = tokio::runtime::Handle::current().metrics();
    let tasks = metrics.num_alive_tasks();
    for round in 0..200 {
        let stream = stand.open(&content, &[&seeder]);
        if round % 20 == 0 {
            check(&stream, &content, round * 5_000, 3_000).await;
        } else if round % 7 == 0 {
            // A read that is given up with its stream.
            stream.read(round * 1_000, 4_096, |_| {});
            tokio::task::yield_now().await;
        }
    }
    stand.asleep().await;
    seeder
        .until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
    eventually("no task is left", || metrics.num_alive_tasks() <= tasks).await;
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 100_000).await;
    stand.engine.shutdown().await;
    seeder
        .until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_look_wakes_nothing() {
    let content = film(25, MIB);
    let stand = Stand::new();
    stand.knows(&content, &[]);
    assert!(stand.engine.peek(content.info_hash()).await.is_none());
    assert_eq!(stand.engine.awake_count(), 0);
    let stream = stand.open(&content, &[]);
    eventually("it runs", || stand.engine.awake_count() == 1).await;
    let state = stand.engine.peek(content.info_hash()).await.unwrap();
    assert_eq!(state.peers, Vec::new());
    drop(stream);
    stand.asleep().await;
    assert!(stand.engine.peek(content.info_hash()).await.is_none());
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_forgotten_torrent_ends_under_its_readers_and_leaves_nothing() {
    let content = film(27, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 100_000).await;
    stand.engine.forget(content.info_hash());
    stand.asleep().await;
    let read = crate::stand::read(&stream, MIB, 1000).await;
    assert!(read.is_err(), "{read:?}");
    assert_eq!(stand.store.get(content.info_hash()).known_good, []);
    // Whoever wants it again wakes it anew, though the old stream is still open.
    let again = stand.open(&content, &[&seeder]);
    check(&again, &content, 0, 100_000).await;
    drop((stream, again));
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn who_listens_hears_that_a_torrent_woke_was_resolved_and_sleeps() {
    let content = film(29, MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    let hash = content.info_hash();
    let mut happenings = stand.engine.happenings();
    // Nothing is known of it: its info dict has to be found.
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 10_000).await;
    drop(stream);
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.push(happenings.recv().await.unwrap());
    }
    let [
        Happening::Awake(woke),
        Happening::Resolved(resolved),
        Happening::Asleep(slept),
    ] = heard[..]
    else {
        panic!("{heard:?}");
    };
    assert_eq!([woke, resolved, slept], [hash; 3]);
    // Who has heard it finds it so.
    assert!(!stand.engine.is_awake(hash));
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn what_is_held_and_how_fast_it_comes_can_be_seen_without_waking() {
    let content = film(28, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let hash = content.info_hash();
    assert!(stand.engine.holdings(hash).await.is_none());
    assert!(!stand.engine.is_awake(hash));
    let stream = stand.open(&content, &[&seeder]);
    crate::stand::check_all(&stream, &content, 0, 2 * MIB).await;
    let held = stand.engine.holdings(hash).await.unwrap();
    let sum = |of: fn(&gostorm::HeldPiece) -> u32| -> u64 {
        held.pieces.iter().map(|piece| u64::from(of(piece))).sum()
    };
    // Of what lies behind the reader a part may have gone.
    assert!(sum(|piece| piece.len) > 0);
    assert_eq!(sum(|piece| piece.filled), sum(|piece| piece.len));
    assert!(held.pieces.iter().all(|piece| piece.verified));
    assert!(
        held.readers.iter().any(|reader| reader.at == 2 * MIB),
        "{held:?}"
    );
    let state = stand.engine.peek(hash).await.unwrap();
    assert_eq!(state.stats.verified_pieces, u64::from(held.piece_count));
    drop(stream);
    stand.engine.let_sleep(hash);
    stand.asleep().await;
    stand.engine.shutdown().await;
}
