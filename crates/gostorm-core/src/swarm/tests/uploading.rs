//! What peers get of us: announced pieces, blocks in turns, and refusals.

use gostorm_wire::BlockSpan;

use super::*;
use crate::choker::slots;

pub(super) const BLOCK: u64 = BLOCK_LEN as u64;

/// The piece at which the player of a filled bench stopped: it has read 2 MiB, or it would be a probe.
const FIRST: u32 = 17;

/// A block of a piece, counted from [`FIRST`].
pub(super) fn span(piece: u32, block: u32) -> BlockSpan {
    BlockSpan {
        piece: PieceIndex(FIRST + piece),
        begin: block * BLOCK_LEN,
        len: BLOCK_LEN,
    }
}

pub(super) fn sent(outputs: &[Output], key: u64) -> Vec<&Message> {
    let of_peer = |output| {
        if let &Output::Send { peer, ref message } = output
            && peer.0 == key
        {
            Some(message)
        } else {
            None
        }
    };
    outputs.iter().filter_map(of_peer).collect()
}

pub(super) fn uploads(outputs: &[Output]) -> Vec<(u64, BlockSpan)> {
    let upload = |output: &Output| {
        if let Output::Upload { peer, span } = output {
            Some((peer.0, *span))
        } else {
            None
        }
    };
    outputs.iter().filter_map(upload).collect()
}

impl Bench {
    /// A bench with a seed and a lease of `pieces`, whose player has read up to [`FIRST`] and stopped; its
    /// window is full.
    pub(super) fn filled(pieces: u64) -> Self {
        let mut bench = Self::new(pieces);
        bench.seed(1);
        for piece in 0..u64::from(FIRST) {
            // So slow that nothing is known of its rate but that it pauses.
            bench.now += Duration::from_secs(6);
            bench.read(piece, piece * PIECE, PIECE);
            bench.run_dry();
        }
        // A player that has paused for so long leaves its window where it is.
        bench.now += Duration::from_secs(60);
        bench
    }

    pub(super) fn leecher(&mut self, key: u64, fast: bool) {
        self.give(Input::Connected {
            peer: PeerKey(key),
            addr: SocketAddr::from(([127, 0, 1, u8::try_from(key).unwrap()], 6881)),
            incoming: true,
            fast,
            v2: false,
            rtt_us: None,
        });
    }

    /// A leecher that wants what we have, unchoked.
    pub(super) fn taker(&mut self, key: u64, fast: bool) {
        self.leecher(key, fast);
        self.say(key, Message::Interested);
        let outputs = self.turn();
        assert!(sent(&outputs, key).contains(&&Message::Unchoke));
    }

    pub(super) fn written(&mut self, key: u64, bytes: u64) {
        self.give(Input::Uploaded {
            peer: PeerKey(key),
            bytes,
        });
    }

    pub(super) fn limits(&mut self, download: Option<u64>, upload: Option<u64>) {
        self.give(Input::Limits { download, upload });
    }
}

#[test]
fn pieces_that_stay_are_announced_once_to_those_that_lack_them() {
    let mut bench = Bench::filled(10);
    bench.leecher(2, true);
    bench.say(2, Message::Have(PieceIndex(FIRST + 1)));
    bench.turn();
    bench.now += Duration::from_secs(2);
    let outputs = bench.turn();
    let told = sent(&outputs, 2);
    assert!(
        told.contains(&&Message::Have(PieceIndex(FIRST + 2))),
        "{told:?}"
    );
    assert!(
        !told.contains(&&Message::Have(PieceIndex(FIRST + 1))),
        "it has that"
    );
    assert!(sent(&outputs, 1).is_empty(), "a seed lacks nothing");
    bench.now += Duration::from_secs(2);
    assert!(sent(&bench.turn(), 2).is_empty(), "nor is it told twice");
}

#[test]
fn pieces_that_a_fast_reader_leaves_behind_soon_are_not_announced() {
    let mut bench = Bench::filled(10);
    bench.leecher(2, true);
    for step in 0..6 {
        // Two pieces a second: four seconds of them are held.
        bench.now += Duration::from_millis(500);
        bench.read(100 + step, (u64::from(FIRST) + step) * PIECE, PIECE);
        bench.run_dry();
        let told = bench.swarm.peers[&PeerKey(2)].upload.told().count();
        assert_eq!(told, 0, "step {step}");
    }
}

#[test]
fn a_lease_that_shrinks_announces_nothing() {
    let mut bench = Bench::filled(10);
    bench.give(Input::Lease { bytes: 5 * PIECE });
    bench.leecher(2, true);
    bench.now += Duration::from_secs(5);
    assert!(sent(&bench.turn(), 2).is_empty());
    bench.now += Duration::from_secs(6);
    assert!(!sent(&bench.turn(), 2).is_empty());
}

#[test]
fn an_interested_peer_is_unchoked_at_once_and_only_when_something_is_held() {
    let mut bench = Bench::new(10);
    bench.leecher(2, true);
    bench.say(2, Message::Interested);
    assert!(sent(&bench.turn(), 2).is_empty());
    let mut bench = Bench::filled(10);
    bench.taker(2, true);
    assert_eq!(bench.swarm.stats().unchoked, 1);
}

#[test]
fn a_block_is_sent_when_it_was_asked_for_and_its_writing_is_counted() {
    let mut bench = Bench::filled(10);
    bench.taker(2, true);
    bench.say(2, Message::Request(span(1, 3)));
    let outputs = bench.turn();
    assert_eq!(uploads(&outputs), vec![(2, span(1, 3))]);
    assert_eq!(bench.swarm.stats().uploaded_bytes, 0, "not written yet");
    bench.written(2, BLOCK);
    assert_eq!(bench.swarm.stats().uploaded_bytes, BLOCK);
    bench.written(2, 1 << 40);
    assert_eq!(
        bench.swarm.stats().uploaded_bytes,
        BLOCK,
        "no more than was sent"
    );
}

#[test]
fn a_peer_that_does_not_read_has_four_blocks_on_their_way_and_no_more() {
    let mut bench = Bench::filled(10);
    bench.taker(2, true);
    bench.taker(3, true);
    for block in 0..8 {
        bench.say(2, Message::Request(span(1, block)));
    }
    assert_eq!(uploads(&bench.turn()).len(), 4);
    assert!(uploads(&bench.turn()).is_empty());
    bench.say(3, Message::Request(span(2, 0)));
    assert_eq!(
        uploads(&bench.turn()),
        vec![(3, span(2, 0))],
        "others go on"
    );
    bench.written(2, 2 * BLOCK);
    assert_eq!(
        uploads(&bench.turn()),
        vec![(2, span(1, 4)), (2, span(1, 5))]
    );
}

#[test]
fn a_cancelled_request_is_answered_by_a_reject_and_not_by_a_block() {
    let mut bench = Bench::filled(10);
    bench.limits(None, Some(1));
    for (key, fast) in [(2, true), (3, false)] {
        bench.taker(key, fast);
        bench.say(key, Message::Request(span(1, 0)));
        let outputs = bench.say(key, Message::Cancel(span(1, 0)));
        let rejects = sent(&outputs, key).contains(&&Message::Reject(span(1, 0)));
        assert_eq!(rejects, fast);
        assert!(bench.say(key, Message::Cancel(span(1, 0))).is_empty());
    }
    bench.now += Duration::from_secs(1 << 20);
    assert!(uploads(&bench.turn()).is_empty());
}

#[test]
fn a_request_for_what_is_not_here_is_refused_and_never_dropped() {
    let mut bench = Bench::filled(10);
    let gone = span(20, 0);
    bench.leecher(2, true);
    let outputs = bench.say(2, Message::Request(span(1, 0)));
    assert_eq!(
        sent(&outputs, 2),
        vec![&Message::Reject(span(1, 0))],
        "choked"
    );
    bench.taker(3, true);
    let outputs = bench.say(3, Message::Request(gone));
    assert_eq!(sent(&outputs, 3), vec![&Message::Reject(gone)]);
    bench.taker(4, false);
    let outputs = bench.say(4, Message::Request(gone));
    assert_eq!(
        sent(&outputs, 4),
        vec![&Message::Choke],
        "it cannot be told otherwise"
    );
    assert!(
        bench.say(4, Message::Request(gone)).is_empty(),
        "that crossed the choke"
    );
    let crosses = BlockSpan {
        begin: 8_192,
        ..span(1, 0)
    };
    let outputs = bench.say(3, Message::Request(crosses));
    assert_eq!(sent(&outputs, 3), vec![&Message::Reject(crosses)]);
}

#[test]
fn who_cannot_learn_that_a_piece_is_gone_does_not_go_round_in_circles() {
    let mut bench = Bench::filled(10);
    let gone = span(20, 0);
    for (key, fast, tries) in [(2, false, 1), (3, true, 65)] {
        bench.taker(key, fast);
        let mut chokes = 0;
        for _ in 0..tries {
            let outputs = bench.say(key, Message::Request(gone));
            chokes += sent(&outputs, key)
                .into_iter()
                .filter(|said| **said == Message::Choke)
                .count();
        }
        assert_eq!(chokes, 1);
    }
    for _ in 0..19 {
        bench.now += Duration::from_secs(1);
        let outputs = bench.turn();
        assert_eq!(bench.swarm.stats().unchoked, 0, "{outputs:?}");
    }
    bench.now += Duration::from_secs(11);
    bench.turn();
    assert_eq!(bench.swarm.stats().unchoked, 2);
}

#[test]
fn an_evicted_piece_is_taken_back_from_those_that_were_told() {
    let mut bench = Bench::filled(10);
    bench.limits(None, Some(1));
    bench.leecher(2, true);
    bench.give(Input::TakesDontHave {
        peer: PeerKey(2),
        id: 9,
    });
    bench.leecher(3, false);
    for key in [2, 3] {
        bench.say(key, Message::Interested);
    }
    bench.now += Duration::from_secs(2);
    bench.turn();
    for key in [2, 3] {
        bench.say(key, Message::Request(span(1, 0)));
    }
    let mut outputs = bench.give(Input::Lease { bytes: 0 });
    // The reader goes elsewhere: its old window protects nothing any more.
    bench.give(Input::Close {
        reader: ReaderKey(1),
    });
    outputs.extend(bench.turn());
    let dont_have = Message::Extended {
        id: 9,
        payload: gostorm_wire::DontHave(PieceIndex(FIRST + 1)).encode(),
    };
    let told = sent(&outputs, 2);
    let at = |message: &Message| told.iter().position(|said| *said == message);
    assert!(
        at(&dont_have) < at(&Message::Reject(span(1, 0))),
        "{told:?}"
    );
    assert!(at(&dont_have).is_some());
    assert_eq!(sent(&outputs, 3), vec![&Message::Choke]);
    assert!(uploads(&outputs).is_empty());
}

#[test]
fn what_makes_room_for_a_seek_is_taken_back_as_well() {
    let mut bench = Bench::filled(10);
    bench.leecher(2, true);
    bench.now += Duration::from_secs(2);
    bench.turn();
    let told = |bench: &Bench| bench.swarm.peers[&PeerKey(2)].upload.told().count();
    let before = told(&bench);
    assert!(before >= 5, "{before}");
    // The invariants are checked after each input: nobody believes in a piece that is gone.
    bench.read(100, 0, 1_000);
    bench.run_dry();
    assert!(told(&bench) < before);
}

#[test]
fn a_choke_rejects_what_waits() {
    let mut bench = Bench::filled(10);
    bench.taker(2, true);
    bench.limits(None, Some(0));
    bench.say(2, Message::Request(span(1, 0)));
    bench.now += Duration::from_secs(10);
    let outputs = bench.turn();
    let reject = Message::Reject(span(1, 0));
    assert_eq!(sent(&outputs, 2), vec![&Message::Choke, &reject]);
}

#[test]
fn floods_of_requests_are_bounded_and_end_the_connection() {
    let mut bench = Bench::filled(20);
    bench.limits(None, Some(1));
    bench.taker(2, true);
    let all = (0..12).flat_map(|piece| (0..8).map(move |block| span(piece, block)));
    for span in all.clone().chain(all.clone()) {
        bench.say(2, Message::Request(span));
    }
    assert!(
        bench.swarm.stats().queued_requests <= 128,
        "asked twice, queued once"
    );
    let small = |at: u32| BlockSpan {
        begin: at,
        len: 1,
        ..span(1, 0)
    };
    for at in 0..900 {
        bench.say(2, Message::Request(small(at)));
        assert!(bench.swarm.stats().queued_requests <= 250);
    }
    let mut ended = false;
    for at in 0..1_000 {
        let outputs = bench.say(2, Message::Request(small(at)));
        ended |= matches!(outputs[..], [Output::Disconnect { .. }]);
    }
    assert!(ended);
    assert_eq!(bench.swarm.stats().peers, 1, "the seed is still there");
}

#[test]
fn a_request_beyond_the_torrent_or_longer_than_a_block_ends_the_connection() {
    let wrong = [
        (40, 0, BLOCK_LEN),
        (u32::MAX, 0, BLOCK_LEN),
        (0, 8 * BLOCK_LEN, 1),
        (0, 0, BLOCK_LEN + 1),
        (0, 7 * BLOCK_LEN + 1, BLOCK_LEN),
        (0, u32::MAX, BLOCK_LEN),
    ];
    for (piece, begin, len) in wrong {
        let mut bench = Bench::filled(10);
        bench.taker(2, true);
        let wrong = BlockSpan {
            piece: PieceIndex(piece),
            begin,
            len,
        };
        let outputs = bench.say(2, Message::Request(wrong));
        assert!(
            matches!(outputs[..], [Output::Disconnect { .. }]),
            "{wrong}"
        );
    }
}

#[test]
fn who_serves_us_keeps_its_slot_and_who_is_snubbed_loses_it() {
    let mut bench = Bench::filled(10);
    bench.limits(None, Some(1));
    assert_eq!(slots(Some(1)), 2);
    for key in 2..=9 {
        bench.leecher(key, true);
        bench.say(key, Message::Interested);
    }
    let giving = |bench: &mut Bench, key: u64| {
        bench
            .swarm
            .peers
            .get_mut(&PeerKey(key))
            .unwrap()
            .upload
            .gave(BLOCK_LEN);
    };
    for _ in 0..30 {
        giving(&mut bench, 8);
        giving(&mut bench, 9);
        bench.now += Duration::from_secs(10);
        bench.turn();
        let unchoked = |key: u64| !bench.swarm.peers[&PeerKey(key)].upload.choked;
        assert!(unchoked(8) && unchoked(9));
        assert_eq!(bench.swarm.stats().unchoked, 3);
    }
    bench.swarm.peers.get_mut(&PeerKey(9)).unwrap().snubbed = true;
    let mut choked = 0;
    for _ in 0..9 {
        giving(&mut bench, 8);
        giving(&mut bench, 9);
        bench.now += Duration::from_secs(10);
        bench.turn();
        choked += u32::from(bench.swarm.peers[&PeerKey(9)].upload.choked);
        assert!(!bench.swarm.peers[&PeerKey(8)].upload.choked);
    }
    assert!(
        choked >= 3,
        "only by luck is it served: choked {choked} of 9"
    );
}

#[test]
fn a_leecher_finds_a_place_in_a_torrent_that_dialled_all_it_may_and_a_crowd_does_not() {
    let mut bench = Bench::new(10);
    (1..=25).for_each(|key| bench.seed(key));
    let dials = |bench: &mut Bench, key: u64, addr: &str| {
        let outputs = bench.give(Input::Connected {
            peer: PeerKey(key),
            addr: addr.parse().unwrap(),
            incoming: true,
            fast: true,
            v2: false,
            rtt_us: None,
        });
        !outputs
            .iter()
            .any(|output| matches!(output, Output::Disconnect { .. }))
    };
    assert!(dials(&mut bench, 30, "192.0.2.1:1"));
    assert!(dials(&mut bench, 31, "192.0.2.2:1"));
    assert!(dials(&mut bench, 32, "192.0.2.3:1"));
    assert!(
        !dials(&mut bench, 33, "192.0.2.4:1"),
        "there is an end to it"
    );
    let mut bench = Bench::new(10);
    for port in 1..=3 {
        assert!(dials(
            &mut bench,
            port,
            &format!("[2001:db8::{port}]:{port}")
        ));
    }
    assert!(!dials(&mut bench, 4, "[2001:db8::7:4]:4"), "one host");
    assert!(dials(&mut bench, 5, "[2001:db8:1::1]:5"));
    for port in 6..=12 {
        assert!(dials(&mut bench, port, &format!("127.0.0.1:{port}")));
    }
}

#[test]
fn what_a_peer_has_no_more_is_asked_of_others() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    bench.read(1, 0, 1_000);
    let asked = requests(&bench.turn(), &bench.swarm);
    let of_first = asked.iter().filter(|(_, block)| block.piece.0 == 0).count();
    bench.seed(2);
    let outputs = bench.give(Input::DontHave {
        peer: PeerKey(1),
        piece: PieceIndex(0),
    });
    assert_eq!(cancels(&outputs), of_first);
    let again = requests(&bench.turn(), &bench.swarm);
    assert_eq!(again[0], (2, asked[0].1));
    bench.give(Input::DontHave {
        peer: PeerKey(1),
        piece: PieceIndex(u32::MAX),
    });
}
