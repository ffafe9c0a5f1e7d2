//! Settings that are changed while the server runs, and while it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::content::sha256;
use crate::harness::free_port;
use crate::harness::http::request;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::SharedFilm;
use crate::harness::wait::{until, within};

const LIMIT: Duration = Duration::from_secs(60);

/// The status of the proxy's first page.
fn page(port: u16, headers: &[(&str, &str)]) -> Option<u16> {
    request(port, "GET", "/", headers, b"").map(|answer| answer.status)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_running_server_takes_what_it_can_at_once_and_says_what_waits() {
    let port = free_port();
    let server = Server::start(json!({"proxy_listen_port": port, "mine": "stays"}));
    assert_eq!(page(port, &[]), Some(200));
    let words = [
        "config",
        "set",
        "web_token",
        "sesame",
        "uid",
        "7",
        "tmdb_api_key",
        "k",
    ];
    let said = server.place.run(&words).success();
    assert_eq!(
        said,
        "in effect: web_token\nafter a restart: uid\nwithout effect in this version: tmdb_api_key\n"
    );
    assert_eq!(page(port, &[]), Some(401));
    let login = [("Authorization", "Bearer sesame")];
    assert_eq!(page(port, &login), Some(200));

    let get = |key: &str| server.place.run(&["config", "get", key]).success();
    assert_eq!(
        (get("web_token"), get("uid")),
        ("***\n".to_owned(), "7\n".to_owned())
    );
    let text = fs::read_to_string(&server.place.config).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&written["mine"], &written["web_token"]),
        (&json!("stays"), &json!("sesame"))
    );
    assert_eq!(mode(&server.place.config), 0o600);

    let wrong = [
        "config",
        "set",
        "uid",
        "-1",
        "read_ahead_budget_mb",
        "9",
        "web_usr",
        "a",
    ];
    server
        .place
        .run(&wrong)
        .refused(&["uid: ", "read_ahead_budget_mb: ", "web_usr: "]);
    assert_eq!(fs::read_to_string(&server.place.config).unwrap(), text);
    let said = server
        .place
        .run(&["config", "unset", "web_token", "uid"])
        .success();
    assert_eq!(said, "in effect: web_token\n");
    assert_eq!(page(port, &[]), Some(200));
}

#[test]
fn a_client_of_torrserver_sets_what_our_own_words_say_as_well() {
    let port = free_port();
    let server = Server::start(json!({"api_listen_port": port}));
    let ask = |body: Value| {
        let answer = request(port, "POST", "/settings", &[], body.to_string().as_bytes()).unwrap();
        (answer.status, answer.body)
    };
    let read = || serde_json::from_str::<Value>(&ask(json!({"action": "get"})).1).unwrap();
    let get = |key: &str| server.place.run(&["config", "get", key]).success();
    let before = read();
    let mut sets = before.clone();
    sets["DownloadRateLimit"] = json!(4321);
    sets["ResponsiveMode"] = json!(true);
    sets["BlockListURL"] = json!("http://127.0.0.1:9/none.gz");
    assert_eq!(
        ask(json!({"action": "set", "sets": sets})),
        (200, String::new())
    );
    assert_eq!(
        (
            get("download_limit_kb"),
            get("verification"),
            get("blocklist_enabled")
        ),
        (
            "4321\n".to_owned(),
            "responsive\n".to_owned(),
            "true\n".to_owned()
        )
    );
    assert_eq!(read(), sets);

    let too_large =
        json!({"action": "set", "sets": {"PeersListenPort": 70_000, "DownloadRateLimit": 1}});
    assert_eq!(ask(too_large).0, 400);
    assert_eq!(get("download_limit_kb"), "4321\n");
    assert_eq!(ask(json!({"action": "def"})), (200, String::new()));
    assert_eq!(get("download_limit_kb"), "0\n");
    assert_eq!(get("blocklist_enabled"), "false\n");
}

#[test]
fn without_a_server_the_file_is_changed_and_made_when_there_is_none() {
    let place = Place::new(json!({}));
    fs::remove_file(&place.config).unwrap();
    let said = place
        .run(&["config", "set", "listen", "loopback, 10.0.0.0/8"])
        .success();
    assert!(said.starts_with("written to "), "{said}");
    let written = fs::read_to_string(&place.config).unwrap();
    assert_eq!(
        written,
        "{\n  \"listen\": [\"loopback\", \"10.0.0.0/8\"]\n}\n"
    );
    assert_eq!(mode(&place.config), 0o600);
}

#[test]
fn a_hang_up_has_the_file_read_again_and_a_broken_one_changes_nothing() {
    let port = free_port();
    let server = Server::start(json!({"proxy_listen_port": port}));
    server
        .place
        .set(&json!({"web_token": "sesame", "log_level": "DEBUG"}));
    server.hang_up();
    until("the login is asked for", LIMIT, || {
        (page(port, &[]) == Some(401)).then_some(())
    });
    until("it says so", LIMIT, || {
        server
            .log()
            .contains("settings were read again")
            .then_some(())
    });

    let good = fs::read_to_string(&server.place.config).unwrap();
    fs::write(
        &server.place.config,
        "{\n\"web_token\": \"open sesame\",\n\"uid\": -1}",
    )
    .unwrap();
    server.hang_up();
    let why = until("it says why not", LIMIT, || {
        let log = server.log();
        let line = log
            .lines()
            .find(|line| line.contains("settings stay as they were"))?;
        Some(line.to_owned())
    });
    assert!(
        why.contains("config.json:3:8: uid: expected 0..=4294967295, got -1"),
        "{why}"
    );
    assert_eq!(page(port, &[("Authorization", "Bearer sesame")]), Some(200));
    fs::remove_file(&server.place.config).unwrap();
    server.hang_up();
    until("it says that it is gone", LIMIT, || {
        server.log().contains("is gone").then_some(())
    });
    assert_eq!(page(port, &[]), Some(401));
    fs::write(&server.place.config, good).unwrap();
    assert!(!server.log().contains("sesame"));
}

#[test]
fn a_film_that_waits_for_a_limit_plays_when_it_is_lifted() {
    let film = SharedFilm::start();
    let server = Server::start(json!({"download_limit_kb": 1, "read_deadline_seconds": 60}));
    let shown = server.add(&film.magnet());
    let path = shown[0].clone();
    let reader =
        std::thread::spawn(move || within("the film is read", LIMIT, move || sha256(&path)));
    let said = server
        .place
        .run(&["config", "set", "download_limit_kb", "0"])
        .success();
    assert_eq!(said, "in effect: download_limit_kb\n");
    assert!(reader.join().unwrap() == sha256(&film.original));
}

#[test]
fn what_webhooks_clients_and_figures_see_follows_a_change() {
    let film = SharedFilm::start();
    let (api, metrics) = (free_port(), free_port());
    let server = Server::start(json!({"api_listen_port": api, "metrics_port": metrics}));
    server.add(&film.magnet());
    let webhook = |path: &str| {
        let body = br#"{"event":"library.new","Metadata":{"type":"track"}}"#;
        let answer = request(metrics, "POST", path, &[], body).unwrap();
        answer.status
    };
    let stream = format!("/stream?link={}&index=1&play", film.torrent.info_hash);
    let timeout = || {
        let answer = request(api, "GET", &stream, &[("Range", "bytes=0-0")], b"").unwrap();
        answer.header("x-stream-timeout").unwrap().to_owned()
    };
    let wakes = || {
        let figures = request(metrics, "GET", "/metrics", &[], b"").unwrap().body;
        let figures: Value = serde_json::from_str(&figures).unwrap();
        figures["master_concurrency_limit"].clone()
    };
    let seen = || (webhook("/webhook"), timeout(), wakes());
    assert_eq!(seen(), (200, "60".to_owned(), json!(25)));
    let words = "config set webhook_key k3y disconnect_timeout_seconds 7 master_concurrency_limit 9 half_open_max 99";
    let words: Vec<&str> = words.split(' ').collect();
    let said = server.place.run(&words).success();
    assert!(!said.contains("restart"), "{said}");
    assert_eq!(seen(), (403, "7".to_owned(), json!(9)));
    assert_eq!(webhook("/webhook?key=k3y"), 200);
    assert_eq!(webhook("/webhook?key=k3"), 403);
}
