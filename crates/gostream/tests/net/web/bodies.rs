//! Bodies that are garbage, and bodies that do not end.

use serde_json::json;

use super::{Stand, status};
use crate::harness::wire;

const GIB: usize = 1 << 30;

/// What the server takes of a gigabyte before its client has heard that it is too much: what routes may read, what is read
/// past so that the answer arrives, and what the system keeps.
const TAKEN_MAX: usize = 160 << 20;

/// What memory may grow by: the longest body that a route takes, twice.
const COST: u64 = 128 << 20;

/// The routes that read a body, and where each is.
fn routes(stand: &Stand) -> Vec<(u16, &'static str, &'static str)> {
    let of_api = [
        "POST /torrents",
        "POST /torrent/upload",
        "POST /cache",
        "POST /viewed",
        "POST /settings",
        "POST /api/v1/library",
        "POST /api/v1/torrents",
        "PATCH /api/v1/settings",
    ];
    let of_metrics = ["POST /webhook", "POST /plex/webhook", "POST /api/config"];
    let form = "Content-Type: multipart/form-data; boundary=x\r\n";
    let of_api = of_api.map(|route| {
        (
            stand.api,
            route,
            if route.contains("upload") { form } else { "" },
        )
    });
    let of_metrics = of_metrics.map(|route| {
        (
            stand.metrics,
            route,
            if route.contains("plex") { form } else { "" },
        )
    });
    let proxy = (stand.proxy, "PROPFIND /movies/", "Depth: 1\r\n");
    of_api
        .into_iter()
        .chain(of_metrics)
        .chain([proxy])
        .collect()
}

fn head(route: &str, headers: &str) -> String {
    format!("{route} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n")
}

#[test]
fn garbage_is_told_to_be_garbage() {
    let stand = Stand::of_short_film(&json!({}));
    let noise: Vec<u8> = (0..65_536_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1])
        .collect();
    let nested = "[".repeat(60_000).into_bytes();
    let unfinished = b"--x\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{".to_vec();
    for (port, route, headers) in routes(&stand) {
        for garbage in [&noise, &nested, &unfinished, &b"\"\xff\xfe\"".to_vec()] {
            let headers = format!("{headers}Content-Length: {}\r\n", garbage.len());
            let request = [head(route, &headers).as_bytes(), garbage].concat();
            let answer = wire::say(port, &request);
            let found = status(&answer);
            assert!((400..500).contains(&found), "{route}: {answer}");
        }
    }
    stand.all_ports_answer();
    stand.nothing_panicked();
}

#[test]
fn a_gigabyte_is_cut_off_early_and_told_so_whether_it_says_its_length_or_not() {
    let stand = Stand::of_short_film(&json!({}));
    let before = stand.memory();
    let plain = vec![b' '; 64 * 1024];
    let chunked = [&b"10000\r\n"[..], &plain, b"\r\n"].concat();
    for (port, route, headers) in routes(&stand) {
        let announced = format!("{headers}Content-Length: {GIB}\r\n");
        let silent = format!("{headers}Transfer-Encoding: chunked\r\n");
        for (headers, chunk) in [(announced, &plain), (silent, &chunked)] {
            let (taken, answer) = wire::flood(port, &head(route, &headers), chunk, GIB);
            assert!(taken < TAKEN_MAX, "{route}: took {} MiB", taken >> 20);
            // A form without its boundary is garbage before it is long.
            let form = headers.contains("multipart") && status(&answer) == 400;
            assert!(
                status(&answer) == 413 || form,
                "{route} {headers}: {answer}"
            );
        }
    }
    let cost = stand.memory().saturating_sub(before);
    assert!(cost < COST, "{} MiB", cost >> 20);
    stand.all_ports_answer();
    stand.nothing_panicked();
}

#[test]
fn a_body_where_none_belongs_is_not_read() {
    let stand = Stand::of_short_film(&json!({}));
    let chunk = vec![b'x'; 64 * 1024];
    for (port, path) in [
        (stand.api, "/echo"),
        (stand.proxy, "/movies/"),
        (stand.metrics, "/ready"),
    ] {
        let request = head(
            &format!("GET {path}"),
            &format!("Content-Length: {GIB}\r\n"),
        );
        let (taken, answer) = wire::flood(port, &request, &chunk, GIB);
        assert!([200, 413].contains(&status(&answer)), "{path}: {answer}");
        assert!(taken < TAKEN_MAX, "{path}: took {} MiB", taken >> 20);
    }
}
