//! Peers that dial us, and what we give them.

use gostorm_sim::lab::{Have, Metadata, Script};

use crate::stand::{MIB, SOON, Stand, answer, ask, check, eventually, film, peer};

#[tokio::test]
async fn a_peer_that_dials_us_serves() {
    let content = film(40, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[]);
    let waiting = ask(&stream, 300_000, 100_000);
    eventually("it runs", || stand.engine.memory().1 > 0).await;
    while seeder.counters().open == 0 {
        // The torrent may take no peer before its store has answered.
        seeder.dial(stand.addr()).await.unwrap();
        let _ = seeder.until(SOON / 100, |counters| counters.open > 0).await;
    }
    let bytes = answer(waiting).await.unwrap();
    assert!(content.matches(300_000, &bytes));
    assert!(seeder.counters().bytes >= 100_000);
    assert!(
        stand.store.get(content.info_hash()).known_good.is_empty(),
        "its port cannot be dialled"
    );
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_peer_of_a_sleeping_torrent_gets_no_byte() {
    let content = film(41, MIB);
    let stranger = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    stranger.dial(stand.addr()).await.unwrap();
    let other = film(42, MIB);
    let seeder = peer(&other, Script::default());
    stand.knows(&other, &[]);
    let stream = stand.open(&other, &[&seeder]);
    check(&stream, &other, 0, 1_000).await;
    assert_eq!(stranger.counters().connections, 0);
    assert_eq!(stand.engine.awake_count(), 1);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn the_info_dict_is_given_to_a_peer_that_asks() {
    let content = film(43, 20 * MIB);
    let seeder = peer(&content, Script::default());
    let student = peer(
        &content,
        Script {
            have: Have::Nothing,
            metadata: Metadata::Learn,
            ..Script::default()
        },
    );
    let stand = Stand::new();
    stand.knows(&content, &[]);
    // One is dialled, and dials us as well: both ways are answered.
    let stream = stand.open(&content, &[&seeder, &student]);
    check(&stream, &content, 0, 1_000).await;
    student
        .until(SOON, |counters| counters.metadata_parts >= 1)
        .await
        .unwrap();
    assert_eq!(student.learned().as_deref(), Some(&content.info()[..]));
    student.dial(stand.addr()).await.unwrap();
    student
        .until(SOON, |counters| counters.metadata_parts >= 2)
        .await
        .unwrap();
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn peers_beyond_the_limit_are_let_go() {
    let content = film(44, 2 * MIB);
    let peers: Vec<_> = (0..6).map(|_| peer(&content, Script::default())).collect();
    let stand = Stand::with(gostorm::Config {
        connections_per_torrent: 2,
        ..crate::stand::config()
    });
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&peers[0], &peers[1]]);
    check(&stream, &content, 0, 100_000).await;
    for peer in &peers[..2] {
        peer.until(SOON, |counters| counters.open == 1)
            .await
            .unwrap();
    }
    for peer in &peers[2..] {
        peer.dial(stand.addr()).await.unwrap();
        peer.until(SOON, |counters| {
            counters.connections == 1 && counters.open == 0
        })
        .await
        .unwrap();
    }
    let state = stand.engine.peek(content.info_hash()).await.unwrap();
    assert_eq!(state.peers.len(), 2);
    assert_eq!(stand.engine.peer_count(), 2);
    check(&stream, &content, MIB, 100_000).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_peer_that_asks_for_the_info_dict_for_ever_gets_it_twice() {
    let content = film(45, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let pest = peer(
        &content,
        Script {
            have: Have::Nothing,
            metadata: Metadata::Pester { times: 3_000 },
            ..Script::default()
        },
    );
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder, &pest]);
    pest.until(SOON, |counters| counters.metadata_parts == 2)
        .await
        .unwrap();
    // Whatever else it asked has been read by the time that these bytes are here.
    check(&stream, &content, 0, 1 << 20).await;
    check(&stream, &content, MIB, 1 << 20).await;
    assert_eq!(pest.counters().metadata_parts, 2);
    stand.engine.shutdown().await;
}
