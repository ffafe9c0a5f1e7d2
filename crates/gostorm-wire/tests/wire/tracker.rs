//! HTTP announces: the URL that asks and the answer.

use gostorm_wire::tracker::PEERS_MAX;
use gostorm_wire::{
    AnnounceError, AnnounceEvent, AnnounceRequest, AnnounceResponse, InfoHash, PeerId,
};
use proptest::prelude::*;
use url::Url;

use crate::cases;

fn request() -> AnnounceRequest {
    AnnounceRequest {
        // The example that clients are tried with: every kind of byte.
        info_hash: InfoHash(
            *b"\x12\x34\x56\x78\x9a\xbc\xde\xf1\x23\x45\x67\x89\xab\xcd\xef\x12\x34\x56\x78\x9a",
        ),
        peer_id: PeerId::new(*b"~ab.-_+&=%#?"),
        port: 8091,
        uploaded: 1,
        downloaded: 2,
        left: u64::MAX,
        event: AnnounceEvent::Started,
        numwant: Some(80),
        key: 0xBEEF,
        tracker_id: Some(b"a b\xFF".to_vec()),
        compact: true,
    }
}

#[test]
fn every_byte_of_an_announce_is_escaped_as_it_must_be() {
    let url = request().to_url(&Url::parse("http://t.example:6969/announce").unwrap());
    assert_eq!(
        url.as_str(),
        "http://t.example:6969/announce?info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A\
         &peer_id=-Gv0100-~ab.-_%2B%26%3D%25%23%3F&port=8091&uploaded=1&downloaded=2\
         &left=18446744073709551615&compact=1&key=0000beef&numwant=80&event=started\
         &trackerid=a%20b%FF"
    );
}

#[test]
fn the_trackers_own_query_is_kept_and_its_fragment_is_not() {
    let base = Url::parse("https://t.example/a.php?passkey=p%2Bq&x=1#top").unwrap();
    let url = request().to_url(&base);
    assert!(
        url.as_str()
            .starts_with("https://t.example/a.php?passkey=p%2Bq&x=1&info_hash=%124Vx")
    );
    assert_eq!(url.fragment(), None);
}

#[test]
fn what_is_not_said_is_not_in_the_url() {
    let plain = AnnounceRequest {
        event: AnnounceEvent::None,
        numwant: None,
        tracker_id: None,
        compact: false,
        ..request()
    };
    let url = plain.to_url(&Url::parse("http://t.example/?").unwrap());
    let keys: Vec<String> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
    assert_eq!(
        keys,
        [
            "info_hash",
            "peer_id",
            "port",
            "uploaded",
            "downloaded",
            "left",
            "compact",
            "key"
        ]
    );
    let stopped = AnnounceRequest {
        event: AnnounceEvent::Stopped,
        ..request()
    };
    assert!(stopped.to_url(&url).as_str().contains("&event=stopped"));
}

#[test]
fn every_answer_gets_its_reading() {
    insta::assert_snapshot!(cases::answers("tracker_response", |input| {
        match AnnounceResponse::parse(input) {
            Ok(answer) if answer.peers.len() > 9 => format!("{} peers", answer.peers.len()),
            Ok(answer) => format!("{answer:?}"),
            Err(AnnounceError::Failure {
                reason,
                retry_in: Some(when),
            }) => {
                format!("refused, {when:?}: {reason}")
            }
            Err(error) => match error.to_string() {
                long if long.len() > 200 => format!("an error of {} bytes", long.len()),
                error => error,
            },
        }
    }));
}

proptest! {
    #[test]
    fn an_announce_tells_its_bytes_exactly(hash: [u8; 20], id: [u8; 20], tracker_id: Vec<u8>) {
        let request = AnnounceRequest {
            info_hash: InfoHash(hash),
            peer_id: PeerId(id),
            tracker_id: Some(tracker_id.clone()),
            ..request()
        };
        let url = request.to_url(&Url::parse("http://t.example/announce?a=b").unwrap());
        let value = |name: &str| {
            let mut pairs = url.query().unwrap().split('&');
            let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            percent_encoding::percent_decode_str(value.unwrap()).collect::<Vec<u8>>()
        };
        prop_assert_eq!(value("info_hash"), hash);
        prop_assert_eq!(value("peer_id"), id);
        prop_assert_eq!(value("trackerid"), tracker_id);
    }

    #[test]
    fn compact_peers_are_read_in_order(
        v4 in prop::collection::vec((1..=u32::MAX, 1..=u16::MAX), 0..50),
        v6 in prop::collection::vec((1..=u128::MAX, 1..=u16::MAX), 0..50),
    ) {
        let v4_bytes: Vec<u8> = v4.iter()
            .flat_map(|(ip, port)| [&ip.to_be_bytes()[..], &port.to_be_bytes()].concat())
            .collect();
        let v6_bytes: Vec<u8> = v6.iter()
            .flat_map(|(ip, port)| [&ip.to_be_bytes()[..], &port.to_be_bytes()].concat())
            .collect();
        let body = cases::dict(&[
            ("peers", cases::bytes(&v4_bytes)),
            ("peers6", cases::bytes(&v6_bytes)),
        ]);
        let peers = AnnounceResponse::parse(&body).unwrap().peers;
        let expected: Vec<std::net::SocketAddr> = v4.iter()
            .map(|&(ip, port)| (std::net::Ipv4Addr::from(ip), port).into())
            .chain(v6.iter().map(|&(ip, port)| (std::net::Ipv6Addr::from(ip), port).into()))
            .collect();
        prop_assert!(expected.len() <= PEERS_MAX);
        prop_assert_eq!(peers, expected);
    }
}
