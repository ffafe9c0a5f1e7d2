//! The inbox without a socket: every way to cut a stream must give the same events.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::{Bytes, BytesMut};
use gostorm_wire::{PieceIndex, encode_piece_header};
use proptest::prelude::*;

use super::*;
use crate::pool::Pool;

/// What the other end sends, and what is to be seen at this one.
#[derive(Debug, Clone, PartialEq)]
enum Frame {
    Message(Message),
    Block(BlockSpan, Vec<u8>),
}

fn frame() -> impl Strategy<Value = Frame> {
    let bytes = || {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 1..40),
            Just(vec![3; 9000])
        ]
    };
    prop_oneof![
        Just(Frame::Message(Message::Choke)),
        Just(Frame::Message(Message::KeepAlive)),
        any::<u32>().prop_map(|piece| Frame::Message(Message::Have(PieceIndex(piece)))),
        bytes().prop_map(|bits| Frame::Message(Message::Bitfield(Bytes::from(bits)))),
        bytes().prop_map(|payload| Frame::Message(Message::Extended {
            id: 1,
            payload: Bytes::from(payload),
        })),
        (0..9u32, 0..9u32, prop_oneof![1..70u32, Just(BLOCK_LEN)]).prop_map(
            |(piece, slot, len)| {
                let begin = slot * BLOCK_LEN;
                let fill = u8::try_from(piece * 16 + slot).unwrap();
                let piece = PieceIndex(piece);
                Frame::Block(BlockSpan { piece, begin, len }, vec![fill; len as usize])
            }
        ),
    ]
}

fn encode(frames: &[Frame]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for frame in frames {
        match frame {
            Frame::Message(message) => message.encode(&mut out),
            Frame::Block(span, payload) => {
                encode_piece_header(*span, &mut out);
                out.extend_from_slice(payload);
            }
        }
    }
    out.to_vec()
}

/// Puts the first of `bytes` where the inbox wants them, at most `count`, and returns the rest.
fn feed<'a>(inbox: &mut Inbox, bytes: &'a [u8], count: usize) -> &'a [u8] {
    let mut given = 0;
    let count = count.min(bytes.len());
    let room: usize = inbox.spaces().iter().map(|space| space.len()).sum();
    assert!(room > 0, "nowhere to read to");
    for mut space in inbox.spaces() {
        let part = space.len().min(count - given);
        space[..part].copy_from_slice(&bytes[given..given + part]);
        given += part;
    }
    inbox.advance(given);
    &bytes[given..]
}

/// All that comes out of `bytes`, fed in the given portions, over and over.
fn decode(bytes: &[u8], portions: &[usize]) -> (Vec<Frame>, Option<CloseReason>) {
    let pool = Pool::new(u64::from(BLOCK_LEN));
    let limits = FrameLimits::default();
    let mut inbox = Inbox::new(limits);
    let (mut rest, mut frames) = (bytes, Vec::new());
    let mut portions = portions.iter().cycle();
    loop {
        match inbox.next() {
            Ok(Next::NeedBytes) if rest.is_empty() => return (frames, None),
            Ok(Next::NeedBytes) => rest = feed(&mut inbox, rest, *portions.next().unwrap()),
            Ok(Next::NeedBuffer) => inbox.begin_block(pool.try_take().unwrap()),
            Ok(Next::Message(message)) => frames.push(Frame::Message(message)),
            Ok(Next::Block { span, data }) => frames.push(Frame::Block(span, data.to_vec())),
            Err(reason) => return (frames, Some(reason)),
        }
        assert!(inbox.stash.len() <= 2 * (limits.message_len_max as usize + 4));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn frames_cut_at_random_places_give_the_same_events(
        frames in prop::collection::vec(frame(), 0..20),
        portions in prop::collection::vec(prop_oneof![1..20usize, 1..40_000usize], 1..30),
    ) {
        prop_assert_eq!(decode(&encode(&frames), &portions), (frames, None));
    }

    #[test]
    fn garbage_ends_in_a_reason_or_waits_for_more(
        frames in prop::collection::vec(frame(), 0..3),
        garbage in prop::collection::vec(any::<u8>(), 0..300),
        portions in prop::collection::vec(1..50_000usize, 1..5),
    ) {
        let mut bytes = encode(&frames);
        bytes.extend(garbage);
        let (seen, _) = decode(&bytes, &portions);
        prop_assert!(seen.len() >= frames.len());
        prop_assert_eq!(&seen[..frames.len()], &frames[..]);
    }
}

#[test]
fn the_stash_grows_with_what_came_and_not_with_what_was_claimed() {
    let mut inbox = Inbox::new(FrameLimits::default());
    let long = Message::Bitfield(Bytes::from(vec![1; 500_000]));
    let bytes = encode(&[Frame::Message(long.clone())]);
    assert!(matches!(inbox.next(), Ok(Next::NeedBytes)));
    let mut rest = feed(&mut inbox, &bytes, 5);
    assert!(matches!(inbox.next(), Ok(Next::NeedBytes)));
    assert!(inbox.stash.len() <= 2 * STASH_LEN);
    while !rest.is_empty() {
        assert!(matches!(inbox.next(), Ok(Next::NeedBytes)));
        rest = feed(&mut inbox, rest, 10_000);
        assert!(inbox.stash.len() <= 2 * (bytes.len() - rest.len()) + 2 * STASH_LEN);
    }
    match inbox.next() {
        Ok(Next::Message(message)) => assert_eq!(message, long),
        other => panic!("{other:?}"),
    }
    assert_eq!(inbox.stash.len(), STASH_LEN);
}
