//! A web seed is a peer to the scheduler: it serves at once, costs no place, and is blamed by itself.

use super::*;
use crate::event::DisconnectReason;
use crate::web_seed::web_seed_addr;

impl Bench {
    fn web_seed(&mut self, key: u64, number: u64) -> Vec<Output> {
        self.give(Input::WebSeed {
            peer: PeerKey(key),
            number,
            rtt_us: 20_000,
        })
    }
}

#[test]
fn a_web_seed_alone_serves_a_read_and_is_told_nothing_but_requests() {
    let mut bench = Bench::new(20);
    assert_eq!(bench.web_seed(1, 0), []);
    bench.read(1, 0, 1_000);
    let outputs = bench.turn();
    let asked = requests(&outputs, &bench.swarm);
    assert!(asked.len() >= 8, "{asked:?}");
    let other = |output: &&Output| matches!(output, Output::Send { message, .. } if !matches!(message, Message::Request(_)));
    assert_eq!(outputs.iter().find(other), None);
    for (peer, block) in asked {
        bench.deliver(peer, block);
    }
    let outputs = bench.run_dry();
    assert!(!outputs.iter().any(|output| other(&output)));
}

#[test]
fn web_seeds_take_no_place_from_peers() {
    let mut bench = Bench::new(20);
    (0..4).for_each(|number| drop(bench.web_seed(100 + number, number)));
    let places = Config::default().connections_max;
    (1..=u64::try_from(places).unwrap()).for_each(|key| bench.seed(key));
    assert_eq!(bench.swarm.stats().peers, places + 4);
}

#[test]
fn two_web_seeds_of_one_host_are_two_and_one_is_not_had_twice() {
    let mut bench = Bench::new(20);
    assert_eq!(bench.web_seed(1, 0), []);
    assert_eq!(bench.web_seed(2, 1), []);
    let again = Output::Disconnect {
        peer: PeerKey(3),
        reason: DisconnectReason::Duplicate,
    };
    assert_eq!(bench.web_seed(3, 0), [again]);
}

#[test]
fn a_web_seed_that_spoils_a_piece_is_banned_by_itself_and_does_not_come_back() {
    let mut bench = Bench::new(20);
    bench.web_seed(1, 4);
    bench.web_seed(2, 5);
    bench.read(1, 0, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    let piece = PieceIndex(0);
    let spoilt: Vec<BlockRef> = (0..8).map(|block| BlockRef { piece, block }).collect();
    // The first one brings all of it: what was asked of the other is taken back.
    for block in &spoilt {
        if !asked.contains(&(1, *block)) {
            bench.swarm.picker.release(*block, PeerKey(2));
            bench
                .swarm
                .peers
                .get_mut(&PeerKey(2))
                .unwrap()
                .withdraw(*block);
            bench.swarm.picker.ask(*block, PeerKey(1));
            let now = bench.now;
            bench
                .swarm
                .peers
                .get_mut(&PeerKey(1))
                .unwrap()
                .ask(now, *block);
        }
        bench.deliver(1, *block);
    }
    let outputs = bench.give(Input::Hashed {
        piece,
        ok: false,
        digests: vec![1; 8],
    });
    let bans: Vec<Output> = outputs
        .into_iter()
        .filter(|output| matches!(output, Output::Ban { .. }))
        .collect();
    let ban = Output::Ban {
        ip: web_seed_addr(4).ip(),
        reason: "sent a block that spoiled a piece",
    };
    assert_eq!(bans, [ban]);
    assert!(bench.swarm.peers.contains_key(&PeerKey(2)));
    let refused = Output::Disconnect {
        peer: PeerKey(3),
        reason: DisconnectReason::Banned,
    };
    assert_eq!(bench.web_seed(3, 4), [refused]);
}

#[test]
fn a_web_seed_is_not_remembered_as_a_peer_to_dial() {
    let mut bench = Bench::new(20);
    bench.web_seed(1, 0);
    bench.read(1, 0, 1_000);
    bench.run_dry();
    assert!(bench.swarm.peers[&PeerKey(1)].good_bytes > 0);
    assert_eq!(bench.swarm.known_good(), []);
    bench.give(Input::Closed { peer: PeerKey(1) });
    assert_eq!(bench.swarm.known_good(), []);
}

#[test]
fn a_silent_web_seed_is_snubbed_after_a_connection_could_have_been_made_anew() {
    let mut bench = Bench::new(20);
    bench.web_seed(1, 0);
    bench.read(1, 0, 1_000);
    bench.turn();
    bench.wait_until(Time(2_900_000));
    assert!(!bench.swarm.peers[&PeerKey(1)].snubbed);
    bench.wait_until(Time(3_100_000));
    assert!(bench.swarm.peers[&PeerKey(1)].snubbed);
}
