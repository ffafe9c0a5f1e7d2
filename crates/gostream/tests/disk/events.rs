//! What listeners of the versioned API hear of settings, lists, viewers and readers that stand still.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::events::Listener;
use crate::harness::http::request;
use crate::harness::media;
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::{free_port, wait};
use crate::versioned::Stand;

const LIMIT: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

#[test]
fn settings_are_told_however_they_are_changed() {
    let stand = Stand::new();
    let mut listener = Listener::new(stand.port);
    let mut keys = || {
        let told = listener.object("settings_changed");
        let keys = told["keys"].as_array().unwrap().iter();
        let mut keys: Vec<_> = keys.map(|key| key.as_str().unwrap().to_owned()).collect();
        keys.sort();
        keys
    };
    let asked = json!({"uid": 9, "upload_limit_kb": 77});
    assert_eq!(stand.ask("PATCH", "settings", &asked).status, 200);
    assert_eq!(keys(), ["uid", "upload_limit_kb"]);
    let (place, server) = (&stand.server.place, &stand.server);
    place.set(&json!({"webhook_key": "k3y"}));
    server.hang_up();
    assert_eq!(keys(), ["webhook_key"]);
    // What is refused changes nothing, and so is not told.
    let good = fs::read_to_string(&place.config).unwrap();
    fs::write(&place.config, "{\"uid\": -1}").unwrap();
    server.hang_up();
    wait::until("it is refused", LIMIT, || {
        server
            .log()
            .contains("settings stay as they were")
            .then_some(())
    });
    fs::write(&place.config, good).unwrap();
    place.set(&json!({"download_limit_kb": 5}));
    server.hang_up();
    assert_eq!(keys(), ["download_limit_kb"]);
}

#[test]
fn a_blocklist_that_was_read_is_told() {
    let stand = Stand::new();
    let list = stand.server.place.data_dir.join("list.txt");
    let ranges = "a:192.0.2.1-192.0.2.9\nb:198.51.100.0-198.51.100.255\n";
    fs::write(&list, ranges).unwrap();
    let mut listener = Listener::new(stand.port);
    let asked = json!({"blocklist_enabled": true, "blocklist_file": list});
    assert_eq!(stand.ask("PATCH", "settings", &asked).status, 200);
    assert_eq!(listener.object("blocklist_refreshed")["ranges"], 2);
}

#[test]
fn viewers_are_told_of_as_media_servers_tell_of_them() {
    let metrics = free_port();
    let stand = Stand::with(&json!({"metrics_port": metrics}));
    let shown = stand.server.add(&stand.film.magnet());
    let film = File::open(&shown[0]).unwrap();
    film.read_exact_at(&mut [0; 1000], 0).unwrap();
    let path = shown[0].strip_prefix(&stand.server.mount).unwrap();
    let mut listener = Listener::new(stand.port);
    let tell = |event: &str| {
        let body = json!({"event": event, "item_type": "Movie", "item_id": "i1", "path": path,
            "title": "x", "device": "d1"});
        let answer = request(
            metrics,
            "POST",
            "/webhook",
            &[],
            body.to_string().as_bytes(),
        );
        assert_eq!(answer.unwrap().status, 200);
    };
    for (event, told) in [
        ("PlaybackStart", "playback_confirmed"),
        ("PlaybackStop", "playback_released"),
    ] {
        tell(event);
        assert_eq!(listener.object(told)["path"], json!(path), "{event}");
    }
}

#[test]
fn a_reader_that_stands_still_is_explained_and_the_explanation_is_true() {
    let torrent = Torrent::make(&media::bytes(128), 256 << 10, None, &[]);
    let mut seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let port = free_port();
    // Little is read ahead, so that it is known what is not here yet.
    let settings = json!({"api_listen_port": port, "read_ahead_budget_mb": 16});
    let server = Server::start(settings);
    let shown = server.add(&torrent.magnet_of_peers(&[seeder.address]));
    let film = File::open(&shown[0]).unwrap();
    film.read_exact_at(&mut [0; 4096], 0).unwrap();
    let mut listener = Listener::new(port);
    let read = |mib: u64| {
        let film = film.try_clone().unwrap();
        thread::spawn(move || film.read_exact_at(&mut [0; 4096], mib * MIB))
    };
    let readers = format!("/api/v1/torrents/{}/readers", torrent.info_hash);
    let stall = |mib: u64| {
        let mut last = String::new();
        wait::until("the reader explains why it waits", LIMIT, || {
            let body = request(port, "GET", &readers, &[], b"").unwrap().body;
            let seen: Value = serde_json::from_str(&body).unwrap();
            let seen = seen.as_array().unwrap().iter();
            let mut stalls = seen.flat_map(|reader| reader["stalls"].as_array().unwrap());
            let here = stalls.find(|stall| stall["at_bytes"] == mib * MIB).cloned();
            if here.is_none() && body.len() != last.len() {
                eprintln!("{body}");
                last = body;
            }
            here
        })
    };
    // A peer that is connected and sends nothing.
    seeder.pause();
    let waiting = read(64);
    let lasting = stall(64);
    let slow = format!("{} is slow to send it", seeder.address);
    let said = lasting["explanation"].as_str().unwrap();
    assert!(said.contains(&slow), "{lasting}");
    assert!(lasting["lasted_seconds"].as_f64() >= Some(1.0), "{lasting}");
    seeder.resume();
    waiting.join().unwrap().unwrap();
    let told = listener.object("reader_stalled");
    assert_eq!(
        (&told["hash"], &told["served"]),
        (&json!(torrent.info_hash), &json!(true))
    );
    let said = told["explanation"].as_str().unwrap();
    assert!(
        said.contains("stood still") && said.contains(&slow),
        "{told}"
    );
    // Nobody at all.
    seeder.kill();
    assert!(read(32).join().unwrap().is_err());
    let told = listener.object("reader_stalled");
    assert_eq!(told["served"], false);
    let said = told["explanation"].as_str().unwrap();
    assert!(
        said.contains("got nothing") && said.contains("no peer is connected"),
        "{told}"
    );
}
