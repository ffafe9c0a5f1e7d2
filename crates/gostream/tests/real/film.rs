//! A film that two seeders share behind a tracker, played through the mount.

use std::fs::File;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::harness::cli::ffprobe;
use crate::harness::content::{Numbers, assert_same, sha256};
use crate::harness::media::{self, MIB, MIB_LEN};
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::tracker::Tracker;
use crate::harness::wait;

/// A film that is shared: the original, and everything that keeps it shared.
struct Shared {
    original: PathBuf,
    torrent: Torrent,
    _tracker: Tracker,
    _seeders: Vec<Peer>,
}

fn share(data: PathBuf) -> Shared {
    let tracker = Tracker::start();
    let torrent = Torrent::make(&data, MIB, Some(&tracker.url()), &[]);
    tracker.allow(&torrent.info_hash);
    let seeders = ["127.0.0.2", "127.0.0.3"];
    let seeders = seeders.map(|ip| Peer::seeder(&torrent, ip, &[]));
    Shared {
        original: data,
        torrent,
        _tracker: tracker,
        _seeders: seeders.into(),
    }
}

/// Adds the film by `link` and returns the only path that the server gives it.
fn added(server: &Server, link: &str) -> PathBuf {
    let paths = server.add(link);
    let [path] = &paths[..] else {
        panic!("one film, but {paths:?}");
    };
    assert!(path.extension().is_some_and(|end| end == "mkv"), "{path:?}");
    path.clone()
}

fn assert_plays(path: &std::path::Path) {
    let probed = ffprobe(path);
    let codecs: Vec<&str> = probed["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stream| stream["codec_name"].as_str().unwrap())
        .collect();
    assert_eq!(codecs, ["mjpeg", "pcm_s16le"]);
}

#[test]
fn a_torrent_file_plays_and_has_the_hash_of_the_original() {
    let shared = share(media::film());
    let server = Server::start(json!({}));
    let path = added(&server, shared.torrent.path.to_str().unwrap());
    let length = std::fs::metadata(&path).unwrap().len();
    assert_eq!(length, std::fs::metadata(&shared.original).unwrap().len());
    assert_plays(&path);
    let shown = wait::within("reading the film", Duration::from_secs(180), move || {
        sha256(&path)
    });
    assert_eq!(shown, sha256(&shared.original));
}

#[test]
fn a_magnet_without_metadata_plays_and_has_the_hash_of_the_original() {
    let shared = share(media::film());
    let server = Server::start(json!({}));
    let path = added(&server, &shared.torrent.magnet);
    assert_plays(&path);
    let shown = wait::within("reading the film", Duration::from_secs(180), move || {
        sha256(&path)
    });
    assert_eq!(shown, sha256(&shared.original));
}

#[test]
fn eight_readers_at_random_offsets_get_the_right_bytes() {
    const READS: usize = 12;
    const LENGTH: usize = 700_001;
    let shared = share(media::film());
    let server = Server::start(json!({}));
    let path = added(&server, shared.torrent.path.to_str().unwrap());
    let size = std::fs::metadata(&path).unwrap().len();
    wait::within("eight readers", Duration::from_secs(180), move || {
        thread::scope(|scope| {
            for reader in 0..8 {
                let (path, original) = (&path, &shared.original);
                scope.spawn(move || {
                    let shown = File::open(path).unwrap();
                    let original = File::open(original).unwrap();
                    let mut numbers = Numbers(reader);
                    for _ in 0..READS {
                        let offset = numbers.below(size - LENGTH as u64);
                        assert_same(&original, &shown, offset, LENGTH);
                    }
                });
            }
        });
    });
}

#[test]
fn a_reader_that_seeks_gets_the_right_bytes_everywhere() {
    let shared = share(media::film());
    let server = Server::start(json!({"read_ahead_budget_mb": 32}));
    let path = added(&server, shared.torrent.path.to_str().unwrap());
    let size = std::fs::metadata(&path).unwrap().len();
    wait::within("a seeking reader", Duration::from_secs(180), move || {
        let shown = File::open(&path).unwrap();
        let original = File::open(&shared.original).unwrap();
        // Forward from the start, into the middle, back over what was just left, to the very end,
        // and to the start again.
        for start in [0, size / 2, size / 2 - 3 * MIB, size - 5 * MIB, 0] {
            for step in 0..5 {
                assert_same(&original, &shown, start + step * MIB, MIB_LEN);
            }
        }
        assert_same(&original, &shown, size - 1, 1);
    });
}

#[test]
fn a_seek_while_another_reader_plays_disturbs_neither() {
    let shared = share(media::film());
    let server = Server::start(json!({"read_ahead_budget_mb": 64}));
    let path = added(&server, shared.torrent.path.to_str().unwrap());
    let size = std::fs::metadata(&path).unwrap().len();
    wait::within(
        "a player and a seeker",
        Duration::from_secs(180),
        move || {
            thread::scope(|scope| {
                let (player_path, original) = (&path, &shared.original);
                scope.spawn(move || {
                    let shown = File::open(player_path).unwrap();
                    let original = File::open(original).unwrap();
                    for offset in (0..100 * MIB).step_by(MIB_LEN) {
                        assert_same(&original, &shown, offset, MIB_LEN);
                    }
                });
                let (seeker_path, original) = (&path, &shared.original);
                scope.spawn(move || {
                    let shown = File::open(seeker_path).unwrap();
                    let original = File::open(original).unwrap();
                    let mut numbers = Numbers(1);
                    for _ in 0..20 {
                        let offset = numbers.below(size - MIB);
                        assert_same(&original, &shown, offset, MIB_LEN);
                    }
                });
            });
        },
    );
}

#[test]
fn a_hybrid_torrent_of_several_files_shows_each_film() {
    let directory = tempfile::tempdir().unwrap();
    let season = directory.path().join("A Show S01 1080p");
    std::fs::create_dir(&season).unwrap();
    let names = ["A Show S01E01 1080p.mkv", "A Show S01E02 1080p.mkv"];
    for name in names {
        std::fs::copy(media::short_film(), season.join(name)).unwrap();
    }
    // Films that differ, so that one cannot be taken for the other.
    let second = season.join(names[1]);
    let mut bytes = std::fs::read(&second).unwrap();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    std::fs::write(&second, &bytes).unwrap();

    let torrent = Torrent::make(&season, 256 * 1024, None, &["--hybrid"]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start(json!({}));
    let mut shown = server.add(&torrent.magnet_of_peers(&[seeder.address]));
    shown.sort();
    assert_eq!(shown.len(), 2, "{shown:?}");
    let limit = Duration::from_secs(60);
    for (path, name) in shown.into_iter().zip(names) {
        let found = wait::within("reading an episode", limit, move || sha256(&path));
        assert_eq!(found, sha256(&season.join(name)), "{name}");
    }
}
