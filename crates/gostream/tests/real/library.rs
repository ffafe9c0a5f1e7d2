//! `add`, `ls` and `rm` with the server running and without it.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::harness::content::sha256;
use crate::harness::media;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::wait;

#[test]
fn a_film_that_is_added_while_the_server_runs_appears_at_once() {
    let torrent = Torrent::make(&media::short_film(), 64 * 1024, None, &[]);
    let server = Server::start(json!({}));
    // The kernel has seen the folder without the film.
    assert!(!server.mount.join("movies").join("x.mkv").exists());
    let path = server.add(torrent.path.to_str().unwrap()).remove(0);
    let shown = fs::metadata(&path).unwrap();
    assert_eq!(shown.len(), fs::metadata(&torrent.data).unwrap().len());
    let listed = server.place.run(&["ls"]).success();
    let shown: Vec<_> = listed.lines().map(|line| server.shown(line)).collect();
    assert_eq!(shown, std::slice::from_ref(&path));

    let virtual_path = listed.trim_end().to_owned();
    server.place.run(&["rm", &virtual_path]).success();
    assert!(!path.exists());
    assert_eq!(server.place.stubs(), [] as [std::path::PathBuf; 0]);
    assert_eq!(server.place.run(&["ls"]).success(), "");
}

#[test]
fn a_film_that_is_added_without_a_server_is_there_when_it_starts() {
    let original = media::short_film();
    let torrent = Torrent::make(&original, 64 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let place = Place::new(json!({}));
    let link = torrent.magnet_of_peers(&[seeder.address]);
    let added = place.run(&["add", &link]).success();
    assert_eq!(place.run(&["ls"]).success(), added);
    let server = Server::start_in(place);
    let path = server.shown(added.trim_end());
    let found = wait::within("the film", Duration::from_secs(60), move || sha256(&path));
    assert_eq!(found, sha256(&original));
}

#[test]
fn the_folder_and_the_name_can_be_chosen() {
    let torrent = Torrent::make(&media::short_film(), 64 * 1024, None, &[]);
    let place = Place::new(json!({}));
    let link = torrent.path.to_str().unwrap();
    let arguments = ["add", "--dir", "kids", "--name", "My Own Title", link];
    let path = place.run(&arguments).success();
    assert!(path.contains("kids/"), "{path}");
    assert!(path.contains("My.Own.Title"), "{path}");
}

#[test]
fn adding_twice_gives_the_same_path() {
    let torrent = Torrent::make(&media::short_film(), 64 * 1024, None, &[]);
    let server = Server::start(json!({}));
    let link = torrent.path.to_str().unwrap();
    let first = server.add(link);
    assert_eq!(server.add(link), first);
    assert_eq!(server.place.stubs().len(), 1);
}

#[test]
fn a_second_server_in_the_same_place_is_refused() {
    let mut server = Server::start(json!({}));
    let finished = server.place.run(&["serve"]);
    assert_ne!(finished.code, Some(0), "{finished:?}");
    assert!(!server.ended());
    assert!(fs::read_dir(&server.mount).is_ok());
}

#[test]
fn sigterm_unmounts_and_exits_with_zero() {
    let (status, after) = Server::start(json!({})).stop();
    assert_eq!(status.code(), Some(0));
    assert!(!after.still_mounted);
    // And the same directories serve again.
    let (status, after) = Server::start_in(after.place).stop();
    assert_eq!(status.code(), Some(0));
    assert!(!after.still_mounted);
}

#[test]
fn side_cars_are_shown_and_read_as_they_are() {
    let place = Place::new(json!({}));
    let movies = place.library().join("movies");
    fs::create_dir_all(&movies).unwrap();
    fs::write(
        movies.join("Film.srt"),
        "1\n00:00:01,000 --> 00:00:02,000\nHello\n",
    )
    .unwrap();
    fs::write(movies.join("poster.jpg"), vec![0xff; 300_000]).unwrap();
    let server = Server::start_in(place);
    for name in ["Film.srt", "poster.jpg"] {
        let shown = fs::read(server.mount.join("movies").join(name)).unwrap();
        assert_eq!(shown, fs::read(movies.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn the_help_has_examples_and_the_version_is_printed() {
    let place = Place::new(json!({}));
    let help = place.run(&["--help"]).success();
    assert!(help.contains("Examples:"), "{help}");
    let version = place.run(&["--version"]).success();
    assert!(version.starts_with("gostream "), "{version}");
}
