//! Changes in the stub tree by other programs, seen in the mount.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::harness::cli::binary;
use crate::harness::process::Process;
use crate::harness::server::{Place, Server};
use crate::harness::stubs::{inode, shown, write};
use crate::harness::wait;

/// A second is what is promised; the rest is for a machine that does other things.
const SOON: Duration = Duration::from_secs(10);

#[track_caller]
fn appears(path: &Path) -> u64 {
    let what = format!("{} in the mount", path.display());
    wait::until(&what, SOON, || inode(path))
}

#[track_caller]
fn vanishes(path: &Path) {
    let what = format!("{} out of the mount", path.display());
    wait::until(&what, SOON, || inode(path).is_none().then_some(()));
}

#[test]
fn what_another_program_adds_moves_and_removes_shows_in_the_mount() {
    let server = Server::start(json!({}));
    let (library, mount) = (server.place.library(), server.mount.clone());
    write(&library.join("movies/A.mkv"), 1);
    appears(&mount.join("movies/A.mkv"));
    // New folders inside of new folders.
    write(&library.join("tv/Show/Season.01/E1.mkv"), 2);
    let episode = appears(&mount.join("tv/Show/Season.01/E1.mkv"));
    let folders = [
        inode(&mount.join("tv/Show")),
        inode(&mount.join("tv/Show/Season.01")),
    ];
    fs::write(library.join("tv/Show/Season.01/E1.srt"), "one").unwrap();
    let subtitle = appears(&mount.join("tv/Show/Season.01/E1.srt"));

    fs::rename(library.join("tv/Show"), library.join("tv/Show (2026)")).unwrap();
    let moved = mount.join("tv/Show (2026)");
    assert_eq!(appears(&moved.join("Season.01/E1.mkv")), episode);
    assert_eq!([inode(&moved), inode(&moved.join("Season.01"))], folders);
    assert_eq!(inode(&moved.join("Season.01/E1.srt")), Some(subtitle));
    vanishes(&mount.join("tv/Show"));
    // The moved folders are still watched.
    write(&library.join("tv/Show (2026)/Season.01/E2.mkv"), 3);
    appears(&moved.join("Season.01/E2.mkv"));

    fs::write(
        library.join("tv/Show (2026)/Season.01/E1.srt"),
        "one and two",
    )
    .unwrap();
    wait::until("the longer subtitle", SOON, || {
        let text = fs::read_to_string(moved.join("Season.01/E1.srt")).ok()?;
        (text == "one and two").then_some(())
    });
    fs::remove_dir_all(library.join("tv/Show (2026)")).unwrap();
    vanishes(&moved);
    fs::remove_file(library.join("movies/A.mkv")).unwrap();
    vanishes(&mount.join("movies/A.mkv"));
    assert!(mount.join("movies").is_dir());
}

#[test]
fn what_lies_in_folders_that_were_made_and_moved_in_the_mount_shows_as_well() {
    let server = Server::start(json!({}));
    let (library, mount) = (server.place.library(), server.mount.clone());
    fs::create_dir(mount.join("Made")).unwrap();
    write(&library.join("Made/A.mkv"), 1);
    appears(&mount.join("Made/A.mkv"));
    fs::create_dir_all(mount.join("tv/Show/Season.01")).unwrap();
    fs::rename(mount.join("tv/Show"), mount.join("tv/Other")).unwrap();
    write(&library.join("tv/Other/Season.01/E1.mkv"), 2);
    appears(&mount.join("tv/Other/Season.01/E1.mkv"));
    // Also when another folder has gone and its watch with it.
    fs::remove_dir_all(library.join("Made")).unwrap();
    vanishes(&mount.join("Made"));
    write(&library.join("tv/Other/Season.01/E2.mkv"), 3);
    appears(&mount.join("tv/Other/Season.01/E2.mkv"));
}

#[test]
fn of_a_film_that_is_moved_and_copied_at_once_one_keeps_the_number() {
    let server = Server::start(json!({}));
    let (library, mount) = (server.place.library(), server.mount.clone());
    write(&library.join("movies/A.mkv"), 1);
    let number = appears(&mount.join("movies/A.mkv"));
    server.pause();
    fs::copy(library.join("movies/A.mkv"), library.join("movies/B.mkv")).unwrap();
    fs::rename(library.join("movies/A.mkv"), library.join("movies/C.mkv")).unwrap();
    server.resume();
    let numbers = ["B", "C"].map(|name| appears(&mount.join(format!("movies/{name}.mkv"))));
    assert_ne!(numbers[0], numbers[1]);
    assert!(numbers.contains(&number));
    vanishes(&mount.join("movies/A.mkv"));
}

#[test]
fn a_storm_of_changes_ends_in_the_tree_as_it_is() {
    let server = Server::start(json!({}));
    let (library, mount) = (server.place.library(), server.mount.clone());
    for round in 0..5_u64 {
        for number in 0..400 {
            write(
                &library.join(format!("movies/F{number}.mkv")),
                1000 * round + number,
            );
        }
        for number in (0..400).filter(|number| number % 3 == round % 3) {
            fs::remove_file(library.join(format!("movies/F{number}.mkv"))).unwrap();
        }
    }
    let names = |root: &Path| {
        shown(root)
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    wait::until("the same names", SOON, || {
        (names(&mount) == names(&library)).then_some(())
    });
    // The films are those of the last round.
    wait::until("the last size", SOON, || {
        let metadata = fs::metadata(mount.join("movies/F0.mkv")).unwrap();
        (metadata.len() == 4096 + 4000).then_some(())
    });
}

#[test]
fn more_changes_than_the_kernel_keeps_end_in_the_tree_as_it_is() {
    let server = Server::start(json!({}));
    let (library, mount) = (server.place.library(), server.mount.clone());
    write(&library.join("movies/A.mkv"), 1);
    appears(&mount.join("movies/A.mkv"));
    // While the server stands still its queue runs over, with what comes last left out.
    server.pause();
    let queue = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let queue: u64 = queue.trim().parse().unwrap();
    let odd = [library.join("movies/B.mkv"), library.join("movies/C.mkv")];
    for number in 0..=queue {
        // Two files in turn: the same event twice in a row is kept once.
        fs::File::create(&odd[usize::from(number % 2 == 1)]).unwrap();
    }
    write(&library.join("tv/Late/E1.mkv"), 2);
    server.resume();
    appears(&mount.join("tv/Late/E1.mkv"));
    write(&library.join("tv/Late/E2.mkv"), 3);
    appears(&mount.join("tv/Late/E2.mkv"));
}

#[test]
fn more_folders_than_may_be_watched_are_looked_through_from_time_to_time() {
    let place = Place::new(json!({"library_rescan_seconds": 1}));
    for folder in ["a/b", "c"] {
        fs::create_dir_all(place.library().join(folder)).unwrap();
    }
    // The limit of a user namespace of the test's own; its mount is seen by nobody else.
    let mut command = Command::new("unshare");
    let script = "echo 2 > /proc/sys/user/max_inotify_watches && exec \"$@\"";
    command.args(["-Urm", "sh", "-c", script, "sh"]);
    command
        .arg(binary().get_program())
        .arg("--config")
        .arg(&place.config);
    command.arg("--data-dir").arg(&place.data_dir).arg("serve");
    let process = Process::start("gostream serve", &mut command);
    while process.line(SOON) != "ready" {}
    write(&place.library().join("c/d/Film.mkv"), 1);
    wait::until("a film in a folder that is not watched", SOON, || {
        let listed = place.run(&["ls"]).success();
        (listed.trim() == "c/d/Film.mkv").then_some(())
    });
    let log = process.errors();
    assert!(log.contains("max_user_watches"), "{log}");
}

#[test]
fn a_folder_shows_the_time_of_its_source_and_a_film_that_of_its_stub() {
    let server = Server::start(json!({}));
    let (library, mount) = (server.place.library(), server.mount.clone());
    write(&library.join("movies/A.mkv"), 1);
    appears(&mount.join("movies/A.mkv"));
    let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let same = |name: &str| time(&library.join(name)) == time(&mount.join(name));
    for name in ["", "movies", "movies/A.mkv"] {
        wait::until(&format!("the time of {name:?}"), SOON, || {
            same(name).then_some(())
        });
    }
    let before = time(&mount.join("movies"));
    // Reading changes nothing, and neither does a change elsewhere.
    shown(&mount);
    write(&library.join("tv/E.mkv"), 2);
    appears(&mount.join("tv/E.mkv"));
    assert_eq!(time(&mount.join("movies")), before);
    write(&library.join("movies/B.mkv"), 3);
    appears(&mount.join("movies/B.mkv"));
    assert_ne!(time(&mount.join("movies")), before);
    assert!(same("movies"));
    // A time before 1970 is shown as the first second.
    let old = SystemTime::UNIX_EPOCH - Duration::from_secs(1000);
    let stub = fs::File::options()
        .append(true)
        .open(library.join("movies/B.mkv"))
        .unwrap();
    stub.set_modified(old).unwrap();
    drop(stub);
    wait::until("the first second", SOON, || {
        (fs::metadata(mount.join("movies/B.mkv")).unwrap().mtime() == 1).then_some(())
    });
}

#[test]
fn links_blocks_and_free_space_are_those_of_a_disk() {
    let server = Server::start(json!({"fuse_block_size_bytes": 65536}));
    let (library, mount) = (server.place.library(), server.mount.clone());
    write(&library.join("tv/Show/E.mkv"), 1);
    fs::create_dir(library.join("tv/Other")).unwrap();
    appears(&mount.join("tv/Show/E.mkv"));
    appears(&mount.join("tv/Other"));
    let film = fs::metadata(mount.join("tv/Show/E.mkv")).unwrap();
    assert_eq!(
        (film.len(), film.blocks(), film.blksize()),
        (4097, 9, 65536)
    );
    assert_eq!((film.nlink(), film.mode()), (1, 0o100_644));
    let folder = fs::metadata(mount.join("tv")).unwrap();
    // Its name, its `.`, and the `..` of the two folders in it.
    assert_eq!((folder.nlink(), folder.mode()), (4, 0o40_755));
    assert_eq!(inode(&mount), Some(1));
    let space = rustix::fs::statvfs(&mount).unwrap();
    assert_eq!(space.f_bsize, 4096);
    assert!(space.f_bfree > 0 && space.f_bavail > 0 && space.f_bfree < space.f_blocks);
    assert_eq!(space.f_namemax, 255);
}
