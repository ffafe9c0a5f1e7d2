//! The policy `Responsive`: what is served early, from whom, and how it is taken back.

use super::*;
use crate::connect::KnownPeer;

const BLOCK: u64 = BLOCK_LEN as u64;
const GOOD: [u64; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

fn addr(key: u64) -> SocketAddr {
    ([127, 0, 0, u8::try_from(key).unwrap()], 6881).into()
}

fn block(piece: u32, block: u32) -> BlockRef {
    BlockRef {
        piece: PieceIndex(piece),
        block,
    }
}

/// A swarm whose reader accepts unverified bytes, and these seeds, which are known from earlier.
fn bench(trusted: &[u64]) -> Bench {
    let mut bench = Bench::new(20);
    let reader = ReaderKey(1);
    bench.give(Input::Close { reader });
    bench.give(Input::Open {
        reader,
        file: 0,
        policy: Policy::Responsive,
    });
    for key in trusted {
        bench.give(Input::KnownGood(vec![KnownPeer {
            addr: addr(*key),
            rate: 2_000_000,
            rtt_us: 5_000,
            trusted: true,
        }]));
        bench.seed(*key);
    }
    bench
}

fn early(read: u64) -> Output {
    Output::ServeUnverified {
        read: ReadKey(read),
    }
}

fn served(read: u64) -> Output {
    Output::Serve {
        read: ReadKey(read),
    }
}

fn taken_back(outputs: &[Output]) -> Vec<std::ops::Range<u64>> {
    let range = |output: &Output| {
        if let Output::Invalidate { file: 0, range } = output {
            Some(range.clone())
        } else {
            None
        }
    };
    outputs.iter().filter_map(range).collect()
}

impl Bench {
    /// Delivers blocks, whoever was asked; then a turn.
    fn bring(&mut self, key: u64, piece: u32, blocks: std::ops::Range<u32>) -> Vec<Output> {
        let peer = PeerKey(key);
        for block in blocks.map(|at| block(piece, at)) {
            let owners = self.swarm.picker.asked_of(block);
            if !owners.contains(&Some(peer)) {
                if owners == [None, None] {
                    self.swarm.picker.ask(block, peer);
                } else {
                    assert!(self.swarm.picker.hedge(block, peer));
                }
                let peer = self.swarm.peers.get_mut(&peer).unwrap();
                peer.ask(self.now, block);
            }
            let outputs = self.deliver(key, block);
            assert!(outputs.contains(&Output::Store { block }));
        }
        self.turn()
    }

    /// What is owed is owed no more.
    fn start_afresh(&mut self, key: u64) {
        self.say(key, Message::Choke);
        self.say(key, Message::Unchoke);
    }

    fn hashed(&mut self, piece: u32, ok: bool, digests: &[u64]) -> Vec<Output> {
        self.give(Input::Hashed {
            piece: PieceIndex(piece),
            ok,
            digests: digests.to_vec(),
        })
    }
}

#[test]
fn a_read_of_trusted_blocks_does_not_wait_for_the_piece() {
    let mut bench = bench(&[1]);
    bench.read(7, 100, 20_000);
    bench.turn();
    assert!(
        !bench.bring(1, 0, 0..1).contains(&early(7)),
        "its second block is missing"
    );
    assert!(bench.bring(1, 0, 1..2).contains(&early(7)));
    assert!(bench.swarm.stats().exposed);
    bench.bring(1, 0, 2..8);
    assert_eq!(bench.hashed(0, true, &[]), []);
    let stats = bench.swarm.stats();
    assert!(!stats.exposed && stats.unverified_reads == 1);
    assert_eq!(taken_back(&bench.give(Input::Shutdown)), [], "it was right");
}

#[test]
fn a_reader_that_wants_verified_bytes_waits_for_the_piece() {
    let mut bench = bench(&[1]);
    let reader = ReaderKey(9);
    bench.give(Input::Open {
        reader,
        file: 0,
        policy: Policy::Verified,
    });
    let deadline = bench.now + Duration::from_secs(25);
    let range = 0..1_000;
    let read = ReadKey(7);
    bench.give(Input::Read {
        reader,
        read,
        range,
        deadline,
    });
    bench.turn();
    let outputs = bench.bring(1, 0, 0..7);
    assert!(!outputs.contains(&early(7)));
    bench.bring(1, 0, 7..8);
    assert!(bench.hashed(0, true, &[]).contains(&served(7)));
}

#[test]
fn one_part_of_a_stranger_makes_the_read_wait_for_the_piece() {
    let mut bench = bench(&[1]);
    bench.seed(2);
    bench.read(7, 0, 1_000);
    bench.turn();
    bench.bring(2, 0, 7..8);
    assert!(!bench.bring(1, 0, 0..7).contains(&early(7)));
    assert!(bench.hashed(0, true, &[]).contains(&served(7)));
    // Its part was right: it is no stranger any more.
    bench.read(8, PIECE, 1_000);
    bench.turn();
    assert!(bench.bring(2, 1, 0..1).contains(&early(8)));
}

#[test]
fn what_is_needed_soon_is_asked_of_trusted_peers_alone() {
    let mut bench = bench(&[1]);
    bench.seed(2);
    bench.read(7, 0, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    assert!(asked.iter().any(|(_, block)| block.piece.0 == 0));
    assert!(asked.iter().all(|(peer, _)| *peer == 1), "{asked:?}");
}

#[test]
fn strangers_that_are_much_faster_are_asked_all_the_same() {
    let mut bench = bench(&[1]);
    bench.seed(2);
    bench.set_rate(1, 10_000);
    bench.set_rate(2, 2_000_000);
    bench.read(7, 0, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    assert!(asked.iter().any(|(peer, _)| *peer == 2), "{asked:?}");
}

#[test]
fn the_block_under_the_read_comes_first_and_the_beginning_of_its_piece_last() {
    let mut bench = bench(&[1]);
    bench.read(7, 3 * PIECE + 5 * BLOCK, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    let order: Vec<u32> = asked
        .iter()
        .filter(|(_, block)| block.piece.0 == 3)
        .map(|(_, block)| block.block)
        .collect();
    assert_eq!(order, [5, 6, 7, 0, 1, 2, 3, 4]);
}

#[test]
fn two_reads_of_one_piece_get_their_blocks_before_its_rest() {
    let mut bench = bench(&[1]);
    bench.read(7, 3 * PIECE + 5 * BLOCK, 1_000);
    bench.read(8, 3 * PIECE + 2 * BLOCK, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    let first: Vec<BlockRef> = asked[..2].iter().map(|(_, block)| *block).collect();
    assert_eq!(first, [block(3, 2), block(3, 5)]);
}

#[test]
fn a_late_block_of_a_read_is_asked_of_a_second_peer_while_the_piece_has_more_to_give_out() {
    let mut bench = bench(&[1, 2]);
    bench.set_rate(1, 400_000);
    bench.set_rate(2, 300_000);
    bench.read(7, 0, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    assert_eq!(asked[0], (1, block(0, 0)));
    // The second peer shows what it can; the first says nothing, and is not snubbed yet.
    let mut hedged = Vec::new();
    let mut owed: Vec<BlockRef> = asked[1..]
        .iter()
        .filter(|one| one.0 == 2)
        .map(|one| one.1)
        .collect();
    for _ in 0..16 {
        bench.now += Duration::from_millis(50);
        if let Some(block) = owed.pop() {
            bench.deliver(2, block);
        }
        let asked = requests(&bench.turn(), &bench.swarm);
        hedged.extend(
            asked
                .iter()
                .filter(|one| **one == (2, block(0, 0)))
                .copied(),
        );
        owed.extend(asked.iter().filter(|one| one.0 == 2).map(|one| one.1));
    }
    assert_eq!(hedged.len(), 1, "block 0 is asked of peer 2 as well");
}

/// Two seeds sent a part each of piece 0, which was served from and fails because of peer 2.
fn spoilt_after_it_was_served() -> (Bench, Vec<Output>) {
    let mut bench = bench(&[1, 2]);
    bench.read(7, BLOCK + 5, 1_000);
    bench.turn();
    assert!(bench.bring(2, 0, 1..2).contains(&early(7)));
    bench.bring(1, 0, 0..1);
    bench.bring(1, 0, 2..8);
    let mut digests = GOOD;
    digests[1] = 99;
    let outputs = bench.hashed(0, false, &digests);
    (bench, outputs)
}

#[test]
fn what_was_served_of_a_bad_piece_is_taken_back_and_nothing_else() {
    let (_, outputs) = spoilt_after_it_was_served();
    assert_eq!(taken_back(&outputs), vec![BLOCK..2 * BLOCK]);
}

#[test]
fn after_a_bad_piece_only_verified_bytes_are_served_for_a_minute() {
    let (mut bench, _) = spoilt_after_it_was_served();
    bench.seed(3);
    let fresh = |bench: &mut Bench, read: u64, piece: u32| {
        bench.read(read, u64::from(piece) * PIECE, 1_000);
        bench.turn();
        bench.bring(3, piece, 0..1).contains(&early(read))
    };
    bench.swarm.trust.prove(addr(3));
    assert!(!fresh(&mut bench, 10, 8));
    bench.now = Time(59_000_000);
    bench.swarm.trust.prove(addr(3));
    assert!(!fresh(&mut bench, 11, 12));
    bench.now = Time(61_000_000);
    assert!(fresh(&mut bench, 12, 16), "a minute is over");
}

#[test]
fn those_who_sent_a_part_of_a_bad_piece_are_trusted_again_when_they_are_cleared() {
    let (mut bench, _) = spoilt_after_it_was_served();
    for key in [1, 2] {
        bench.swarm.peers.get_mut(&PeerKey(key)).unwrap().good_bytes = 1;
    }
    let trusted = |bench: &Bench| -> Vec<(SocketAddr, bool)> {
        let mut known = bench.swarm.known_good();
        known.sort_by_key(|peer| peer.addr);
        known.iter().map(|peer| (peer.addr, peer.trusted)).collect()
    };
    assert_eq!(trusted(&bench), [(addr(1), false), (addr(2), false)]);
    bench.start_afresh(1);
    bench.start_afresh(2);
    bench.turn();
    bench.bring(1, 0, 0..8);
    let outputs = bench.hashed(0, true, &GOOD);
    assert_eq!(banned(&outputs), ["127.0.0.2"]);
    assert_eq!(trusted(&bench), [(addr(1), true)]);
}

/// A read served from piece 3, of which the rest is missing.
fn exposed() -> Bench {
    let mut bench = bench(&[1]);
    bench.read(7, 3 * PIECE, 1_000);
    bench.turn();
    assert!(bench.bring(1, 3, 0..1).contains(&early(7)));
    bench
}

const EXPOSED: std::ops::Range<u64> = 3 * PIECE..3 * PIECE + BLOCK;

#[test]
fn what_was_served_early_is_taken_back_when_its_piece_is_given_up() {
    let mut bench = exposed();
    bench.swarm.evict(PieceIndex(3));
    let outputs: Vec<Output> = std::iter::from_fn(|| bench.swarm.poll()).collect();
    assert_eq!(taken_back(&outputs), [EXPOSED]);
}

#[test]
fn what_was_served_early_is_taken_back_at_sleep() {
    assert_eq!(taken_back(&exposed().give(Input::Shutdown)), [EXPOSED]);
}

#[test]
fn what_was_served_early_is_taken_back_when_nobody_reads_any_more() {
    let mut bench = exposed();
    let outputs = bench.give(Input::Close {
        reader: ReaderKey(1),
    });
    assert_eq!(taken_back(&outputs), [EXPOSED]);
}

#[test]
fn what_is_not_verified_in_time_is_taken_back() {
    let mut bench = exposed();
    assert!(bench.swarm.wake_at() <= Time(15_000_000));
    bench.now = Time(14_999_999);
    assert_eq!(taken_back(&bench.turn()), []);
    bench.now = Time(15_000_000);
    assert_eq!(taken_back(&bench.turn()), [EXPOSED]);
}

#[test]
fn a_piece_that_was_served_from_is_fetched_to_its_end_though_the_reader_has_gone_on() {
    let mut bench = exposed();
    bench.read(8, 30 * PIECE, 1_000);
    bench.turn();
    bench.start_afresh(1);
    bench.run_dry();
    assert!(bench.swarm.picker.verified().contains(PieceIndex(3)));
    assert!(!bench.swarm.stats().exposed);
}

#[test]
fn a_known_peer_starts_with_what_it_was_like_before() {
    let bench = bench(&[1]);
    let estimate = &bench.swarm.peers[&PeerKey(1)].estimate;
    assert_eq!(
        estimate.rtt(),
        Duration::from_millis(5),
        "not that of its handshake"
    );
    assert!((estimate.rate() - 2_000_000.0).abs() < 1.0);
}

#[test]
fn a_known_peer_that_was_not_needed_is_known_for_the_next_session() {
    let mut bench = bench(&[1]);
    bench.give(Input::Closed { peer: PeerKey(1) });
    let known = bench.swarm.known_good();
    assert_eq!(known.len(), 0, "it came to nothing when it was tried");
    let stored = KnownPeer {
        addr: addr(2),
        rate: 5,
        rtt_us: 6,
        trusted: true,
    };
    bench.give(Input::KnownGood(vec![stored]));
    assert_eq!(bench.swarm.known_good(), vec![stored]);
}
