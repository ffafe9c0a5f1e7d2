//! The search for an info dict: peers that help, that are silent, and that lie.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use gostorm_wire::ut_metadata::{METADATA_PIECE_LEN, metadata_piece_len};

use std::time::Duration;

use super::*;

const SIZE: u32 = 3 * METADATA_PIECE_LEN + 100;

struct Bench {
    resolve: Resolve,
    now: Time,
    dict: Vec<u8>,
    /// What each peer was asked for and has not answered.
    asked: BTreeMap<u64, Vec<u32>>,
    banned: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        Self::of(SIZE)
    }

    fn of(size: u32) -> Self {
        let dict: Vec<u8> = (0..size)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        let hash = Info::info_hash_of(&dict);
        Self {
            resolve: Resolve::new(hash, None, Config::default(), 1),
            now: Time::ZERO,
            dict,
            asked: BTreeMap::new(),
            banned: Vec::new(),
        }
    }

    fn give(&mut self, input: ResolveInput) {
        self.resolve.handle(self.now, input);
        while let Some(output) = self.resolve.poll() {
            match output {
                Output::Send {
                    peer,
                    message: Message::Extended { payload, .. },
                } => {
                    let message = UtMetadata::decode(&payload).unwrap();
                    let UtMetadata::Request { piece } = message else {
                        panic!("{message:?}");
                    };
                    self.asked.entry(peer.0).or_default().push(piece);
                }
                Output::Ban { ip, .. } => self.banned.push(ip.to_string()),
                Output::Dial { .. }
                | Output::Disconnect { .. }
                | Output::Send { .. }
                | Output::Upload { .. }
                | Output::Reserve { .. }
                | Output::Store { .. }
                | Output::Evict { .. }
                | Output::Verified { .. }
                | Output::Spoilt { .. }
                | Output::Serve { .. }
                | Output::ServeUnverified { .. }
                | Output::Invalidate { .. }
                | Output::Fail { .. }
                | Output::Rests(_)
                | Output::Stalled(_)
                | Output::Lease { .. }
                | Output::LookUp { .. }
                | Output::Announce(_) => {}
            }
        }
    }

    fn turn(&mut self) {
        self.give(ResolveInput::Turn);
    }

    /// A peer connects and claims a dict of `size` bytes.
    fn peer(&mut self, key: u64, size: u32) {
        let addr = SocketAddr::from(([10, 0, 0, u8::try_from(key).unwrap()], 6881));
        let peer = PeerKey(key);
        self.give(ResolveInput::Connected {
            peer,
            addr,
            incoming: false,
        });
        let handshake = ExtendedHandshake {
            ut_metadata: Some(3),
            metadata_size: Some(size),
            ..ExtendedHandshake::default()
        };
        self.give(ResolveInput::Extended { peer, handshake });
    }

    /// The peer answers all it was asked for; `change` may spoil the payload.
    fn answer(&mut self, key: u64, size: u32, change: impl Fn(u32, Vec<u8>) -> Vec<u8>) -> usize {
        let asked = self.asked.remove(&key).unwrap_or_default();
        for piece in &asked {
            let begin = (piece * METADATA_PIECE_LEN) as usize;
            let len = metadata_piece_len(size, *piece).unwrap() as usize;
            let right: Vec<u8> = self
                .dict
                .iter()
                .copied()
                .cycle()
                .skip(begin)
                .take(len)
                .collect();
            let message = UtMetadata::Data {
                piece: *piece,
                total_size: size,
                payload: Bytes::from(change(*piece, right)),
            };
            self.give(ResolveInput::Metadata {
                peer: PeerKey(key),
                message,
            });
        }
        asked.len()
    }

    /// The peer answers truly.
    fn answer_right(&mut self, key: u64) -> usize {
        let size = u32::try_from(self.dict.len()).unwrap();
        self.answer(key, size, |_, right| right)
    }

    /// Lets the honest peers answer until the dict is here, the clock moving on when nobody can.
    fn run(&mut self, honest: &[u64]) -> Option<Vec<u8>> {
        for _ in 0..100 {
            self.turn();
            if let Some(info) = self.resolve.take_info() {
                return Some(info);
            }
            let answered: usize = honest.iter().map(|key| self.answer_right(*key)).sum();
            if answered == 0 {
                self.now += Duration::from_millis(500);
            }
        }
        None
    }
}

#[test]
fn a_small_dict_is_asked_whole_of_three_peers_and_the_first_wins() {
    let mut bench = Bench::new();
    (1..=5).for_each(|key| bench.peer(key, SIZE));
    bench.turn();
    let whole = vec![0, 1, 2, 3];
    let expected = (1..=3).map(|key| (key, whole.clone())).collect();
    assert_eq!(bench.asked, expected);
    bench.answer_right(2);
    bench.turn();
    assert_eq!(bench.resolve.take_info(), Some(bench.dict.clone()));
    assert_eq!(bench.asked.len(), 2, "nobody is asked any more");
    assert_eq!(bench.resolve.progress().peers, 5);
}

#[test]
fn a_peer_is_asked_in_the_very_turn_in_which_it_says_that_it_has_the_dict() {
    let mut bench = Bench::new();
    bench.peer(1, SIZE);
    bench.turn();
    assert_eq!(bench.asked[&1], [0, 1, 2, 3]);
    bench.peer(2, SIZE);
    bench.turn();
    assert_eq!(bench.asked[&2], [0, 1, 2, 3]);
}

#[test]
fn two_silent_peers_of_three_cost_no_time_and_three_one_time_out() {
    let mut bench = Bench::new();
    (1..=3).for_each(|key| bench.peer(key, SIZE));
    assert_eq!(bench.run(&[3]), Some(bench.dict.clone()));
    assert_eq!(bench.now, Time::ZERO);
    let mut bench = Bench::new();
    (1..=4).for_each(|key| bench.peer(key, SIZE));
    assert_eq!(bench.run(&[4]), Some(bench.dict.clone()));
    assert!(bench.now < Time(3_600_000), "{}", bench.now);
}

#[test]
fn a_large_dict_is_fetched_in_common_and_only_its_last_parts_twice() {
    const PARTS: u32 = 40;
    let mut bench = Bench::of(PARTS * METADATA_PIECE_LEN);
    (1..=3).for_each(|key| bench.peer(key, PARTS * METADATA_PIECE_LEN));
    bench.turn();
    let mut asked: Vec<u32> = bench.asked.values().flatten().copied().collect();
    asked.sort_unstable();
    assert_eq!(
        asked,
        (0..24).collect::<Vec<_>>(),
        "eight of each, none twice"
    );
    let mut answered = 0;
    while bench.resolve.take_info().is_none() {
        answered += [1, 2, 3]
            .map(|key| bench.answer_right(key))
            .iter()
            .sum::<usize>();
        bench.turn();
    }
    assert!((40..=56).contains(&answered), "{answered}");
}

#[test]
fn a_peer_that_falls_silent_at_the_end_of_a_large_dict_holds_nobody_up() {
    const SIZE: u32 = 20 * METADATA_PIECE_LEN;
    let mut bench = Bench::of(SIZE);
    (1..=3).for_each(|key| bench.peer(key, SIZE));
    assert_eq!(bench.run(&[1, 3]), Some(bench.dict.clone()));
    assert_eq!(bench.now, Time::ZERO);
}

#[test]
fn who_lied_in_a_common_try_is_found_when_each_is_asked_for_itself() {
    const SIZE: u32 = 20 * METADATA_PIECE_LEN;
    let mut bench = Bench::of(SIZE);
    (1..=4).for_each(|key| bench.peer(key, SIZE));
    for _ in 0..50 {
        bench.turn();
        if let Some(info) = bench.resolve.take_info() {
            assert_eq!(info, bench.dict);
            assert_eq!(bench.banned, ["10.0.0.1"]);
            return;
        }
        bench.answer(1, SIZE, |_, mut right| {
            right[7] ^= 1;
            right
        });
        for key in 2..=4 {
            bench.answer_right(key);
        }
    }
    panic!("the dict was not found");
}

#[test]
fn a_slow_peer_that_goes_on_answering_is_not_taken_for_silent() {
    let mut bench = Bench::new();
    bench.peer(1, SIZE);
    bench.turn();
    for part in 0..4 {
        bench.now += Duration::from_millis(2_500);
        bench.turn();
        assert_eq!(bench.resolve.take_info(), None);
        bench.asked.insert(1, vec![part]);
        bench.answer_right(1);
    }
    assert_eq!(bench.resolve.take_info(), Some(bench.dict.clone()));
}

#[test]
fn liars_about_the_size_hold_nobody_up_and_cost_little_memory() {
    let mut bench = Bench::new();
    let liars = [31 << 20, 32 << 20, 30 << 20, 29 << 20];
    for (key, size) in (1..).zip(liars) {
        bench.peer(key, size);
        bench.turn();
    }
    // At most two of them are believed at a time: together they are not larger than two of the largest dicts.
    assert!(bench.asked.len() <= 2);
    bench.peer(9, SIZE);
    bench.peer(8, SIZE);
    assert_eq!(bench.run(&[9]), Some(bench.dict.clone()));
    assert_eq!(bench.now, Time::ZERO);
}

#[test]
fn one_liar_about_the_size_does_not_hold_up_the_others() {
    let mut bench = Bench::new();
    bench.peer(1, 30 << 20);
    bench.turn();
    bench.peer(2, SIZE);
    bench.peer(3, SIZE);
    assert_eq!(bench.run(&[2, 3]), Some(bench.dict.clone()));
    assert_eq!(bench.now, Time::ZERO, "without any time-out");
}

#[test]
fn a_liar_with_wrong_bytes_is_found_and_banned() {
    let mut bench = Bench::new();
    bench.peer(1, SIZE);
    bench.peer(2, SIZE);
    let lie = |_: u32, mut right: Vec<u8>| {
        right[0] ^= 1;
        right
    };
    for _ in 0..50 {
        bench.turn();
        if bench.resolve.take_info().is_some() {
            assert_eq!(bench.banned, vec!["10.0.0.1"]);
            return;
        }
        bench.answer(1, SIZE, lie);
        bench.answer(2, SIZE, |_, right| right);
    }
    panic!("the dict was not found");
}

#[test]
fn a_liar_that_is_asked_alone_and_falls_silent_makes_way() {
    let mut bench = Bench::new();
    bench.peer(1, SIZE);
    bench.peer(2, SIZE);
    bench.peer(3, SIZE);
    bench.turn();
    for key in 1..=3 {
        bench.answer(key, SIZE, |_, mut right| {
            right[0] ^= u8::from(key == 1);
            right
        });
    }
    bench.turn();
    for key in 1..=3 {
        bench.answer(key, SIZE, |_, right| right);
    }
    // The first try has failed by now; peer 1 alone is asked, and says nothing any more.
    assert_eq!(bench.run(&[2, 3]), Some(bench.dict.clone()));
}

#[test]
fn a_part_of_the_wrong_length_is_not_asked_for_again_at_once() {
    let mut bench = Bench::new();
    bench.peer(1, SIZE);
    bench.peer(2, SIZE);
    for _ in 0..20 {
        bench.turn();
        bench.answer(1, SIZE, |_, right| right[1..].to_vec());
    }
    bench.turn();
    assert!(!bench.asked.contains_key(&1));
    assert_eq!(bench.run(&[2]), Some(bench.dict.clone()));
}

#[test]
fn what_a_peer_said_is_kept_for_the_swarm_with_the_last_word_on_each_matter() {
    let mut bench = Bench::new();
    bench.peer(1, SIZE);
    let peer = PeerKey(1);
    for message in [
        Message::HaveNone,
        Message::Choke,
        Message::HaveAll,
        Message::Unchoke,
    ] {
        bench.give(ResolveInput::Message { peer, message });
    }
    let (_, preludes) = bench.resolve.into_parts();
    assert_eq!(
        preludes[0].messages,
        vec![Message::HaveAll, Message::Unchoke]
    );
}
