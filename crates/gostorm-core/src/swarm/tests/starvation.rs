//! Ways in which a read could have waited for ever: each was found by the simulator.

use super::*;

fn block(piece: u32, block: u32) -> BlockRef {
    BlockRef {
        piece: PieceIndex(piece),
        block,
    }
}

fn pieces_asked(outputs: &[Output], bench: &Bench) -> Vec<u32> {
    requests(outputs, &bench.swarm)
        .iter()
        .map(|(_, block)| block.piece.0)
        .collect()
}

#[test]
fn the_reject_of_a_request_taken_back_does_not_cost_the_peer_its_piece() {
    let mut bench = Bench::new(30);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    bench.turn();
    bench.read(2, 30 * PIECE, 1_000);
    let seek = bench.turn();
    assert!(cancels(&seek) > 0, "the seek takes the requests back");
    for (peer, block) in requests(&seek, &bench.swarm) {
        bench.deliver(peer, block);
    }
    bench.read(3, 0, 1_000);
    let again = requests(&bench.turn(), &bench.swarm);
    assert!(
        again.contains(&(1, block(0, 0))),
        "and the way back asks again"
    );
    let span = bench.swarm.layout.span(block(0, 0));
    bench.say(1, Message::Reject(span));
    let peer = &bench.swarm.peers[&PeerKey(1)];
    assert!(peer.have.contains(PieceIndex(0)));
    assert_eq!(
        bench.swarm.picker.asked_of(block(0, 0))[0],
        Some(PeerKey(1))
    );
    bench.say(1, Message::Reject(span));
    assert_eq!(
        bench.swarm.picker.asked_of(block(0, 0))[0],
        None,
        "the second reject is for the second request"
    );
}

#[test]
fn a_snubbed_peer_that_alone_has_an_urgent_piece_is_asked_for_it() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    bench.turn();
    bench.wait_until(Time(1_500_000));
    assert!(bench.swarm.peers[&PeerKey(1)].snubbed);
    bench.seed(2);
    bench.say(2, Message::HaveNone);
    bench.say(2, Message::Have(PieceIndex(39)));
    let outputs = bench.turn();
    let owed = bench.swarm.peers[&PeerKey(1)]
        .asked()
        .next()
        .map(|asked| asked.block);
    assert_eq!(owed, Some(block(0, 0)), "{outputs:?}");
}

#[test]
fn a_piece_that_was_begun_is_filled_when_there_is_no_room_for_one_due_before_it() {
    let mut bench = Bench::new(3);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    bench.turn();
    bench.say(1, Message::Choke);
    bench.give(Input::Open {
        reader: ReaderKey(2),
        file: 0,
        policy: Policy::Verified,
    });
    let deadline = bench.now + Duration::from_secs(25);
    bench.give(Input::Read {
        reader: ReaderKey(2),
        read: ReadKey(9),
        range: 20 * PIECE..20 * PIECE + 1,
        deadline,
    });
    bench.say(1, Message::Unchoke);
    for _ in 0..20 {
        bench.run_dry();
        bench.now += Duration::from_millis(500);
    }
    assert!(bench.swarm.demand.waiting().is_empty(), "both are served");
}

#[test]
fn windows_that_fill_the_lease_give_way_to_a_read_that_has_waited() {
    let mut bench = Bench::new(12);
    bench.seed(1);
    for reader in 2..=5 {
        bench.give(Input::Open {
            reader: ReaderKey(reader),
            file: 0,
            policy: Policy::Verified,
        });
        let at = (reader - 1) * 8 * PIECE;
        let deadline = bench.now + Duration::from_secs(25);
        bench.give(Input::Read {
            reader: ReaderKey(reader),
            read: ReadKey(reader),
            range: at..at + 1,
            deadline,
        });
    }
    bench.run_dry();
    bench.give(Input::Lease { bytes: 6 * PIECE });
    bench.read(9, 0, 1_000);
    for _ in 0..5 {
        bench.run_dry();
        bench.now += Duration::from_secs(1);
    }
    assert!(bench.swarm.demand.waiting().is_empty(), "all are served");
}

#[test]
fn a_lease_that_shrinks_leaves_no_request_outside_the_windows() {
    let mut bench = Bench::new(30);
    bench.seed(1);
    bench.read(1, 0, PIECE);
    bench.run_dry();
    bench.read(2, 29 * PIECE, PIECE);
    let far = pieces_asked(&bench.turn(), &bench);
    assert!(
        far.iter().any(|piece| *piece > 31),
        "a wide window: {far:?}"
    );
    bench.give(Input::Lease { bytes: 3 * PIECE });
    let wanted = bench.swarm.demand.protected(bench.now);
    let layout = &bench.swarm.layout;
    let peer = &bench.swarm.peers[&PeerKey(1)];
    for asked in peer.asked() {
        let offset = layout.piece_offset(asked.block.piece);
        let kept = wanted
            .iter()
            .any(|range| range.start < offset + PIECE && offset < range.end);
        assert!(kept, "{:?} is asked for and in no window", asked.block);
    }
}

#[test]
fn a_full_table_of_dials_is_no_reason_to_wake() {
    let files = vec![FileSpan {
        offset: 0,
        len: FILE,
    }];
    let layout = Layout::new(u32::try_from(PIECE).unwrap(), FILE, files).unwrap();
    let config = Config {
        connections_max: 200,
        ..Config::default()
    };
    let mut bench = Bench {
        swarm: Swarm::new(config, layout, 1),
        now: Time::ZERO,
    };
    bench.give(Input::Open {
        reader: ReaderKey(1),
        file: 0,
        policy: Policy::Verified,
    });
    let addrs = (1..=250).map(|host| SocketAddr::from(([127, 0, 1, host], 6881)));
    bench.give(Input::Candidates {
        source: crate::Source::Tracker,
        addrs: addrs.collect(),
    });
    bench.turn();
    bench.now = Time(5_000_000);
    bench.turn();
    assert!(bench.swarm.wake_at() > bench.now);
}

#[test]
fn a_tail_that_is_given_up_owes_nothing_when_its_memory_goes_to_another_piece() {
    const MIB: u64 = 1 << 20;
    let files = vec![FileSpan {
        offset: 0,
        len: 80 * MIB,
    }];
    let layout = Layout::new(1 << 20, 80 * MIB, files).unwrap();
    let mut bench = Bench {
        swarm: Swarm::new(Config::default(), layout, 1),
        now: Time::ZERO,
    };
    bench.give(Input::Open {
        reader: ReaderKey(1),
        file: 0,
        policy: Policy::Verified,
    });
    bench.give(Input::Lease { bytes: 2 * MIB });
    for (key, piece) in [(1, 0), (2, 79)] {
        bench.seed(key);
        bench.say(key, Message::HaveNone);
        bench.say(key, Message::Have(PieceIndex(piece)));
    }
    bench.read(1, 0, 1_000);
    while !bench
        .swarm
        .picker
        .active(PieceIndex(0))
        .is_some_and(crate::picker::Active::is_complete)
    {
        for (peer, block) in requests(&bench.turn(), &bench.swarm) {
            if peer == 1 {
                bench.deliver(peer, block);
            }
        }
    }
    bench.give(Input::Hashed {
        piece: PieceIndex(0),
        ok: true,
        digests: vec![],
    });
    bench.wait_until(Time(29_900_000));
    bench.read(1, 1_000, 2_000);
    bench.wait_until(Time(29_950_000));
    assert_eq!(bench.swarm.peers[&PeerKey(2)].outstanding(), 1, "a probe");
    bench.now = Time(30_010_000);
    bench.seed(3);
    bench.turn();
    assert!(bench.swarm.picker.holds(PieceIndex(1)));
    assert_eq!(bench.swarm.peers[&PeerKey(2)].outstanding(), 0);
}
