//! One budget for all torrents: never exceeded, shared, and given back.

use gostorm::Config;
use gostorm_sim::lab::Script;

use crate::stand::{MIB, Stand, check, check_all, config, film, peer};

#[tokio::test]
async fn two_torrents_share_the_budget_and_never_exceed_it() {
    let films = [film(50, 40 * MIB), film(51, 40 * MIB)];
    let peers = films.each_ref().map(|film| peer(film, Script::default()));
    let budget = 8 * MIB;
    let stand = Stand::with(Config {
        budget_bytes: budget,
        ..config()
    });
    films.iter().for_each(|film| stand.knows(film, &[]));
    let first = stand.open(&films[0], &[&peers[0]]);
    check_all(&first, &films[0], 0, 10 * MIB).await;
    let second = stand.open(&films[1], &[&peers[1]]);
    let mut least = [u64::MAX; 2];
    for step in 0..80 {
        let offset = step * (128 << 10);
        check(&first, &films[0], 10 * MIB + offset, 128 << 10).await;
        check(&second, &films[1], offset, 128 << 10).await;
        let (held, total) = stand.engine.memory();
        assert!(held <= total, "{held} of {total}");
        assert_eq!(total, budget);
        if step >= 40 {
            for (least, film) in least.iter_mut().zip(&films) {
                let state = stand.engine.peek(film.info_hash()).await.unwrap();
                *least = (*least).min(state.stats.lease_bytes);
            }
        }
    }
    // Each wants more than half while its film is long enough: neither is starved.
    assert!(least.iter().all(|lease| *lease >= MIB), "{least:?}");
    drop(first);
    drop(second);
    stand.asleep().await;
    assert_eq!(stand.engine.memory(), (0, budget));
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_film_larger_than_the_budget_is_read_through() {
    let content = film(52, 24 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::with(Config {
        budget_bytes: 4 * MIB,
        ..config()
    });
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check_all(&stream, &content, 0, content.len()).await;
    let (held, total) = stand.engine.memory();
    assert!(held <= total && total == 4 * MIB, "{held} of {total}");
    // What was evicted is fetched again.
    check(&stream, &content, 0, 300_000).await;
    assert!(seeder.counters().duplicate_requests > 0);
    drop(stream);
    stand.asleep().await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_budget_below_three_pieces_is_raised() {
    let content =
        std::sync::Arc::new(gostorm_sim::lab::Content::new(53, 9 * MIB, 2 << 20).unwrap());
    let seeder = peer(&content, Script::default());
    let stand = Stand::with(Config {
        budget_bytes: MIB,
        ..config()
    });
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check_all(&stream, &content, 0, content.len()).await;
    assert_eq!(stand.engine.memory().1, 6 * MIB);
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn two_torrents_live_on_two_pieces_each() {
    // Each read needs two pieces of 2 MiB; the budget holds four in all.
    let films = [54, 55].map(|seed| {
        std::sync::Arc::new(gostorm_sim::lab::Content::new(seed, 8 * MIB, 2 << 20).unwrap())
    });
    let peers = films.each_ref().map(|film| peer(film, Script::default()));
    let stand = Stand::with(Config {
        budget_bytes: 8 * MIB,
        ..config()
    });
    films.iter().for_each(|film| stand.knows(film, &[]));
    let first = stand.open(&films[0], &[&peers[0]]);
    let second = stand.open(&films[1], &[&peers[1]]);
    for boundary in 1..4 {
        let offset = boundary * 2 * MIB - 50_000;
        tokio::join!(
            check(&first, &films[0], offset, 100_000),
            check(&second, &films[1], offset, 100_000)
        );
        let (held, total) = stand.engine.memory();
        assert!(held <= total, "{held} of {total}");
    }
    stand.engine.shutdown().await;
}
