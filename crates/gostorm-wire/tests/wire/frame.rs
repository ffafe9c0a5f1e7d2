//! Peer messages: each survives the wire however the stream is cut, and no
//! length prefix is believed.

use bytes::{Bytes, BytesMut};
use gostorm_wire::{
    BLOCK_LEN, BlockSpan, FrameLimits, Handshake, HashRequest, Message, Node, PieceIndex, Step,
    Violation, encode_piece_header, next_frame,
};
use proptest::prelude::*;

use crate::cases;

/// All steps of a stream, one on a line.
fn steps(mut stream: &[u8]) -> String {
    let mut out = String::new();
    loop {
        let step = next_frame(stream, &FrameLimits::default());
        let taken = match &step {
            Ok(Step::Message { consumed, .. }) => *consumed,
            Ok(Step::Block { span, consumed }) => consumed + usize::try_from(span.len).unwrap(),
            Ok(Step::Incomplete { .. }) | Err(_) => 0,
        };
        match step {
            Ok(Step::Message { message, .. }) => out += &format!("\n  {message:?}"),
            Ok(Step::Block { span, .. }) => out += &format!("\n  block {span}"),
            Ok(Step::Incomplete { need }) => return out + &format!("\n  needs {need}"),
            Err(violation) => return out + &format!("\n  violation: {violation}"),
        }
        stream = &stream[taken.min(stream.len())..];
    }
}

#[test]
fn every_case_gets_its_answer() {
    insta::assert_snapshot!(cases::answers("frame", steps));
}

#[test]
fn every_handshake_case_gets_its_answer() {
    insta::assert_snapshot!(cases::answers("handshake", |input| {
        match Handshake::decode(input.first_chunk().unwrap()) {
            Ok(handshake) => format!("{handshake:?}"),
            Err(violation) => violation.to_string(),
        }
    }));
}

#[test]
fn a_block_is_announced_before_its_payload_arrives() {
    let span = BlockSpan {
        piece: PieceIndex(3),
        begin: 32768,
        len: BLOCK_LEN,
    };
    let mut out = BytesMut::new();
    encode_piece_header(span, &mut out);
    assert_eq!(out[..], [0, 0, 0x40, 9, 7, 0, 0, 0, 3, 0, 0, 0x80, 0]);
    let step = next_frame(&out, &FrameLimits::default());
    assert_eq!(step, Ok(Step::Block { span, consumed: 13 }));
    let step = next_frame(&out[..12], &FrameLimits::default());
    assert_eq!(step, Ok(Step::Incomplete { need: 13 }));
}

#[test]
fn the_limits_are_the_callers() {
    let limits = FrameLimits {
        message_len_max: 10,
        block_len_max: 4,
    };
    let mut out = BytesMut::new();
    Message::Bitfield(Bytes::from_static(&[0; 9])).encode(&mut out);
    assert!(next_frame(&out, &limits).is_ok());
    out.clear();
    Message::Bitfield(Bytes::from_static(&[0; 10])).encode(&mut out);
    let violation = Violation::MessageTooLong {
        id: Some(5),
        len: 11,
        max: 10,
    };
    assert_eq!(next_frame(&out, &limits), Err(violation));
    let header = |len| {
        let mut out = BytesMut::new();
        let (piece, begin) = (PieceIndex(0), 0);
        encode_piece_header(BlockSpan { piece, begin, len }, &mut out);
        out
    };
    // A block's length is bounded by its own limit, not by that of messages.
    assert!(next_frame(&header(4), &limits).is_ok());
    assert!(next_frame(&header(5), &limits).is_err());
    // The length prefix alone (9 + 4) may still be that of a block.
    let prefix = &header(4)[..4];
    assert_eq!(
        next_frame(prefix, &limits),
        Ok(Step::Incomplete { need: 5 })
    );
}

fn piece() -> impl Strategy<Value = PieceIndex> {
    any::<u32>().prop_map(PieceIndex)
}

fn span() -> impl Strategy<Value = BlockSpan> {
    (piece(), 0..u32::MAX - 131_072, 1..=131_072_u32).prop_map(|(piece, begin, len)| BlockSpan {
        piece,
        begin,
        len,
    })
}

fn message() -> impl Strategy<Value = Message> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from);
    prop_oneof![
        Just(Message::KeepAlive),
        Just(Message::Choke),
        Just(Message::Unchoke),
        Just(Message::Interested),
        Just(Message::NotInterested),
        piece().prop_map(Message::Have),
        bytes().prop_map(Message::Bitfield),
        span().prop_map(Message::Request),
        span().prop_map(Message::Cancel),
        any::<u16>().prop_map(Message::Port),
        piece().prop_map(Message::Suggest),
        Just(Message::HaveAll),
        Just(Message::HaveNone),
        span().prop_map(Message::Reject),
        piece().prop_map(Message::AllowedFast),
        (any::<u8>(), bytes()).prop_map(|(id, payload)| Message::Extended { id, payload }),
        hash_request().prop_map(Message::HashRequest),
        hash_request().prop_map(|request| {
            let hashes = Bytes::from(vec![5; request.answer_len()]);
            Message::Hashes { request, hashes }
        }),
        hash_request().prop_map(Message::HashReject),
        (24..=255_u8).prop_map(|id| Message::Unknown { id }),
    ]
}

fn hash_request() -> impl Strategy<Value = HashRequest> {
    let numbers = (0..40_u32, 0..1000_u32, 0..8_u32, 0..40_u32);
    (any::<[u8; 32]>(), numbers).prop_map(|(root, (layer, at, shift, proof_layers))| HashRequest {
        root: Node(root),
        layer,
        index: at << shift,
        count: 1 << shift,
        proof_layers,
    })
}

/// What a stream carries.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Message(Message),
    Block(BlockSpan),
}

fn item() -> impl Strategy<Value = Item> {
    let block = (piece(), 0..u32::MAX - 300, 1..=300_u32)
        .prop_map(|(piece, begin, len)| Item::Block(BlockSpan { piece, begin, len }));
    prop_oneof![4 => message().prop_map(Item::Message), 1 => block]
}

fn write(items: &[Item]) -> BytesMut {
    let mut out = BytesMut::new();
    for item in items {
        match item {
            Item::Message(message) => message.encode(&mut out),
            Item::Block(span) => {
                encode_piece_header(*span, &mut out);
                let len = usize::try_from(span.len).unwrap();
                out.extend_from_slice(&vec![0x77; len]);
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn a_stream_survives_however_it_is_cut(
        items in prop::collection::vec(item(), 0..12),
        cuts in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let stream = write(&items);
        let mut arrivals = cuts.iter().cycle();
        let (mut read, mut from, mut arrived) = (Vec::new(), 0, 0);
        while from < stream.len() {
            let buf = &stream[from..arrived];
            match next_frame(buf, &FrameLimits::default()).unwrap() {
                Step::Incomplete { need } => {
                    prop_assert!(need > buf.len());
                    // Never asks for bytes that the message does not have.
                    prop_assert!(from + need <= stream.len());
                    arrived = (arrived + arrivals.next().unwrap()).min(stream.len());
                }
                Step::Message { message, consumed } => {
                    read.push(Item::Message(message));
                    from += consumed;
                }
                Step::Block { span, consumed } => {
                    read.push(Item::Block(span));
                    from += consumed + usize::try_from(span.len).unwrap();
                    arrived = arrived.max(from);
                }
            }
        }
        prop_assert_eq!(read, items);
    }

    #[test]
    fn any_bytes_are_steps_or_a_violation(stream in prop::collection::vec(any::<u8>(), 0..200)) {
        gostorm_wire::fuzzing::frame(&stream);
    }
}
