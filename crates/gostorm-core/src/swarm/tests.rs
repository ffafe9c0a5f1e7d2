//! The swarm from outside: inputs in, outputs out.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod starvation;

use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::{BLOCK_LEN, Message, PieceIndex};

use super::*;
use crate::budget::Want;
use crate::config::Policy;
use crate::event::{FailReason, ReadKey};
use crate::layout::{BlockRef, FileSpan};

mod allowed;
mod bounds;
mod by_blocks;
mod dead;
mod exchange;
mod explain;
mod limits;
mod peers;
mod responsive;
mod uploading;
mod web_seeds;

const PIECE: u64 = 8 * BLOCK_LEN as u64;
const FILE: u64 = 40 * PIECE;

struct Bench {
    swarm: Swarm,
    now: Time,
}

impl Bench {
    /// A swarm of one file of 40 pieces of 8 blocks, with one reader and a lease of `pieces`.
    fn new(pieces: u64) -> Self {
        let files = vec![FileSpan {
            offset: 0,
            len: FILE,
        }];
        let layout = Layout::new(u32::try_from(PIECE).unwrap(), FILE, files).unwrap();
        let mut bench = Self {
            swarm: Swarm::new(Config::default(), layout, 1),
            now: Time::ZERO,
        };
        bench.give(Input::Open {
            reader: ReaderKey(1),
            file: 0,
            policy: Policy::Verified,
        });
        bench.give(Input::Lease {
            bytes: pieces * PIECE,
        });
        bench
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        self.swarm.handle(self.now, input);
        let outputs = std::iter::from_fn(|| self.swarm.poll()).collect();
        self.swarm.check_invariants();
        outputs
    }

    fn turn(&mut self) -> Vec<Output> {
        self.give(Input::Turn)
    }

    /// Turns whenever the swarm asks for one, until `until`.
    fn wait_until(&mut self, until: Time) -> Vec<Output> {
        let mut outputs = Vec::new();
        while self.now < until {
            self.now = self.swarm.wake_at().max(Time(self.now.0 + 1)).min(until);
            outputs.extend(self.turn());
        }
        outputs
    }

    fn seed(&mut self, key: u64) {
        let addr = SocketAddr::from(([127, 0, 0, u8::try_from(key).unwrap()], 6881));
        self.give(Input::Connected {
            peer: PeerKey(key),
            addr,
            incoming: false,
            fast: true,
            v2: false,
            rtt_us: Some(20_000),
        });
        self.say(key, Message::HaveAll);
        self.say(key, Message::Unchoke);
    }

    fn set_rate(&mut self, key: u64, rate: u64) {
        let peer = self.swarm.peers.get_mut(&PeerKey(key)).unwrap();
        peer.estimate = crate::estimate::Estimate::new(Some(20_000), Some(rate));
    }

    fn say(&mut self, key: u64, message: Message) -> Vec<Output> {
        self.give(Input::Message {
            peer: PeerKey(key),
            message,
        })
    }

    fn read(&mut self, read: u64, offset: u64, len: u64) -> Vec<Output> {
        let deadline = self.now + Duration::from_secs(25);
        self.give(Input::Read {
            reader: ReaderKey(1),
            read: ReadKey(read),
            range: offset..offset + len,
            deadline,
        })
    }

    fn deliver(&mut self, key: u64, block: BlockRef) -> Vec<Output> {
        let span = self.swarm.layout.span(block);
        self.give(Input::Block {
            peer: PeerKey(key),
            span,
        })
    }

    /// Delivers all that is asked, from whom it is asked, until nothing is asked any more.
    fn run_dry(&mut self) -> Vec<Output> {
        let mut seen = Vec::new();
        loop {
            self.now += Duration::from_millis(10);
            let asked = requests(&self.turn(), &self.swarm);
            if asked.is_empty() {
                return seen;
            }
            for (peer, block) in asked {
                seen.extend(self.deliver(peer, block));
                if self
                    .swarm
                    .picker
                    .active(block.piece)
                    .is_some_and(crate::picker::Active::is_complete)
                {
                    seen.extend(self.give(Input::Hashed {
                        piece: block.piece,
                        ok: true,
                        digests: vec![],
                    }));
                }
            }
        }
    }
}

fn requests(outputs: &[Output], swarm: &Swarm) -> Vec<(u64, BlockRef)> {
    let request = |output: &Output| {
        if let Output::Send {
            peer,
            message: Message::Request(span),
        } = output
        {
            Some((peer.0, swarm.layout.block_of(*span).unwrap()))
        } else {
            None
        }
    };
    outputs.iter().filter_map(request).collect()
}

fn cancels(outputs: &[Output]) -> usize {
    outputs
        .iter()
        .filter(|output| {
            matches!(
                output,
                Output::Send {
                    message: Message::Cancel(_),
                    ..
                }
            )
        })
        .count()
}

#[test]
fn a_read_is_served_when_its_piece_is_verified() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    assert_eq!(bench.read(7, 100, 1_000), vec![]);
    let outputs = bench.turn();
    assert!(outputs.contains(&Output::Reserve {
        piece: PieceIndex(0),
        want_digests: false,
        by_blocks: false,
    }));
    let asked = requests(&outputs, &bench.swarm);
    assert_eq!(
        asked[0],
        (
            1,
            BlockRef {
                piece: PieceIndex(0),
                block: 0
            }
        ),
        "the first block goes first"
    );
    for block in 0..8 {
        let block = BlockRef {
            piece: PieceIndex(0),
            block,
        };
        assert_eq!(bench.deliver(1, block), vec![Output::Store { block }]);
    }
    let served = bench.give(Input::Hashed {
        piece: PieceIndex(0),
        ok: true,
        digests: vec![],
    });
    assert_eq!(served, vec![Output::Serve { read: ReadKey(7) }]);
    assert_eq!(
        bench.read(8, 0, 10),
        vec![Output::Serve { read: ReadKey(8) }],
        "now at once"
    );
}

#[test]
fn the_window_is_filled_to_the_lease_and_no_further() {
    let mut bench = Bench::new(10);
    bench.seed(1);
    bench.read(1, 0, PIECE);
    bench.run_dry();
    assert!(bench.swarm.held.bytes() <= 10 * PIECE);
    assert!(
        bench.swarm.held.bytes() >= 7 * PIECE,
        "{} pieces",
        bench.swarm.held.bytes() / PIECE
    );
}

#[test]
fn reading_on_evicts_what_lies_behind() {
    let mut bench = Bench::new(10);
    bench.seed(1);
    for piece in 0..40 {
        bench.read(piece, piece * PIECE, PIECE);
        bench.run_dry();
        assert!(
            bench.swarm.demand.waiting().is_empty(),
            "piece {piece} was served"
        );
        assert!(bench.swarm.held.bytes() <= 10 * PIECE);
        if (2..30).contains(&piece) {
            let behind = PieceIndex(u32::try_from(piece).unwrap() - 1);
            assert!(bench.swarm.picker.holds(behind), "a back window is kept");
        }
    }
    assert!(!bench.swarm.picker.holds(PieceIndex(0)));
}

#[test]
fn a_seek_drops_the_old_window_in_the_same_turn() {
    let mut bench = Bench::new(30);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let old = requests(&bench.turn(), &bench.swarm);
    assert!(!old.is_empty());
    bench.read(2, 30 * PIECE, 1_000);
    let outputs = bench.turn();
    assert_eq!(
        cancels(&outputs),
        old.len(),
        "also what the read at the old place still waits for"
    );
    let new = requests(&outputs, &bench.swarm);
    assert_eq!(
        new[0].1,
        BlockRef {
            piece: PieceIndex(30),
            block: 0
        },
        "the new place comes first"
    );
    for (peer, block) in new {
        bench.deliver(peer, block);
    }
    let hashed = Input::Hashed {
        piece: PieceIndex(30),
        ok: true,
        digests: vec![],
    };
    let served = bench.give(hashed);
    assert_eq!(served, vec![Output::Serve { read: ReadKey(2) }]);
    let seen = bench.run_dry();
    assert!(
        seen.contains(&Output::Serve { read: ReadKey(1) }),
        "the old read is served in the end"
    );
}

#[test]
fn two_interleaved_streams_of_one_handle_keep_both_windows() {
    let mut bench = Bench::new(38);
    bench.seed(1);
    let half = 20 * PIECE;
    for step in 0..8 {
        bench.read(step * 2, step * PIECE, PIECE);
        bench.read(step * 2 + 1, half + step * PIECE, PIECE);
        bench.run_dry();
    }
    assert_eq!(bench.swarm.demand.live_cursors().count(), 2);
    assert!(bench.swarm.picker.verified().contains(PieceIndex(8)));
    assert!(bench.swarm.picker.verified().contains(PieceIndex(28)));
}

#[test]
fn a_read_fails_at_its_deadline_and_the_swarm_goes_on() {
    let mut bench = Bench::new(20);
    bench.read(1, 0, 1_000);
    bench.turn();
    assert!(bench.swarm.wake_at() <= Time(25_000_000));
    bench.now = Time(25_000_000);
    let outputs = bench.turn();
    assert!(outputs.contains(&Output::Fail {
        read: ReadKey(1),
        reason: FailReason::Deadline
    }));
    bench.seed(1);
    bench.read(2, 0, 1_000);
    let seen = bench.run_dry();
    assert!(seen.contains(&Output::Serve { read: ReadKey(2) }));
}

const SPOILT: PieceIndex = PieceIndex(0);

/// A swarm of two seeds whose first piece fails because of peer 2; the digests of the good blocks.
fn spoilt_by_the_second_of_two() -> (Bench, Vec<u64>) {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.seed(2);
    bench.read(1, 0, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    let of_piece = || asked.iter().filter(|(_, block)| block.piece == SPOILT);
    assert!(of_piece().any(|(peer, _)| *peer == 1), "both send a part");
    let bad = of_piece().find(|(peer, _)| *peer == 2).unwrap().1.block;
    for (peer, block) in of_piece() {
        bench.deliver(*peer, *block);
    }
    let good: Vec<u64> = (0..8).collect();
    let mut digests = good.clone();
    digests[bad as usize] = 99;
    let outputs = bench.give(Input::Hashed {
        piece: SPOILT,
        ok: false,
        digests,
    });
    assert_eq!(
        outputs,
        vec![Output::Evict { piece: SPOILT }],
        "nobody is banned on suspicion"
    );
    (bench, good)
}

fn banned(outputs: &[Output]) -> Vec<String> {
    let ip = |output: &Output| {
        if let Output::Ban { ip, .. } = output {
            Some(ip.to_string())
        } else {
            None
        }
    };
    outputs.iter().filter_map(ip).collect()
}

#[test]
fn a_spoilt_piece_comes_again_each_block_from_another_peer() {
    let (mut bench, _) = spoilt_by_the_second_of_two();
    let outputs = bench.turn();
    assert!(outputs.contains(&Output::Reserve {
        piece: SPOILT,
        want_digests: true,
        by_blocks: false,
    }));
    let asked = requests(&outputs, &bench.swarm).into_iter();
    let again: Vec<_> = asked.filter(|(_, block)| block.piece == SPOILT).collect();
    assert!(!again.is_empty());
    for (peer, block) in again {
        let addr = bench.swarm.peers[&PeerKey(peer)].addr;
        let mut before = bench.swarm.verify.senders(SPOILT, block.block as usize);
        assert!(before.all(|sender| sender != addr), "{block:?}");
    }
}

#[test]
fn the_peer_that_spoils_a_piece_is_banned_and_the_others_are_not() {
    let (mut bench, good) = spoilt_by_the_second_of_two();
    // The lone source may have room for a part at a time.
    for _ in 0..4 {
        for (peer, block) in requests(&bench.turn(), &bench.swarm) {
            bench.deliver(peer, block);
        }
    }
    let outputs = bench.give(Input::Hashed {
        piece: SPOILT,
        ok: true,
        digests: good,
    });
    assert!(outputs.contains(&Output::Serve { read: ReadKey(1) }));
    assert_eq!(banned(&outputs), vec!["127.0.0.2"]);
}

#[test]
fn sleep_fails_the_reads_and_gives_every_byte_back() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, PIECE * 3);
    let asked = requests(&bench.turn(), &bench.swarm);
    for (peer, block) in asked {
        bench.deliver(peer, block);
    }
    let outputs = bench.give(Input::Shutdown);
    assert!(outputs.contains(&Output::Fail {
        read: ReadKey(1),
        reason: FailReason::Shutdown
    }));
    let nothing = Output::Lease {
        want: Want::default(),
        held: 0,
    };
    assert_eq!(outputs.last(), Some(&nothing));
    assert_eq!(bench.swarm.stats().held_bytes, 0);
    assert_eq!(bench.swarm.wake_at(), Time::NEVER);
}
