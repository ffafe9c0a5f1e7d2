//! UDP trackers: the datagrams that ask and what comes back; scrapes over HTTP.

use gostorm_wire::tracker::{
    ScrapeCounts, UdpAnswer, UdpBody, encode_connect, encode_scrape, scrape_url,
};
use gostorm_wire::{AnnounceEvent, AnnounceRequest, InfoHash, PeerId};
use proptest::prelude::*;
use url::Url;

use crate::cases;

fn request() -> AnnounceRequest {
    AnnounceRequest {
        info_hash: InfoHash([0x11; 20]),
        peer_id: PeerId([0x22; 20]),
        port: 0x1F9B,
        uploaded: 3,
        downloaded: 1,
        left: 2,
        event: AnnounceEvent::Started,
        numwant: Some(80),
        key: 0xBEEF,
        tracker_id: None,
        compact: true,
    }
}

fn announce(url: &str, request: &AnnounceRequest) -> Vec<u8> {
    request.to_datagram(0x0102_0304_0506_0708, 9, &Url::parse(url).unwrap())
}

#[test]
fn every_datagram_gets_its_reading() {
    insta::assert_snapshot!(cases::answers("udp_tracker", |input| {
        match UdpAnswer::decode(input, false) {
            Ok(UdpAnswer {
                body: UdpBody::Announced(answer),
                ..
            }) if answer.peers.len() > 9 => format!("{} peers", answer.peers.len()),
            Ok(answer) => match format!("{answer:?}") {
                long if long.len() > 600 => format!("an answer of {} bytes", long.len()),
                answer => answer,
            },
            Err(error) => error.to_string(),
        }
    }));
}

#[test]
fn every_scrape_gets_its_reading() {
    insta::assert_snapshot!(cases::answers("scrape", |input| {
        match ScrapeCounts::parse(input, InfoHash(cases::SCRAPED)) {
            Ok(counts) => format!("{counts:?}"),
            Err(error) => error.to_string(),
        }
    }));
}

#[test]
fn what_asks_for_a_connection_is_the_specifications_example() {
    let expected = [
        0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 0xA, 0xB, 0xC, 0xD,
    ];
    assert_eq!(encode_connect(0x0A0B_0C0D), expected);
}

#[test]
fn an_announce_has_every_field_in_its_place() {
    let datagram = announce("udp://t.example:1", &request());
    let expected = [
        &[1, 2, 3, 4, 5, 6, 7, 8][..],
        &[0, 0, 0, 1, 0, 0, 0, 9],
        &[0x11; 20],
        &[0x22; 20],
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &[0, 0, 0, 0, 0, 0, 0, 2],
        &[0, 0, 0, 0, 0, 0, 0, 3],
        &[0, 0, 0, 2],
        &[0, 0, 0, 0],
        &[0, 0, 0xBE, 0xEF],
        &[0, 0, 0, 80],
        &[0x1F, 0x9B],
    ];
    assert_eq!(datagram, expected.concat());
    assert_eq!(datagram.len(), 98);
    for (event, number) in [
        (AnnounceEvent::None, 0),
        (AnnounceEvent::Completed, 1),
        (AnnounceEvent::Stopped, 3),
    ] {
        let request = AnnounceRequest {
            event,
            numwant: None,
            ..request()
        };
        let datagram = announce("udp://t.example:1/", &request);
        assert_eq!(datagram[80..84], [0, 0, 0, number]);
        assert_eq!(datagram[92..96], [0xFF; 4]);
        assert_eq!(datagram.len(), 98);
    }
}

#[test]
fn path_and_query_go_along() {
    let options = |url: &str| announce(url, &request())[98..].to_vec();
    assert_eq!(
        options("udp://t.example:1/announce?k=1"),
        b"\x02\x0D/announce?k=1"
    );
    let long = options(&format!("udp://t.example:1/{}", "x".repeat(299)));
    assert_eq!((long[0], long[1], long[257], long[258]), (2, 255, 2, 45));
    assert_eq!(long.len(), 300 + 4);
    let too_long = options(&format!("udp://t.example:1/{}", "x".repeat(1_000)));
    assert_eq!(too_long, b"");
}

#[test]
fn a_scrape_names_its_torrents() {
    let datagram = encode_scrape(1, 2, &[InfoHash([3; 20]), InfoHash([4; 20])]);
    let head = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2];
    assert_eq!(datagram, [&head[..], &[3; 20], &[4; 20]].concat());
    assert_eq!(
        encode_scrape(1, 2, &[InfoHash([3; 20]); 99]).len(),
        16 + 74 * 20
    );
}

#[test]
fn a_scrape_url_is_that_of_the_announce_by_convention() {
    for (announce, scrape) in [
        (
            "http://t.example/announce",
            Some("http://t.example/scrape?"),
        ),
        (
            "http://t.example/x/announce",
            Some("http://t.example/x/scrape?"),
        ),
        (
            "http://t.example/announce.php",
            Some("http://t.example/scrape.php?"),
        ),
        (
            "http://t.example/announce?x2%0644",
            Some("http://t.example/scrape?x2%0644&"),
        ),
        ("http://t.example/announce/passkey", None),
        ("http://t.example/a", None),
        ("http://t.example/x%064announce", None),
        ("http://t.example/", None),
    ] {
        let url = scrape_url(&Url::parse(announce).unwrap(), InfoHash([0xFF; 20]));
        let expected = scrape.map(|start| format!("{start}info_hash={}", "%FF".repeat(20)));
        assert_eq!(url.map(String::from), expected, "{announce}");
    }
}

proptest! {
    #[test]
    fn peers_of_both_families_are_read(
        v4 in prop::collection::vec((1..=u32::MAX, 1..=u16::MAX), 0..50),
        v6 in prop::collection::vec((1..=u128::MAX, 1..=u16::MAX), 0..50),
    ) {
        let head = [0, 0, 0, 1, 7, 7, 7, 7, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 0, 2];
        let read = |bytes: Vec<u8>, ipv6| {
            let datagram = [&head[..], &bytes].concat();
            let answer = UdpAnswer::decode(&datagram, ipv6).unwrap();
            assert_eq!(UdpAnswer::transaction_of(&datagram), Some(answer.transaction));
            let UdpBody::Announced(answer) = answer.body else {
                panic!("{answer:?}");
            };
            answer.peers
        };
        let entry = |ip: &[u8], port: u16| [ip, &port.to_be_bytes()].concat();
        let bytes = v4.iter().flat_map(|(ip, port)| entry(&ip.to_be_bytes(), *port));
        let expected: Vec<std::net::SocketAddr> = v4.iter()
            .map(|&(ip, port)| (std::net::Ipv4Addr::from(ip), port).into())
            .collect();
        prop_assert_eq!(read(bytes.collect(), false), expected);
        let bytes = v6.iter().flat_map(|(ip, port)| entry(&ip.to_be_bytes(), *port));
        let expected: Vec<std::net::SocketAddr> = v6.iter()
            .map(|&(ip, port)| (std::net::Ipv6Addr::from(ip), port).into())
            .collect();
        prop_assert_eq!(read(bytes.collect(), true), expected);
    }
}
