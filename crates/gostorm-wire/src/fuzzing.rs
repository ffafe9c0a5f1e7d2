//! What the fuzz targets do, here so that tests can do it too.
//!
//! Each function takes any bytes, decodes them, and panics when something that
//! must hold does not. The targets in `fuzz/` and the replay of the corpus in
//! `tests/corpus.rs` call them; nothing else does.

use bytes::{Bytes, BytesMut};

use crate::block::PieceIndex;
use crate::dont_have::DontHave;
use crate::extension::ExtendedHandshake;
use crate::frame::{FrameLimits, Step, next_frame};
use crate::handshake::{HANDSHAKE_LEN, Handshake};
use crate::hash::sha1;
use crate::magnet::Magnet;
use crate::message::{Message, PIECE_HEADER_LEN, encode_piece_header};
use crate::metainfo::{FILES_MAX, Info, Metainfo, TOTAL_LENGTH_MAX};
use crate::tracker::{AnnounceResponse, INTERVAL_MAX, PEERS_MAX};
use crate::ut_metadata::{METADATA_LEN_MAX, UtMetadata};

/// A target: its name, which is also its corpus directory, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("metainfo", metainfo),
    ("magnet", magnet),
    ("frame", frame),
    ("handshake", handshake),
    ("extension", extension),
    ("ut_metadata", ut_metadata),
    ("tracker_response", tracker_response),
];

/// A .torrent file, and the same bytes as an info dictionary.
pub fn metainfo(data: &[u8]) {
    if let Ok(metainfo) = Metainfo::parse(data) {
        assert_eq!(metainfo.info_hash.0, sha1(&metainfo.info_bytes));
        assert_eq!(
            Info::parse(&metainfo.info_bytes).as_ref(),
            Ok(&metainfo.info)
        );
        check_info(&metainfo.info);
    }
    if let Ok(info) = Info::parse(data) {
        check_info(&info);
    }
}

fn check_info(info: &Info) {
    assert!(info.piece_length().is_power_of_two());
    assert!((1..=TOTAL_LENGTH_MAX).contains(&info.total_length()));
    assert!((1..=FILES_MAX).contains(&info.files().len()));
    let mut offset = 0;
    for file in info.files() {
        assert_eq!(file.offset, offset);
        offset += file.length;
        assert!(!file.path.is_empty());
        for part in &file.path {
            assert!(!matches!(part.as_str(), "" | "." | ".."));
            assert!(!part.contains(['/', '\0']));
        }
    }
    assert_eq!(offset, info.total_length());
    let pieces = (0..info.piece_count()).map(PieceIndex);
    let lengths = pieces.map(|piece| info.piece_len(piece).map_or(0, u64::from));
    assert_eq!(lengths.sum::<u64>(), info.total_length());
    let last = PieceIndex(info.piece_count() - 1);
    assert_eq!(info.get_piece_hash(last), Some(info.piece_hash(last)));
    assert!(
        info.get_piece_hash(PieceIndex(info.piece_count()))
            .is_none()
    );
}

/// A magnet link: what was read must survive being written.
pub fn magnet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(magnet) = Magnet::parse(text) {
        let written = magnet.to_string();
        // Escapes make a link up to three times longer, so it may pass the limit.
        if written.len() <= crate::magnet::MAGNET_LEN_MAX {
            assert_eq!(Magnet::parse(&written), Ok(magnet));
        }
    }
}

/// A peer's byte stream: each step consumes what it says, asks for no more
/// than the limit, and a message survives being written.
pub fn frame(data: &[u8]) {
    let limits = FrameLimits::default();
    let need_max = usize::try_from(limits.message_len_max).map_or(usize::MAX, |max| max + 4);
    let mut buf = data;
    loop {
        match next_frame(buf, &limits) {
            Ok(Step::Incomplete { need }) => {
                assert!(need > buf.len() && need <= need_max);
                return;
            }
            Ok(Step::Message { message, consumed }) => {
                assert!(consumed <= buf.len());
                check_message(&message, &buf[..consumed], &limits);
                buf = &buf[consumed..];
            }
            Ok(Step::Block { span, consumed }) => {
                assert_eq!(consumed, PIECE_HEADER_LEN);
                let mut written = BytesMut::new();
                encode_piece_header(span, &mut written);
                assert_eq!(written, buf[..consumed]);
                let payload = usize::try_from(span.len).unwrap_or(usize::MAX);
                buf = &buf[consumed..];
                buf = &buf[payload.min(buf.len())..];
            }
            Err(violation) => {
                assert!(!violation.to_string().is_empty());
                return;
            }
        }
    }
}

fn check_message(message: &Message, read: &[u8], limits: &FrameLimits) {
    let mut written = BytesMut::new();
    message.encode(&mut written);
    if let Message::Unknown { .. } = message {
        let again = next_frame(&written, limits);
        assert!(matches!(again, Ok(Step::Message { message: m, .. }) if m == *message));
    } else {
        assert_eq!(written, read);
    }
}

/// A handshake: what is not kept (other feature bits) is all that may change.
pub fn handshake(data: &[u8]) {
    let Some(bytes) = data.first_chunk::<HANDSHAKE_LEN>() else {
        return;
    };
    if let Ok(handshake) = Handshake::decode(bytes) {
        let written = handshake.encode();
        assert_eq!(written[28..], bytes[28..]);
        assert_eq!(Handshake::decode(&written), Ok(handshake));
    }
}

/// An extended handshake, or a short extension message: what was read must survive being written.
pub fn extension(data: &[u8]) {
    if let Ok(message) = DontHave::decode(data) {
        assert_eq!(message.encode(), data);
    }
    if let Ok(handshake) = ExtendedHandshake::decode(data) {
        assert!(
            handshake
                .metadata_size
                .is_none_or(|size| size <= METADATA_LEN_MAX)
        );
        assert_eq!(
            ExtendedHandshake::decode(&handshake.encode()),
            Ok(handshake)
        );
    }
}

/// A `ut_metadata` message: what was read must survive being written.
pub fn ut_metadata(data: &[u8]) {
    if let Ok(message) = UtMetadata::decode(&Bytes::copy_from_slice(data)) {
        assert_eq!(UtMetadata::decode(&message.encode()), Ok(message));
    }
}

/// A tracker's answer.
pub fn tracker_response(data: &[u8]) {
    if let Ok(answer) = AnnounceResponse::parse(data) {
        assert!(answer.peers.len() <= PEERS_MAX);
        assert!(answer.peers.iter().all(|peer| peer.port() != 0));
        assert!(!answer.interval.is_zero() && answer.interval <= INTERVAL_MAX);
    }
}
