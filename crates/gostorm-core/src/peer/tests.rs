//! One peer by itself: its pipeline, its silence, what it is still welcome to send.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn peer() -> Peer {
    let estimate = Estimate::new(Some(40_000), None);
    Peer::new(
        PeerKey(1),
        "127.0.0.2:6881".parse().unwrap(),
        true,
        10,
        estimate,
        Time::ZERO,
    )
}

fn block(block: u32) -> BlockRef {
    BlockRef {
        piece: PieceIndex(0),
        block,
    }
}

#[test]
fn a_silent_debtor_is_snubbed_and_recovers_with_its_next_block() {
    let mut peer = peer();
    assert_eq!(peer.snub_at(), Time::NEVER);
    peer.ask(Time(5_000_000), block(0));
    assert_eq!(peer.snub_at(), Time(6_000_000));
    assert_eq!(peer.snub(Time(6_000_000)), vec![block(0)]);
    assert_eq!(peer.room(), 1, "one probe block at a time");
    peer.ask(Time(6_000_000), block(1));
    assert_eq!(peer.room(), 0);
    assert!(peer.on_block(Time(6_100_000), block(1), BLOCK_LEN));
    assert!(!peer.snubbed);
    assert!(peer.room() > 1);
}

#[test]
fn a_block_taken_back_a_moment_ago_is_still_welcome_once() {
    let mut peer = peer();
    peer.ask(Time::ZERO, block(0));
    assert!(peer.withdraw(block(0)));
    assert!(peer.on_block(Time(1), block(0), BLOCK_LEN));
    assert!(!peer.on_block(Time(2), block(0), BLOCK_LEN));
}

#[test]
fn a_reject_answers_the_request_that_was_taken_back_first() {
    let mut peer = peer();
    peer.ask(Time::ZERO, block(0));
    peer.withdraw(block(0));
    peer.ask(Time(1), block(0));
    assert!(peer.rejects_withdrawn(block(0)));
    assert!(
        !peer.rejects_withdrawn(block(0)),
        "the next is for the second request"
    );
    assert_eq!(peer.outstanding(), 1);
}

#[test]
fn strays_are_forgiven_and_a_flood_is_not() {
    let mut peer = peer();
    for at in 0..10_000 {
        peer.ask(Time(at), block(0));
        peer.on_block(Time(at), block(0), BLOCK_LEN);
        if at % 50 == 0 {
            peer.on_block(Time(at), block(9), BLOCK_LEN);
        }
    }
    assert!(!peer.floods());
    for _ in 0..=UNASKED_MAX {
        peer.on_block(Time(10_000), block(9), BLOCK_LEN);
    }
    assert!(peer.floods());
}

#[test]
fn the_pipeline_settles_at_bandwidth_times_delay() {
    let mut peer = peer();
    let mut now = Time::ZERO;
    let mut next = 0;
    for _ in 0..2_000 {
        while peer.room() > 0 {
            peer.ask(now, block(next));
            next += 1;
        }
        let oldest = peer.asked().next().unwrap().block;
        now += Duration::from_millis(8);
        peer.on_block(now, oldest, BLOCK_LEN);
    }
    let rtt_and_slack = 0.108;
    let expected = 16_384.0 / 0.008 * rtt_and_slack / 16_384.0;
    assert!(
        f64::from(peer.depth()) < expected * 1.5 + 3.0,
        "depth {}",
        peer.depth()
    );
    assert!(
        f64::from(peer.depth()) >= expected * 0.8,
        "depth {}",
        peer.depth()
    );
}

/// A peer that sends all it was asked for at once, a round later, for so many rounds; returns what came in the last.
fn in_bursts(peer: &mut Peer, now: &mut Time, round: Duration, rounds: u32) -> u32 {
    let mut came = 0;
    for _ in 0..rounds {
        while peer.room() > 0 {
            peer.ask(*now, block(u32::try_from(now.0).unwrap() + came));
            came += 1;
        }
        peer.end_turn(false);
        *now += round;
        let asked: Vec<BlockRef> = peer.asked().map(|asked| asked.block).collect();
        came = 0;
        for block in asked {
            assert!(peer.on_block(*now, block, BLOCK_LEN));
            came += 1;
        }
    }
    came
}

#[test]
fn a_pipeline_that_runs_dry_in_bursts_grows_until_it_does_not() {
    let mut peer = peer();
    let mut now = Time(1_000_000);
    // Believed to be slow: the pipeline holds as few blocks as there can be.
    peer.pipeline = Pipeline::new(pipeline::MIN);
    peer.estimate = Estimate::new(Some(100), Some(100_000));
    let came = in_bursts(&mut peer, &mut now, Duration::from_millis(44), 12);
    assert!(came >= 128, "{came} blocks in a round");
    assert!(peer.estimate.rate() > 10_000_000.0);
}
