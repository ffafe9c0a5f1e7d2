//! The warm cache: what was read once asks nobody again, also after a restart, a kill, and without any peer.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::cli::ffprobe;
use crate::harness::content::{assert_same, attribute, forget};
use crate::harness::media::{self, MIB, MIB_LEN};
use crate::harness::server::{Place, Server};
use crate::harness::stubs::inode;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::wait;

const LIMIT: Duration = Duration::from_secs(30);

/// A film in the library of a server that keeps it warm, and its only seeder.
struct Shown {
    original: PathBuf,
    server: Server,
    path: PathBuf,
    seeder: Peer,
    _torrent: Torrent,
}

fn settings() -> Value {
    json!({
        "warm_cache": true,
        "warmup_head_size_mb": 8,
        "read_deadline_seconds": 1,
        "disconnect_timeout_seconds": 0.5,
    })
}

impl Shown {
    fn new(original: PathBuf, ip: &str) -> Self {
        let torrent = Torrent::make(&original, 256 << 10, None, &[]);
        let seeder = Peer::seeder(&torrent, ip, &[]);
        let server = Server::start(settings());
        let paths = server.add(&torrent.magnet_of_peers(&[seeder.address]));
        Self {
            path: paths[0].clone(),
            original,
            server,
            seeder,
            _torrent: torrent,
        }
    }

    /// Ends seeder and server, and starts the server again: there is nobody to ask.
    fn alone(mut self) -> (Server, PathBuf, PathBuf) {
        // What the kernel reads ahead of a program that has ended is answered as well.
        wait::until("the torrent sleeps", LIMIT, || {
            (self.server.connections() == 0).then_some(())
        });
        self.seeder.kill();
        let (status, after) = self.server.stop();
        assert!(status.success());
        let server = Server::start_in(after.place);
        (server, self.path, self.original)
    }
}

fn assert_asleep(server: &Server) {
    assert_eq!(server.connections(), 0);
    let listed = server.place.run(&["ls", "-l"]).success();
    assert!(listed.contains("asleep"), "{listed}");
}

/// Bytes in the warm cache.
fn kept(place: &Place) -> u64 {
    let Ok(entries) = fs::read_dir(place.data_dir.join("state/warm")) else {
        return 0;
    };
    let lengths = entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()));
    lengths.sum()
}

#[test]
fn a_film_that_was_probed_once_is_probed_again_without_any_peer() {
    let shown = Shown::new(media::short_film(), "127.0.0.40");
    let before = ffprobe(&shown.path);
    let (server, path, original) = shown.alone();
    let after = wait::within("ffprobe without a peer", LIMIT, move || ffprobe(&path));
    assert_eq!(after["streams"], before["streams"]);
    assert_eq!(
        after["format"]["duration"],
        ffprobe(&original)["format"]["duration"]
    );
    assert_asleep(&server);
}

/// Reads a film from its start.
fn read(path: &Path, length: u64) {
    let mut file = File::open(path).unwrap().take(length);
    std::io::copy(&mut file, &mut std::io::sink()).unwrap();
}

#[test]
fn a_played_film_has_its_head_and_tail_without_any_peer_and_nothing_else() {
    let shown = Shown::new(media::bytes(48), "127.0.0.41");
    // A film plays no faster than a disk writes.
    let film = File::open(&shown.path).unwrap();
    for (part, least) in (0..).zip([4, 8, 8, 8, 8, 8, 8, 8, 12, 16, 20, 24]) {
        film.read_exact_at(&mut vec![0; 4 * MIB_LEN], part * 4 * MIB)
            .unwrap();
        wait::until("it is written", LIMIT, || {
            (kept(&shown.server.place) >= least * MIB).then_some(())
        });
    }
    drop(film);
    let (server, path, original) = shown.alone();
    let (original, film) = (File::open(original).unwrap(), File::open(path).unwrap());
    assert_same(&original, &film, 0, 8 * MIB_LEN);
    assert_same(&original, &film, 32 * MIB, 16 * MIB_LEN);
    assert_same(&original, &film, 5 * MIB - 7, 13);
    // The middle was never kept: nobody can give it, and that is said within the deadline.
    let lost = film.read_at(&mut [0; 4096], 20 * MIB);
    assert_eq!(lost.unwrap_err().raw_os_error(), Some(5));
    assert!(kept(&server.place) < 25 * MIB);
}

#[test]
fn a_title_that_is_removed_takes_its_bytes_along() {
    let shown = Shown::new(media::short_film(), "127.0.0.42");
    read(&shown.path, MIB);
    let place = &shown.server.place;
    wait::until("a probe is written", LIMIT, || {
        (kept(place) >= MIB).then_some(())
    });
    let name = shown.path.strip_prefix(&shown.server.mount).unwrap();
    place.run(&["rm", name.to_str().unwrap()]).success();
    assert_eq!(kept(place), 0);
}

#[test]
fn what_is_warm_is_told_and_goes_with_its_last_stub() {
    let shown = Shown::new(media::short_film(), "127.0.0.47");
    read(&shown.path, MIB);
    let place = &shown.server.place;
    // Up to where its beginning is warm, as the mount tells.
    let warm_until = |path: &Path| {
        let warm = attribute(path, "warm");
        let first = warm.split(',').next()?.strip_prefix("0-")?;
        first.parse::<u64>().ok()
    };
    wait::until("what was read is told", LIMIT, || {
        warm_until(&shown.path).filter(|last| *last >= MIB - 1)
    });
    let name = shown.path.strip_prefix(&shown.server.mount).unwrap();
    let (library, mount) = (place.library(), &shown.server.mount);
    fs::copy(library.join(name), library.join("Copy.mkv")).unwrap();
    let appears = |name: &str| {
        wait::until(name, LIMIT, || inode(&mount.join(name)));
    };
    let vanishes = |path: &Path| {
        wait::until("it is gone", LIMIT, || inode(path).is_none().then_some(()));
    };
    appears("Copy.mkv");
    fs::remove_file(library.join(name)).unwrap();
    vanishes(&shown.path);
    // The look that found it gone has ended when another one has begun.
    fs::write(library.join("later.txt"), "").unwrap();
    appears("later.txt");
    assert!(warm_until(&mount.join("Copy.mkv")).is_some_and(|last| last >= MIB - 1));
    fs::remove_file(library.join("Copy.mkv")).unwrap();
    wait::until("nothing is kept", LIMIT, || {
        (kept(place) == 0).then_some(())
    });
}

#[test]
fn nothing_of_a_film_is_on_the_disk_when_the_cache_is_off() {
    let shown = Shown::new(media::short_film(), "127.0.0.43");
    read(&shown.path, MIB);
    let place = &shown.server.place;
    wait::until("a probe is written", LIMIT, || {
        (kept(place) >= MIB).then_some(())
    });
    let (_, after) = shown.server.stop();
    after.place.set(&json!({"warm_cache": false}));
    let server = Server::start_in(after.place);
    assert_eq!(kept(&server.place), 0);
    forget(&shown.path);
    read(&shown.path, 2 * MIB);
    let (_, after) = server.stop();
    assert!(!after.place.data_dir.join("state/warm").exists());
}

#[test]
fn a_playback_from_the_warm_head_reads_ahead_behind_it_and_never_fetches_it_again() {
    let mut shown = Shown::new(media::bytes(48), "127.0.0.46");
    read(&shown.path, 8 * MIB);
    wait::until("the head is written", LIMIT, || {
        (kept(&shown.server.place) >= 8 * MIB).then_some(())
    });
    let (status, after) = shown.server.stop();
    assert!(status.success());
    let before = shown.seeder.figure("uploaded");
    // A quarter of it is how long the disk may take before the swarm is asked for what lies there.
    after.place.set(&json!({"read_deadline_seconds": 60}));
    let server = Server::start_in(after.place);
    let film = File::open(&shown.path).unwrap();
    let original = File::open(&shown.original).unwrap();
    // A probe of the head wakes nobody.
    assert_same(&original, &film, 0, 3 * MIB_LEN);
    assert_asleep(&server);
    // A playback does, long before it needs somebody.
    assert_same(&original, &film, 3 * MIB, 3 * MIB_LEN);
    let mut uploaded = || shown.seeder.figure("uploaded") - before;
    wait::until("what comes after the head is fetched", LIMIT, || {
        (uploaded() >= 8 * MIB).then_some(())
    });
    assert_same(&original, &film, 6 * MIB, 42 * MIB_LEN);
    let fetched = uploaded();
    let rest = 40 * MIB;
    assert!(
        (rest..rest + MIB).contains(&fetched),
        "{fetched} bytes fetched of {rest}"
    );
}
