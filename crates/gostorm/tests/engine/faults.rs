//! Peers and trackers that fail, lie, stall or leave.

use std::time::Duration;

use gostorm::{Config, ReadError};
use gostorm_sim::lab::{Chokes, LabTracker, Metadata, Script, TrackerMode};

use crate::stand::{
    MIB, SOON, Stand, answer, ask, check, check_all, config, eventually, film, peer, request,
};

#[tokio::test]
async fn a_dead_swarm_times_out_while_another_torrent_plays_on() {
    let dead = film(70, 4 * MIB);
    let alive = film(71, 8 * MIB);
    let silent = peer(
        &dead,
        Script {
            stall_after: Some(0),
            ..Script::default()
        },
    );
    let seeder = peer(&alive, Script::default());
    let stand = Stand::with(Config {
        read_deadline: Duration::from_millis(400),
        ..config()
    });
    stand.knows(&dead, &[]);
    stand.knows(&alive, &[]);
    let unknown = film(72, MIB);
    let streams = [
        stand.open(&dead, &[&silent]),
        stand.open(&unknown, &[]),
        stand.open(&alive, &[&seeder]),
    ];
    let waiting: Vec<_> = streams[..2]
        .iter()
        .flat_map(|stream| (0..4).map(|n| ask(stream, n * 100_000, 1_000)))
        .collect();
    check_all(&streams[2], &alive, 0, alive.len()).await;
    for read in waiting {
        assert_eq!(answer(read).await, Err(ReadError::TimedOut));
    }
    check(&streams[2], &alive, 0, 1_000).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_peer_that_spoils_blocks_is_banned_and_no_wrong_byte_is_served() {
    let content = film(73, 6 * MIB);
    let liar = peer(
        &content,
        Script {
            corrupt_every: Some(3),
            ..Script::default()
        },
    );
    let good = [
        peer(&content, Script::line(10, 40_000_000, 0)),
        peer(&content, Script::line(10, 40_000_000, 0)),
    ];
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&liar, &good[0], &good[1]]);
    check_all(&stream, &content, 0, content.len()).await;
    assert!(liar.counters().corrupted > 0, "{:?}", liar.counters());
    eventually("the liar is banned", || {
        stand.store.bans() == [liar.addr().ip()]
    })
    .await;
    liar.until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
    drop(stream);
    stand.asleep().await;
    // The ban holds for the next session, both ways.
    let before = liar.counters();
    let stream = stand.open(&content, &[&liar, &good[0]]);
    check(&stream, &content, 0, 300_000).await;
    liar.dial(stand.addr()).await.unwrap();
    check(&stream, &content, 3 * MIB, 300_000).await;
    assert_eq!(liar.counters().accepted, before.accepted);
    liar.until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
    assert_eq!(liar.counters().blocks, before.blocks);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_seeder_that_stalls_is_replaced_by_another() {
    let content = film(74, 4 * MIB);
    let stalls = peer(
        &content,
        Script {
            stall_after: Some(500_000),
            ..Script::default()
        },
    );
    let steady = peer(&content, Script::line(30, 60_000_000, 100));
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&stalls, &steady]);
    check_all(&stream, &content, 0, content.len()).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_seeder_that_dies_is_replaced_by_another() {
    let content = film(75, 6 * MIB);
    let dies = peer(&content, Script::line(5, 80_000_000, 0));
    let steady = peer(&content, Script::line(30, 60_000_000, 100));
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&dies, &steady]);
    check_all(&stream, &content, 0, MIB).await;
    drop(dies);
    check_all(&stream, &content, MIB, content.len()).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn peers_that_close_choke_and_reject_still_serve_the_film() {
    let content = film(76, 6 * MIB);
    let peers = [
        peer(
            &content,
            Script {
                close_after: Some(400_000),
                ..Script::line(5, 80_000_000, 0)
            },
        ),
        peer(
            &content,
            Script {
                chokes: Some(Chokes {
                    open: Duration::from_millis(40),
                    closed: Duration::from_millis(40),
                }),
                ..Script::line(5, 80_000_000, 0)
            },
        ),
        peer(
            &content,
            Script {
                reject_every: Some(9),
                ..Script::line(5, 40_000_000, 0)
            },
        ),
        peer(
            &content,
            Script {
                fast: false,
                metadata: Metadata::Absent,
                ..Script::line(20, 20_000_000, 0)
            },
        ),
    ];
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let hints: Vec<_> = peers.iter().collect();
    let stream = stand.open(&content, &hints);
    check_all(&stream, &content, 0, content.len()).await;
    assert!(stand.store.bans().is_empty());
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn trackers_that_fail_do_not_stop_one_that_answers() {
    let content = film(77, MIB);
    let seeder = peer(&content, Script::default());
    let mut trackers = Vec::new();
    for mode in [
        TrackerMode::Refuse("not here".to_owned()),
        TrackerMode::Status(503),
        TrackerMode::Silent,
        TrackerMode::Answer,
    ] {
        let tracker = LabTracker::start(vec![seeder.addr()], Duration::ZERO)
            .await
            .unwrap();
        tracker.set_mode(mode);
        trackers.push(tracker);
    }
    let mut urls: Vec<_> = trackers.iter().map(LabTracker::url).collect();
    urls.insert(0, "no url at all".to_owned());
    let stand = Stand::new();
    stand.knows(&content, &urls);
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, 100_000).await;
    drop(stream);
    stand.asleep().await;
    trackers[3]
        .until(SOON, |heard| heard.stopped == 1)
        .await
        .unwrap();
    for silent in &trackers[..3] {
        assert_eq!(silent.heard().stopped, 0, "it never confirmed our start");
    }
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn more_dead_torrents_than_may_wake_do_not_keep_a_live_one_asleep_for_good() {
    let dead: Vec<_> = (0..4).map(|n| film(80 + n, MIB)).collect();
    let alive = film(79, MIB);
    let seeder = peer(&alive, Script::default());
    let stand = Stand::with(Config {
        wakes_max: 2,
        ..config()
    });
    let mut streams = Vec::new();
    for film in &dead {
        stand.knows(film, &[]);
        streams.push(
            stand
                .engine
                .open(request(film, &[]), std::sync::Arc::new(|_| Some(0)))
                .unwrap(),
        );
    }
    drop(streams);
    stand.knows(&alive, &[]);
    let stream = stand.open(&alive, &[&seeder]);
    check(&stream, &alive, 0, 1_000).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn more_addresses_than_can_be_dialled_do_not_keep_the_processor_busy() {
    let content = film(90, MIB);
    // They take the connection and never say a word.
    let mute = Script {
        rtt: Duration::from_secs(600),
        ..Script::default()
    };
    let peers: Vec<_> = (0..80).map(|_| peer(&content, mute)).collect();
    let stand = Stand::with(Config {
        connections_per_torrent: 40,
        read_deadline: Duration::from_secs(1),
        ..config()
    });
    stand.knows(&content, &[]);
    let hints: Vec<_> = peers.iter().collect();
    let stream = stand.open(&content, &hints);
    let metrics = tokio::runtime::Handle::current().metrics();
    let waiting = ask(&stream, 0, 1_000);
    eventually("all places are dialled", || {
        peers
            .iter()
            .filter(|peer| peer.counters().accepted > 0)
            .count()
            >= 60
    })
    .await;
    let before = metrics.worker_total_busy_duration(0);
    assert_eq!(answer(waiting).await, Err(ReadError::TimedOut));
    let busy = metrics.worker_total_busy_duration(0) - before;
    // A driver that spins is busy for most of the second.
    assert!(busy < Duration::from_millis(300), "{busy:?}");
    stand.engine.shutdown().await;
}
