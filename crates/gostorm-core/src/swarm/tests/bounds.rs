//! What odd and hostile peers cannot do: bounds that hold, blame that lasts, no toing and froing.

use gostorm_wire::BlockSpan;

use super::uploading::{sent, span, uploads};
use super::*;
use crate::event::DisconnectReason;

#[test]
fn parts_of_blocks_are_no_way_to_more_of_them_on_their_way() {
    let mut bench = Bench::filled(10);
    bench.taker(2, true);
    for at in 0..16 {
        let part = BlockSpan {
            begin: at * 1_024,
            len: 1_024,
            ..span(1, 0)
        };
        bench.say(2, Message::Request(part));
    }
    assert_eq!(uploads(&bench.turn()).len(), 4, "as many as a socket takes");
    bench.written(2, 2 * 1_024);
    assert_eq!(uploads(&bench.turn()).len(), 2);
}

#[test]
fn no_peer_is_told_of_more_pieces_than_can_be_taken_back_at_once() {
    const PIECES: u64 = 4_096;
    let len = PIECES * u64::from(BLOCK_LEN);
    let files = vec![FileSpan { offset: 0, len }];
    let layout = Layout::new(BLOCK_LEN, len, files).unwrap();
    let mut bench = Bench::new(1);
    bench.swarm = Swarm::new(Config::default(), layout, 1);
    bench.give(Input::Open {
        reader: ReaderKey(1),
        file: 0,
        policy: Policy::Verified,
    });
    bench.give(Input::Lease { bytes: 4 * len });
    bench.seed(1);
    for at in 0..8 {
        bench.now += Duration::from_secs(6);
        bench.read(at, at << 20, 1 << 20);
        bench.run_dry();
    }
    bench.leecher(2, true);
    let mut told = 0;
    for _ in 0..60 {
        bench.now += Duration::from_secs(1);
        told += sent(&bench.turn(), 2).len();
    }
    assert_eq!(told, 1_024);
}

#[test]
fn blame_reaches_a_peer_that_stays_however_many_come_and_go() {
    let mut bench = Bench::new(20);
    bench.seed(1);
    for key in 1_000..6_000 {
        bench.give(Input::Connected {
            peer: PeerKey(key),
            addr: SocketAddr::from(([127, 0, 0, 2], 6881)),
            incoming: false,
            fast: true,
            v2: false,
            rtt_us: None,
        });
        bench.give(Input::Closed { peer: PeerKey(key) });
    }
    bench.read(1, 0, 1_000);
    bench.turn();
    for block in 0..8 {
        let piece = PieceIndex(0);
        bench.deliver(1, BlockRef { piece, block });
    }
    let outputs = bench.give(Input::Hashed {
        piece: PieceIndex(0),
        ok: false,
        digests: vec![0; 8],
    });
    let expelled = Output::Disconnect {
        peer: PeerKey(1),
        reason: DisconnectReason::Corrupt,
    };
    assert!(outputs.contains(&expelled), "{outputs:?}");
}

#[test]
fn what_is_given_back_at_the_end_comes_in_order() {
    let mut bench = Bench::filled(12);
    let outputs = bench.give(Input::Shutdown);
    let evicted: Vec<PieceIndex> = outputs
        .iter()
        .filter_map(|output| {
            if let Output::Evict { piece } = output {
                Some(*piece)
            } else {
                None
            }
        })
        .collect();
    assert!(evicted.len() > 5 && evicted.is_sorted(), "{evicted:?}");
}
