//! Extension messages: the extended handshake and `ut_metadata`.

use std::net::IpAddr;

use bytes::Bytes;
use gostorm_wire::lsd::LsdAnnounce;
use gostorm_wire::ut_metadata::{metadata_piece_count, metadata_piece_len};
use gostorm_wire::{ExtendedHandshake, METADATA_LEN_MAX, Pex, PexFlags, UtMetadata};
use proptest::prelude::*;

use crate::cases;

#[test]
fn every_handshake_case_gets_its_answer() {
    insta::assert_snapshot!(cases::answers("extension", |input| {
        match ExtendedHandshake::decode(input) {
            Ok(handshake) => format!("{handshake:?}"),
            Err(violation) => violation.to_string(),
        }
    }));
}

#[test]
fn every_metadata_case_gets_its_answer() {
    insta::assert_snapshot!(cases::answers("ut_metadata", |input| {
        match UtMetadata::decode(&Bytes::copy_from_slice(input)) {
            Ok(UtMetadata::Data {
                piece,
                total_size,
                payload,
            }) => {
                format!("data {piece} of {total_size}: {} bytes", payload.len())
            }
            Ok(message) => format!("{message:?}"),
            Err(violation) => violation.to_string(),
        }
    }));
}

#[test]
fn every_peer_exchange_gets_its_answer() {
    insta::assert_snapshot!(cases::answers("pex", |input| match Pex::decode(input) {
        Ok(Pex { added, dropped }) if added.len() + dropped.len() > 10 => {
            format!("{} added, {} dropped", added.len(), dropped.len())
        }
        Ok(message) => format!("{message:?}"),
        Err(violation) => violation.to_string(),
    }));
}

#[test]
fn every_local_announce_gets_its_answer() {
    insta::assert_snapshot!(cases::answers("lsd", |input| {
        match LsdAnnounce::decode(input) {
            Some(announce) if announce.info_hashes.len() > 2 => {
                format!("{} torrents", announce.info_hashes.len())
            }
            Some(announce) => format!("{announce:?}"),
            None => "no announce".to_owned(),
        }
    }));
}

#[test]
fn our_peer_exchange_is_as_the_specification_says() {
    let flags = PexFlags {
        encryption: true,
        upload_only: true,
        utp: true,
        reachable: true,
    };
    let message = Pex {
        added: vec![
            ("192.0.2.1:6881".parse().unwrap(), flags),
            ("[2001:db8::1]:6882".parse().unwrap(), PexFlags::default()),
        ],
        dropped: vec!["192.0.2.2:80".parse().unwrap()],
    };
    let text = b"d5:added6:\xC0\0\x02\x01\x1A\xE17:added.f1:\x17\
                 6:added618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1A\xE28:added6.f1:\0\
                 7:dropped6:\xC0\0\x02\x02\0\x508:dropped60:e";
    assert_eq!(message.encode(), text[..]);
    assert_eq!(Pex::decode(text), Ok(message));
}

#[test]
fn our_handshake_is_sorted_as_bencode_demands() {
    let handshake = ExtendedHandshake {
        lt_donthave: Some(7),
        upload_only_id: Some(5),
        ut_metadata: Some(3),
        ut_pex: Some(4),
        metadata_size: Some(31235),
        reqq: Some(250),
        port: Some(8091),
        client: Some("GoStream 0.1.0".to_owned()),
        yourip: Some(IpAddr::from([192, 0, 2, 1])),
        upload_only: true,
    };
    let text =
        b"d1:md11:lt_donthavei7e11:upload_onlyi5e11:ut_metadatai3e6:ut_pexi4ee13:metadata_sizei31235e1:pi8091e4:reqqi250e\
                 11:upload_onlyi1e1:v14:GoStream 0.1.06:yourip4:\xC0\0\x02\x01e";
    assert_eq!(handshake.encode(), text[..]);
}

#[test]
fn the_messages_are_those_of_the_specification() {
    // The examples of BEP 9.
    let request = UtMetadata::Request { piece: 0 };
    assert_eq!(request.encode(), b"d8:msg_typei0e5:piecei0ee"[..]);
    let reject = UtMetadata::Reject { piece: 0 };
    assert_eq!(reject.encode(), b"d8:msg_typei2e5:piecei0ee"[..]);
    let data = UtMetadata::Data {
        piece: 0,
        total_size: 8,
        payload: Bytes::from_static(b"xxxxxxxx"),
    };
    assert_eq!(
        data.encode(),
        b"d8:msg_typei1e5:piecei0e10:total_sizei8eexxxxxxxx"[..]
    );
}

#[test]
fn the_pieces_of_metadata_add_up() {
    for total in [1, 16383, 16384, 16385, METADATA_LEN_MAX] {
        let pieces = 0..metadata_piece_count(total);
        let sum: u32 = pieces
            .map(|piece| metadata_piece_len(total, piece).unwrap())
            .sum();
        assert_eq!(sum, total);
        assert_eq!(metadata_piece_len(total, metadata_piece_count(total)), None);
    }
    assert_eq!(metadata_piece_len(1, u32::MAX), None);
}

proptest! {
    #[test]
    fn a_handshake_survives_the_wire(
        lt_donthave in prop::option::of(1..=u8::MAX),
        upload_only_id in prop::option::of(1..=u8::MAX),
        ut_metadata in prop::option::of(1..=u8::MAX),
        ut_pex in prop::option::of(1..=u8::MAX),
        metadata_size in prop::option::of(1..=METADATA_LEN_MAX),
        reqq in prop::option::of(1..=u32::MAX),
        port in prop::option::of(1..=u16::MAX),
        client in prop::option::of("[ -~é]{1,30}"),
        yourip in prop::option::of(any::<IpAddr>()),
        upload_only: bool,
    ) {
        let handshake = ExtendedHandshake {
            lt_donthave, upload_only_id, ut_metadata, ut_pex, metadata_size, reqq, port, client,
            yourip, upload_only,
        };
        prop_assert_eq!(ExtendedHandshake::decode(&handshake.encode()), Ok(handshake));
    }

    #[test]
    fn metadata_messages_survive_the_wire(
        total_size in 1..200_000_u32,
        which in any::<prop::sample::Index>(),
        fill: u8,
    ) {
        let count = usize::try_from(metadata_piece_count(total_size)).unwrap();
        let piece = u32::try_from(which.index(count)).unwrap();
        let len = usize::try_from(metadata_piece_len(total_size, piece).unwrap()).unwrap();
        let payload = Bytes::from(vec![fill; len]);
        for message in [
            UtMetadata::Request { piece },
            UtMetadata::Reject { piece },
            UtMetadata::Data { piece, total_size, payload },
        ] {
            prop_assert_eq!(UtMetadata::decode(&message.encode()), Ok(message));
        }
    }
}
