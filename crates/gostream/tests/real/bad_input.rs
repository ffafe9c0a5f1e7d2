//! Settings, links and stubs that are wrong: a clear message, exit code 2, nothing half-written.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::harness::cli::{self, Finished};
use crate::harness::media;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::wait;

const NOTHING: [PathBuf; 0] = [];

fn with_config(text: &str, arguments: &[&str]) -> Finished {
    let place = Place::new(json!({}));
    fs::write(&place.config, text).unwrap();
    let finished = place.run(arguments);
    assert_eq!(place.stubs(), NOTHING);
    finished
}

#[test]
fn a_wrong_value_is_named_with_its_line_column_and_key() {
    let text = "{\n  // how much\n  \"read_ahead_budget_mb\": \"many\"\n}\n";
    let finished = with_config(text, &["serve"]);
    finished.refused(&["config.json:3:27", "read_ahead_budget_mb", "many"]);
}

#[test]
fn a_syntax_error_is_named_with_its_line() {
    let finished = with_config("{\n  \"metrics_port\": 1,\n  oops\n", &["serve"]);
    finished.refused(&["config.json:3:"]);
}

#[test]
fn a_value_out_of_range_is_refused() {
    for text in [
        "{\"torrent_port\": 65536}",
        "{\"read_deadline_seconds\": -1}",
    ] {
        with_config(text, &["serve"]).refused(&["config.json:1:"]);
    }
}

#[test]
fn a_named_config_that_is_missing_is_refused() {
    let place = Place::new(json!({}));
    fs::remove_file(&place.config).unwrap();
    place.run(&["ls"]).refused(&["config.json"]);
}

#[test]
fn a_wrong_environment_variable_is_named() {
    let place = Place::new(json!({}));
    let mut command = cli::binary();
    command.arg("--config").arg(&place.config);
    command.arg("--data-dir").arg(&place.data_dir).arg("serve");
    command.env("MKV_PROXY_READ_AHEAD_BUDGET", "lots");
    let finished = cli::finish(&mut command, Duration::from_secs(20));
    finished.refused(&["MKV_PROXY_READ_AHEAD_BUDGET", "lots"]);
}

#[test]
fn unknown_keys_and_comments_are_fine() {
    let text =
        "{\n  // mine\n  \"tmdb_api_key\": \"k\", \"my_own\": [1], /* and */ \"natpmp\": {},\n}";
    let finished = with_config(text, &["ls"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn bad_links_are_refused_with_the_server_and_without() {
    let links: [&str; 7] = [
        "magnet:?dn=no-hash",
        "magnet:?xt=urn:btih:0123",
        "magnet:?xt=urn:btih:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "magnet:?xt=urn:btmh:1220caf1e1c30e81cb361b9ee167c4aa6422",
        "ftp://127.0.0.1/film.torrent",
        "no-such-file.torrent",
        "",
    ];
    let place = Place::new(json!({}));
    for link in links {
        place.run(&["add", link]).refused(&[]);
    }
    assert_eq!(place.stubs(), NOTHING);
    let server = Server::start_in(place);
    for link in links {
        server.place.run(&["add", link]).refused(&[]);
    }
    assert_eq!(server.place.stubs(), NOTHING);
}

#[test]
fn a_folder_outside_of_the_library_is_refused() {
    let torrent = Torrent::make(&media::short_film(), 64 * 1024, None, &[]);
    let link = torrent.path.to_str().unwrap();
    let place = Place::new(json!({}));
    for dir in ["../other", "/etc", "movies/../../x"] {
        let finished = place.run(&["add", "--dir", dir, link]);
        assert_ne!(finished.code, Some(0), "--dir {dir}: {finished:?}");
        finished.refused(&[]);
    }
    place.run(&["add", "--name", "../../evil", link]);
    let escaped = place.data_dir.join("evil");
    assert!(!escaped.exists());
    assert!(
        place
            .stubs()
            .iter()
            .all(|stub| stub.starts_with(place.library()))
    );
}

#[test]
fn a_path_that_is_not_there_cannot_be_removed() {
    let place = Place::new(json!({}));
    place.run(&["rm", "movies/none.mkv"]).refused(&["none.mkv"]);
    let finished = place.run(&["rm", "../config.json"]);
    assert_ne!(finished.code, Some(0), "{finished:?}");
    assert!(place.config.exists());
}

#[test]
fn unknown_options_are_refused() {
    let place = Place::new(json!({}));
    place.run(&["ls", "--nonsense"]).refused(&["--nonsense"]);
    place.run(&["frobnicate"]).refused(&["frobnicate"]);
    place.run(&["add"]).refused(&[]);
}

#[test]
fn broken_stubs_hide_nothing_else() {
    let original = media::short_film();
    let torrent = Torrent::make(&original, 64 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let place = Place::new(json!({}));
    let movies = place.library().join("movies");
    fs::create_dir_all(&movies).unwrap();
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let broken = [
        ("empty.mkv", String::new()),
        ("garbage.mkv", "\u{0}\u{1}\u{fffd}".repeat(99)),
        ("half.mkv", "{\"url\":\"http://x/stream?li".to_owned()),
        (
            "zero.mkv",
            format!("http://127.0.0.1/stream?link={hash}&index=1&play\n0\n\n"),
        ),
        (
            "huge.mkv",
            format!("http://127.0.0.1/stream?link={hash}&index=1&play\n99999999999999999999\n\n"),
        ),
        (
            "no-hash.mkv",
            "http://127.0.0.1/stream?index=1&play\n1000\n\n".to_owned(),
        ),
    ];
    for (name, text) in &broken {
        fs::write(movies.join(name), text).unwrap();
    }
    let server = Server::start_in(place);
    let path = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let found = wait::within("reading the film", Duration::from_secs(60), move || {
        crate::harness::content::sha256(&path)
    });
    assert_eq!(found, crate::harness::content::sha256(&original));
    for (name, _) in &broken {
        let shown = server.mount.join("movies").join(name);
        assert!(fs::File::open(&shown).is_err(), "{name} can be opened");
        assert!(movies.join(name).exists(), "{name} was removed");
    }
}
