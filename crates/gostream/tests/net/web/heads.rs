//! What is no request, or hardly one.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

use serde_json::json;

use super::{Stand, status};
use crate::harness::wire;

/// A TLS 1.3 ClientHello as a browser begins it, cut short.
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x9a\x1c\x00\xff\x17\
    \x20\x13\x01\x13\x02\x13\x03\x00\x00\x0b\x00\x04\x03\x00\x01\x02";

const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

fn request(line: &str, headers: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

/// Each with what may come of it; 0 is no answer.
fn nonsense() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let long = "x".repeat(100_000);
    let many: String = (0..200).fold(String::new(), |mut text, number| {
        let _ = write!(text, "X-{number}: y\r\n");
        text
    });
    let noise: Vec<u8> = (0..65_536_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1])
        .collect();
    vec![
        ("TLS", CLIENT_HELLO.to_vec(), &[0, 400]),
        ("HTTP/2", HTTP2.to_vec(), &[0, 400]),
        ("noise", noise, &[0, 400]),
        ("NULs", vec![0; 1000], &[0, 400]),
        ("no version", b"GET /\r\n\r\n".to_vec(), &[0, 400]),
        ("version 9", b"GET / HTTP/9.9\r\n\r\n".to_vec(), &[0, 400]),
        ("no name", request("GET /", ": x\r\n"), &[400]),
        ("no colon", request("GET /", "nothing\r\n"), &[400]),
        ("NUL in a header", request("GET /", "X: a\0b\r\n"), &[400]),
        (
            "long header",
            request("GET /", &format!("X: {long}\r\n")),
            &[0, 431],
        ),
        (
            "long path",
            request(&format!("GET /{long}"), ""),
            &[0, 414, 431],
        ),
        ("many headers", request("GET /", &many), &[431]),
        (
            "length -1",
            request("POST /torrents", "Content-Length: -1\r\n"),
            &[400],
        ),
        (
            "two lengths",
            request(
                "POST /torrents",
                "Content-Length: 1\r\nContent-Length: 2\r\n",
            ),
            &[400],
        ),
        (
            "giant length",
            request("POST /torrents", "Content-Length: 99999999999999999999\r\n"),
            &[400],
        ),
        (
            "bad chunk",
            [
                request("POST /torrents", "Transfer-Encoding: chunked\r\n"),
                b"zz\r\n".to_vec(),
            ]
            .concat(),
            &[0, 400, 404, 405],
        ),
        (
            "odd coding",
            request("POST /torrents", "Transfer-Encoding: gzip\r\n"),
            &[400],
        ),
        ("raw NUL in a path", request("GET /a\0b", ""), &[400]),
        ("a space in a path", request("GET /a b", ""), &[0, 400]),
    ]
}

#[test]
fn what_is_no_request_is_refused_and_others_are_answered() {
    let stand = Stand::of_short_film(&json!({}));
    for port in stand.ports() {
        for (name, bytes, expected) in nonsense() {
            let answer = wire::say(port, &bytes);
            let found = status(&answer);
            assert!(expected.contains(&found), "{name} at {port}: {answer:?}");
        }
    }
    stand.all_ports_answer();
    stand.nothing_panicked();
}

#[test]
fn paths_that_lead_out_lead_nowhere() {
    let stand = Stand::of_short_film(&json!({}));
    let ways = [
        "/../../../../etc/passwd",
        "/movies/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/movies%2f..%2f..%2fetc/passwd",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/movies/%00",
        "/movies/%00/../../etc/passwd",
        "/%ff%fe",
        "/%zz",
        "/..\\..\\etc\\passwd",
        "/stream/..%2f..%2fetc%2fpasswd?link=file:///etc/passwd&play",
        "/play/..%2f..%2fetc%2fpasswd/1",
        "/playlist?hash=../../etc/passwd",
        "/api/v1/library/..%2f..%2fetc%2fpasswd",
        "/api/v1/torrents/..%2f..%2f/pieces",
        "/debug/pprof/..%2f..%2fetc/passwd",
        "http://elsewhere.example/etc/passwd",
        "http://127.0.0.1:1/../../etc/passwd",
        "*",
    ];
    for port in stand.ports() {
        for way in ways {
            for method in ["GET", "HEAD", "PROPFIND", "DELETE"] {
                let answer = wire::say(port, &request(&format!("{method} {way}"), ""));
                assert!(!answer.contains("root:"), "{method} {way}: {answer}");
                let found = status(&answer);
                // A link that leads nowhere is a 500 to clients of TorrServer.
                let dead =
                    found == 500 && (way.starts_with("/stream") || way.starts_with("/play/"));
                assert!(
                    (400..500).contains(&found) || dead,
                    "{method} {way}: {answer:?}"
                );
            }
        }
    }
    assert_eq!(stand.server.place.stubs().len(), 1);
    stand.all_ports_answer();
    stand.nothing_panicked();
}

#[test]
fn a_request_as_to_a_proxy_is_answered_for_its_path() {
    let stand = Stand::of_short_film(&json!({}));
    for (port, path) in [
        (stand.api, "echo"),
        (stand.proxy, "movies/"),
        (stand.metrics, "ready"),
    ] {
        let line = format!("GET http://127.0.0.1:{port}/{path}");
        assert_eq!(status(&wire::say(port, &request(&line, ""))), 200, "{line}");
        let connect = request("CONNECT elsewhere.example:443", "");
        let found = status(&wire::say(port, &connect));
        assert!((400..500).contains(&found), "CONNECT: {found}");
    }
}

#[test]
fn thousands_of_ranges_are_joined_refused_or_ignored() {
    let stand = Stand::of_short_film(&json!({}));
    let ranges = |step: u32| {
        let each: Vec<String> = (0..3000).map(|n| format!("{0}-{0}", n * step)).collect();
        format!("Range: bytes={}\r\n", each.join(","))
    };
    let overlapping = format!("Range: bytes={}\r\n", vec!["0-"; 3000].join(","));
    for (port, path) in stand.film_requests() {
        let line = format!("GET {path}");
        for odd in [ranges(3), ranges(1), overlapping.clone()] {
            let mut stream = wire::connect(port);
            stream.write_all(&request(&line, &odd)).unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            let found = status(std::str::from_utf8(&head).unwrap());
            assert!([200, 206, 416].contains(&found), "{found}");
        }
    }
    stand.without_readers();
}
