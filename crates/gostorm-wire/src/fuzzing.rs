//! What the fuzz targets do, here so that tests can do it too.
//!
//! Each function takes any bytes, decodes them, and panics when something that
//! must hold does not. The targets in `fuzz/` and the replay of the corpus in
//! `tests/corpus.rs` call them; nothing else does.

mod gateway;
mod mse;

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::{Bytes, BytesMut};

pub use self::gateway::{natpmp, pcp};
pub use self::mse::{mse_in, mse_out};

use crate::block::PieceIndex;
use crate::blocklist::BlocklistParser;
use crate::dont_have::DontHave;
use crate::extension::ExtendedHandshake;
use crate::frame::{FrameLimits, Step, next_frame};
use crate::handshake::{HANDSHAKE_LEN, Handshake};
use crate::hash::sha1;
use crate::id::InfoHash;
use crate::krpc::{Body, Krpc, NODES_TAKEN_MAX, PEERS_TAKEN_MAX};
use crate::lsd::{HASHES_MAX, LSD_V4, LsdAnnounce};
use crate::magnet::Magnet;
use crate::message::{Message, PIECE_HEADER_LEN, encode_piece_header};
use crate::metainfo::{FILES_MAX, Info, Metainfo, PieceLayers, TOTAL_LENGTH_MAX};
use crate::pex::{PEX_TAKEN_MAX, Pex};
use crate::tracker::{AnnounceResponse, INTERVAL_MAX, PEERS_MAX, ScrapeCounts, UdpAnswer, UdpBody};
use crate::upload_only;
use crate::ut_metadata::{METADATA_LEN_MAX, UtMetadata};
use crate::web_seed::{ContentRange, WEB_SEEDS_MAX, file_url, web_seeds};

/// A target: its name, which is also its corpus directory, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("metainfo", metainfo),
    ("magnet", magnet),
    ("blocklist", blocklist),
    ("natpmp", natpmp),
    ("pcp", pcp),
    ("frame", frame),
    ("handshake", handshake),
    ("extension", extension),
    ("ut_metadata", ut_metadata),
    ("tracker_response", tracker_response),
    ("udp_tracker", udp_tracker),
    ("scrape", scrape),
    ("pex", pex),
    ("mse_in", mse_in),
    ("mse_out", mse_out),
    ("web_seed", web_seed),
    ("krpc", krpc),
    ("lsd", lsd),
];

/// A .torrent file, and the same bytes as an info dictionary.
pub fn metainfo(data: &[u8]) {
    if let Ok(metainfo) = Metainfo::parse(data) {
        let Metainfo {
            info_hash,
            info_hash_v2,
            ..
        } = metainfo;
        if metainfo.info.has_v1() {
            assert_eq!(info_hash.0, sha1(&metainfo.info_bytes));
        } else {
            assert_eq!(info_hash_v2.map(|hash| hash.truncated()), Some(info_hash));
        }
        assert!(Info::is_named(
            &metainfo.info_bytes,
            info_hash,
            info_hash_v2
        ));
        let layers = metainfo.layers.encode();
        assert_eq!(
            PieceLayers::parse(&layers, &metainfo.info).as_ref(),
            Ok(&metainfo.layers)
        );
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
    let piece_length = u64::from(info.piece_length());
    let mut end = 0_u64;
    let mut cut = 0;
    for file in info.files() {
        let begins = if info.has_v1() || file.length == 0 {
            end
        } else {
            end.next_multiple_of(piece_length)
        };
        assert_eq!(file.offset, begins);
        cut += begins - end;
        end = begins + file.length;
        assert!(!file.path.is_empty());
        for part in &file.path {
            assert!(!matches!(part.as_str(), "" | "." | ".."));
            assert!(!part.contains(['/', '\0']));
        }
    }
    assert_eq!(end, info.total_length());
    let pieces = (0..info.piece_count()).map(PieceIndex);
    let mut lengths = 0;
    for piece in pieces {
        lengths += info.piece_len(piece).map_or(0, u64::from);
        let sha1 = info.piece_sha1(piece);
        assert_eq!(sha1.is_some(), info.has_v1());
        cut += sha1.map_or(0, |(_, zeros)| u64::from(zeros));
    }
    assert_eq!(lengths + cut, info.total_length());
    assert!(info.piece_sha1(PieceIndex(info.piece_count())).is_none());
    check_trees(info);
}

/// Together the trees cover the pieces, one behind the other.
fn check_trees(info: &Info) {
    assert!(info.has_v1() || info.has_v2());
    let mut next = 0;
    for tree in info.trees() {
        assert_eq!(tree.first_piece, next);
        next += tree.pieces(info.piece_length());
        let file = &info.files()[tree.file];
        assert!(!file.padding || !info.has_v1());
        assert_eq!(file.length, tree.length);
        let piece_length = u64::from(info.piece_length());
        assert_eq!(file.offset, u64::from(tree.first_piece) * piece_length);
    }
    assert!(!info.has_v2() || next == info.piece_count());
}

/// A blocklist: the same however it is cut into chunks; sorted, merged, and every line accounted for.
pub fn blocklist(data: &[u8]) {
    let read = |chunk: usize| {
        let mut parser = BlocklistParser::default();
        data.chunks(chunk).for_each(|part| parser.feed(part));
        parser.finish()
    };
    let whole = read(data.len().max(1));
    assert_eq!(read(7), whole);
    let Ok((list, report)) = whole else {
        return;
    };
    assert!(report.ranges > 0 && !list.is_empty());
    assert!(report.ranges + report.allowed + report.skipped <= report.lines);
    assert_eq!(report.skipped == 0, report.first_bad_line.is_none());
    for pair in list.v4().windows(2) {
        assert!(u64::from(pair[0].1) + 1 < u64::from(pair[1].0));
    }
    for pair in list.v6().windows(2) {
        assert!(pair[0].1 < pair[1].0 - 1);
    }
    for (first, last) in list.v4() {
        assert!(first <= last && list.contains(Ipv4Addr::from_bits(*first).into()));
        assert!(list.contains(Ipv4Addr::from_bits(*last).to_ipv6_mapped().into()));
    }
    for (first, last) in list.v6() {
        assert!(first <= last);
        // What is mapped from IPv4 is asked of IPv4.
        let first = Ipv6Addr::from_bits(*first);
        assert!(first.to_ipv4_mapped().is_some() || list.contains(first.into()));
    }
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
    assert_eq!(upload_only::decode(data).is_ok(), data.len() == 1);
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

/// A `ut_pex` message: bounded, and what was read must survive being written.
pub fn pex(data: &[u8]) {
    if let Ok(message) = Pex::decode(data) {
        assert!(message.added.len() <= PEX_TAKEN_MAX && message.dropped.len() <= PEX_TAKEN_MAX);
        assert!(message.added.iter().all(|(addr, _)| addr.port() != 0));
        assert_eq!(Pex::decode(&message.encode()), Ok(message));
    }
}

/// A message of the DHT: bounded, and what was read must survive being written.
pub fn krpc(data: &[u8]) {
    if let Ok(message) = Krpc::decode(data) {
        if let Body::Response { nodes, peers, .. } = &message.body {
            assert!(nodes.len() <= 2 * NODES_TAKEN_MAX && peers.len() <= PEERS_TAKEN_MAX);
            assert!(nodes.iter().all(|node| node.addr.port() != 0));
        }
        assert_eq!(Krpc::decode(&message.encode()), Ok(message));
    }
}

/// An announce on the local network: bounded, and what was read must survive being written.
pub fn lsd(data: &[u8]) {
    if let Some(announce) = LsdAnnounce::decode(data) {
        assert!((1..=HASHES_MAX).contains(&announce.info_hashes.len()) && announce.port != 0);
        assert_eq!(
            LsdAnnounce::decode(&announce.encode(LSD_V4)),
            Some(announce)
        );
    }
}

/// A tracker's answer.
pub fn tracker_response(data: &[u8]) {
    if let Ok(answer) = AnnounceResponse::parse(data) {
        check_announced(&answer);
    }
}

fn check_announced(answer: &AnnounceResponse) {
    assert!(answer.peers.len() <= PEERS_MAX);
    assert!(answer.peers.iter().all(|peer| peer.port() != 0));
    assert!(!answer.interval.is_zero() && answer.interval <= INTERVAL_MAX);
}

/// A datagram of a UDP tracker, over both address families.
pub fn udp_tracker(data: &[u8]) {
    for ipv6 in [false, true] {
        let Ok(answer) = UdpAnswer::decode(data, ipv6) else {
            continue;
        };
        assert_eq!(UdpAnswer::transaction_of(data), Some(answer.transaction));
        match answer.body {
            UdpBody::Announced(answer) => {
                check_announced(&answer);
                assert!(answer.peers.iter().all(|peer| peer.is_ipv6() == ipv6));
            }
            UdpBody::Scraped(counts) => assert!(counts.len() <= data.len() / 12),
            UdpBody::Refused(why) => assert!(why.to_string().len() < 600),
            UdpBody::Connected { .. } => {}
        }
    }
}

/// An HTTP tracker's answer to a scrape, for a torrent whose hash is 20 times 0x5C.
pub fn scrape(data: &[u8]) {
    // Whatever it says is numbers of its own, or an error.
    let _ = ScrapeCounts::parse(data, InfoHash([0x5C; 20]));
}
/// A web server's `Content-Range`; and lines of text as web seeds, the last one as a name there: what is put behind a
/// URL changes neither scheme nor host, and comes back as it was.
pub fn web_seed(data: &[u8]) {
    if let Some(range) = ContentRange::parse(data) {
        assert!(range.first <= range.last);
        assert!(range.total.is_none_or(|total| range.last < total));
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let seeds = web_seeds(text.lines());
    assert!(seeds.len() <= WEB_SEEDS_MAX);
    let name = text.lines().last().unwrap_or_default();
    let is_component = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
    let path = [name.to_owned(), name.to_owned()];
    for seed in seeds.iter().filter(|_| is_component) {
        for path in [None, Some(&path[..])] {
            let Some(url) = file_url(seed, name, path) else {
                continue;
            };
            assert_eq!((url.scheme(), url.host()), (seed.scheme(), seed.host()));
            assert_eq!(url.port(), seed.port());
            if path.is_some() {
                let last = url.as_str().rsplit('/').next().unwrap_or_default();
                let decoded: Vec<u8> = percent_encoding::percent_decode_str(last).collect();
                assert_eq!(decoded, name.as_bytes());
            }
        }
    }
}
