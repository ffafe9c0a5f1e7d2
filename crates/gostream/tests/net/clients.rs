//! Other people's clients, both ways: a film is played from each by its magnet alone, and each downloads it from us.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::harness::client::{Client, Encryption, Kind};
use crate::harness::content::sha256;
use crate::harness::media::{self, MIB, MIB_LEN};
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::tracker::Tracker;
use crate::harness::wait;

/// Some unchoke newcomers every ten seconds only.
const LIMIT: Duration = Duration::from_secs(90);
const PIECE: u64 = 64 * 1024;

/// Metadata and data come from this client alone.
fn plays_from(kind: Kind, encryption: Encryption) {
    let film = media::bytes(6);
    let torrent = Torrent::make(&film, PIECE, None, &[]);
    let client = Client::seeding(kind, encryption, &torrent);
    let server = Server::start(json!({}));
    let magnet = torrent.magnet_of_peers(&[client.address()]);
    let path = server.add(&magnet).remove(0);
    let shown = wait::within("the film", LIMIT, move || sha256(&path));
    assert_eq!(shown, sha256(&film));
}

/// The client knows nobody but the server, which announces the window of a reader that has stopped for a while.
fn downloads_from_us(kind: Kind, encryption: Encryption) {
    let torrent = Torrent::make(&media::bytes(64), 4 * PIECE, None, &[]);
    let tracker = Tracker::start();
    tracker.allow(&torrent.info_hash);
    let magnet = format!("{}&tr={}", torrent.magnet, tracker.url());
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start(json!({"read_ahead_budget_mb": 48, "upload_limit_kb": 0}));
    let mut peers = vec![seeder.address];
    // One that is not told of addresses of 127/8, or ignores them, is dialled by us.
    let waiting = matches!(kind, Kind::Transmission)
        .then(|| Client::leeching(kind, encryption, &torrent, &magnet));
    peers.extend(waiting.iter().map(Client::address));
    let hints: Vec<String> = peers.iter().map(|peer| format!("&x.pe={peer}")).collect();
    let path = server.add(&format!("{magnet}{}", hints.concat())).remove(0);
    let _player = wait::within("the start of the film", LIMIT, move || begin(&path));
    let mut client =
        waiting.unwrap_or_else(|| Client::leeching(kind, encryption, &torrent, &magnet));
    wait::until("the client has pieces whose hash is right", LIMIT, || {
        (client.verified_bytes() >= 8 * MIB).then_some(())
    });
}

/// Plays the start of the film and leaves it open.
fn begin(path: &Path) -> File {
    let mut player = File::open(path).unwrap();
    player.read_exact(&mut vec![0; 4 * MIB_LEN]).unwrap();
    player
}

#[test]
fn a_film_plays_from_transmission() {
    plays_from(Kind::Transmission, Encryption::Allowed);
}

#[test]
fn transmission_downloads_from_us() {
    downloads_from_us(Kind::Transmission, Encryption::Allowed);
}

#[test]
fn a_film_plays_from_aria2() {
    plays_from(Kind::Aria2, Encryption::Allowed);
}

#[test]
fn aria2_downloads_from_us() {
    downloads_from_us(Kind::Aria2, Encryption::Allowed);
}

#[test]
fn a_film_plays_from_qbittorrent() {
    plays_from(Kind::Qbittorrent, Encryption::Allowed);
}

#[test]
fn qbittorrent_downloads_from_us() {
    downloads_from_us(Kind::Qbittorrent, Encryption::Allowed);
}
#[test]
fn a_film_plays_from_a_transmission_that_requires_encryption() {
    plays_from(Kind::Transmission, Encryption::Required);
}

#[test]
fn a_transmission_that_requires_encryption_downloads_from_us() {
    downloads_from_us(Kind::Transmission, Encryption::Required);
}

#[test]
fn a_film_plays_from_an_aria2_that_requires_encryption() {
    plays_from(Kind::Aria2, Encryption::Required);
}

#[test]
fn an_aria2_that_requires_encryption_downloads_from_us() {
    downloads_from_us(Kind::Aria2, Encryption::Required);
}

#[test]
fn a_film_plays_from_a_qbittorrent_that_requires_encryption() {
    plays_from(Kind::Qbittorrent, Encryption::Required);
}

#[test]
fn a_qbittorrent_that_requires_encryption_downloads_from_us() {
    downloads_from_us(Kind::Qbittorrent, Encryption::Required);
}
