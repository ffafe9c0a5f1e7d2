//! Changes through the mount: removing, moving, tidying up.

use std::fs::{self, File};
use std::io::Error;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use gostream_store::{Refusal, Store};
use rustix::io::Errno;
use serde_json::json;

use crate::harness::content::{Numbers, assert_same, attribute, sha256};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{SharedFilm, Torrent};
use crate::harness::wait;

/// How long something may take on a busy machine; a deadline, not a measure.
const LIMIT: Duration = Duration::from_secs(60);
/// Nothing in these tests may depend on it: only a removal frees a reader before.
const FAR: u64 = 500;

/// A stub of a torrent that nobody has.
fn dead_stub(number: u8) -> String {
    let hash = format!("{number:02x}").repeat(20);
    format!(
        r#"{{"url":"http://127.0.0.1:8090/stream?link={hash}&index=0&play","size":4194304,"magnet":"","imdb":""}}"#
    )
}

fn errno<T>(result: Result<T, Error>) -> Option<Errno> {
    let error = result.err()?;
    error.raw_os_error().map(Errno::from_raw_os_error)
}

fn store(place: &Place) -> Store {
    Store::open(&place.data_dir.join("state/gostream.db")).unwrap()
}

fn refusals(place: &Place) -> Vec<Refusal> {
    store(place).refusals().list().unwrap()
}

#[test]
fn a_removed_film_stays_away_until_it_is_added_by_hand() {
    let film = SharedFilm::start();
    let server = Server::start(json!({ "read_deadline_seconds": FAR }));
    let link = film.magnet();
    let path = server.add(&link).remove(0);
    let ino = fs::metadata(&path).unwrap().ino();
    let open = File::open(&path).unwrap();
    assert_same(&File::open(&film.original).unwrap(), &open, 0, 65_536);

    fs::remove_file(&path).unwrap();
    assert_eq!(errno(fs::metadata(&path)), Some(Errno::NOENT));
    assert_eq!(server.place.stubs(), [] as [std::path::PathBuf; 0]);
    // The handle is there, and the file behind it is not, cached or not.
    assert_eq!(open.metadata().unwrap().nlink(), 0);
    let mut byte = [0];
    wait::until("the cached pages go", LIMIT, || {
        (errno(open.read_at(&mut byte, 0)) == Some(Errno::IO)).then_some(())
    });
    let refused = refusals(&server.place);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].hash.to_string(), film.torrent.info_hash);
    assert!(refused[0].title.is_some(), "{refused:?}");
    assert_eq!(store(&server.place).torrents().list().unwrap(), []);

    let (_, after) = server.stop();
    assert_eq!(refusals(&after.place), refused);
    let server = Server::start_in(after.place);
    assert!(!path.exists());
    let again = server.add(&link).remove(0);
    assert_eq!(again, path);
    assert_eq!(fs::metadata(&path).unwrap().ino(), ino);
    assert_eq!(refusals(&server.place), []);
    let found = wait::within("the film", LIMIT, move || sha256(&path));
    assert_eq!(found, sha256(&film.original));
}

#[test]
fn a_waiting_reader_is_freed_when_its_film_is_removed() {
    let place = Place::new(json!({ "read_deadline_seconds": FAR }));
    let movies = place.library().join("movies");
    fs::create_dir_all(&movies).unwrap();
    fs::write(movies.join("Dead_01010101.mkv"), dead_stub(1)).unwrap();
    let server = Server::start_in(place);
    let path = server.mount.join("movies/Dead_01010101.mkv");
    let open = File::open(&path).unwrap();
    let reader = std::thread::spawn(move || errno(open.read_at(&mut [0; 4096], 0)));
    wait::until("the torrent wakes", LIMIT, || {
        let listed = server.place.run(&["ls", "-l"]).success();
        listed.contains("awake").then_some(())
    });
    fs::remove_file(&path).unwrap();
    let ended = wait::within("the read ends", LIMIT, move || reader.join().unwrap());
    assert_eq!(ended, Some(Errno::IO));
}

#[test]
fn a_moved_film_keeps_its_inode_its_readers_and_its_bytes() {
    let film = SharedFilm::start();
    let server = Server::start(json!({}));
    let path = server.add(&film.magnet()).remove(0);
    let ino = fs::metadata(&path).unwrap().ino();
    let open = File::open(&path).unwrap();
    let folder = server.mount.join("kids/Fairy Tales");
    fs::create_dir_all(&folder).unwrap();
    let moved = folder.join("The Wolf (1999).mkv");
    fs::rename(&path, &moved).unwrap();
    assert_eq!(errno(fs::metadata(&path)), Some(Errno::NOENT));
    // An open handle, a new one, and the whole folder at another place.
    assert_same(&File::open(&film.original).unwrap(), &open, 65_536, 65_536);
    fs::rename(server.mount.join("kids"), server.mount.join("small")).unwrap();
    let moved = server.mount.join("small/Fairy Tales/The Wolf (1999).mkv");
    assert_eq!(fs::metadata(&moved).unwrap().ino(), ino);
    assert_eq!(sha256(&moved), sha256(&film.original));
    let stub = server.place.library().join("small/Fairy Tales");
    assert_eq!(names(&stub), ["The Wolf (1999).mkv"]);
    let folder_ino = fs::metadata(server.mount.join("small")).unwrap().ino();

    drop(open);
    let (_, after) = server.stop();
    let server = Server::start_in(after.place);
    assert_eq!(fs::metadata(&moved).unwrap().ino(), ino);
    let folder = fs::metadata(server.mount.join("small")).unwrap();
    assert_eq!(folder.ino(), folder_ino);
    assert_eq!(refusals(&server.place), []);
}

#[test]
fn looking_at_the_attributes_of_a_film_wakes_nothing() {
    let film = SharedFilm::start();
    let server = Server::start(json!({}));
    let path = server.add(&film.magnet()).remove(0);
    let value = |name: &str| attribute(&path, name);
    // What found the metadata may still be awake.
    wait::until("the torrent sleeps", LIMIT, || {
        (value("state") == "asleep").then_some(())
    });
    assert_eq!(value("info_hash"), film.torrent.info_hash);
    assert_eq!(
        (value("peers"), value("buffered")),
        ("0".to_owned(), String::new())
    );
    assert_eq!(value("state"), "asleep");
    let open = File::open(&path).unwrap();
    // In the middle of the file, which the warm cache does not keep first.
    let offset = fs::metadata(&path).unwrap().len() / 2;
    assert_same(&File::open(&film.original).unwrap(), &open, offset, 65_536);
    assert_eq!(value("state"), "awake");
    let buffered = value("buffered");
    let holds = buffered.split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        (first..=last).contains(&offset)
    });
    assert!(holds, "{offset} in {buffered:?}");
}

#[test]
fn side_cars_are_written_where_the_settings_allow_it() {
    let place = Place::new(json!({ "allow_sidecar_writes": true }));
    let movies = place.library().join("movies");
    fs::create_dir_all(&movies).unwrap();
    fs::write(movies.join("Dead_01010101.mkv"), dead_stub(1)).unwrap();
    let server = Server::start_in(place);
    let shown = server.mount.join("movies");
    // As media servers do: a temporary file, renamed over the old one.
    fs::write(shown.join("Dead.nfo"), b"<old/>").unwrap();
    fs::write(shown.join("Dead.nfo.tmp"), b"<movie/>").unwrap();
    fs::rename(shown.join("Dead.nfo.tmp"), shown.join("Dead.nfo")).unwrap();
    assert_eq!(fs::read(movies.join("Dead.nfo")).unwrap(), b"<movie/>");
    let poster = vec![7; 3_000_000];
    fs::write(shown.join("poster.jpg"), &poster).unwrap();
    assert_eq!(fs::read(movies.join("poster.jpg")).unwrap(), poster);
    let ino = fs::metadata(shown.join("poster.jpg")).unwrap().ino();
    let stub = fs::read(movies.join("Dead_01010101.mkv")).unwrap();
    let film = shown.join("Dead_01010101.mkv");
    assert_eq!(
        errno(File::options().write(true).open(&film)),
        Some(Errno::ROFS)
    );
    assert_eq!(
        errno(fs::write(shown.join("new.mkv"), &stub)),
        Some(Errno::ROFS)
    );
    let (_, after) = server.stop();
    let server = Server::start_in(after.place);
    assert_eq!(fs::read(shown.join("poster.jpg")).unwrap(), poster);
    assert_eq!(fs::metadata(shown.join("poster.jpg")).unwrap().ino(), ino);
    fs::remove_file(shown.join("poster.jpg")).unwrap();
    assert_eq!(
        names(&server.place.library().join("movies")),
        ["Dead.nfo", "Dead_01010101.mkv"]
    );
    assert_eq!(fs::read(movies.join("Dead_01010101.mkv")).unwrap(), stub);
}

#[test]
fn a_torrent_is_kept_until_its_last_film_goes() {
    let directory = tempfile::tempdir().unwrap();
    let pack = directory.path().join("Some.Show.S01.1080p");
    fs::create_dir(&pack).unwrap();
    for number in 1..=2_u8 {
        let name = format!("Some.Show.S01E0{number}.1080p.mkv");
        fs::write(pack.join(name), vec![number; 300_000]).unwrap();
    }
    let torrent = Torrent::make(&pack, 64 * 1024, None, &[]);
    let server = Server::start(json!({}));
    let episodes = server.add(torrent.path.to_str().unwrap());
    assert_eq!(episodes.len(), 2, "{episodes:?}");
    fs::remove_file(&episodes[0]).unwrap();
    let kept = store(&server.place).torrents().list().unwrap();
    assert_eq!(kept.len(), 1);
    // One episode less is no refusal of the show.
    assert_eq!(refusals(&server.place)[0].title, None);
    fs::remove_file(&episodes[1]).unwrap();
    assert_eq!(store(&server.place).torrents().list().unwrap(), []);
    let refused = refusals(&server.place);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].title.as_deref(), Some("someshow"));
}

#[test]
fn a_film_that_is_removed_by_command_is_refused_with_or_without_a_server() {
    let place = Place::new(json!({}));
    let movies = place.library().join("movies");
    fs::create_dir_all(&movies).unwrap();
    for number in 1..=2 {
        fs::write(movies.join(format!("Dead.{number}.mkv")), dead_stub(number)).unwrap();
    }
    place.run(&["rm", "movies/Dead.1.mkv"]).success();
    let server = Server::start_in(place);
    let open = File::open(server.mount.join("movies/Dead.2.mkv")).unwrap();
    server.place.run(&["rm", "movies/Dead.2.mkv"]).success();
    assert_eq!(errno(open.read_at(&mut [0], 0)), Some(Errno::IO));
    let refused = refusals(&server.place);
    let mut hashes: Vec<String> = refused.iter().map(|one| one.hash.to_string()).collect();
    hashes.sort();
    assert_eq!(hashes, ["01".repeat(20), "02".repeat(20)]);
}

#[test]
fn a_refusal_is_shown_and_lifted_by_command_with_or_without_a_server() {
    let place = Place::new(json!({}));
    let movies = place.library().join("movies");
    fs::create_dir_all(&movies).unwrap();
    for number in 1..=2 {
        let name = format!("The Wolf {number} (1999).mkv");
        fs::write(movies.join(name), dead_stub(number)).unwrap();
    }
    let [first, second] = [1, 2].map(|number| format!("{number:02x}").repeat(20));
    let server = Server::start_in(place);
    fs::remove_file(server.mount.join("movies/The Wolf 1 (1999).mkv")).unwrap();
    fs::remove_file(server.mount.join("movies/The Wolf 2 (1999).mkv")).unwrap();
    let shown = server.place.run(&["refused"]).success();
    let mut lines: Vec<&str> = shown.lines().collect();
    lines.sort_unstable();
    let line = |hash: &str, title: &str| format!("    0 days  {hash}  {title}");
    assert_eq!(lines, [line(&first, "thewolf1"), line(&second, "thewolf2")]);
    let lifted = server.place.run(&["refused", "--lift", &first]).success();
    assert_eq!(lifted.trim_end(), first);
    let again = server.place.run(&["refused", "--lift", &first]);
    again.refused(&[&first, "no such torrent is refused"]);
    server
        .place
        .run(&["refused", "--lift", "wolf"])
        .refused(&["wolf", "40 hex digits"]);
    let (_, after) = server.stop();
    let shown = after.place.run(&["refused"]).success();
    assert_eq!(shown.trim_end(), line(&second, "thewolf2"));
    after.place.run(&["refused", "--lift", &second]).success();
    assert_eq!(after.place.run(&["refused"]).success(), "");
}

#[test]
fn a_killed_server_has_lost_no_stub_that_it_does_not_remember() {
    const FILMS: u8 = 60;
    let place = Place::new(json!({}));
    let movies = place.library().join("movies");
    fs::create_dir_all(&movies).unwrap();
    let name = |number: u8| format!("Dead_{}.mkv", format!("{number:02x}").repeat(4));
    for number in 1..=FILMS {
        fs::write(movies.join(name(number)), dead_stub(number)).unwrap();
    }
    let mut place = Some(place);
    let mut numbers = Numbers(5);
    let mut next = 1;
    for _round in 0..6 {
        let server = Server::start_in(place.take().unwrap());
        let shown = server.mount.join("movies");
        // So many are removed for certain; the server is killed in one of the removals that follow.
        let certain = next + u8::try_from(numbers.below(5)).unwrap();
        for number in next..certain {
            fs::remove_file(shown.join(name(number))).unwrap();
        }
        let last = (certain + 5).min(FILMS);
        let removing = std::thread::spawn(move || {
            for number in certain..=last {
                // The server goes away under it.
                let _ = fs::remove_file(shown.join(name(number)));
            }
        });
        for _ in 0..numbers.below(2000) {
            std::hint::spin_loop();
        }
        let left = server.kill();
        removing.join().unwrap();
        let refused: Vec<String> = refusals(&left)
            .iter()
            .map(|refusal| refusal.hash.to_string())
            .collect();
        for number in 1..=FILMS {
            let hash = format!("{number:02x}").repeat(20);
            let is_there = movies.join(name(number)).exists();
            assert!(
                is_there || refused.contains(&hash),
                "film {number} was lost"
            );
            assert!(
                is_there || number <= last,
                "film {number} was nobody's wish"
            );
        }
        next = last + 1;
        place = Some(left);
    }
    // What was not removed is still shown, and can be removed.
    let server = Server::start_in(place.take().unwrap());
    let shown = server.mount.join("movies");
    assert_eq!(names(&shown), names(&movies));
    for name in names(&shown) {
        fs::remove_file(shown.join(name)).unwrap();
    }
    assert_eq!(refusals(&server.place).len(), usize::from(FILMS));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
