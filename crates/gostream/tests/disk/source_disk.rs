//! The library's own disk: full, or read-only. Needs root, for a small file system of its own.

use std::fs::{self, File};
use std::io::Error;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use serde_json::json;

use crate::harness::content::{assert_same, sha256};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::SharedFilm;
use crate::harness::tmpfs::Tmpfs;
use crate::harness::wait;

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

fn errno<T>(result: Result<T, Error>) -> Option<Errno> {
    let error = result.err()?;
    error.raw_os_error().map(Errno::from_raw_os_error)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn on_a_full_disk_a_side_car_is_refused_whole_and_the_old_one_and_the_films_stay() {
    let film = SharedFilm::start();
    let place = Place::new(json!({ "allow_sidecar_writes": true }));
    let disk = Tmpfs::mount(&place.library(), 2);
    let server = Server::start_in(place);
    let shown = server.add(&film.magnet()).remove(0);
    let folder = shown.parent().unwrap();
    fs::write(folder.join("old.nfo"), b"<old/>").unwrap();
    let before = names(folder);

    disk.fill();
    for (name, bytes) in [("new.jpg", 300_000), ("old.nfo", 300_000), ("small.nfo", 5)] {
        let written = fs::write(folder.join(name), vec![7; bytes]);
        assert_eq!(errno(written), Some(Errno::NOSPC), "{name}");
    }
    // The end of a handle comes after its close(2).
    wait::until("nothing half written is shown", LIMIT, || {
        (names(folder) == before).then_some(())
    });
    let stubs = server.place.library().join("movies");
    assert_eq!(names(&stubs), before, "nor does it lie on the disk");
    assert_eq!(fs::read(folder.join("old.nfo")).unwrap(), b"<old/>");
    assert_eq!(sha256(&shown), sha256(&film.original));

    disk.empty();
    fs::write(folder.join("old.nfo"), b"<new/>").unwrap();
    assert_eq!(fs::read(stubs.join("old.nfo")).unwrap(), b"<new/>");
    assert!(server.stop().0.success());
}

#[test]
fn of_a_library_that_is_read_only_films_are_read_and_nothing_is_changed() {
    let film = SharedFilm::start();
    let place = Place::new(json!({ "allow_sidecar_writes": true }));
    let disk = Tmpfs::mount(&place.library(), 2);
    let server = Server::start_in(place);
    let shown = server.add(&film.magnet()).remove(0);
    let folder = shown.parent().unwrap().to_owned();
    fs::write(folder.join("film.nfo"), b"<film/>").unwrap();
    let before = names(&folder);

    disk.make_read_only();
    let original = File::open(&film.original).unwrap();
    assert_same(&original, &File::open(&shown).unwrap(), 0, 65_536);
    refuses_changes(&server, &folder, &shown);
    assert_eq!(names(&folder), before);
    // The same of a server that finds it so.
    let (_, after) = server.stop();
    let server = Server::start_in(after.place);
    refuses_changes(&server, &folder, &shown);
    assert_eq!(names(&folder), before);
    assert_eq!(fs::read(folder.join("film.nfo")).unwrap(), b"<film/>");
    assert_eq!(sha256(&shown), sha256(&film.original));
    assert_eq!(
        server.place.run(&["refused"]).success(),
        "",
        "nothing is gone"
    );
    assert!(server.stop().0.success());
}

fn refuses_changes(server: &Server, folder: &Path, film: &Path) {
    let refused = Some(Errno::ROFS);
    assert_eq!(errno(fs::remove_file(film)), refused);
    assert_eq!(errno(fs::rename(film, folder.join("other.mkv"))), refused);
    assert_eq!(errno(fs::remove_file(folder.join("film.nfo"))), refused);
    assert_eq!(errno(fs::write(folder.join("new.nfo"), b"new")), refused);
    assert_eq!(errno(fs::create_dir(folder.join("new"))), refused);
    let by_command = server.place.run(&["rm", film.to_str().unwrap()]);
    assert_eq!(by_command.code, Some(1), "{by_command:?}");
    assert!(by_command.err.contains("Read-only"), "{by_command:?}");
    assert!(film.exists());
}
