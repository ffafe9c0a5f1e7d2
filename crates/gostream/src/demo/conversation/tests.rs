//! The seeder's answers, message by message.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gostorm_wire::metainfo::encode_single_file;
use gostorm_wire::{FrameLimits, PieceIndex, Step, next_frame};

use super::*;

/// Ten pieces of 32 KiB, the last one of 100 bytes.
const LAST: u32 = 9;

fn torrent() -> Metainfo {
    let pieces = [[7; 20]; 10];
    Metainfo::parse(&encode_single_file(
        None,
        "a.mkv",
        9 * 32768 + 100,
        32768,
        &pieces,
    ))
    .unwrap()
}

fn hello(metainfo: &Metainfo, fast: bool) -> Handshake {
    Handshake {
        reserved: Reserved {
            fast,
            extended: true,
            dht: false,
            v2: false,
        },
        info_hash: metainfo.info_hash,
        peer_id: PeerId([1; 20]),
    }
}

/// Opens a conversation; what was said first, without the handshake.
fn opened(metainfo: &Metainfo, fast: bool) -> (Conversation<'_>, Vec<Message>) {
    let mut out = BytesMut::new();
    let theirs = hello(metainfo, fast);
    let peer = Conversation::open(metainfo, PeerId([2; 20]), &theirs, &mut out).unwrap();
    let said = out.split_off(68);
    let ours = Handshake::decode(out.as_ref().try_into().unwrap()).unwrap();
    assert_eq!(ours.info_hash, metainfo.info_hash);
    (peer, messages(&said))
}

fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let step = next_frame(bytes, &FrameLimits::default()).unwrap();
        let Step::Message { message, consumed } = step else {
            panic!("{step:?}");
        };
        found.push(message);
        bytes = &bytes[consumed..];
    }
    found
}

fn heard(peer: &mut Conversation<'_>, message: Message) -> (Option<BlockSpan>, Vec<Message>) {
    let mut out = BytesMut::new();
    let block = peer.hear(message, &mut out).unwrap();
    (block, messages(&out))
}

fn span(piece: u32, begin: u32, len: u32) -> BlockSpan {
    BlockSpan {
        piece: PieceIndex(piece),
        begin,
        len,
    }
}

fn metadata_request(piece: u32) -> Message {
    Message::Extended {
        id: UT_METADATA,
        payload: UtMetadata::Request { piece }.encode(),
    }
}

#[test]
fn another_torrent_is_refused_without_a_word() {
    let metainfo = torrent();
    let mut theirs = hello(&metainfo, true);
    theirs.info_hash = InfoHash([9; 20]);
    let mut out = BytesMut::new();
    let refused = Conversation::open(&metainfo, PeerId([2; 20]), &theirs, &mut out).err();
    assert_eq!(refused, Some(Refusal::OtherTorrent(InfoHash([9; 20]))));
    assert!(out.is_empty());
}

#[test]
fn what_it_has_is_said_first_in_the_words_that_the_peer_knows() {
    let metainfo = torrent();
    let (_, fast) = opened(&metainfo, true);
    assert_eq!(fast[0], Message::HaveAll);
    let (_, plain) = opened(&metainfo, false);
    assert_eq!(plain[0], Message::Bitfield(vec![0xff, 0b1100_0000].into()));
    let Message::Extended { id: 0, payload } = &fast[1] else {
        panic!("{fast:?}");
    };
    let extended = ExtendedHandshake::decode(payload).unwrap();
    let size = u32::try_from(metainfo.info_bytes.len()).unwrap();
    assert_eq!(extended.metadata_size, Some(size));
}

#[test]
fn blocks_are_given_to_the_interested_only() {
    let metainfo = torrent();
    let (mut peer, _) = opened(&metainfo, true);
    let block = span(LAST, 0, 100);
    let refused = (None, vec![Message::Reject(block)]);
    assert_eq!(heard(&mut peer, Message::Request(block)), refused);
    let unchoked = (None, vec![Message::Unchoke]);
    assert_eq!(heard(&mut peer, Message::Interested), unchoked);
    assert_eq!(
        heard(&mut peer, Message::Request(block)),
        (Some(block), vec![])
    );
}

#[test]
fn blocks_that_do_not_exist_are_rejected_or_end_the_conversation() {
    let metainfo = torrent();
    let bad = [
        span(10, 0, 16384),
        span(u32::MAX, 0, 16384),
        span(0, 32768, 1),
        span(0, 16385, 16384),
        span(0, u32::MAX, 16384),
        // More than a block.
        span(0, 0, 32768),
        span(0, 0, 0),
        span(LAST, 0, 101),
    ];
    let (mut fast, _) = opened(&metainfo, true);
    let (mut plain, _) = opened(&metainfo, false);
    heard(&mut fast, Message::Interested);
    heard(&mut plain, Message::Interested);
    for bad in bad {
        let mut out = BytesMut::new();
        assert_eq!(fast.hear(Message::Request(bad), &mut out), Ok(None));
        let mut reject = BytesMut::new();
        Message::Reject(bad).encode(&mut reject);
        assert_eq!(out, reject, "{bad}");
        let refused = plain.hear(Message::Request(bad), &mut out);
        assert_eq!(refused, Err(Refusal::NoSuchBlock(bad)));
    }
}

#[test]
fn the_info_dict_is_given_under_the_id_that_the_peer_named() {
    let metainfo = torrent();
    let (mut peer, _) = opened(&metainfo, true);
    // Nobody knows yet under which id.
    assert_eq!(heard(&mut peer, metadata_request(0)), (None, vec![]));
    let theirs = ExtendedHandshake {
        ut_metadata: Some(42),
        ..ExtendedHandshake::default()
    };
    let payload = theirs.encode();
    heard(&mut peer, Message::Extended { id: 0, payload });
    let (_, said) = heard(&mut peer, metadata_request(0));
    let [Message::Extended { id: 42, payload }] = &said[..] else {
        panic!("{said:?}");
    };
    let UtMetadata::Data { payload, .. } = UtMetadata::decode(payload).unwrap() else {
        panic!("{payload:?}");
    };
    assert_eq!(payload, metainfo.info_bytes);
    for missing in [1, u32::MAX] {
        let (_, said) = heard(&mut peer, metadata_request(missing));
        let payload = UtMetadata::Reject { piece: missing }.encode();
        assert_eq!(said, [Message::Extended { id: 42, payload }]);
    }
}

#[test]
fn an_extension_message_that_is_none_ends_the_conversation() {
    let metainfo = torrent();
    let (mut peer, _) = opened(&metainfo, true);
    for id in [EXTENDED_HANDSHAKE_ID, UT_METADATA] {
        let payload = b"not bencode".as_slice().into();
        let refused = peer.hear(Message::Extended { id, payload }, &mut BytesMut::new());
        assert!(matches!(refused, Err(Refusal::Violation(_))), "{refused:?}");
    }
}
