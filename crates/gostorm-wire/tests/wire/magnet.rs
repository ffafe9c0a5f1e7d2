//! Magnet links: what is read, what is refused, and that writing is reading.

use std::ops::RangeInclusive;

use gostorm_wire::{InfoHash, InfoHashV2, Magnet, MagnetError, PeerHint};
use proptest::prelude::*;

use crate::cases;

#[test]
fn every_case_gets_its_answer() {
    insta::assert_snapshot!(cases::answers("magnet", |input| {
        match std::str::from_utf8(input).unwrap().parse::<Magnet>() {
            Ok(magnet) => format!("ok: {magnet}"),
            Err(error) => error.to_string(),
        }
    }));
}

#[test]
fn a_full_link_is_read_into_its_parts() {
    let cases = cases::of("magnet");
    let (_, link) = cases
        .iter()
        .find(|(name, _)| *name == "everything")
        .unwrap();
    let magnet = Magnet::parse(std::str::from_utf8(link).unwrap()).unwrap();
    assert_eq!(magnet.name.as_deref(), Some("A film (2020)"));
    assert_eq!(
        magnet.trackers,
        ["udp://t.example:1337/announce", "http://u.example/a?k=v+w"]
    );
    let host = PeerHint::Host {
        host: "host.example".to_owned(),
        port: 9,
    };
    let addr = |text: &str| PeerHint::Addr(text.parse().unwrap());
    assert_eq!(
        magnet.peers,
        [addr("192.0.2.1:6881"), addr("[2001:db8::1]:80"), host]
    );
    assert_eq!(magnet.select_only, [0..=0, 2..=2, 4..=7]);
    assert_eq!(magnet.web_seeds, ["http://w.example/"]);
}

#[test]
fn a_hash_alone_becomes_the_shortest_link() {
    let magnet = Magnet::from(InfoHash([0xAB; 20]));
    assert_eq!(
        magnet.to_string(),
        "magnet:?xt=urn:btih:abababababababababababababababababababab"
    );
}

#[test]
fn a_link_longer_than_any_is_refused() {
    let link = format!("magnet:?dn={}", "x".repeat(70_000));
    assert_eq!(
        Magnet::parse(&link),
        Err(MagnetError::TooLong { len: 70_011 })
    );
}

#[test]
fn the_scope_of_an_address_is_not_taken_for_an_escape() {
    let mut magnet = Magnet::from(InfoHash([1; 20]));
    magnet.peers = vec![PeerHint::Addr("[fe80::1%65]:80".parse().unwrap())];
    assert_eq!(Magnet::parse(&magnet.to_string()), Ok(magnet));
}

#[test]
fn a_link_of_too_many_trackers_keeps_the_first_of_them() {
    let trackers: String = (0..4000).map(|n| format!("&tr=udp://{n}")).collect();
    let link = format!("magnet:?xt=urn:btih:{}{trackers}", InfoHash([1; 20]));
    let magnet = Magnet::parse(&link).unwrap();
    assert_eq!(magnet.trackers.len(), 500);
    assert_eq!(magnet.trackers[499], "udp://499");
}

fn peer() -> impl Strategy<Value = PeerHint> {
    prop_oneof![
        (any::<std::net::IpAddr>(), 1..=u16::MAX)
            .prop_map(|(ip, port)| PeerHint::Addr((ip, port).into())),
        ("[a-z][a-z0-9-]{0,9}\\.[a-z]{2,5}", 1..=u16::MAX)
            .prop_map(|(host, port)| PeerHint::Host { host, port }),
    ]
}

fn range() -> impl Strategy<Value = RangeInclusive<u32>> {
    (any::<u32>(), any::<u32>()).prop_map(|(a, b)| a.min(b)..=a.max(b))
}

/// Texts as the fields hold them: no white space at the ends, not empty.
fn url() -> impl Strategy<Value = String> {
    "[!-~é][ -~é]{0,30}[!-~é]"
}

proptest! {
    #[test]
    fn a_magnet_survives_its_link(
        hash: [u8; 20],
        v2 in prop::option::of(any::<[u8; 32]>()),
        name in prop::option::of("\\PC{1,30}"),
        trackers in prop::collection::btree_set(url(), 0..4),
        peers in prop::collection::vec(peer(), 0..4),
        select_only in prop::collection::vec(range(), 0..4),
        web_seeds in prop::collection::btree_set(url(), 0..3),
    ) {
        let magnet = Magnet {
            info_hash: InfoHash(hash),
            info_hash_v2: v2.map(InfoHashV2),
            name,
            trackers: trackers.into_iter().collect(),
            peers,
            select_only,
            web_seeds: web_seeds.into_iter().collect(),
        };
        prop_assert_eq!(Magnet::parse(&magnet.to_string()), Ok(magnet.clone()));
        let html = magnet.to_string().replace('&', "&amp;");
        prop_assert_eq!(Magnet::parse(&html), Ok(magnet));
    }

    #[test]
    fn any_text_is_a_magnet_or_an_error(text in "(magnet:\\?(xt=urn:bt[im]h:)?)?\\PC{0,60}") {
        let _ = Magnet::parse(&text);
    }
}
