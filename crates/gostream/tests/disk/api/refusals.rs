//! What the API port refuses, and how it says so.

use serde_json::json;

use super::{Stand, curl, settings, stand, status_of};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::SharedFilm;
use crate::harness::{free_port, http};

#[test]
fn bad_requests_get_a_status_and_no_body() {
    let stand = stand();
    let known = "ab".repeat(20);
    for (path, body, status) in [
        ("/torrents", json!({"action": "dance"}), 400),
        ("/torrents", json!({"action": "add", "link": ""}), 400),
        (
            "/torrents",
            json!({"action": "add", "link": "magnet:?xt=nothing"}),
            400,
        ),
        (
            "/torrents",
            json!({"action": "add", "link": "file:///etc/passwd"}),
            400,
        ),
        (
            "/torrents",
            json!({"action": "add", "link": "/etc/passwd"}),
            400,
        ),
        (
            "/torrents",
            json!({"action": "add", "link": format!("http://127.0.0.1:{}/echo", stand.port)}),
            400,
        ),
        (
            "/torrents",
            json!({"action": "add", "link": "http://localhost/a.torrent"}),
            400,
        ),
        ("/torrents", json!({"action": "get"}), 400),
        ("/torrents", json!({"action": "get", "hash": known}), 404),
        (
            "/torrents",
            json!({"action": "get", "hash": "nonsense"}),
            404,
        ),
        ("/torrents", json!({"action": "rem", "hash": known}), 200),
        ("/torrents", json!({"action": "rem"}), 400),
        ("/torrents", json!([1, 2]), 400),
        ("/cache", json!({"action": "get", "hash": known}), 404),
        ("/cache", json!({"action": "get"}), 400),
        ("/viewed", json!({"action": "set"}), 400),
        ("/viewed", json!({"action": "dance"}), 200),
    ] {
        let answer = stand.post(path, &body);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, ""),
            "{path} {body}"
        );
    }
}

#[test]
fn bad_paths_get_a_status() {
    let stand = stand();
    let known = "ab".repeat(20);
    for (path, status) in [
        ("/stream", "400"),
        ("/stream?link=x&play", "500"),
        ("/stream?link=file%3A%2F%2F%2Fetc%2Fpasswd&play", "500"),
        (&*format!("/play/{known}/1"), "500"),
        ("/playlist", "400"),
        (&*format!("/playlist?hash={known}"), "404"),
        ("/download/many", "400"),
        ("/no/such/path", "404"),
    ] {
        assert_eq!(status_of(&[&stand.url(path)]), status, "{path}");
    }
    for garbage in ["", "{", "\u{0}\u{1}", "null", "\"add\""] {
        let answer =
            http::request(stand.port, "POST", "/torrents", &[], garbage.as_bytes()).unwrap();
        assert_eq!(answer.status, 400, "{garbage:?}");
    }
}

#[test]
fn a_page_of_another_site_is_refused() {
    let stand = stand();
    let wipe = ["-d", r#"{"action":"wipe"}"#, &stand.url("/torrents")];
    let asked = |origin: &str| status_of(&[&["-H", origin][..], &wipe].concat());
    assert_eq!(asked("Origin: http://evil.example"), "403");
    assert_eq!(
        asked(&format!("Origin: http://127.0.0.1:{}", stand.port)),
        "200"
    );
}

#[test]
fn a_giant_body_is_refused_before_it_is_read() {
    let stand = stand();
    let lengths = ["-H", "Content-Length: 1073741824", "-H", "Expect:"];
    let body = ["-X", "POST", "-d", "{}", &stand.url("/torrents")];
    assert_eq!(status_of(&[&lengths[..], &body].concat()), "413");
    assert!(stand.server.peak_memory() < 512 << 20);
}

#[test]
fn a_player_without_a_login_plays_what_is_known_where_that_is_allowed_and_nothing_else() {
    let film = SharedFilm::start();
    let port = free_port();
    let place = Place::new(settings(port));
    place.set(&json!({"web_user": "ann", "web_password": "pw"}));
    let stand = Stand {
        film,
        port,
        server: Server::start_in(place),
    };
    let play = stand.url(&format!("/stream/a.mkv?link={}&index=1&play", stand.hash()));
    assert_eq!(status_of(&[&play]), "401");
    assert_eq!(status_of(&[&stand.url("/echo")]), "200");
    let add = json!({"action": "add", "link": stand.film.magnet()}).to_string();
    let torrents = stand.url("/torrents");
    assert_eq!(status_of(&["-d", &add, &torrents]), "401");
    assert_eq!(status_of(&["-u", "ann:pw", "-d", &add, &torrents]), "200");
    assert_eq!(
        status_of(&[&play]),
        "401",
        "it is closed until it is opened"
    );
    let open = ["config", "set", "web_open_streams", "true"];
    assert_eq!(
        stand.server.place.run(&open).success(),
        "in effect: web_open_streams\n"
    );
    assert!(curl(&["-r", "0-9", &play]) == stand.bytes(0, 10));
    assert_eq!(status_of(&[&stand.url("/stat")]), "401");
}
