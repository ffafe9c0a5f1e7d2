//! Peers that die or lie, and a server that is killed.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::content::{assert_same, sha256};
use crate::harness::media::{self, MIB, MIB_LEN};
use crate::harness::server::{Server, is_mounted};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::wait;

const PIECE: u64 = MIB;
const READ_LIMIT: Duration = Duration::from_secs(120);

/// A torrent without a tracker, and the one path that a server gives it when told its peers.
fn added(server: &Server, torrent: &Torrent, peers: &[&Peer]) -> PathBuf {
    let peers: Vec<_> = peers.iter().map(|peer| peer.address).collect();
    let mut paths = server.add(&torrent.magnet_of_peers(&peers));
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.remove(0)
}

#[test]
fn a_read_goes_on_when_one_of_two_seeders_is_killed() {
    let original = media::film();
    let torrent = Torrent::make(&original, PIECE, None, &[]);
    // Slow enough that both are in use when one dies.
    let rate = ["--rate", "40000000"];
    let mut first = Peer::seeder(&torrent, "127.0.0.2", &rate);
    let second = Peer::seeder(&torrent, "127.0.0.3", &rate);
    let server = Server::start(json!({"read_ahead_budget_mb": 64}));
    let path = added(&server, &torrent, &[&first, &second]);
    wait::within("the whole film", READ_LIMIT, move || {
        let shown = File::open(&path).unwrap();
        let expected = File::open(&original).unwrap();
        let size = expected.metadata().unwrap().len();
        let mut offset = 0;
        while offset < size {
            let length = MIB.min(size - offset);
            assert_same(&expected, &shown, offset, usize::try_from(length).unwrap());
            offset += length;
            if offset == 40 * MIB {
                first.kill();
            }
        }
    });
}

#[test]
fn a_read_without_any_peer_ends_with_an_error_and_the_rest_goes_on() {
    let original = media::film();
    let other_original = media::short_film();
    let torrent = Torrent::make(&original, PIECE, None, &[]);
    let other_torrent = Torrent::make(&other_original, 64 * 1024, None, &[]);
    let mut seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let other_seeder = Peer::seeder(&other_torrent, "127.0.0.3", &[]);
    let deadline = Duration::from_secs(4);
    let settings = json!({"read_deadline_seconds": 4, "read_ahead_budget_mb": 32});
    let server = Server::start(settings);
    let path = added(&server, &torrent, &[&seeder]);
    let other_path = added(&server, &other_torrent, &[&other_seeder]);

    let mut shown = File::open(&path).unwrap();
    shown.read_exact(&mut vec![0; 1 << 20]).unwrap();
    seeder.kill();
    // Far from what was read ahead.
    let far = fs::metadata(&path).unwrap().len() - 100 * MIB;
    let read = move || {
        let started = Instant::now();
        let error = shown.read_at(&mut [0; 4096], far).unwrap_err();
        (error.raw_os_error(), started.elapsed())
    };
    let failing =
        std::thread::spawn(move || wait::within("a read of a dead film", READ_LIMIT, read));

    // Meanwhile the rest of the library is there.
    let mount = server.mount.clone();
    let listed = wait::within("ls", Duration::from_secs(3), move || count_films(&mount));
    assert_eq!(listed, 2);
    let found = wait::within("the other film", READ_LIMIT, move || sha256(&other_path));
    assert_eq!(found, sha256(&other_original));

    let (errno, waited) = failing.join().unwrap();
    // EIO is 5 on Linux.
    assert_eq!(errno, Some(5));
    assert!(waited < deadline + Duration::from_secs(10), "{waited:?}");
    let (status, after) = server.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!after.still_mounted);
}

#[test]
fn a_server_stops_while_a_read_hangs() {
    let torrent = Torrent::make(&media::film(), PIECE, None, &[]);
    let mut seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start(json!({"read_deadline_seconds": 600}));
    let path = added(&server, &torrent, &[&seeder]);
    seeder.kill();
    let (opened, told) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        let mut shown = File::open(&path).unwrap();
        opened.send(()).unwrap();
        shown.read(&mut [0; 4096])
    });
    told.recv_timeout(READ_LIMIT).unwrap();
    let (status, after) = server.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!after.still_mounted);
    wait::until("the reader is let go", Duration::from_secs(10), || {
        reading.is_finished().then_some(())
    });
    assert!(reading.join().unwrap().is_err());
}

#[test]
fn after_kill_9_the_next_start_replaces_the_stale_mount() {
    let original = media::short_film();
    let torrent = Torrent::make(&original, 64 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start(json!({}));
    let path = added(&server, &torrent, &[&seeder]);
    let before = sha256(&path);
    let inode = inode_of(&path);
    let place = server.kill();
    let stubs = place.stubs();
    assert_eq!(stubs.len(), 1, "{stubs:?}");
    assert!(is_mounted(&place.mount()), "the mount went with the server");

    let server = Server::start_in(place);
    assert_eq!(server.place.stubs(), stubs);
    assert_eq!(inode_of(&path), inode);
    assert_eq!(count_films(&server.mount), 1);
    let again = wait::within("the film again", READ_LIMIT, move || sha256(&path));
    assert_eq!(again, before);
}

#[test]
fn a_killed_server_in_mid_add_leaves_nothing_half_written() {
    let torrent = Torrent::make(&media::short_film(), 64 * 1024, None, &[]);
    let server = Server::start(json!({}));
    // Nobody has the metadata: the server is still looking when it dies.
    let idle = server.unix_connections();
    let mut adding = crate::harness::cli::binary();
    adding.arg("--config").arg(&server.place.config);
    adding.arg("--data-dir").arg(&server.place.data_dir);
    adding.args(["add", &torrent.magnet]);
    let mut adding = crate::harness::process::Process::start("gostream add", &mut adding);
    wait::until(
        "add has reached the server",
        Duration::from_secs(10),
        || (server.unix_connections() > idle).then_some(()),
    );
    let place = server.kill();
    // Where the server died before it had read the request, `add` looks for the metadata itself, for two minutes.
    adding.wait_end(Duration::from_secs(150));
    assert_eq!(place.stubs(), [] as [PathBuf; 0]);
    let server = Server::start_in(place);
    assert_eq!(count_films(&server.mount), 0);
}

#[test]
fn a_corrupting_peer_among_good_ones_spoils_nothing_and_is_banned() {
    let original = media::film();
    let torrent = Torrent::make(&original, PIECE, None, &[]);
    let rate = ["--rate", "30000000"];
    let first = Peer::seeder(&torrent, "127.0.0.2", &rate);
    let second = Peer::seeder(&torrent, "127.0.0.3", &rate);
    let mut liar = Peer::scripted(&torrent, "127.0.0.4", &["--corrupt-every", "3"]);
    let server = Server::start(json!({"read_ahead_budget_mb": 64}));
    let path = added(&server, &torrent, &[&liar, &first, &second]);
    let film = original.clone();
    let shown = wait::within("the film", READ_LIMIT, move || sha256(&path));
    assert_eq!(shown, sha256(&film));
    assert!(liar.figure("corrupted") > 0, "the liar was never asked");
    wait::until("the liar is let go", Duration::from_secs(10), || {
        (liar.figure("connected") == 0).then_some(())
    });
    // Banned, not only disconnected: what it sent is a small part, and even after a restart it is
    // not dialled again.
    let sent = liar.figure("bytes");
    assert!(sent < 100 * MIB, "the liar gave {sent} bytes");
    let connections = liar.figure("connections");
    let (_, after) = server.stop();
    let server = Server::start_in(after.place);
    let path = server.shown(server.place.run(&["ls"]).success().trim_end());
    wait::within("the film after a restart", READ_LIMIT, move || {
        let shown = File::open(&path).unwrap();
        let expected = File::open(&film).unwrap();
        assert_same(&expected, &shown, 50 * MIB, 8 * MIB_LEN);
    });
    assert_eq!(liar.figure("connections"), connections);
}

#[test]
fn a_peer_that_dies_in_mid_piece_is_replaced() {
    let original = media::film();
    let torrent = Torrent::make(&original, 4 * MIB, None, &[]);
    let dying = ["--die-after", "6300000"];
    let mut first = Peer::scripted(&torrent, "127.0.0.4", &dying);
    let second = Peer::seeder(&torrent, "127.0.0.2", &["--rate", "60000000"]);
    let server = Server::start(json!({}));
    let path = added(&server, &torrent, &[&first, &second]);
    wait::within("the head of the film", READ_LIMIT, move || {
        let shown = File::open(&path).unwrap();
        let expected = File::open(&original).unwrap();
        for offset in (0..80 * MIB).step_by(MIB_LEN) {
            assert_same(&expected, &shown, offset, MIB_LEN);
        }
    });
    first.wait_end(Duration::from_secs(1));
}

#[test]
fn a_peer_that_stalls_does_not_stop_the_film() {
    let original = media::film();
    let torrent = Torrent::make(&original, PIECE, None, &[]);
    let stalling = ["--stall-after", "3000000"];
    let staller = Peer::scripted(&torrent, "127.0.0.4", &stalling);
    let choker = Peer::scripted(&torrent, "127.0.0.5", &["--choke"]);
    let good = Peer::seeder(&torrent, "127.0.0.2", &["--rate", "60000000"]);
    let server = Server::start(json!({"read_deadline_seconds": 20}));
    let path = added(&server, &torrent, &[&staller, &choker, &good]);
    wait::within("the head of the film", READ_LIMIT, move || {
        let shown = File::open(&path).unwrap();
        let expected = File::open(&original).unwrap();
        for offset in (0..80 * MIB).step_by(MIB_LEN) {
            assert_same(&expected, &shown, offset, MIB_LEN);
        }
    });
}

fn inode_of(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap())
}

/// How many films a mount shows.
fn count_films(directory: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            count += count_films(&entry.path());
        } else {
            count += 1;
        }
    }
    count
}
