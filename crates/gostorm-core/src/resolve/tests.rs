//! The search for an info dict: peers that help, that are silent, and that lie.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use gostorm_wire::ut_metadata::{METADATA_PIECE_LEN, metadata_piece_len};

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
        let dict: Vec<u8> = (0..SIZE)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        let hash = Info::info_hash_of(&dict);
        Self {
            resolve: Resolve::new(hash, Config::default(), 1),
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
                | Output::Serve { .. }
                | Output::ServeUnverified { .. }
                | Output::Invalidate { .. }
                | Output::Fail { .. }
                | Output::Stalled(_)
                | Output::Lease { .. }
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

    /// Lets the honest peers answer until the dict is here, the clock moving on when nobody can.
    fn run(&mut self, honest: &[u64]) -> Option<Vec<u8>> {
        for _ in 0..100 {
            self.turn();
            if let Some(info) = self.resolve.take_info() {
                return Some(info);
            }
            let answered: usize = honest
                .iter()
                .map(|key| self.answer(*key, SIZE, |_, right| right))
                .sum();
            if answered == 0 {
                self.now += Duration::from_millis(500);
            }
        }
        None
    }
}

#[test]
fn several_peers_bring_the_parts_together() {
    let mut bench = Bench::new();
    (1..=3).for_each(|key| bench.peer(key, SIZE));
    bench.turn();
    assert_eq!(bench.asked.len(), 3, "each is asked for a part");
    assert_eq!(bench.run(&[1, 2, 3]), Some(bench.dict.clone()));
    assert_eq!(bench.resolve.progress().peers, 3);
}

#[test]
fn a_silent_peer_costs_a_time_out_and_not_the_search() {
    let mut bench = Bench::new();
    (1..=2).for_each(|key| bench.peer(key, SIZE));
    assert_eq!(bench.run(&[2]), Some(bench.dict.clone()));
    assert!(bench.now < Time(5_000_000), "{}", bench.now);
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
