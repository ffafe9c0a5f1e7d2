//! Torrents of v2 and hybrids (BEP 52) with libtorrent on the other side: played from a .torrent and from a magnet,
//! served to a leecher, and right when a peer lies.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::cli::ffprobe;
use crate::harness::content::{buffered, sha256};
use crate::harness::media::{self, MIB, MIB_LEN};
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::tracker::Tracker;
use crate::harness::wait;

const LIMIT: Duration = Duration::from_secs(90);
const PIECE: u64 = 64 * 1024;

fn assert_shows(path: &Path, original: &Path) {
    let shown = path.to_owned();
    let found = wait::within("the film", LIMIT, move || sha256(&shown));
    assert_eq!(found, sha256(original), "{}", path.display());
}

/// Two episodes of different lengths and a subtitle, none of which fills its last piece.
fn season() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let season = directory.path().join("A Show S01 1080p");
    fs::create_dir(&season).unwrap();
    let bytes = fs::read(media::bytes(3)).unwrap();
    let parts = [
        ("A Show S01E01 1080p.mkv", &bytes[..2 * MIB_LEN + 12_345]),
        ("A Show S01E01 1080p.srt", &bytes[..777]),
        ("A Show S01E02 1080p.mkv", &bytes[5..40_000]),
    ];
    for (name, bytes) in parts {
        fs::write(season.join(name), bytes).unwrap();
    }
    (directory, season)
}

/// Everything comes from this one seeder, by a magnet.
fn plays_the_season(kind: &str, seeder: &[&str]) {
    let (_directory, season) = season();
    let torrent = Torrent::make(&season, PIECE, None, &[kind]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", seeder);
    let server = Server::start(json!({}));
    let shown = server.add(&torrent.magnet_of_peers(&[seeder.address]));
    assert_eq!(shown.len(), 2, "{shown:?}");
    for path in shown {
        let name = path.file_name().unwrap().to_str().unwrap();
        let episode = if name.contains("E01") { "E01" } else { "E02" };
        let original = season.join(format!("A Show S01{episode} 1080p.mkv"));
        assert_shows(&path, &original);
    }
}

/// Peers come from a tracker, and what a magnet lacks from the file.
fn plays_by_its_torrent_file(kind: &str) {
    let film = media::short_film();
    let tracker = Tracker::start();
    let torrent = Torrent::make(&film, 4 * PIECE, Some(&tracker.url()), &[kind]);
    tracker.allow(&torrent.info_hash);
    let _seeder = Peer::seeder(&torrent, "127.0.0.2", &["--check"]);
    let server = Server::start(json!({}));
    let path = server.add(torrent.path.to_str().unwrap()).remove(0);
    let probed = path.clone();
    let found = wait::within("ffprobe", LIMIT, move || ffprobe(&probed));
    assert!(
        found["streams"]
            .as_array()
            .is_some_and(|streams| streams.len() == 2)
    );
    assert_shows(&path, &film);
}

#[test]
fn a_film_of_v2_alone_plays_by_its_torrent_file() {
    plays_by_its_torrent_file("--v2");
}

#[test]
fn a_hybrid_plays_by_its_torrent_file() {
    plays_by_its_torrent_file("--hybrid");
}

#[test]
fn several_files_of_v2_alone_play_by_a_magnet() {
    plays_the_season("--v2", &["--check"]);
}

#[test]
fn a_seeder_that_does_not_give_hashes_of_blocks_serves_v2_as_well() {
    plays_the_season("--v2", &[]);
}

#[test]
fn several_files_of_a_hybrid_play_by_a_magnet() {
    plays_the_season("--hybrid", &["--check"]);
}

/// A leecher that knows nobody else gets what we hold; it asks us for hashes on the way.
fn a_leecher_downloads(kind: &str) {
    let torrent = Torrent::make(&media::bytes(64), 4 * PIECE, None, &[kind]);
    let mut seeder = Peer::seeder(&torrent, "127.0.0.2", &["--check"]);
    let server = Server::start(json!({"read_ahead_budget_mb": 48, "upload_limit_kb": 0}));
    let path = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let played = path.clone();
    let _player = wait::within("the start of the film", LIMIT, move || {
        let mut player = File::open(&played).unwrap();
        player.read_exact(&mut vec![0; 4 * MIB_LEN]).unwrap();
        player
    });
    wait::until("more is read ahead than is asked of us", LIMIT, || {
        (buffered(&path) >= 48 * 4 * PIECE).then_some(())
    });
    // From now on there is nobody else.
    seeder.kill();
    let peer = format!("127.0.0.1:{}", server.torrent_port());
    let mut leecher = Peer::leecher(&torrent, "127.0.0.4", &["--peer", &peer]);
    wait::until("pieces are had of the server", LIMIT, || {
        (leecher.figure("pieces") >= 16).then_some(())
    });
    assert_eq!(leecher.figure("failed"), 0);
}

#[test]
fn a_leecher_of_v2_downloads_from_us() {
    a_leecher_downloads("--v2");
}

#[test]
fn a_leecher_of_a_hybrid_downloads_from_us() {
    a_leecher_downloads("--hybrid");
}

#[test]
fn a_liar_of_v2_is_banned_for_one_block_and_no_piece_is_lost() {
    let film = media::bytes(8);
    let torrent = Torrent::make(&film, MIB, None, &["--v2"]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &["--check", "--rate", "4000000"]);
    let mut liar = Peer::scripted(&torrent, "127.0.0.3", &["--corrupt-every", "1"]);
    let server = Server::start(json!({}));
    let path = server
        .add(&torrent.magnet_of_peers(&[seeder.address, liar.address]))
        .remove(0);
    assert_shows(&path, &film);
    assert!(liar.figure("corrupted") > 0, "it was asked");
    let log = server.log();
    assert!(
        log.contains("sent a block that is not the torrent's"),
        "{log}"
    );
    assert!(!log.contains("a piece failed its hash"), "{log}");
    assert_eq!(liar.figure("connected"), 0);
}

#[test]
fn a_film_of_v2_begins_long_before_its_first_piece_is_whole() {
    let film = media::bytes(64);
    let torrent = Torrent::make(&film, 16 * MIB, None, &["--v2"]);
    let mut seeder = Peer::seeder(&torrent, "127.0.0.2", &["--check", "--rate", "2000000"]);
    let server = Server::start(json!({}));
    let path = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let head = wait::within("the first MiB", LIMIT, move || {
        let mut head = vec![0; MIB_LEN];
        File::open(path).unwrap().read_exact(&mut head).unwrap();
        head
    });
    let uploaded = seeder.figure("uploaded");
    assert!(uploaded < 12 * MIB, "{uploaded} bytes for the first MiB");
    assert!(head == fs::read(&film).unwrap()[..MIB_LEN]);
}
