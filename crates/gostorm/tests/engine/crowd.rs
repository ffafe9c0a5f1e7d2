//! Many at once: readers on several threads over a small budget, and the home swarm of the benchmark.

use std::sync::Arc;
use std::time::Duration;

use gostorm::Config;
use gostorm_sim::lab::{Content, LabPeer, LabTracker, Script, home};
use gostorm_sim::rng::Rng;

use crate::stand::{MIB, SOON, Stand, ask, check, check_all, config, film, peer};

/// One reader's life: it opens, reads here and there, gives reads up, closes; all from a seed.
async fn wander(stand: Arc<Stand>, content: Arc<Content>, seeder: Arc<LabPeer>, seed: u64) {
    let mut rng = Rng::new(seed);
    for _ in 0..12 {
        let stream = stand.open(&content, &[&seeder]);
        for _ in 0..rng.between(1, 8) {
            let offset = rng.between(0, content.len() - 300_000);
            let len = u32::try_from(rng.between(1, 300_000)).unwrap();
            if rng.percent(25) {
                // Given up: the stream may be gone before the bytes are there.
                drop(ask(&stream, offset, len));
            } else {
                check(&stream, &content, offset, len).await;
            }
            let (held, total) = stand.engine.memory();
            assert!(held <= total, "{held} of {total}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_on_many_threads_never_get_a_wrong_byte() {
    let films = [film(100, 12 * MIB), film(101, 12 * MIB)];
    let seeders = films
        .each_ref()
        .map(|film| Arc::new(peer(film, Script::default())));
    // Far less than the readers want: pieces are evicted while others are served.
    let stand = Arc::new(Stand::with(Config {
        budget_bytes: 4 * MIB,
        hash_threads: 2,
        sleep_after: Duration::ZERO,
        ..config()
    }));
    films.iter().for_each(|film| stand.knows(film, &[]));
    let mut readers = Vec::new();
    for seed in 0..8 {
        let at = usize::try_from(seed % 2).unwrap();
        let (content, seeder) = (Arc::clone(&films[at]), Arc::clone(&seeders[at]));
        readers.push(tokio::spawn(wander(
            Arc::clone(&stand),
            content,
            seeder,
            seed,
        )));
    }
    for reader in readers {
        reader.await.unwrap();
    }
    stand.asleep().await;
    for seeder in &seeders {
        seeder
            .until(SOON, |counters| counters.open == 0)
            .await
            .unwrap();
    }
    assert!(stand.store.bans().is_empty());
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn the_home_swarm_serves_a_film_and_a_seek() {
    let content = Arc::new(Content::new(102, 64 * MIB, 1 << 20).unwrap());
    let peers: Vec<_> = home()
        .into_iter()
        .map(|script| peer(&content, script))
        .collect();
    let addrs = peers.iter().map(LabPeer::addr).collect();
    let tracker = LabTracker::start(addrs, Duration::from_millis(20))
        .await
        .unwrap();
    let stand = Stand::with(Config {
        connections_per_torrent: 40,
        ..config()
    });
    stand.knows(&content, &[tracker.url()]);
    let stream = stand.open(&content, &[]);
    check_all(&stream, &content, 0, 2 * MIB).await;
    check_all(&stream, &content, 45 * MIB, 46 * MIB).await;
    let connections: u64 = peers.iter().map(|peer| peer.counters().connections).sum();
    assert!(connections >= 30, "{connections}");
    assert!(stand.store.bans().is_empty());
    stand.engine.shutdown().await;
}
