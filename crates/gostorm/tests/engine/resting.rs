//! Torrents that nobody shares, and those that were only looked at: what they keep of a place, and what is known of them.

use std::sync::Arc;
use std::time::Duration;

use gostorm::{Config, ReadError};
use gostorm_sim::lab::Script;

use crate::stand::{MIB, SOON, Stand, ask, check, config, eventually, film, peer, read, request};

#[tokio::test]
async fn a_rest_outlives_the_sleep_of_its_torrent_and_ends_when_somebody_comes() {
    let content = film(28, 2 * MIB);
    let stand = Stand::with(Config {
        read_deadline: Duration::from_millis(200),
        ..config()
    });
    stand.knows(&content, &[]);
    let rest = async || {
        let state = stand.engine.peek(content.info_hash()).await.unwrap();
        state.stats.rest
    };
    let stream = stand.open(&content, &[]);
    assert_eq!(read(&stream, 0, 1_000).await, Err(ReadError::TimedOut));
    let first = rest().await.unwrap();
    assert_eq!(first.failures, 1);
    drop(stream);
    stand.asleep().await;
    let stream = stand.open(&content, &[]);
    eventually("it runs", || stand.engine.awake_count() == 1).await;
    let kept = rest().await.unwrap();
    assert_eq!(kept.failures, 1);
    assert!(kept.left <= first.left, "it is the same rest: {kept:?}");
    assert_eq!(read(&stream, 0, 1_000).await, Err(ReadError::TimedOut));
    assert_eq!(rest().await.unwrap().failures, 1, "that was no new try");
    drop(stream);
    stand.asleep().await;
    let seeder = peer(&content, Script::default());
    let stream = stand.open(&content, &[&seeder]);
    seeder
        .until(SOON, |counters| counters.accepted == 1)
        .await
        .unwrap();
    // A busy machine may need more than one of these short reads.
    let served = async { while read(&stream, 0, 1_000).await.is_err() {} };
    tokio::time::timeout(SOON, served).await.unwrap();
    assert_eq!(rest().await, None);
    drop(stream);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn of_many_torrents_that_were_only_looked_at_few_stay_awake() {
    const MOST: usize = 3;
    // What is not found yet stays awake for as long as a film that was played: nothing but the bound ends it here.
    let stand = Stand::with(Config {
        wakes_max: MOST,
        sleep_after: Duration::from_secs(3_600),
        ..config()
    });
    let films: Vec<_> = (0..12).map(|number| film(400 + number, MIB)).collect();
    for content in &films {
        let stream = stand.open(content, &[]);
        eventually("it is awake", || stand.engine.is_awake(content.info_hash())).await;
        drop(stream);
        eventually("few are awake", || stand.engine.awake_count() <= MOST).await;
    }
    assert_eq!(stand.engine.awake_count(), MOST, "and no fewer");
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn torrents_that_nobody_shares_do_not_keep_another_from_waking() {
    // One at a time may wake; thirty that hold their place for seconds are more than a read may take.
    let stand = Stand::with(Config {
        wakes_max: 1,
        ..config()
    });
    let content = film(29, MIB);
    let seeder = peer(&content, Script::default());
    stand.knows(&content, &[]);
    let dead: Vec<_> = (0..30).map(|number| film(500 + number, MIB)).collect();
    // Nobody listens where they were shared.
    let gone = peer(&content, Script::default());
    let requests: Vec<_> = dead
        .iter()
        .map(|content| request(content, &[&gone]))
        .collect();
    drop(gone);
    let parked: Vec<_> = requests
        .into_iter()
        .map(|request| stand.engine.open(request, Arc::new(|_| Some(0))).unwrap())
        .collect();
    let waiting: Vec<_> = parked.iter().map(|stream| ask(stream, 0, 1_000)).collect();
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 1_000).await;
    drop((parked, waiting, stream));
    stand.engine.shutdown().await;
}
