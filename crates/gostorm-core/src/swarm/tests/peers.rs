//! What peers do to the schedule: choke, fall silent, reject, come late, flood.

use super::*;

#[test]
fn a_peer_that_chokes_loses_its_blocks_to_another() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let first = requests(&bench.turn(), &bench.swarm);
    bench.seed(2);
    bench.say(1, Message::Choke);
    let again = requests(&bench.turn(), &bench.swarm);
    assert!(again.iter().all(|(peer, _)| *peer == 2));
    assert_eq!(again[0].1, first[0].1);
}

#[test]
fn a_silent_peer_is_snubbed_and_its_blocks_go_elsewhere() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let first = requests(&bench.turn(), &bench.swarm);
    bench.wait_until(Time(990_000));
    bench.seed(2);
    let outputs = bench.wait_until(Time(1_000_000));
    assert_eq!(cancels(&outputs), first.len());
    let again = requests(&outputs, &bench.swarm);
    assert_eq!(again[0], (2, first[0].1));
}

#[test]
fn a_driver_that_was_away_blames_no_peer_for_the_gap() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let first = requests(&bench.turn(), &bench.swarm);
    bench.wait_until(Time(900_000));
    // The processor went to others: the timer rings three seconds late, before the sockets are read.
    bench.now += Duration::from_secs(3);
    assert_eq!(cancels(&bench.turn()), 0);
    let (peer, block) = first[0];
    bench.deliver(peer, block);
    assert!(!bench.swarm.peers[&PeerKey(1)].snubbed);
    bench.wait_until(Time(5_000_000));
    assert!(
        bench.swarm.peers[&PeerKey(1)].snubbed,
        "a silence that was seen counts"
    );
}

#[test]
fn when_the_network_goes_reads_wait_and_when_it_is_back_everybody_is_dialled_at_once() {
    let mut bench = Bench::new(20);
    let addrs: Vec<SocketAddr> = (1..=3)
        .map(|host| ([127, 0, 0, host], 6881).into())
        .collect();
    bench.give(Input::Candidates {
        source: crate::Source::Tracker,
        addrs,
    });
    bench.turn();
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let first = requests(&bench.turn(), &bench.swarm);
    bench.give(Input::Network { up: false });
    let mut meanwhile = bench.wait_until(Time(20_000_000));
    meanwhile.retain(|output| !matches!(output, Output::Lease { .. }));
    assert_eq!(meanwhile, vec![], "nothing is dialled, announced or failed");
    bench.give(Input::Network { up: true });
    let dials = |outputs: &[Output]| {
        let dials = outputs
            .iter()
            .filter(|output| matches!(output, Output::Dial { .. }));
        dials.count()
    };
    assert_eq!(dials(&bench.turn()), 3);
    bench.seed(1);
    let again = requests(&bench.turn(), &bench.swarm);
    assert_eq!(again[0], first[0], "the read that waited is served first");
}

#[test]
fn a_rejected_block_is_asked_of_another_peer() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let (_, block) = requests(&bench.turn(), &bench.swarm)[0];
    bench.seed(2);
    let span = bench.swarm.layout.span(block);
    bench.say(1, Message::Reject(span));
    let again = requests(&bench.turn(), &bench.swarm);
    assert!(again.contains(&(2, block)));
}

#[test]
fn a_lone_peer_that_rejected_a_piece_is_asked_again_later() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    for (peer, block) in requests(&bench.turn(), &bench.swarm) {
        let span = bench.swarm.layout.span(block);
        bench.say(peer, Message::Reject(span));
    }
    let other = |asked: &[(u64, BlockRef)]| asked.iter().all(|(_, block)| block.piece.0 > 0);
    let asked = requests(&bench.turn(), &bench.swarm);
    assert!(other(&asked), "not the same again at once: {asked:?}");
    for (peer, block) in asked {
        bench.deliver(peer, block);
    }
    assert!(bench.swarm.wake_at() <= Time(2_000_000));
    bench.now = Time(2_000_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    assert_eq!(asked[0].1.piece, PieceIndex(0));
}

#[test]
fn a_late_block_is_asked_of_a_second_peer_and_the_loser_is_cancelled() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    let (late, in_time): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|(_, block)| block.block == 7);
    for (peer, block) in in_time {
        bench.now += Duration::from_millis(5);
        bench.deliver(peer, block);
    }
    bench.seed(2);
    bench.set_rate(2, 10_000_000);
    let mut hedged = Vec::new();
    while hedged.is_empty() && bench.now < Time(900_000) {
        bench.now = bench.swarm.wake_at();
        let asked = requests(&bench.turn(), &bench.swarm);
        hedged = asked
            .into_iter()
            .filter(|(peer, block)| *peer == 2 && block.piece.0 == 0)
            .collect();
    }
    assert_eq!(hedged, vec![(2, late[0].1)]);
    let outputs = bench.deliver(2, late[0].1);
    assert!(outputs.contains(&Output::Store { block: late[0].1 }));
    assert_eq!(cancels(&outputs), 1, "the first request is taken back");
}

#[test]
fn the_read_that_has_waited_longest_gets_the_second_peer_first() {
    let mut bench = Bench::new(38);
    for key in 1..=2 {
        bench.seed(key);
        bench.set_rate(key, 100_000);
    }
    bench.read(1, 20 * PIECE, 1_000);
    bench.turn();
    bench.now = Time(100_000);
    bench.give(Input::Open {
        reader: ReaderKey(2),
        file: 0,
        policy: Policy::Verified,
    });
    bench.give(Input::Read {
        reader: ReaderKey(2),
        read: ReadKey(2),
        range: 0..1_000,
        deadline: Time(25_000_000),
    });
    bench.say(2, Message::Choke);
    bench.say(2, Message::Unchoke);
    let owed = requests(&bench.turn(), &bench.swarm);
    assert!(owed.iter().any(|(_, block)| block.piece.0 == 0), "{owed:?}");
    bench.seed(3);
    bench.set_rate(3, 10_000_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    let twice = |block: &BlockRef| bench.swarm.picker.asked_of(*block)[1].is_some();
    let first = asked.iter().find(|(_, block)| twice(block));
    assert_eq!(first.map(|(_, block)| block.piece.0), Some(20), "{asked:?}");
}

#[test]
fn when_all_places_are_taken_the_worst_peer_gives_its_place_to_a_new_address() {
    let mut bench = Bench::new(20);
    for key in 1..=25 {
        bench.seed(key);
        bench.set_rate(key, 1_000_000);
    }
    bench.say(7, Message::Choke);
    let fresh: SocketAddr = "127.0.1.1:6881".parse().unwrap();
    let source = crate::connect::Source::Tracker;
    bench.give(Input::Candidates {
        source,
        addrs: vec![fresh],
    });
    let gone = |outputs: &[Output]| {
        let reason = crate::event::DisconnectReason::Replaced;
        outputs.contains(&Output::Disconnect {
            peer: PeerKey(7),
            reason,
        })
    };
    assert!(
        !gone(&bench.turn()),
        "it has had no time to show what it can"
    );
    bench.now = Time(20_000_000);
    assert!(gone(&bench.turn()));
    bench.now = Time(20_100_000);
    assert!(
        bench.turn().contains(&Output::Dial { addr: fresh }) || bench.swarm.stats().dialing == 1
    );
    bench.now = Time(40_000_000);
    assert_eq!(bench.swarm.stats().peers, 24, "good peers stay");
}

#[test]
fn blocks_that_nobody_asked_for_are_dropped_and_a_flood_ends_the_connection() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    bench.turn();
    let unasked = BlockRef {
        piece: PieceIndex(39),
        block: 0,
    };
    assert_eq!(bench.deliver(1, unasked), vec![]);
    let flood: Vec<Output> = (0..80).flat_map(|_| bench.deliver(1, unasked)).collect();
    assert!(matches!(flood.as_slice(), [Output::Disconnect { .. }]));
}

#[test]
fn an_urgent_block_waits_for_the_fast_peer_rather_than_go_to_the_slow_one() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.seed(2);
    bench.set_rate(1, 10_000_000);
    bench.set_rate(2, 100_000);
    bench.read(1, 0, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    let slow: Vec<u32> = asked
        .iter()
        .filter(|(peer, _)| *peer == 2)
        .map(|(_, block)| block.piece.0)
        .collect();
    assert!(
        !slow.contains(&0),
        "the first piece is the fast peer's alone: {slow:?}"
    );
}

#[test]
fn a_request_that_a_busy_peer_forgot_is_made_again() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let mut owed = requests(&bench.turn(), &bench.swarm);
    let (_, lost) = owed.remove(0);
    // It brings all else, one block after the other, and so is never silent.
    while !owed.contains(&(1, lost)) {
        assert!(bench.now < Time(8_000_000), "long before the read fails");
        let (peer, block) = owed.remove(0);
        bench.now += Duration::from_millis(100);
        bench.deliver(peer, block);
        owed.extend(requests(&bench.turn(), &bench.swarm));
    }
}

#[test]
fn a_reader_that_stopped_long_ago_wants_nothing() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    bench.run_dry();
    bench.now += Duration::from_secs(130);
    let outputs = bench.turn();
    let wants = |output: &Output| matches!(output, Output::Lease { want, .. } if want.total() == 0);
    assert!(outputs.iter().any(wants), "{outputs:?}");
}
