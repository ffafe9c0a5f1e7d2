//! Pages of other sites that have a browser get something.

use std::fs;

use serde_json::{Value, json};

use super::post;
use crate::harness::http::{self, Answer};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::SharedFilm;
use crate::harness::{free_port, wait};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";

/// A picture of a page that keeps itself quiet, in a browser that says nothing to a plain address.
const PICTURE: [(&str, &str); 3] = [
    ("User-Agent", AGENT),
    (
        "Accept",
        "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    ),
    ("Accept-Language", "en-US,en;q=0.5"),
];

const PLAYER: [(&str, &str); 2] = [
    ("User-Agent", "VLC/3.0.21 LibVLC/3.0.21"),
    ("Range", "bytes=0-99"),
];

fn listed(port: u16) -> Vec<Value> {
    let answer = post(port, "/torrents", &[], &json!({"action": "list"}));
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn a_picture_on_another_site_adds_nothing_and_a_player_does() {
    let film = SharedFilm::start();
    let port = free_port();
    let place = Place::new(json!({"api_listen_port": port}));
    let _server = Server::start_in(place);
    let get = |path: &str, headers: &[(&str, &str)]| -> Answer {
        http::request(port, "GET", path, headers, b"").unwrap()
    };
    let magnet = film.magnet().replace('&', "%26");
    let cross = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "image"),
    ];
    let told = [&PICTURE[..], &cross].concat();
    for query in [
        "save",
        "play&index=1",
        "stat",
        "m3u",
        "preload",
        "save&title=x",
    ] {
        let path = format!("/stream/a.mkv?link={magnet}&{query}");
        for headers in [&PICTURE[..], &told] {
            let answer = get(&path, headers);
            assert_eq!(answer.status, 403, "{query}");
            assert!(answer.body.contains("cors_origins"), "{}", answer.body);
        }
    }
    assert_eq!(listed(port), Vec::<Value>::new());
    // A player's link adds it.
    let play = format!("/stream/a.mkv?link={magnet}&index=1&play&unseen");
    let original = fs::read(&film.original).unwrap();
    assert_eq!(get(&play, &PLAYER).status, 206);
    assert_eq!(listed(port).len(), 1);
    // What is known may be shown, and stays as it is.
    let hash = &film.torrent.info_hash;
    let shown = get(
        &format!("/stream/a.mkv?link={hash}&index=1&play"),
        &[&told[..], &[("Range", "bytes=0-99")]].concat(),
    );
    assert_eq!(shown.status, 206);
    assert!(original.starts_with(&shown.body.as_bytes()[..2]));
    for query in ["save", "title=Other&stat"] {
        let answer = get(&format!("/stream/a.mkv?link={hash}&{query}"), &told);
        assert_eq!(answer.status, 403, "{query}");
    }
    let viewed = post(port, "/viewed", &[], &json!({"action": "list"}));
    assert_eq!(viewed.body, "[]", "nobody watched it");
    // Somebody watches.
    assert_eq!(
        get(&format!("/stream/a.mkv?link={hash}&index=1&play"), &PLAYER).status,
        206
    );
    wait::until("it is marked", super::SOON, || {
        let viewed = post(port, "/viewed", &[], &json!({"action": "list"}));
        (viewed.body != "[]").then_some(())
    });
}
