//! Reads that the swarm can serve: the right bytes, whatever the pattern.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gostorm::ReadError;
use gostorm_sim::lab::{Have, Script};

use crate::stand::{
    MIB, PIECE, SOON, Stand, answer, ask, check, check_all, film, peer, read, request,
};

#[tokio::test]
async fn a_film_is_read_from_end_to_end() {
    let content = film(1, 5 * MIB + 12_345);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check_all(&stream, &content, 0, content.len()).await;
    let counters = seeder.counters();
    assert_eq!(counters.duplicate_requests, 0);
    assert_eq!(counters.bytes, content.len());
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn odd_ranges_are_cut_right() {
    let content = film(2, 2 * MIB + 777);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    let piece = u64::from(PIECE);
    for (offset, len) in [
        (0, 1),
        (1, 16_384),
        (16_383, 2),
        (piece - 1, 2),
        (piece - 5, PIECE + 10),
        (3 * piece + 7, 100_003),
        (content.len() - 1, 1),
    ] {
        check(&stream, &content, offset, len).await;
    }
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_read_at_the_end_is_short_and_beyond_it_empty() {
    let content = film(3, MIB + 100);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    // The first comes before the torrent is awake, the others after: both ways cut alike.
    for _ in 0..2 {
        let tail = read(&stream, MIB, 4_096).await.unwrap();
        assert_eq!(tail.len(), 100);
        assert!(content.matches(MIB, &tail));
        assert_eq!(read(&stream, content.len(), 4_096).await, Ok(Vec::new()));
        assert_eq!(read(&stream, u64::MAX, u32::MAX).await, Ok(Vec::new()));
    }
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_read_that_is_too_long_is_refused_at_once() {
    let content = film(4, 4 * MIB);
    let stand = Stand::new();
    stand.knows(&content, &[]);
    // No peer: only a refusal can come before the deadline.
    let stream = stand.open(&content, &[]);
    let refused = tokio::time::timeout(SOON / 2, read(&stream, 0, 3 << 20)).await;
    assert_eq!(refused, Ok(Err(ReadError::Unavailable)));
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_read_of_cached_bytes_is_answered_before_it_returns() {
    let content = film(5, 2 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 65_536).await;
    let served = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&served);
    stream.read(100, 5_000, move |bytes| {
        flag.store(bytes.is_ok(), Ordering::SeqCst);
    });
    assert!(served.load(Ordering::SeqCst));
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_torrent_without_the_file_says_so() {
    let content = film(6, MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    for choice in [None, Some(7)] {
        let stream = stand
            .engine
            .open(request(&content, &[&seeder]), Arc::new(move |_| choice))
            .unwrap();
        assert_eq!(read(&stream, 0, 1_000).await, Err(ReadError::Unavailable));
        assert_eq!(read(&stream, 0, 1_000).await, Err(ReadError::Unavailable));
    }
    // The same torrent's file is not hurt by that.
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 1_000).await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn two_sequences_on_one_stream_do_not_hinder_each_other() {
    let content = film(7, 14 * MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    // As Samba does: two readers on one handle, 8 MiB apart. The first jump is taken for a seek.
    let mut settled = seeder.counters();
    for step in 0..40 {
        let offset = step * (128 << 10);
        check(&stream, &content, offset, 128 << 10).await;
        check(&stream, &content, 8 * MIB + offset, 128 << 10).await;
        if step == 2 {
            settled = seeder.counters();
        }
    }
    let counters = seeder.counters();
    assert_eq!(counters.cancels, settled.cancels, "{counters:?}");
    // What one has left behind may be given back and fetched again for the other, but no more than that.
    assert!(counters.duplicate_requests < 200, "{counters:?}");
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn eight_readers_of_one_film_get_their_own_places() {
    let content = film(8, 12 * MIB);
    let seeders = [
        peer(&content, Script::default()),
        peer(
            &content,
            Script {
                have: Have::EverySecond,
                ..Script::default()
            },
        ),
    ];
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let streams: Vec<_> = (0..8)
        .map(|_| stand.open(&content, &[&seeders[0], &seeders[1]]))
        .collect();
    let mut reads = Vec::new();
    for (number, stream) in (0u64..).zip(&streams) {
        let offset = number * 1_400_000 + number * 13;
        reads.push((offset, ask(stream, offset, 300_000)));
    }
    for (offset, waiting) in reads {
        let bytes = answer(waiting).await.unwrap();
        assert!(content.matches(offset, &bytes));
    }
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn many_reads_at_once_are_all_answered() {
    let content = film(9, 4 * MIB);
    let seeder = peer(&content, Script::line(5, 200_000_000, 0));
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    let reads: Vec<_> = (0..512)
        .map(|number| number * 8_192)
        .map(|offset| (offset, ask(&stream, offset, 8_192)))
        .collect();
    for (offset, waiting) in reads {
        assert!(content.matches(offset, &answer(waiting).await.unwrap()));
    }
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_seek_takes_back_what_was_asked_for_the_old_place() {
    let content = film(10, 24 * MIB);
    // Slow enough that the old window is still outstanding at the seek.
    let seeder = peer(&content, Script::line(20, 8_000_000, 0));
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 4_096).await;
    seeder
        .until(SOON, |counters| counters.requests > counters.blocks + 4)
        .await
        .unwrap();
    let sought = ask(&stream, 20 * MIB, 4_096);
    let counters = seeder
        .until(SOON, |counters| counters.cancels > 0)
        .await
        .unwrap();
    assert!(counters.cancelled_blocks > 0, "{counters:?}");
    assert!(content.matches(20 * MIB, &answer(sought).await.unwrap()));
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_seek_there_and_back_within_a_round_trip_is_served() {
    let content = film(11, 24 * MIB);
    // Each cancel is answered by a reject one round trip later, when the block may have been asked again.
    let seeder = peer(&content, Script::line(60, 8_000_000, 0));
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 4_096).await;
    for round in 1..6 {
        let there = ask(&stream, 12 * MIB + round * 700_000, 4_096);
        tokio::task::yield_now().await;
        let back = ask(&stream, round * 200_000, 4_096);
        assert!(content.matches(round * 200_000, &answer(back).await.unwrap()));
        let far = answer(there).await.unwrap();
        assert!(content.matches(12 * MIB + round * 700_000, &far));
    }
    let counters = seeder.counters();
    assert!(counters.cancelled_blocks > 0, "{counters:?}");
    stand.engine.shutdown().await;
}
