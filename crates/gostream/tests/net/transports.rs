//! How connections travel: encrypted in every way that libtorrent knows, and over uTP, in both directions.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::content::sha256;
use crate::harness::media::{self, MIB_LEN};
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::tracker::Tracker;
use crate::harness::wait;

const LIMIT: Duration = Duration::from_secs(60);
const PIECE: u64 = 64 * 1024;

/// Plays a film from a seeder with these arguments; how the seeder says that it travelled.
fn plays(settings: Value, seeder: &[&str]) -> Peer {
    let film = media::bytes(6);
    let torrent = Torrent::make(&film, PIECE, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", seeder);
    let server = Server::start(settings);
    let magnet = torrent.magnet_of_peers(&[seeder.address]);
    let path = server.add(&magnet).remove(0);
    let shown = wait::within("the film", LIMIT, move || sha256(&path));
    assert_eq!(shown, sha256(&film));
    seeder
}

/// Has a leecher with these arguments take pieces of a film that is played, from us alone.
fn gives(settings: Value, leecher: &[&str]) -> Peer {
    let torrent = Torrent::make(&media::bytes(64), 4 * PIECE, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let mut settings = settings;
    settings["read_ahead_budget_mb"] = json!(48);
    settings["upload_limit_kb"] = json!(0);
    let server = Server::start(settings);
    let magnet = torrent.magnet_of_peers(&[seeder.address]);
    let path = server.add(&magnet).remove(0);
    let _player = wait::within("the start of the film", LIMIT, move || {
        let mut player = File::open(path).unwrap();
        player.read_exact(&mut vec![0; 4 * MIB_LEN]).unwrap();
        player
    });
    let us = format!("127.0.0.1:{}", server.torrent_port());
    let arguments = [&["--peer", &us][..], leecher].concat();
    let mut leecher = Peer::leecher(&torrent, "127.0.0.4", &arguments);
    wait::until("pieces are had of us", LIMIT, || {
        (leecher.figure("pieces") >= 8).then_some(())
    });
    assert_eq!(leecher.figure("failed"), 0);
    leecher
}

#[test]
fn a_film_plays_from_a_seeder_that_takes_rc4_only() {
    let mut seeder = plays(json!({}), &["--encryption", "rc4"]);
    assert_eq!(seeder.figure("rc4"), 1);
}

#[test]
fn a_film_plays_from_a_seeder_that_hides_its_handshake_only() {
    let mut seeder = plays(json!({}), &["--encryption", "handshake"]);
    assert_eq!(seeder.figure("rc4"), 0);
    assert_eq!(seeder.figure("hidden_handshake"), 1);
}

#[test]
fn where_rc4_is_required_here_a_seeder_that_allows_it_is_spoken_to_in_it() {
    let settings = json!({"encryption_outgoing": "require", "encryption_level": "rc4"});
    let mut seeder = plays(settings, &[]);
    assert_eq!(seeder.figure("rc4"), 1);
}

#[test]
fn a_seeder_without_encryption_serves_us_unless_we_require_it() {
    let mut seeder = plays(json!({}), &["--encryption", "off"]);
    assert_eq!(seeder.figure("hidden_handshake"), 0);

    let tracker = Tracker::start();
    let torrent = Torrent::make(&media::bytes(6), PIECE, Some(&tracker.url()), &[]);
    tracker.allow(&torrent.info_hash);
    let mut seeder = Peer::seeder(&torrent, "127.0.0.3", &["--encryption", "off"]);
    let settings = json!({"encryption_outgoing": "require", "read_deadline_seconds": 4});
    let server = Server::start(settings);
    let path = server.add(torrent.path.to_str().unwrap()).remove(0);
    let read = wait::within("the read's deadline", LIMIT, move || {
        File::open(path).unwrap().read(&mut [0; 1000])
    });
    assert!(read.is_err(), "{read:?}");
    assert_eq!(seeder.figure("uploaded"), 0);
}

#[test]
fn a_leecher_that_takes_rc4_only_downloads_from_us() {
    let mut leecher = gives(json!({}), &["--encryption", "rc4"]);
    assert_eq!(leecher.figure("rc4"), 1);
}

#[test]
fn a_leecher_that_hides_its_handshake_only_downloads_from_us_where_we_require_that() {
    let settings = json!({"encryption_incoming": "require"});
    let mut leecher = gives(settings, &["--encryption", "handshake"]);
    assert_eq!(leecher.figure("hidden_handshake"), 1);
}

#[test]
fn a_film_plays_from_a_seeder_that_speaks_utp_only() {
    let mut seeder = plays(json!({"utp": true}), &["--utp-only"]);
    assert_eq!(seeder.figure("utp"), 1);
}

#[test]
fn a_film_plays_from_a_seeder_that_speaks_utp_and_takes_rc4_only() {
    let mut seeder = plays(json!({"utp": true}), &["--utp-only", "--encryption", "rc4"]);
    assert_eq!(seeder.figure("utp"), 1);
    assert_eq!(seeder.figure("rc4"), 1);
}

#[test]
fn a_leecher_that_speaks_utp_only_downloads_from_us() {
    let mut leecher = gives(json!({"utp": true}), &["--utp-only"]);
    assert_eq!(leecher.figure("utp"), 1);
}
