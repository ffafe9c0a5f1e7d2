//! Ends: of a stream and of the engine, with reads that wait.

use std::sync::Arc;
use std::time::Duration;

use gostorm::{EngineError, ReadError};
use gostorm_sim::lab::{LabTracker, Script};

use crate::stand::{MIB, SOON, Stand, answer, ask, check, eventually, film, peer, request};

/// A peer that never sends a block.
fn mute() -> Script {
    Script {
        stall_after: Some(0),
        ..Script::default()
    }
}

#[tokio::test]
async fn a_stream_that_closes_fails_its_waiting_reads_and_no_others() {
    let content = film(60, 4 * MIB);
    let silent = peer(&content, mute());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let leaves = stand.open(&content, &[&silent]);
    let stays = stand.open(&content, &[&silent]);
    let gone: Vec<_> = (0..5).map(|n| ask(&leaves, n * 100_000, 1_000)).collect();
    let kept = ask(&stays, 0, 1_000);
    silent
        .until(SOON, |counters| counters.requests > 0)
        .await
        .unwrap();
    drop(leaves);
    for waiting in gone {
        assert_eq!(answer(waiting).await, Err(ReadError::Unavailable));
    }
    // The other stream's read is still good: a seeder that comes now serves it.
    let seeder = peer(&content, Script::default());
    seeder.dial(stand.addr()).await.unwrap();
    assert!(content.matches(0, &answer(kept).await.unwrap()));
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn a_stream_that_closes_before_the_torrent_is_known_fails_its_reads() {
    let content = film(61, MIB);
    let stand = Stand::new();
    let stream = stand.open(&content, &[]);
    let waiting = ask(&stream, 0, 1_000);
    drop(stream);
    assert_eq!(answer(waiting).await, Err(ReadError::Unavailable));
    stand.asleep().await;
    stand.engine.shutdown().await;
}

#[tokio::test]
async fn shutdown_answers_every_read_and_closes_every_socket() {
    let running = film(62, 4 * MIB);
    let searched = film(63, 4 * MIB);
    let silent = peer(&running, mute());
    let tracker = LabTracker::start(vec![silent.addr()], Duration::ZERO)
        .await
        .unwrap();
    let stand = Stand::new();
    stand.knows(&running, &[tracker.url()]);
    let streams = [stand.open(&running, &[]), stand.open(&searched, &[])];
    let mut reads = Vec::new();
    for stream in &streams {
        reads.extend((0..10).map(|n| ask(stream, n * 50_000, 1_000)));
    }
    silent
        .until(SOON, |counters| counters.requests > 0)
        .await
        .unwrap();
    // More that the driver has not seen yet.
    for stream in &streams {
        reads.extend((0..10).map(|n| ask(stream, n * 50_000, 1_000)));
    }
    stand.engine.shutdown().await;
    for waiting in reads {
        assert_eq!(answer(waiting).await, Err(ReadError::ShuttingDown));
    }
    silent
        .until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
    tracker
        .until(SOON, |heard| heard.stopped == 1)
        .await
        .unwrap();
    assert_eq!(stand.engine.awake_count(), 0);
    assert_eq!(stand.engine.memory().0, 0);
    let late = stand
        .engine
        .open(request(&running, &[]), Arc::new(|_| Some(0)));
    assert!(matches!(late, Err(EngineError::ShuttingDown)));
    assert!(answer(ask(&streams[0], 0, 1_000)).await.is_err());
    assert!(silent.dial(stand.addr()).await.is_err(), "nobody listens");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_among_opens_and_reads_leaves_no_read_without_an_answer() {
    let content = film(64, 4 * MIB);
    let seeder = peer(&content, Script::default());
    for _ in 0..20 {
        let stand = Stand::new();
        stand.knows(&content, &[]);
        let engine = stand.engine.clone();
        let open = request(&content, &[&seeder]);
        let busy = std::thread::spawn(move || {
            let mut reads = Vec::new();
            for number in 0..200u64 {
                let Ok(stream) = engine.open(open.clone(), Arc::new(|_| Some(0))) else {
                    break;
                };
                reads.push(ask(&stream, number * 16_384, 16_384));
            }
            reads
        });
        tokio::task::yield_now().await;
        stand.engine.shutdown().await;
        let reads = tokio::task::spawn_blocking(move || busy.join().unwrap())
            .await
            .unwrap();
        for waiting in reads {
            // Any answer is fine; none is not.
            let _ = answer(waiting).await;
        }
        assert_eq!(stand.engine.awake_count(), 0);
        assert_eq!(stand.engine.memory().0, 0);
    }
}

#[tokio::test]
async fn dropping_the_streams_of_a_stopped_engine_is_harmless() {
    let content = film(65, MIB);
    let seeder = peer(&content, Script::default());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 1_000).await;
    stand.engine.shutdown().await;
    stand.engine.shutdown().await;
    drop(stream);
    assert_eq!(stand.engine.awake_count(), 0);
}

#[tokio::test]
async fn a_driver_that_panics_fails_its_reads_and_is_replaced() {
    let content = film(66, 2 * MIB);
    let silent = peer(&content, mute());
    let stand = Stand::new();
    stand.knows(&content, &[]);
    let victim = stand.open(&content, &[&silent]);
    let waiting = ask(&victim, 0, 1_000);
    silent
        .until(SOON, |counters| counters.requests > 0)
        .await
        .unwrap();
    let _fatal = stand.engine.open(
        request(&content, &[]),
        Arc::new(|_| panic!("a choice that panics, on purpose")),
    );
    assert_eq!(answer(waiting).await, Err(ReadError::Unavailable));
    assert_eq!(
        answer(ask(&victim, 0, 1_000)).await,
        Err(ReadError::Unavailable)
    );
    eventually("its driver is gone", || stand.engine.awake_count() == 0).await;
    assert_eq!(stand.engine.memory().0, 0);
    silent
        .until(SOON, |counters| counters.open == 0)
        .await
        .unwrap();
    let seeder = peer(&content, Script::default());
    let stream = stand.open(&content, &[&seeder]);
    check(&stream, &content, 0, 1_000).await;
    stand.engine.shutdown().await;
}
