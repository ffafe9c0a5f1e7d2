//! A v2 torrent: each block is right or wrong by itself.

use gostorm_wire::HashRequest;

use super::*;
use crate::fuzzing::film::Film;

/// A film whose layers are known, two readers' worth of memory, and these seeds that speak of v2.
struct Stage {
    bench: Bench,
    film: Film,
    asked: Vec<(u64, HashRequest)>,
    stored: Vec<BlockRef>,
}

impl Stage {
    fn new(layers: bool, has_v1: bool, seeds: u64) -> Self {
        let film = Film::new(FILE, u32::try_from(PIECE).unwrap()).unwrap();
        let mut bench = Bench::new(0);
        let layout = bench.swarm.layout().clone();
        bench.swarm =
            Swarm::new(Config::default(), layout, 1).with_trees(Some(film.trees(layers)), has_v1);
        bench.give(Input::Open {
            reader: ReaderKey(1),
            file: 0,
            policy: Policy::Verified,
        });
        bench.give(Input::Lease { bytes: 20 * PIECE });
        let mut stage = Self {
            bench,
            film,
            asked: Vec::new(),
            stored: Vec::new(),
        };
        (1..=seeds).for_each(|key| stage.seed(key));
        stage
    }

    fn seed(&mut self, key: u64) {
        let addr = SocketAddr::from(([10, 0, 0, u8::try_from(key).unwrap()], 6881));
        self.bench.give(Input::Connected {
            peer: PeerKey(key),
            addr,
            incoming: false,
            fast: true,
            v2: true,
            rtt_us: Some(20_000),
        });
        self.bench.say(key, Message::HaveAll);
        self.bench.say(key, Message::Unchoke);
    }

    /// Notes what was asked for and stored.
    fn note(&mut self, outputs: Vec<Output>) -> Vec<Output> {
        for output in &outputs {
            if let Output::Send {
                peer,
                message: Message::HashRequest(request),
            } = output
            {
                self.asked.push((peer.0, *request));
            } else if let Output::Store { block } = output {
                self.stored.push(*block);
            } else if let Output::Evict { piece } = output {
                self.stored.retain(|block| block.piece != *piece);
            }
        }
        outputs
    }

    /// Answers what was asked for of hashes, truly.
    fn answer_hashes(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        for (peer, request) in std::mem::take(&mut self.asked) {
            let hashes = self.film.answer(&request).unwrap();
            let given = self.bench.say(peer, Message::Hashes { request, hashes });
            outputs.extend(self.note(given));
        }
        outputs
    }

    /// Refuses what was asked for of hashes.
    fn refuse_hashes(&mut self) {
        for (peer, request) in std::mem::take(&mut self.asked) {
            let given = self.bench.say(peer, Message::HashReject(request));
            self.note(given);
        }
    }

    /// Delivers the block, and hashes it.
    fn deliver(&mut self, key: u64, block: BlockRef, wrong: bool) -> Vec<Output> {
        let outputs = self.bench.deliver(key, block);
        let mut outputs = self.note(outputs);
        if self.stored.contains(&block) {
            self.stored.retain(|stored| *stored != block);
            let leaf = self.film.leaf(block, wrong);
            let hashed = self.bench.give(Input::Leaves {
                piece: block.piece,
                leaves: vec![(block.block, leaf)],
            });
            outputs.extend(self.note(hashed));
        }
        outputs
    }

    /// Delivers what is asked for until a block is; says of whom.
    fn deliver_until_asked(&mut self, mut asked: Vec<(u64, BlockRef)>, block: BlockRef) -> u64 {
        for _ in 0..20 {
            if let Some((peer, _)) = asked.iter().find(|(_, other)| *other == block) {
                return *peer;
            }
            for (peer, block) in asked {
                self.deliver(peer, block, false);
            }
            asked = requests(&self.turn(), &self.bench.swarm);
        }
        panic!("{block:?} is not asked for again");
    }

    fn turn(&mut self) -> Vec<Output> {
        self.bench.now += Duration::from_millis(10);
        let outputs = self.bench.turn();
        self.note(outputs)
    }
}

fn block(piece: u32, block: u32) -> BlockRef {
    BlockRef {
        piece: PieceIndex(piece),
        block,
    }
}

fn is_banned(outputs: &[Output]) -> bool {
    outputs
        .iter()
        .any(|output| matches!(output, Output::Ban { .. }))
}

#[test]
fn a_read_is_served_by_its_block_before_the_piece_is_complete() {
    let mut stage = Stage::new(true, false, 1);
    stage.bench.read(7, 3 * u64::from(BLOCK_LEN), 1_000);
    let given = stage.turn();
    assert_eq!(requests(&given, &stage.bench.swarm)[0], (1, block(0, 3)));
    assert!(!stage.asked.is_empty(), "the hashes are asked for at once");
    stage.answer_hashes();
    let served = stage.deliver(1, block(0, 3), false);
    let verified = Output::Verified {
        piece: PieceIndex(0),
        blocks: 3..4,
    };
    assert!(served.contains(&verified));
    assert!(served.contains(&Output::Serve { read: ReadKey(7) }));
    assert_eq!(
        stage
            .bench
            .swarm
            .picker
            .drawing(PieceIndex(0))
            .chars()
            .nth(3),
        Some('*')
    );
}

#[test]
fn a_block_that_came_before_its_hash_is_judged_when_it_comes() {
    let mut stage = Stage::new(true, false, 1);
    stage.bench.read(7, 0, 1_000);
    stage.turn();
    let early = stage.deliver(1, block(0, 0), false);
    assert!(!early.contains(&Output::Serve { read: ReadKey(7) }));
    let served = stage.answer_hashes();
    assert!(served.contains(&Output::Serve { read: ReadKey(7) }));
}

#[test]
fn a_liar_is_banned_after_its_first_block_and_the_piece_goes_on() {
    let mut stage = Stage::new(true, false, 2);
    stage.bench.read(7, 0, 1_000);
    let given = requests(&stage.turn(), &stage.bench.swarm);
    stage.answer_hashes();
    let of = |key: u64| {
        given
            .iter()
            .find(|(peer, at)| *peer == key && at.piece.0 == 0)
    };
    let (good, bad) = (of(1).unwrap().1, of(2).unwrap().1);
    stage.deliver(1, good, false);
    let found = stage.deliver(2, bad, true);
    assert!(is_banned(&found));
    assert!(found.contains(&Output::Spoilt { block: bad }));
    let gone = Output::Evict {
        piece: PieceIndex(0),
    };
    assert!(!found.contains(&gone), "the piece is not lost");
    let again = requests(&stage.turn(), &stage.bench.swarm);
    assert!(again.contains(&(1, bad)), "the block comes from another");
    assert_eq!(stage.bench.swarm.stats().spoilt_blocks, 1);
}

#[test]
fn without_hashes_of_blocks_a_piece_is_judged_as_a_whole() {
    let mut stage = Stage::new(true, false, 1);
    stage.bench.read(7, 0, 1_000);
    stage.turn();
    stage.refuse_hashes();
    stage.turn();
    assert!(
        stage.asked.is_empty(),
        "who refused is not asked again at once"
    );
    let mut outputs = Vec::new();
    for at in 0..8 {
        assert!(!outputs.contains(&Output::Serve { read: ReadKey(7) }));
        outputs.extend(stage.deliver(1, block(0, at), false));
    }
    assert!(outputs.contains(&Output::Serve { read: ReadKey(7) }));
    assert_eq!(stage.bench.swarm.picker.drawing(PieceIndex(0)), "verified");
}

#[test]
fn without_hashes_of_blocks_a_spoilt_piece_is_found_all_the_same() {
    let mut stage = Stage::new(true, false, 1);
    stage.bench.read(7, 0, 1_000);
    stage.turn();
    stage.refuse_hashes();
    let mut outputs = Vec::new();
    for at in 0..8 {
        outputs.extend(stage.deliver(1, block(0, at), at == 5));
    }
    assert!(is_banned(&outputs), "the only sender has lied");
    assert!(outputs.contains(&Output::Evict {
        piece: PieceIndex(0)
    }));
    assert_eq!(stage.bench.swarm.stats().hash_failures, 1);
}

#[test]
fn a_complete_piece_that_is_wrong_waits_for_the_hashes_that_single_out_the_liar() {
    let mut stage = Stage::new(true, false, 2);
    stage.bench.read(7, 0, 1_000);
    let given = requests(&stage.turn(), &stage.bench.swarm);
    let (liar, wrong) = *given.iter().find(|(_, at)| at.piece.0 == 0).unwrap();
    let mut outputs = Vec::new();
    for at in 0..8 {
        let sender = if at == wrong.block { liar } else { 3 - liar };
        outputs.extend(stage.deliver(sender, block(0, at), at == wrong.block));
    }
    assert!(!outputs.contains(&Output::Evict {
        piece: PieceIndex(0)
    }));
    let found = stage.answer_hashes();
    assert!(is_banned(&found));
    assert!(found.contains(&Output::Spoilt { block: wrong }));
    assert_eq!(stage.bench.swarm.stats().hash_failures, 0);
}

#[test]
fn a_magnet_of_v2_learns_the_hashes_of_pieces_first() {
    let mut stage = Stage::new(false, false, 1);
    stage.bench.read(7, 0, 1_000);
    stage.turn();
    assert_eq!(stage.asked.len(), 1);
    assert_eq!(stage.asked[0].1.layer, 3);
    let mut outputs = Vec::new();
    for at in 0..8 {
        outputs.extend(stage.deliver(1, block(0, at), false));
    }
    assert!(!outputs.contains(&Output::Serve { read: ReadKey(7) }));
    let served = stage.answer_hashes();
    assert!(served.contains(&Output::Serve { read: ReadKey(7) }));
    assert!(!stage.bench.swarm.trees().unwrap().layers().is_empty());
}

#[test]
fn a_hybrid_without_layers_is_verified_as_v1_until_they_are_known() {
    let mut stage = Stage::new(false, true, 1);
    stage.bench.read(7, 0, 1_000);
    let given = stage.turn();
    assert!(given.contains(&Output::Reserve {
        piece: PieceIndex(0),
        want_digests: false,
        by_blocks: false,
    }));
    stage.answer_hashes();
    let mut outputs = Vec::new();
    for at in 0..8 {
        let delivered = stage.bench.deliver(1, block(0, at));
        outputs.extend(stage.note(delivered));
    }
    let served = stage.bench.give(Input::Hashed {
        piece: PieceIndex(0),
        ok: true,
        digests: vec![],
    });
    assert!(served.contains(&Output::Serve { read: ReadKey(7) }));
    stage.bench.read(8, 30 * PIECE, 1_000);
    let given = stage.turn();
    assert!(given.contains(&Output::Reserve {
        piece: PieceIndex(30),
        want_digests: false,
        by_blocks: true,
    }));
}

#[test]
fn hashes_that_do_not_lead_to_the_root_ban_their_sender() {
    let mut stage = Stage::new(true, false, 1);
    stage.bench.read(7, 0, 1_000);
    stage.turn();
    let (peer, request) = stage.asked[0];
    let hashes = bytes::Bytes::from(vec![9; request.answer_len()]);
    let outputs = stage.bench.say(peer, Message::Hashes { request, hashes });
    assert!(is_banned(&outputs));
}

#[test]
fn silence_about_hashes_is_asked_of_another_peer() {
    let mut stage = Stage::new(true, false, 2);
    stage.bench.read(7, 0, 1_000);
    stage.turn();
    let first = stage.asked[0];
    stage.asked.clear();
    let until = stage.bench.now + Duration::from_secs(3);
    let outputs = stage.bench.wait_until(until);
    stage.note(outputs);
    let again = stage.asked.iter().find(|(_, request)| *request == first.1);
    assert_ne!(again.unwrap().0, first.0);
}

#[test]
fn requests_for_hashes_are_answered_or_rejected_and_a_flood_is_cut_off() {
    let mut stage = Stage::new(true, false, 1);
    let ask = HashRequest {
        root: stage.film.request(0).root,
        layer: 3,
        index: 0,
        count: 64,
        proof_layers: 5,
    };
    let answered = stage.bench.say(1, Message::HashRequest(ask));
    let hashes = stage.film.answer(&ask).unwrap();
    let message = Message::Hashes {
        request: ask,
        hashes,
    };
    let peer = PeerKey(1);
    assert_eq!(answered, [Output::Send { peer, message }]);
    let leaves = HashRequest { layer: 0, ..ask };
    let message = Message::HashReject(leaves);
    let rejected = stage.bench.say(1, Message::HashRequest(leaves));
    assert_eq!(
        rejected,
        [Output::Send { peer, message }],
        "its leaves are not known"
    );
    let mut outputs = Vec::new();
    for _ in 0..3_000 {
        outputs.extend(stage.bench.say(1, Message::HashRequest(ask)));
    }
    let cut = |output: &Output| matches!(output, Output::Disconnect { .. });
    assert!(outputs.iter().any(cut));
}

#[test]
fn a_block_that_is_wrong_twice_costs_its_piece_and_no_more() {
    let mut stage = Stage::new(true, false, 3);
    stage.bench.read(7, 0, 1_000);
    let given = requests(&stage.turn(), &stage.bench.swarm);
    stage.answer_hashes();
    let (liar, first) = given[0];
    stage.deliver(liar, first, true);
    let liar = stage.deliver_until_asked(given[1..].to_vec(), first);
    let outputs = stage.deliver(liar, first, true);
    assert!(outputs.contains(&Output::Evict { piece: first.piece }));
    assert!(is_banned(&outputs));
}
