//! Web seeds: films from a real nginx, alone and beside a libtorrent seeder.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::content::{Numbers, assert_same, sha256};
use crate::harness::nginx::Nginx;
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::wait;

const LIMIT: Duration = Duration::from_secs(60);
const PIECE: u64 = 64 * 1024;
const NASTY: &str = "a b#c&d%e+f[g]é (2026)";

/// A film of pseudo-random bytes.
fn write_film(path: &Path, len: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut numbers = Numbers(len as u64);
    let bytes: Vec<u8> = (0..len / 8)
        .flat_map(|_| numbers.below(u64::MAX).to_le_bytes())
        .collect();
    fs::write(path, bytes).unwrap();
}

/// A directory with one film in it, and its torrent.
fn single(name: &str, len: usize) -> (TempDir, PathBuf, Torrent) {
    let root = tempfile::Builder::new().prefix("web").tempdir().unwrap();
    let film = root.path().join(name);
    write_film(&film, len);
    let torrent = Torrent::make(&film, PIECE, None, &[]);
    (root, film, torrent)
}

/// The .torrent file with a `url-list`: libtorrent writes the same behind the info dict.
fn with_seeds(torrent: &Torrent, urls: &[String]) -> PathBuf {
    let mut bytes = fs::read(&torrent.path).unwrap();
    assert_eq!(bytes.pop(), Some(b'e'));
    bytes.extend_from_slice(b"8:url-listl");
    for url in urls {
        bytes.extend_from_slice(format!("{}:{url}", url.len()).as_bytes());
    }
    bytes.extend_from_slice(b"ee");
    let path = torrent.path.with_file_name("seeded.torrent");
    fs::write(&path, bytes).unwrap();
    path
}

fn magnet(torrent: &Torrent, urls: &[String], peers: &[&Peer]) -> String {
    let addrs: Vec<_> = peers.iter().map(|peer| peer.address).collect();
    let urls = urls.iter().map(|url| format!("&ws={url}"));
    format!(
        "{}{}",
        torrent.magnet_of_peers(&addrs),
        urls.collect::<String>()
    )
}

#[track_caller]
fn assert_whole(shown: &Path, original: &Path) {
    let path = shown.to_owned();
    let digest = wait::within("the whole film", LIMIT, move || sha256(&path));
    assert_eq!(digest, sha256(original));
}

#[test]
fn a_film_plays_from_nginx_alone_and_a_seek_is_served() {
    let (root, film, torrent) = single(&format!("{NASTY}.mkv"), 48 << 20);
    let nginx = Nginx::start(root.path());
    let server = Server::start(json!({"read_ahead_budget_mb": 16}));
    let file = with_seeds(&torrent, &[nginx.url("")]);
    let shown = server.add(&file.to_string_lossy()).remove(0);
    // Far ahead of all that a reader of the start would fetch.
    let player = File::open(&shown).unwrap();
    let original = File::open(&film).unwrap();
    for offset in [0, 40 << 20, 30 << 20] {
        let (player, original) = (player.try_clone().unwrap(), original.try_clone().unwrap());
        wait::within("a seek", LIMIT, move || {
            assert_same(&original, &player, offset, 1 << 20);
        });
    }
    assert_whole(&shown, &film);
    let log = nginx.log();
    let requests = log.lines().count();
    let fetched: u64 = log
        .lines()
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum();
    // The film once, and once more what was read before the whole of it.
    assert!(fetched < 100 << 20, "{fetched} bytes");
    assert!(
        requests < 1_500,
        "{requests} requests of 16 KiB blocks, 3,072 of which make the film"
    );
}

#[test]
fn a_series_with_nasty_names_plays_from_nginx_alone() {
    let root = tempfile::Builder::new().prefix("web").tempdir().unwrap();
    let show = root.path().join(NASTY);
    let names = [
        format!("{NASTY} S01E01.mkv"),
        "Säson 1/+%2b S01E02 [x].mkv".to_owned(),
        "readme #1.txt".to_owned(),
    ];
    for (number, name) in names.iter().enumerate() {
        // Lengths that end in the midst of pieces and blocks.
        write_film(&show.join(name), (2 << 20) + 1_000 * (number + 1));
    }
    let torrent = Torrent::make(&show, PIECE, None, &[]);
    let nginx = Nginx::start(root.path());
    let server = Server::start(json!({}));
    let file = with_seeds(&torrent, &[nginx.url("")]);
    let shown = server.add(&file.to_string_lossy());
    assert_eq!(shown.len(), 2, "{shown:?}");
    for path in &shown {
        let name = path.to_string_lossy();
        let number = usize::from(name.contains("E02"));
        assert_whole(path, &show.join(&names[number]));
    }
}

#[test]
fn servers_without_ranges_or_in_trouble_do_not_hold_up_one_that_serves() {
    let (root, film, torrent) = single("film.mkv", 4 << 20);
    let nginx = Nginx::start(root.path());
    let server = Server::start(json!({}));
    let urls = ["norange/", "fail/", "nothing/here/", ""].map(|path| nginx.url(path));
    let file = with_seeds(&torrent, &urls);
    let shown = server.add(&file.to_string_lossy()).remove(0);
    assert_whole(&shown, &film);
    let log = nginx.log();
    let asked = |path: &str| log.lines().filter(|line| line.starts_with(path)).count();
    assert_eq!((asked("/norange/"), asked("/fail/")), (1, 1), "{log}");
}

#[test]
fn a_web_seed_and_a_seeder_serve_together_and_the_magnet_names_both() {
    let (root, film, torrent) = single("film.mkv", 24 << 20);
    let nginx = Nginx::start(root.path());
    // Both slow enough that the other is needed; the seeder has the metadata, which nginx has not.
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &["--rate", "3000000"]);
    let server = Server::start(json!({}));
    let link = magnet(&torrent, &[nginx.url("slow/film.mkv")], &[&seeder]);
    let shown = server.add(&link).remove(0);
    assert_whole(&shown, &film);
    let mut seeder = seeder;
    let from_peer = seeder.figure("uploaded");
    assert!(from_peer > 0 && from_peer < 24 << 20, "{from_peer}");
    assert!(
        nginx.log().contains("/slow/film.mkv 206"),
        "{}",
        nginx.log()
    );
}

#[test]
fn a_corrupt_copy_on_a_web_server_is_given_up_and_the_film_is_right() {
    let (_good, film, torrent) = single("film.mkv", 8 << 20);
    let bad = tempfile::Builder::new().prefix("web").tempdir().unwrap();
    let copy = bad.path().join("film.mkv");
    fs::copy(&film, &copy).unwrap();
    let spoilt = fs::OpenOptions::new().write(true).open(&copy).unwrap();
    for at in 0..(8 << 20) / PIECE {
        spoilt.write_all_at(b"spoilt", at * PIECE + 20_000).unwrap();
    }
    let nginx = Nginx::start(bad.path());
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &["--rate", "4000000"]);
    let server = Server::start(json!({}));
    let link = magnet(&torrent, &[nginx.url("film.mkv")], &[&seeder]);
    let shown = server.add(&link).remove(0);
    assert_whole(&shown, &film);
    wait::until("the web seed is given up", LIMIT, || {
        server.log().contains("web seed given up").then_some(())
    });
}
