//! What a choked peer may have (BEP 6), and who wants nothing (BEP 21).

use super::uploading::{sent, span, uploads};
use super::*;

/// The piece that [`span`] counts from 1.
fn piece() -> PieceIndex {
    span(1, 0).piece
}

/// A bench whose peer 2 is choked, since it is not interested, and may have one of the pieces that stay.
fn bench() -> (Bench, Vec<Output>) {
    let mut bench = Bench::filled(10);
    bench.limits(None, Some(1 << 20));
    bench.leecher(2, true);
    let pieces = vec![piece(), PieceIndex(0)];
    bench.give(Input::AllowedFast {
        peer: PeerKey(2),
        pieces,
    });
    bench.now += Duration::from_secs(2);
    let outputs = bench.turn();
    (bench, outputs)
}

/// Everything that comes of a message and of the turn behind it.
fn ask(bench: &mut Bench, message: Message) -> Vec<Output> {
    let mut outputs = bench.say(2, message);
    bench.now += Duration::from_secs(1);
    outputs.extend(bench.turn());
    outputs
}

#[test]
fn a_choked_peer_is_granted_what_is_here_of_its_set() {
    let (_, outputs) = bench();
    let said = sent(&outputs, 2);
    let granted = |message: &&&Message| matches!(message, Message::AllowedFast(_));
    let granted: Vec<_> = said.iter().filter(granted).collect();
    assert_eq!(granted, [&&Message::AllowedFast(piece())]);
    let at = |message: Message| said.iter().position(|said| **said == message);
    assert!(at(Message::Have(piece())) < at(Message::AllowedFast(piece())));
}

#[test]
fn a_granted_piece_is_given_once_and_others_are_refused() {
    let (mut bench, _) = bench();
    let blocks = u32::try_from(PIECE).unwrap() / BLOCK_LEN;
    for block in 0..blocks {
        let outputs = ask(&mut bench, Message::Request(span(1, block)));
        assert_eq!(uploads(&outputs), [(2, span(1, block))]);
        assert_eq!(sent(&outputs, 2), Vec::<&Message>::new(), "no unchoke");
        bench.give(Input::Uploaded {
            peer: PeerKey(2),
            bytes: u64::from(BLOCK_LEN),
        });
    }
    for refused in [span(1, 0), span(2, 0)] {
        let outputs = ask(&mut bench, Message::Request(refused));
        assert!(uploads(&outputs).is_empty());
        assert_eq!(sent(&outputs, 2), [&Message::Reject(refused)]);
    }
}

#[test]
fn a_granted_piece_that_is_gone_is_refused() {
    let (mut bench, _) = bench();
    bench.give(Input::Lease { bytes: 0 });
    bench.give(Input::Close {
        reader: ReaderKey(1),
    });
    bench.turn();
    let outputs = ask(&mut bench, Message::Request(span(1, 0)));
    assert!(uploads(&outputs).is_empty());
    assert_eq!(sent(&outputs, 2), [&Message::Reject(span(1, 0))]);
}

#[test]
fn who_wants_nothing_gets_no_place_and_hears_of_no_piece() {
    let mut bench = Bench::filled(10);
    bench.limits(None, Some(1 << 20));
    bench.leecher(2, true);
    let says = |upload_only| Input::UploadOnly {
        peer: PeerKey(2),
        upload_only,
    };
    bench.give(says(true));
    bench.say(2, Message::Interested);
    bench.now += Duration::from_secs(12);
    assert_eq!(sent(&bench.turn(), 2), Vec::<&Message>::new());
    bench.give(says(false));
    bench.now += Duration::from_secs(12);
    let outputs = bench.turn();
    let said = sent(&outputs, 2);
    assert!(said.contains(&&Message::Unchoke), "{said:?}");
    assert!(said.contains(&&Message::Have(piece())), "{said:?}");
}
