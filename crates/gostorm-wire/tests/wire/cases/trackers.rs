//! Datagrams of UDP trackers, and answers to scrapes.

use super::build::{bytes, dict, int};

type Case = (&'static str, Vec<u8>);

/// An answer: action, transaction and the rest.
fn datagram(action: u32, rest: &[u8]) -> Vec<u8> {
    [&action.to_be_bytes()[..], &[0xAB; 4], rest].concat()
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

const V4: [u8; 6] = [192, 0, 2, 1, 0x1A, 0xE1];
const NOWHERE: [u8; 6] = [192, 0, 2, 2, 0, 0];

pub(crate) fn datagrams() -> Vec<Case> {
    let announced = |peers: &[u8]| datagram(1, &[&numbers(&[1_800, 3, 12]), peers].concat());
    vec![
        ("connected", datagram(0, &[1, 2, 3, 4, 5, 6, 7, 8])),
        ("connected-and-more", datagram(0, &[9; 20])),
        ("connected-cut-short", datagram(0, &[1, 2, 3])),
        ("announced", announced(&[V4, NOWHERE, V4].concat())),
        (
            "announced-half-a-peer",
            announced(&[&V4[..], &[1, 2]].concat()),
        ),
        ("announced-no-peers", announced(&[])),
        ("announced-cut-short", datagram(1, &numbers(&[1_800, 3]))),
        ("announced-many", announced(&V4.repeat(1_000))),
        ("interval-0", datagram(1, &numbers(&[0, 0, 0]))),
        ("interval-of-ages", datagram(1, &numbers(&[u32::MAX; 3]))),
        ("scraped", datagram(2, &numbers(&[12, 345, 3]))),
        (
            "scraped-two-and-a-half",
            datagram(2, &numbers(&[1, 2, 3, 4, 5, 6, 7])),
        ),
        ("scraped-none", datagram(2, &[])),
        ("refused", datagram(3, b"unregistered torrent\0")),
        ("refused-without-words", datagram(3, &[])),
        ("refused-of-any-bytes", datagram(3, &[0xFF; 2_000])),
        ("unknown-action", datagram(4, b"?")),
        ("a-header-and-a-half", vec![0, 0, 0, 0, 1, 2]),
        ("empty", Vec::new()),
    ]
}

pub(crate) fn scrapes() -> Vec<Case> {
    let counts = dict(&[
        ("complete", int(12)),
        ("downloaded", int(345)),
        ("incomplete", int(3)),
    ]);
    let of = |hash: [u8; 20], counts: &[u8]| {
        let entry = [b"d20:", &hash[..], counts, b"e"].concat();
        dict(&[("files", entry)])
    };
    vec![
        ("known", of(SCRAPED, &counts)),
        ("of-another-torrent", of([7; 20], &counts)),
        ("no-files", dict(&[("files", b"de".to_vec())])),
        ("nothing", b"de".to_vec()),
        ("files-a-number", dict(&[("files", int(5))])),
        (
            "senseless-numbers",
            of(
                SCRAPED,
                &dict(&[("complete", int(-1)), ("incomplete", int(1_u64 << 40))]),
            ),
        ),
        (
            "failure",
            dict(&[("failure reason", bytes(b"not so often"))]),
        ),
        ("a-list", b"le".to_vec()),
        ("web-page", b"<html>".to_vec()),
        ("empty", Vec::new()),
    ]
}

/// The torrent that is asked for; the fuzz target asks for it as well.
pub(crate) const SCRAPED: [u8; 20] = [0x5C; 20];
