//! A long wait is explained: what for, from whom, why late.

use super::*;
use crate::stall::{Cause, Stall};

/// Waits until `millis` with a look every 50 ms; returns what was told.
fn wait_until(bench: &mut Bench, millis: u64) -> Vec<Stall> {
    let mut told = Vec::new();
    while bench.now < Time(millis * 1_000) {
        bench.now += Duration::from_millis(50);
        told.extend(stalls(bench.turn()));
    }
    told
}

fn stalls(outputs: Vec<Output>) -> Vec<Stall> {
    let mut stalls = Vec::new();
    for output in outputs {
        if let Output::Stalled(stall) = output {
            stalls.push(*stall);
        }
    }
    stalls
}

/// The causes in order, each with its tenths of a second.
fn causes(stall: &Stall) -> Vec<(Cause, u128)> {
    let waits = stall.waits.iter();
    waits
        .map(|wait| (wait.cause, wait.lasted.as_millis() / 100))
        .collect()
}

#[test]
fn a_read_without_peers_then_choked_then_late_is_told_so() {
    let mut bench = Bench::new(20);
    bench.read(1, 0, 1_000);
    wait_until(&mut bench, 1_000);
    bench.seed(1);
    bench.say(1, Message::Choke);
    wait_until(&mut bench, 2_000);
    bench.say(1, Message::Unchoke);
    wait_until(&mut bench, 2_500);
    // It brings all but the first block.
    let asked: Vec<BlockRef> = bench.swarm.peers[&PeerKey(1)]
        .asked()
        .map(|asked| asked.block)
        .filter(|block| block.piece.0 == 0)
        .collect();
    for block in &asked[1..] {
        bench.deliver(1, *block);
    }
    wait_until(&mut bench, 3_000);
    bench.deliver(1, asked[0]);
    bench.turn();
    let mut told = Vec::new();
    if let Some(stall) = bench.swarm.reader_stats().next() {
        assert_eq!(stall.stalls.len(), 1, "one that lasts");
    }
    told.extend(stalls(bench.give(Input::Hashed {
        piece: PieceIndex(0),
        ok: true,
        digests: vec![],
    })));
    let peer = bench.swarm.peers[&PeerKey(1)].addr;
    let [stall] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        causes(stall)[..3],
        [
            (Cause::NoPeer, 10),
            (Cause::Choked, 10),
            (Cause::Late(peer), 9)
        ]
    );
    assert!(stall.served && stall.waits[2].block == Some(0), "{stall}");
    assert_eq!(bench.swarm.reader_stats().next().unwrap().stalls, told);
}

#[test]
fn a_read_that_nobody_has_and_one_without_memory_fail_with_their_reasons() {
    for (lease, have, cause) in [
        (20, PieceIndex(3), Cause::NobodyHasIt),
        (0, PieceIndex(0), Cause::NoMemory),
    ] {
        let mut bench = Bench::new(lease);
        bench.seed(1);
        bench.say(1, Message::HaveNone);
        bench.say(1, Message::Have(have));
        bench.read(1, 0, 1_000);
        let told = wait_until(&mut bench, 25_100);
        assert_eq!(told.len(), 1);
        assert!(!told[0].served);
        assert_eq!(told[0].waits[0].cause, cause, "{}", told[0]);
    }
}

#[test]
fn a_read_that_our_own_limit_keeps_waiting_is_told_so() {
    let mut bench = Bench::new(20);
    // A block in half a minute, after the burst.
    bench.give(Input::Limits {
        download: Some(500),
        upload: None,
    });
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let mut told = Vec::new();
    while bench.now < Time(26_000_000) {
        bench.now += Duration::from_millis(50);
        let outputs = bench.turn();
        for (peer, block) in requests(&outputs, &bench.swarm) {
            bench.deliver(peer, block);
        }
        told.extend(stalls(outputs));
    }
    let [stall] = &told[..] else {
        panic!("{told:?}")
    };
    let longest = causes(stall).into_iter().max_by_key(|(_, lasted)| *lasted);
    assert_eq!(longest.map(|(cause, _)| cause), Some(Cause::Limit));
}
