//! The database in trouble: held by another program, damaged, on a full disk, its server killed in mid-write.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::harness::cli;
use crate::harness::content::assert_same;
use crate::harness::media::{self, MIB_LEN};
use crate::harness::process::Process;
use crate::harness::python;
use crate::harness::server::{Place, Server};
use crate::harness::stubs::write;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::tmpfs::Tmpfs;

const LIMIT: Duration = Duration::from_secs(60);

fn database(place: &Place) -> PathBuf {
    place.data_dir.join("state/gostream.db")
}

/// What a start that must fail says.
fn failed_start(place: &Place) -> cli::Finished {
    let said = place.run(&["serve"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(!said.err.contains("panicked"), "{said:?}");
    said
}

/// Another program that has a lock on the database, taken by `statements`.
fn hold(place: &Place, statements: &str) -> Process {
    let script = format!(
        "import sqlite3, sys\n\
         db = sqlite3.connect({:?}, isolation_level=None)\n\
         for statement in {statements:?}.split(';'): db.execute(statement).fetchall()\n\
         print('locked', flush=True)\n\
         sys.stdin.read()",
        database(place)
    );
    let mut command = Command::new(python());
    let holder = Process::start("a holder of the database", command.args(["-c", &script]));
    assert_eq!(holder.line(LIMIT), "locked");
    holder
}

/// What SQLite itself finds wrong, and how many torrents there are.
fn examine(database: &Path) -> String {
    let script = format!(
        "import sqlite3\n\
         db = sqlite3.connect({database:?})\n\
         print(db.execute('PRAGMA integrity_check').fetchone()[0])\n\
         for row in db.execute('SELECT hex(hash) FROM torrents WHERE info_dict IS NOT NULL'): print(row[0].lower())"
    );
    let mut command = Command::new(python());
    cli::finish(command.args(["-c", &script]), LIMIT).success()
}

#[test]
fn a_database_that_another_program_holds_is_named_at_the_start() {
    let place = Place::new(json!({}));
    write(&place.library().join("movies/A.mkv"), 1);
    place.run(&["ls"]).success();
    for statements in [
        "PRAGMA locking_mode=EXCLUSIVE;BEGIN EXCLUSIVE",
        "BEGIN IMMEDIATE",
    ] {
        let holder = hold(&place, statements);
        let said = failed_start(&place).err;
        assert!(
            said.contains("gostream.db is in use by another program"),
            "{said}"
        );
        drop(holder);
    }
    assert_eq!(place.run(&["ls"]).success(), "movies/A.mkv\n");
}

#[test]
fn a_database_that_another_program_holds_later_fails_writes_by_name_and_reads_go_on() {
    let torrent = Torrent::make(&media::bytes(8), 64 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start_in(Place::new(json!({})));
    let film = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let (original, playing) = (
        File::open(&torrent.data).unwrap(),
        File::open(&film).unwrap(),
    );
    let small = server.place.data_dir.join("small.torrent");
    small_torrent(&small, "Small 2031", 10);

    let holder = hold(&server.place, "BEGIN IMMEDIATE");
    let said = server.place.run(&["add", small.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("gostream.db is in use by another program"),
        "{said:?}"
    );
    assert_same(&original, &playing, 0, MIB_LEN);
    assert_eq!(server.place.run(&["ls"]).success().lines().count(), 1);
    // Who only reads is not kept waiting.
    let copy = server.place.data_dir.join("backup.tar");
    server
        .place
        .run(&["backup", copy.to_str().unwrap()])
        .success();
    drop(holder);
    server.add(small.to_str().unwrap());
}

#[test]
fn a_damaged_database_is_left_alone_until_a_backup_takes_its_place() {
    let place = Place::new(json!({}));
    write(&place.library().join("movies/A.mkv"), 1);
    place.run(&["ls"]).success();
    let file = place.data_dir.join("backup.tar");
    place.run(&["backup", file.to_str().unwrap()]).success();
    let good = fs::read(database(&place)).unwrap();
    let mut bad = good.clone();
    bad[..2000].fill(0x55);
    fs::write(database(&place), &bad).unwrap();

    let said = failed_start(&place).err;
    for words in ["gostream.db", "is damaged", "gostream restore FILE"] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    assert_eq!(fs::read(database(&place)).unwrap(), bad);
    let backup = place.run(&["backup", place.data_dir.join("b2.tar").to_str().unwrap()]);
    assert!(
        backup.code == Some(1) && backup.err.contains("is damaged"),
        "{backup:?}"
    );

    let said = place.run(&["restore", file.to_str().unwrap()]).success();
    let aside = said
        .lines()
        .find_map(|line| line.strip_prefix("what was there before is in "));
    assert_eq!(
        fs::read(Path::new(aside.unwrap()).join("gostream.db")).unwrap(),
        bad
    );
    let server = Server::start_in(place);
    assert!(server.mount.join("movies/A.mkv").exists());
}

#[test]
fn a_newer_database_is_refused_by_name() {
    let place = Place::new(json!({}));
    place.run(&["ls"]).success();
    drop(hold(&place, "PRAGMA user_version=99"));
    let said = failed_start(&place).err;
    assert!(
        said.contains("made by a newer GoStream (schema 99"),
        "{said}"
    );
}

#[test]
fn a_full_disk_fails_writes_clearly_and_reads_go_on() {
    let torrent = Torrent::make(&media::bytes(8), 64 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let place = Place::new(json!({}));
    let disk = Tmpfs::mount(&place.data_dir.join("state"), 4);
    let server = Server::start_in(place);
    let film = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let (original, playing) = (
        File::open(&torrent.data).unwrap(),
        File::open(&film).unwrap(),
    );
    assert_same(&original, &playing, 0, MIB_LEN);

    disk.fill();
    let small = server.place.data_dir.join("small.torrent");
    // Larger than what the journal may have left of its pages.
    let hash = small_torrent(&small, "Small 2031", 3000);
    let said = server.place.run(&["add", small.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains("gostream.db") && said.err.contains("full"),
        "{said:?}"
    );
    let before = server.place.run(&["ls"]).success();
    assert_eq!(
        before.lines().count(),
        1,
        "no stub of what was not saved: {before}"
    );
    assert_same(&original, &playing, 4 * MIB_LEN as u64, MIB_LEN);
    let copy = server.place.data_dir.join("state/backup.tar");
    let said = server.place.run(&["backup", copy.to_str().unwrap()]);
    assert!(said.code == Some(1) && !copy.exists(), "{said:?}");

    fs::remove_file(server.place.data_dir.join("state/ballast")).unwrap();
    server.add(small.to_str().unwrap());
    assert_eq!(server.place.run(&["ls"]).success().lines().count(), 2);
    drop(playing);
    let (_, after) = server.stop();
    let found = examine(&database(&after.place));
    assert!(found.starts_with("ok\n"), "{found}");
    assert!(
        found.contains(&hash) && found.contains(&torrent.info_hash),
        "{found}"
    );
    drop(disk);
}

/// A server that is killed while films are added, twenty times: what was confirmed is there.
#[test]
fn what_was_confirmed_survives_twenty_kills() {
    let mut place = Place::new(json!({}));
    let mut confirmed: Vec<String> = Vec::new();
    let mut number = 0;
    for round in 0..20u64 {
        let server = Server::start_in(place);
        let (data_dir, config) = (server.place.data_dir.clone(), server.place.config.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let adder = std::thread::spawn(move || {
            let mut added = Vec::new();
            // Without a server the command does the work itself, so it is told when to end.
            while !stopped.load(Ordering::Relaxed) {
                let file = data_dir.join(format!("{number}.torrent"));
                let hash = small_torrent(&file, &format!("Film {number} 2031"), 200);
                number += 1;
                let link = file.to_str().unwrap();
                let said = cli::run(&data_dir, Some(&config), &["add", link], LIMIT);
                if said.code == Some(0) {
                    added.push(hash);
                }
            }
            (added, number)
        });
        // The moment of the kill differs from round to round.
        std::thread::park_timeout(Duration::from_millis(60 + 37 * round % 200));
        place = server.kill();
        stop.store(true, Ordering::Relaxed);
        let (added, next) = adder.join().unwrap();
        number = next;
        confirmed.extend(added);
        let found = examine(&database(&place));
        assert!(found.starts_with("ok\n"), "{round}: {found}");
        for hash in &confirmed {
            assert!(found.contains(hash), "{round}: {hash} is lost");
        }
    }
    assert!(
        confirmed.len() >= 10,
        "only {} films were added",
        confirmed.len()
    );
    let server = Server::start_in(place);
    let listed = server.place.run(&["ls", "--long"]).success();
    for hash in &confirmed {
        assert!(listed.contains(hash), "{hash} is lost");
    }
}

/// Writes a .torrent of one film with so many pieces, which nobody has; its info hash.
fn small_torrent(path: &Path, name: &str, pieces: usize) -> String {
    let mut info = format!(
        "d6:lengthi{}e4:name{}:{name}.mkv12:piece lengthi16384e6:pieces{}:",
        pieces * 16384,
        name.len() + 4,
        pieces * 20
    )
    .into_bytes();
    info.extend(name.bytes().cycle().take(pieces * 20));
    info.push(b'e');
    let mut torrent = b"d4:info".to_vec();
    torrent.extend(&info);
    torrent.push(b'e');
    fs::write(path, torrent).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &info);
    data_encoding::HEXLOWER.encode(digest.as_ref())
}
