//! The versioned API at its port, against a real seeder.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::events::Listener;
use crate::harness::http::{self, Answer};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::SharedFilm;
use crate::harness::{free_port, wait};

/// How long a small thing may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A film that a seeder shares, and a server with its API open.
pub(crate) struct Stand {
    pub(crate) film: SharedFilm,
    pub(crate) port: u16,
    pub(crate) server: Server,
}

impl Stand {
    pub(crate) fn with(settings: &Value) -> Self {
        let port = free_port();
        let place = Place::new(json!({"api_listen_port": port, "disconnect_timeout_seconds": 2}));
        place.set(settings);
        Self {
            film: SharedFilm::start(),
            port,
            server: Server::start_in(place),
        }
    }

    pub(crate) fn new() -> Self {
        Self::with(&json!({}))
    }

    pub(crate) fn hash(&self) -> &str {
        &self.film.torrent.info_hash
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let path = format!("/api/v1/{path}");
        http::request(self.port, method, &path, &[], body.as_bytes()).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    fn of_torrent(&self, what: &str) -> Value {
        self.get(&format!("torrents/{}{what}", self.hash()))
    }

    /// Adds the torrent, and waits for its files.
    fn add(&self) {
        let request = json!({"link": self.film.magnet(), "title": "A Film", "save": true});
        let answer = self.ask("POST", "torrents", &request);
        assert_eq!(answer.status, 200, "{}", answer.body);
        wait::until("the files are known", SOON, || {
            self.of_torrent("")["files"].is_array().then_some(())
        });
    }

    fn asleep(&self) {
        wait::until("it sleeps", SOON, || {
            (self.of_torrent("")["state"] == "asleep").then_some(())
        });
    }

    fn problem(&self, method: &str, path: &str, body: &Value, status: u16) -> String {
        let answer = self.ask(method, path, body);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        problem["detail"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_sleeping_torrent_answers_from_the_store_and_is_not_woken() {
    let stand = Stand::new();
    stand.add();
    stand.asleep();
    let len = fs::metadata(&stand.film.original).unwrap().len();
    for _ in 0..3 {
        let page = stand.get("torrents");
        assert_eq!(page["total"], 1);
        assert_eq!(page["torrents"][0]["title"], "A Film");
        assert_eq!(page["torrents"][0]["activity"], Value::Null);
        assert_eq!(stand.get("torrents?awake=true")["total"], 0);
        let torrent = stand.of_torrent("");
        assert_eq!(torrent["size_bytes"], len);
        assert_eq!(torrent["files"][0]["id"], 1);
        for none in ["/peers", "/readers", "/trackers"] {
            assert_eq!(stand.of_torrent(none), json!([]), "{none}");
        }
        let held = stand.of_torrent("/pieces");
        assert_eq!(held["files"][0]["size_bytes"], len);
        assert_eq!(held["files"][0]["memory"], json!([]));
        assert_eq!(
            (&held["lease_bytes"], &held["total"]),
            (&json!(0), &json!(1))
        );
        assert_eq!(stand.of_torrent("")["state"], "asleep");
    }
    // That of the last question may still be closing.
    wait::until("no connection is left", SOON, || {
        (stand.server.connections() == 0).then_some(())
    });
}

#[test]
fn a_torrent_that_is_read_shows_its_peers_its_readers_and_what_is_held() {
    let stand = Stand::new();
    let shown = stand.server.add(&stand.film.magnet());
    let film = File::open(&shown[0]).unwrap();
    film.read_exact_at(&mut vec![0; 1_000_000], 0).unwrap();
    let torrent = stand.of_torrent("");
    assert_eq!(torrent["state"], "awake");
    assert!(torrent["activity"]["downloaded_bytes"].as_u64().unwrap() >= 1_000_000);
    let peers = stand.of_torrent("/peers");
    let peer = &peers[0];
    assert!(peer["good_bytes"].as_u64().unwrap() > 0, "{peers}");
    assert!(
        peer["client"].as_str().unwrap().contains("libtorrent"),
        "{peers}"
    );
    assert_eq!(
        (&peer["transport"], &peer["encrypted"]),
        (&json!("tcp"), &json!(false))
    );
    let readers = stand.of_torrent("/readers");
    assert_eq!(
        (&readers[0]["file"], &readers[0]["stalls"]),
        (&json!(1), &json!([]))
    );
    let at = readers[0]["places"][0]["at_bytes"].as_u64().unwrap();
    assert!(at >= 1_000_000, "{readers}");
    let held = stand.of_torrent("/pieces");
    let range = &held["files"][0]["memory"][0];
    assert_eq!(range["start_bytes"], 0);
    assert!(range["end_bytes"].as_u64().unwrap() >= 1_000_000, "{held}");
    assert!(
        held["held_bytes"].as_u64() <= held["lease_bytes"].as_u64(),
        "{held}"
    );
}

#[test]
fn a_torrent_is_renamed_let_sleep_and_taken_away() {
    let stand = Stand::new();
    stand.add();
    let path = format!("torrents/{}", stand.hash());
    let renamed = stand.ask("PATCH", &path, &json!({"category": "movie"}));
    let renamed: Value = serde_json::from_str(&renamed.body).unwrap();
    assert_eq!(
        (&renamed["title"], &renamed["category"]),
        (&json!("A Film"), &json!("movie"))
    );
    let slept = stand.ask("POST", &format!("{path}/sleep"), &Value::Null);
    assert_eq!((slept.status, slept.body.as_str()), (204, ""));
    stand.asleep();
    assert_eq!(stand.ask("DELETE", &path, &Value::Null).status, 204);
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/sleep")),
    ] {
        assert_eq!(
            stand.problem(method, &path, &Value::Null, 404),
            "the torrent is not known"
        );
    }
    for (body, named) in [
        (json!({}), "link"),
        (json!({"link": "a", "torrent_base64": ""}), "link"),
        (json!({"link": "/etc/passwd"}), "link"),
        (json!({"link": "magnet:?", "colour": 1}), "colour"),
        (json!({"torrent_base64": "%"}), "torrent_base64"),
        (json!({"link": "x", "title": "t".repeat(5000)}), "title"),
    ] {
        let detail = stand.problem("POST", "torrents", &body, 400);
        assert!(detail.contains(named), "{body}: {detail}");
    }
    assert!(
        stand
            .problem("GET", "torrents/xyz/peers", &Value::Null, 400)
            .contains("hash")
    );
}

#[test]
fn a_listener_hears_of_films_and_of_torrents_that_wake_and_sleep() {
    let stand = Stand::new();
    let mut listener = Listener::new(stand.port);
    let shown = stand.server.add(&stand.film.magnet());
    let hash = json!(stand.hash());
    assert_eq!(listener.object("torrent_awake")["hash"], hash);
    assert_eq!(listener.object("torrent_resolved")["hash"], hash);
    assert_eq!(listener.object("library_changed")["films"], 1);
    let film = File::open(&shown[0]).unwrap();
    film.read_exact_at(&mut [0; 1000], 0).unwrap();
    drop(film);
    assert_eq!(listener.object("torrent_asleep")["hash"], hash);
    // The end of the server is the end of the stream, and does not wait for its listeners.
    let _ = stand.server.stop();
    listener.end();
}

#[test]
fn the_port_wants_the_login_and_refuses_pages_of_other_sites() {
    let stand =
        Stand::with(&json!({"web_user": "ann", "web_password": "pw", "web_token": "t0ken"}));
    let status = |headers: &[(&str, &str)]| {
        http::request(stand.port, "GET", "/api/v1/status", headers, b"").unwrap()
    };
    let refused = status(&[]);
    assert_eq!(refused.status, 401);
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic")
    );
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    let token = ("Authorization", "Bearer t0ken");
    assert_eq!(status(&[token]).status, 200);
    let foreign = status(&[token, ("Origin", "http://evil.example")]);
    assert_eq!(foreign.status, 403);
    let answer = http::request(stand.port, "GET", "/api/v1/openapi.json", &[], b"").unwrap();
    assert_eq!(answer.status, 401);
}
