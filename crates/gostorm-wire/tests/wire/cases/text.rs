//! Magnet links and trackers' answers.

use super::build::{bytes, dict, int, list, text};

type Case = (&'static str, Vec<u8>);

const HEX: &str = "c12fe1c06bba254a9dc9f519b335aa7c1367a88a";

pub(crate) fn magnets() -> Vec<Case> {
    let v2 = format!("xt=urn:btmh:1220{}", "ab".repeat(32));
    let with = |rest: &str| format!("magnet:?xt=urn:btih:{HEX}{rest}").into_bytes();
    vec![
        ("only-a-hash", with("")),
        ("bare-hex", HEX.into()),
        (
            "bare-base32-in-white-space",
            b" YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK\n".to_vec(),
        ),
        (
            "base32",
            b"magnet:?xt=urn:btih:YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK".to_vec(),
        ),
        (
            "upper-case",
            format!("MAGNET:?XT=URN:BTIH:{}", HEX.to_uppercase()).into(),
        ),
        (
            "everything",
            with(
                "&dn=A+film+%282020%29&tr=udp%3A%2F%2Ft.example%3A1337%2Fannounce&tr.1=http://u.example/a%3Fk%3Dv%2Bw&x.pe=192.0.2.1:6881&x.pe=[2001:db8::1]:80&x.pe=host.example:9&so=0,2,4-7&ws=http%3A%2F%2Fw.example%2F&kt=ignored",
            ),
        ),
        (
            "out-of-html",
            with("&amp;dn=name&amp;tr=http%3A%2F%2Ft.example%2F"),
        ),
        (
            "escaped-topic",
            format!("magnet:?dn=x&xt=urn%3Abtih%3A{HEX}").into(),
        ),
        ("hybrid", format!("magnet:?{v2}&xt=urn:btih:{HEX}").into()),
        ("same-tracker-twice", with("&tr=http://a/&tr=http://a/&tr=")),
        ("bad-escapes", with("&dn=%&dn=%zz&tr=%ff%fe%C3%28")),
        (
            "useless-peers",
            with("&x.pe=&x.pe=1.2.3.4&x.pe=1.2.3.4:0&x.pe=a b:5&x.pe=h:99999&x.pe=%5B::1%5D:0"),
        ),
        (
            "oddly-written-peers",
            with("&x.pe=192.0.2.1:00000081&x.pe=192.0.2.1:+81&x.pe=h.example:+9"),
        ),
        ("select-with-a-sign", with("&so=+1")),
        ("v2-only", format!("magnet:?{v2}").into()),
        ("no-topic", b"magnet:?dn=film".to_vec()),
        ("no-parameters", b"magnet:?".to_vec()),
        (
            "other-network",
            b"magnet:?xt=urn:ed2k:31D6CFE0D16AE931B73C59D7E0C089C0".to_vec(),
        ),
        ("short-hash", b"magnet:?xt=urn:btih:c12fe1".to_vec()),
        ("empty-hash", b"magnet:?xt=urn:btih:".to_vec()),
        (
            "wrong-digit",
            format!("magnet:?xt=urn:btih:{}", HEX.replace("88a", "88x")).into(),
        ),
        ("bare-wrong-digit", HEX.replace("88a", "88z").into()),
        ("select-reversed", with("&so=7-4")),
        ("select-a-word", with("&so=1,all")),
        ("select-too-large", with("&so=4294967296")),
        ("web-address", b"https://example.org/film.torrent".to_vec()),
        ("empty", vec![]),
        ("multi-byte-at-the-scheme", "magnet:é".into()),
    ]
}

pub(crate) fn tracker_answers() -> Vec<Case> {
    [good_answers(), bad_answers()].concat()
}

fn good_answers() -> Vec<Case> {
    let full = dict(&[
        ("complete", int(12)),
        ("external ip", bytes(&[203, 0, 113, 7])),
        ("incomplete", int(3)),
        ("interval", int(1800)),
        ("min interval", int(900)),
        (
            "peers",
            bytes(&[192, 0, 2, 1, 0x1A, 0xE1, 192, 0, 2, 2, 0, 80]),
        ),
        (
            "peers6",
            bytes(b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1"),
        ),
        ("tracker id", bytes(b"\x00id\xff")),
        ("warning message", text("be nice")),
    ]);
    let peer = |ip: &str, port: i64| dict(&[("ip", text(ip)), ("port", int(port))]);
    let dictionaries = dict(&[
        ("interval", int(60)),
        (
            "peers",
            list(&[
                peer("192.0.2.9", 51413),
                peer("2001:db8::9", 6881),
                peer("tracker.example", 6881),
                peer("192.0.2.10", 0),
                peer("192.0.2.11", 70000),
                peer("192.0.2.12", -1),
                int(5),
            ]),
        ),
    ]);
    let many = [192, 0, 2, 1, 0, 80].repeat(3000);
    vec![
        ("everything", full),
        ("dictionaries", dictionaries),
        ("no-peers", b"d8:intervali120ee".to_vec()),
        ("nothing", b"de".to_vec()),
        (
            "more-peers-than-are-taken",
            dict(&[("peers", bytes(&many))]),
        ),
        (
            "half-a-peer",
            dict(&[("peers", bytes(&[192, 0, 2, 1, 0, 80, 1, 2]))]),
        ),
        (
            "useless-peers",
            dict(&[("peers", bytes(&[192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 80]))]),
        ),
        (
            "peers-a-number",
            dict(&[("peers", int(4)), ("peers6", list(&[]))]),
        ),
        (
            "senseless-numbers",
            dict(&[
                ("complete", int(-1)),
                ("external ip", text("1.2.3.4")),
                ("incomplete", int("99999999999999999999")),
                ("interval", int(-5)),
                ("min interval", int("99999999999")),
            ]),
        ),
    ]
}

fn bad_answers() -> Vec<Case> {
    let failure = |retry: Vec<u8>| {
        dict(&[
            ("failure reason", text("not registered\nhere")),
            ("retry in", retry),
        ])
    };
    vec![
        (
            "failure",
            dict(&[("failure reason", text("unregistered torrent"))]),
        ),
        (
            "failure-of-any-bytes",
            dict(&[("failure reason", bytes(&[0xFF; 3000]))]),
        ),
        ("failure-retry-in-5-minutes", failure(int(5))),
        ("failure-retry-in-text", failure(text("30"))),
        ("failure-retry-never", failure(text("never"))),
        (
            "failure-retry-in-ages",
            failure(int("18446744073709551615")),
        ),
        (
            "web-page",
            b"<html><body>502 Bad Gateway</body></html>".to_vec(),
        ),
        ("empty", vec![]),
        ("a-list", b"le".to_vec()),
        ("cut-short", b"d8:intervali1800e5:peers6:abc".to_vec()),
        ("bytes-after-the-end", b"de<script>".to_vec()),
        ("deep", b"d1:a".repeat(200)),
    ]
}

/// Announces on the local network, and what only looks like one.
pub(crate) fn local_announces() -> Vec<(&'static str, Vec<u8>)> {
    let hash = "ab".repeat(20);
    let search = |headers: &[&str]| {
        let headers: String = headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        format!("BT-SEARCH * HTTP/1.1\r\n{headers}\r\n\r\n").into_bytes()
    };
    let host = "Host: 239.192.152.143:6771";
    let infohash = format!("Infohash: {hash}");
    let infohash = infohash.as_str();
    let many: Vec<&str> = [host, "Port: 1"]
        .into_iter()
        .chain([infohash; 60])
        .collect();
    vec![
        (
            "plain",
            search(&[host, "Port: 6881", infohash, "cookie: a1b2"]),
        ),
        (
            "two-torrents",
            search(&[
                "PORT:6881",
                infohash,
                "INFOHASH:  0101010101010101010101010101010101010101",
            ]),
        ),
        ("sixty-torrents", search(&many)),
        ("no-torrent", search(&[host, "Port: 6881"])),
        ("no-port", search(&[host, infohash])),
        ("port-0", search(&["Port: 0", infohash])),
        ("port-70000", search(&["Port: 70000", infohash])),
        ("half-a-hash", search(&["Port: 1", "Infohash: abcdef"])),
        (
            "long-cookie",
            search(&["Port: 1", infohash, &format!("cookie: {}", "x".repeat(65))]),
        ),
        (
            "another-request",
            b"M-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n".to_vec(),
        ),
        ("not-text", vec![0xFF; 40]),
        ("empty", vec![]),
    ]
}
