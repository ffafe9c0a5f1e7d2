//! A source that goes away, or cannot be written: nothing vanishes from the mount, and nothing hangs.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::harness::content::assert_same;
use crate::harness::media::{self, MIB, MIB_LEN};
use crate::harness::mounts::Mount;
use crate::harness::server::{Place, Server};
use crate::harness::stubs::{inode, shown, write};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::wait;

const SOON: Duration = Duration::from_secs(15);

/// Waits until the server says that it cannot read a part of the library.
fn degraded(server: &Server) -> String {
    wait::until("a warning of the doctor", SOON, || {
        let said = server.place.run(&["doctor"]).out;
        said.contains("is shown as it was").then_some(said)
    })
}

fn healthy(server: &Server) {
    wait::until("a library that is read", SOON, || {
        let said = server.place.run(&["doctor"]).out;
        said.contains("films are shown").then_some(())
    });
}

fn errno(path: &Path) -> Option<i32> {
    fs::read(path).err().and_then(|error| error.raw_os_error())
}

#[test]
fn a_library_whose_disk_is_unmounted_stays_and_its_films_play_on() {
    let torrent = Torrent::make(&media::bytes(8), 64 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let place = Place::new(json!({}));
    let disk = tempfile::tempdir().unwrap();
    let mounted = Mount::bind(disk.path(), &place.library());
    let server = Server::start_in(place);
    let film = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let library = server.place.library();
    write(&library.join("tv/Show/E1.mkv"), 7);
    fs::write(library.join("movies/note.nfo"), "words").unwrap();
    let side_car = server.mount.join("movies/note.nfo");
    wait::until("the side-car", SOON, || inode(&side_car));
    let before = shown(&server.mount);
    let (original, playing) = (
        File::open(&torrent.data).unwrap(),
        File::open(&film).unwrap(),
    );
    assert_same(&original, &playing, 0, MIB_LEN);

    // Not refused: the server keeps nothing of the disk open.
    mounted.off();
    let said = degraded(&server);
    assert!(said.contains("not mounted"), "{said}");
    assert_eq!(shown(&server.mount), before);
    assert_same(&original, &playing, 3 * MIB, MIB_LEN);
    assert_same(&original, &File::open(&film).unwrap(), 6 * MIB, MIB_LEN);
    assert_eq!(errno(&side_car), Some(5), "EIO");
    // What is added now would land beneath the disk.
    let refused = server.place.run(&["add", torrent.path.to_str().unwrap()]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.err.contains("not mounted"), "{refused:?}");
    assert_eq!(fs::read_dir(&library).unwrap().count(), 0);
    let log = server.log();
    assert_eq!(log.matches("it is shown as it was").count(), 1, "{log}");

    let mounted = Mount::bind(disk.path(), &library);
    healthy(&server);
    assert_eq!(shown(&server.mount), before);
    assert_eq!(fs::read_to_string(&side_car).unwrap(), "words");
    // And it is watched again.
    write(&library.join("movies/New.mkv"), 8);
    wait::until("a new film", SOON, || {
        inode(&server.mount.join("movies/New.mkv"))
    });

    // A server that starts on the empty mount point says what is wrong.
    let (_, after) = server.stop();
    mounted.off();
    let refused = after.place.run(&["serve"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.err.contains("mount its disk"), "{refused:?}");
    let _mounted = Mount::bind(disk.path(), &after.place.library());
    let server = Server::start_in(after.place);
    for (path, number) in before {
        assert_eq!(inode(&server.mount.join(&path)), Some(number), "{path}");
    }
}

#[test]
fn a_library_folder_that_is_removed_stays_until_it_is_back() {
    let server = Server::start(json!({}));
    let library = server.place.library();
    write(&library.join("movies/A.mkv"), 1);
    let film = server.mount.join("movies/A.mkv");
    let number = wait::until("the film", SOON, || inode(&film));
    let away = server.place.data_dir.join("away");
    fs::rename(&library, &away).unwrap();
    degraded(&server);
    assert_eq!(inode(&film), Some(number));
    // An empty folder in its place is not taken for it.
    fs::create_dir(&library).unwrap();
    wait::until("the empty folder to be seen", SOON, || {
        let said = server.place.run(&["doctor"]).out;
        said.contains("holds no film").then_some(())
    });
    assert_eq!(inode(&film), Some(number));
    fs::remove_dir(&library).unwrap();
    fs::rename(&away, &library).unwrap();
    healthy(&server);
    write(&library.join("movies/B.mkv"), 2);
    wait::until("another film", SOON, || {
        inode(&server.mount.join("movies/B.mkv"))
    });
    assert_eq!(inode(&film), Some(number));
}

#[test]
fn a_library_that_is_emptied_is_shown_empty_and_starts_empty() {
    let place = Place::new(json!({}));
    let library = place.library();
    write(&library.join("movies/A.mkv"), 1);
    let server = Server::start_in(place);
    let film = server.mount.join("movies/A.mkv");
    assert!(film.exists());
    fs::remove_dir_all(library.join("movies")).unwrap();
    wait::until("the film to go", SOON, || {
        inode(&film).is_none().then_some(())
    });
    healthy(&server);
    let (_, after) = server.stop();
    let (_, after) = Server::start_in(after.place).stop();
    // Another folder without films is refused, unless it is marked as the library.
    fs::remove_dir(&library).unwrap();
    fs::create_dir(
        after
            .place
            .data_dir
            .join("keeps the inode number from being used again"),
    )
    .unwrap();
    fs::create_dir(&library).unwrap();
    let refused = after.place.run(&["serve"]);
    assert!(refused.err.contains(".gostream-library"), "{refused:?}");
    fs::write(library.join(".gostream-library"), "").unwrap();
    Server::start_in(after.place).stop();
}

#[test]
fn a_disk_within_the_library_that_is_unmounted_empties_no_folder() {
    let place = Place::new(json!({}));
    let series = place.library().join("tv");
    let mounted = Mount::memory(&series);
    write(&series.join("Show/E1.mkv"), 1);
    write(&place.library().join("movies/A.mkv"), 2);
    let server = Server::start_in(place);
    let before = shown(&server.mount);
    mounted.off();
    let said = degraded(&server);
    assert!(said.contains("tv"), "{said}");
    // The rest of the library lives on.
    write(&server.place.library().join("movies/B.mkv"), 3);
    wait::until("a new film", SOON, || {
        inode(&server.mount.join("movies/B.mkv"))
    });
    for (path, number) in &before {
        assert_eq!(inode(&server.mount.join(path)), Some(*number), "{path}");
    }
    // And it is still said.
    let said = degraded(&server);
    assert!(said.contains("tv"), "{said}");
    // Another disk with films is shown.
    let _mounted = Mount::memory(&series);
    write(&series.join("Show/E2.mkv"), 4);
    wait::until("the other disk", SOON, || {
        inode(&server.mount.join("tv/Show/E2.mkv"))
    });
    wait::until("the first disk to go", SOON, || {
        inode(&server.mount.join("tv/Show/E1.mkv"))
            .is_none()
            .then_some(())
    });
}

#[test]
fn a_library_that_cannot_be_written_is_read_and_says_so_when_it_is_to_be_changed() {
    let torrent = Torrent::make(&media::bytes(1), 64 * 1024, None, &[]);
    let place = Place::new(json!({}));
    let disk = tempfile::tempdir().unwrap();
    write(&disk.path().join("movies/A.mkv"), 1);
    fs::write(disk.path().join("movies/A.srt"), "words").unwrap();
    // What a killed writer left.
    fs::write(disk.path().join("movies/.gostream-tmp-1-2-abc"), "half").unwrap();
    let _mounted = Mount::bind_read_only(disk.path(), &place.library());
    let server = Server::start_in(place);
    assert_eq!(shown(&server.mount).len(), 3);
    assert_eq!(
        fs::read_to_string(server.mount.join("movies/A.srt")).unwrap(),
        "words"
    );
    for arguments in [
        ["add", torrent.path.to_str().unwrap()],
        ["rm", "movies/A.mkv"],
    ] {
        let refused = server.place.run(&arguments);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        assert!(refused.err.contains("Read-only file system"), "{refused:?}");
    }
    // What another sees through the writable side is shown.
    write(&disk.path().join("movies/B.mkv"), 2);
    wait::until("a new film", SOON, || {
        inode(&server.mount.join("movies/B.mkv"))
    });
    let said = server.place.run(&["doctor"]).out;
    assert!(said.contains("cannot be written"), "{said}");
}
