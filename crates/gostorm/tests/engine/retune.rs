//! Settings that a running engine takes over, while a film plays.

use std::sync::Arc;
use std::time::Duration;

use gostorm::{
    BlocklistConfig, BlocklistSource, Config, OpenRequest, ReadError, Retrackers, RetrackersMode,
    Tuning,
};
use gostorm_sim::lab::{Content, LabPeer, LabTracker, Script};
use gostorm_wire::PeerHint;

use crate::stand::{
    MIB, PIECE, SOON, Stand, answer, ask, check, check_all, config, eventually, film, peer,
};

fn tuning() -> Tuning {
    config().tuning()
}

/// A film that plays from this many peers.
async fn playing(
    seed: u64,
    peers: usize,
    config: Config,
) -> (Stand, Arc<Content>, Vec<LabPeer>, gostorm::Stream) {
    let content = film(seed, 24 * MIB);
    let peers: Vec<_> = (0..peers)
        .map(|_| peer(&content, Script::default()))
        .collect();
    let stand = Stand::with(config);
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &peers.iter().collect::<Vec<_>>());
    check(&stream, &content, 0, 1_000).await;
    (stand, content, peers, stream)
}

#[tokio::test]
async fn a_download_limit_is_lifted_and_set_while_a_read_waits() {
    let content = film(200, 24 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::with(Config {
        // A byte a second: nothing is answered in time.
        download_limit: Some(1),
        ..config()
    });
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    let waiting = ask(&stream, 0, PIECE);
    eventually("it is connected", || stand.engine.peer_count() == 1).await;
    stand.engine.retune(tuning());
    assert!(content.matches(0, &answer(waiting).await.unwrap()));

    stand.engine.retune(Tuning {
        download_limit: Some(1),
        read_deadline: Duration::from_millis(200),
        ..tuning()
    });
    // What was asked for before may still come; the end of the film was not.
    let late = ask(&stream, content.len() - 2 * MIB, 1 << 20);
    assert_eq!(answer(late).await, Err(ReadError::TimedOut));
    stand.engine.retune(tuning());
    check(&stream, &content, content.len() - 2 * MIB, 1 << 20).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn peers_beyond_a_lower_limit_are_let_go_and_the_film_goes_on() {
    let (stand, content, _peers, stream) = playing(201, 4, config()).await;
    eventually("all are connected", || stand.engine.peer_count() == 4).await;
    stand.engine.retune(Tuning {
        connections_per_torrent: 1,
        ..tuning()
    });
    eventually("one is left", || stand.engine.peer_count() == 1).await;
    check(&stream, &content, 20 * MIB, PIECE).await;
    assert_eq!(stand.engine.peer_count(), 1);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_torrent_that_was_closed_sleeps_when_the_time_is_shortened() {
    let patient = Config {
        sleep_after: Duration::from_secs(3600),
        ..config()
    };
    let (stand, content, _peers, stream) = playing(202, 1, patient).await;
    check_all(&stream, &content, 0, 4 * MIB).await;
    drop(stream);
    eventually("it is closed", || true).await;
    assert_eq!(stand.engine.awake_count(), 1);
    stand.engine.retune(tuning());
    stand.asleep().await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_smaller_budget_is_kept_while_a_film_plays() {
    let (stand, content, _peers, stream) = playing(203, 1, config()).await;
    check_all(&stream, &content, 0, 8 * MIB).await;
    eventually("it has read ahead", || stand.engine.memory().0 > 8 * MIB).await;
    stand.engine.retune(Tuning {
        budget_bytes: 4 * MIB,
        ..tuning()
    });
    assert_eq!(stand.engine.memory().1, 4 * MIB);
    eventually("the rest is given back", || {
        stand.engine.memory().0 <= 4 * MIB
    })
    .await;
    check_all(&stream, &content, 8 * MIB, 20 * MIB).await;
    assert!(stand.engine.memory().0 <= 4 * MIB);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_blocklist_comes_into_use_changes_and_goes() {
    let (stand, content, peers, stream) = playing(204, 2, config()).await;
    eventually("both are connected", || stand.engine.peer_count() == 2).await;
    let folder = tempfile::tempdir().unwrap();
    let list = |name: &str, peer: &LabPeer| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("x:{0}-{0}\n", peer.addr().ip())).unwrap();
        Tuning {
            blocklist: Some(BlocklistConfig {
                source: BlocklistSource::File {
                    path,
                    look: Duration::from_secs(3600),
                },
                required: false,
            }),
            ..tuning()
        }
    };
    stand.engine.retune(list("first", &peers[0]));
    eventually("one is let go", || stand.engine.filter().connected == 1).await;
    assert_eq!(peers[1].counters().open, 1);
    stand.engine.retune(list("second", &peers[1]));
    eventually("so is the other", || stand.engine.filter().connected == 2).await;
    stand.engine.retune(tuning());
    assert_eq!(stand.engine.filter().ranges, None);
    check(&stream, &content, 20 * MIB, PIECE).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_torrent_that_wakes_later_asks_the_trackers_that_were_set() {
    let content = film(205, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let tracker = LabTracker::start(vec![seeder.addr()], Duration::ZERO)
        .await
        .unwrap();
    let stand = Stand::new();
    stand.knows(&content, &[]);
    stand.engine.retune(Tuning {
        retrackers: Retrackers {
            mode: RetrackersMode::Add,
            defaults: vec![tracker.url(), "gopher://no".to_owned()],
            extra: Vec::new(),
        },
        ..tuning()
    });
    let stream = stand.open(&content, &[]);
    check(&stream, &content, 0, 1_000).await;
    tracker
        .until(SOON, |heard| heard.started == 1)
        .await
        .unwrap();
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn more_dials_may_be_under_way_while_one_hangs() {
    let one_at_a_time = || {
        let mut config = Config {
            half_open_max: 1,
            ..config()
        };
        config.timeouts.handshake = Duration::from_secs(3600);
        config
    };
    let stand = Stand::with(one_at_a_time());
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (first, second) = (film(206, MIB), film(207, MIB));
    stand.knows(&first, &[]);
    stand.knows(&second, &[]);
    let hanging = stand.engine.open(
        OpenRequest {
            hints: vec![PeerHint::Addr(silent.local_addr().unwrap())],
            ..OpenRequest::from(first.info_hash())
        },
        Arc::new(|_| Some(0)),
    );
    let _dial = silent.accept().await.unwrap();
    let seeder = peer(&second, Script::default());
    let stream = stand.open(&second, &[&seeder]);
    let waiting = ask(&stream, 0, PIECE);
    eventually("it has asked the store", || stand.engine.awake_count() == 2).await;
    assert_eq!(seeder.counters().accepted, 0);
    stand.engine.retune(Tuning {
        half_open_max: 2,
        ..one_at_a_time().tuning()
    });
    assert!(second.matches(0, &answer(waiting).await.unwrap()));
    drop((stream, hanging));
    stand.engine.shutdown().await;
}
