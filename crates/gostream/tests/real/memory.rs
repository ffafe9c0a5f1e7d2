//! What the process holds in memory while it reads, and while everything sleeps.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::harness::content::{forget, sha256};
use crate::harness::media::{self, MIB};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::wait;

/// What the process may hold besides the budget.
const ALLOWANCE: u64 = 60 * MIB;

/// Reads a film of six times the budget and compares the peak of the resident memory.
fn reading_stays_in_budget(budget_mib: u64, piece_mib: u64) {
    let original = media::bytes(6 * budget_mib);
    let torrent = Torrent::make(&original, piece_mib * MIB, None, &[]);
    let seeders = ["127.0.0.2", "127.0.0.3"].map(|ip| Peer::seeder(&torrent, ip, &[]));
    let server = Server::start(json!({"read_ahead_budget_mb": budget_mib}));
    let peers: Vec<_> = seeders.iter().map(|seeder| seeder.address).collect();
    let path = server.add(&torrent.magnet_of_peers(&peers)).remove(0);
    let limit = Duration::from_secs(300);
    let shown = wait::within("reading the file", limit, move || sha256(&path));
    assert_eq!(shown, sha256(&original));
    let peak = server.peak_memory();
    let allowed = budget_mib * MIB + ALLOWANCE;
    let (peak_mib, allowed_mib) = (peak / MIB, allowed / MIB);
    assert!(
        peak <= allowed,
        "peak {peak_mib} MiB, allowed {allowed_mib} MiB"
    );
}

#[test]
fn a_budget_of_64_mib_with_4_mib_pieces_is_kept() {
    reading_stays_in_budget(64, 4);
}

#[test]
fn a_budget_of_256_mib_with_4_mib_pieces_is_kept() {
    reading_stays_in_budget(256, 4);
}

#[test]
fn a_budget_of_256_mib_with_16_mib_pieces_is_kept() {
    reading_stays_in_budget(256, 16);
}

#[test]
fn two_thousand_sleeping_films_cost_little_and_hold_no_socket() {
    const FILMS: usize = 2000;
    let place = Place::new(json!({}));
    let movies = place.library().join("movies");
    fs::create_dir_all(&movies).unwrap();
    for number in 0..FILMS {
        let hash = format!("{number:040x}");
        let stub = json!({
            "url": format!("http://127.0.0.1:8090/stream?link={hash}&index=1&play"),
            "size": 4_000_000_000_u64 + number as u64,
            "magnet": format!("magnet:?xt=urn:btih:{hash}&dn=Film.{number}"),
            "imdb": "",
        });
        let name = format!("Film.{number}_{}.mkv", &hash[32..]);
        fs::write(movies.join(name), stub.to_string()).unwrap();
    }
    let server = Server::start_in(place);
    let shown = server.mount.join("movies");
    let limit = Duration::from_secs(20);
    let sizes = wait::within("ls -l", limit, move || {
        let entries = fs::read_dir(&shown).unwrap();
        entries
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect::<Vec<_>>()
    });
    assert_eq!(sizes.len(), FILMS);
    assert!(sizes.iter().all(|size| *size >= 4_000_000_000));
    // Without the pages of the program's own file, which are many in a debug build and cost nothing that the
    // system could not take back.
    let resident = server.memory("RssAnon:") / MIB;
    assert!(resident <= 16, "{resident} MiB are resident");
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_film_sleeps_after_the_last_close_and_wakes_again() {
    let original = media::short_film();
    let torrent = Torrent::make(&original, 64 * 1024, None, &[]);
    let mut seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start(json!({"disconnect_timeout_seconds": 1}));
    let path = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let expected = sha256(&original);
    let mut uploaded = 0;
    for _ in 0..2 {
        let path = path.clone();
        let found = wait::within("reading the film", Duration::from_secs(60), move || {
            forget(&path);
            sha256(&path)
        });
        assert_eq!(found, expected);
        wait::until("the film sleeps", Duration::from_secs(20), || {
            (seeder.figure("peers") == 0 && server.connections() == 0).then_some(())
        });
        let now = seeder.figure("uploaded");
        assert!(now > uploaded, "nothing was asked of the seeder");
        uploaded = now;
    }
}
