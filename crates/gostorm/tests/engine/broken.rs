//! A fault of our own in one torrent: its reads fail, and nothing else is harmed.

use std::sync::Arc;

use gostorm_sim::lab::Script;

use crate::stand::{MIB, Stand, check, film, peer, read, request};

#[tokio::test]
async fn a_driver_that_panics_fails_its_reads_alone_and_the_torrent_wakes_afresh() {
    let (content, other) = (film(60, 2 * MIB), film(61, 2 * MIB));
    let (seeder, other_seeder) = (
        peer(&content, Script::default()),
        peer(&other, Script::default()),
    );
    let stand = Stand::new();
    stand.knows(&content, &[]);
    stand.knows(&other, &[]);
    let healthy = stand.open(&other, &[&other_seeder]);
    check(&healthy, &other, 0, 100_000).await;
    let reader = stand.open(&content, &[&seeder]);
    check(&reader, &content, 0, 100_000).await;
    // Which file is meant is decided by its opener, in the driver.
    let broken = stand
        .engine
        .open(
            request(&content, &[&seeder]),
            Arc::new(|_| panic!("as the test wants it")),
        )
        .unwrap();
    assert!(read(&broken, 0, 1000).await.is_err());
    assert!(read(&reader, MIB, 1000).await.is_err());
    // Neither are bytes left with those who had them: they count as memory of nobody.
    assert!(read(&reader, 0, 1000).await.is_err());
    check(&healthy, &other, MIB, 100_000).await;
    let anew = stand.open(&content, &[&seeder]);
    check(&anew, &content, 0, 100_000).await;
    drop((reader, broken, anew, healthy));
    stand.asleep().await;
    stand.engine.shutdown().await;
}
