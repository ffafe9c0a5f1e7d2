//! `gostream backup` and `gostream restore`, with a server that runs and without one.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;

use crate::harness::content::assert_same;
use crate::harness::media::{self, MIB_LEN};
use crate::harness::server::{Place, Server};
use crate::harness::stubs::{shown, write};
use crate::harness::swarm::{Peer, Torrent};

fn backup(place: &Place, name: &str) -> PathBuf {
    let file = place.data_dir.join(name);
    place.run(&["backup", file.to_str().unwrap()]).success();
    file
}

fn state(place: &Place) -> PathBuf {
    place.data_dir.join("state")
}

#[test]
fn a_place_that_was_lost_comes_back_from_a_backup_of_the_running_server() {
    let torrent = Torrent::make(&media::bytes(8), 64 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let place = Place::new(json!({}));
    write(&place.library().join("movies/Old.mkv"), 7);
    let server = Server::start_in(place);
    let magnet = torrent.magnet_of_peers(&[seeder.address]);
    let film = server.add(&magnet).remove(0);
    fs::write(film.with_extension("nfo"), "words").unwrap_err();
    let before = shown(&server.mount);
    let file = backup(&server.place, "backup.tar");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let (_, after) = server.stop();
    let place = after.place;
    fs::remove_dir_all(state(&place)).unwrap();
    fs::remove_dir_all(place.library()).unwrap();
    let said = place.run(&["restore", file.to_str().unwrap()]).success();
    assert!(said.contains("the backup is in place"), "{said}");

    let server = Server::start_in(place);
    assert_eq!(shown(&server.mount), before, "names and inode numbers");
    let original = File::open(&torrent.data).unwrap();
    assert_same(&original, &File::open(&film).unwrap(), 0, MIB_LEN);
}

#[test]
fn a_restore_beside_a_running_server_waits_for_its_next_start() {
    let place = Place::new(json!({}));
    let stub = |place: &Place, name: &str| place.library().join(name);
    write(&stub(&place, "movies/A.mkv"), 1);
    let server = Server::start_in(place);
    let place = &server.place;
    let file = backup(place, "backup.tar");
    place.run(&["rm", "movies/A.mkv"]).success();
    write(&stub(place, "movies/B.mkv"), 2);

    let restore = || place.run(&["restore", file.to_str().unwrap()]);
    let said = restore().success();
    assert!(said.contains("until it is started anew"), "{said}");
    let said = restore();
    assert!(
        said.code == Some(1) && said.err.contains("waits already"),
        "{said:?}"
    );
    assert!(!stub(place, "movies/A.mkv").exists());
    let said = place.run(&["doctor"]).out;
    assert!(said.contains("a restored state waits in"), "{said}");

    let (_, after) = server.stop();
    let server = Server::start_in(after.place);
    let listed = server.place.run(&["ls"]).success();
    assert_eq!(listed, "movies/A.mkv\nmovies/B.mkv\n");
    let names = fs::read_dir(state(&server.place)).unwrap();
    let names: Vec<String> = names
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    let aside = names
        .iter()
        .find(|name| name.starts_with("before-restore-"));
    assert!(
        state(&server.place)
            .join(aside.unwrap())
            .join("gostream.db")
            .exists()
    );
    assert!(!names.contains(&"restore-waiting".to_owned()), "{names:?}");
}

#[test]
fn a_damaged_or_foreign_file_is_refused_and_nothing_changes() {
    let place = Place::new(json!({}));
    write(&place.library().join("movies/A.mkv"), 1);
    let server = Server::start_in(place);
    let place = &server.place;
    let file = backup(place, "backup.tar");
    let whole = fs::read(&file).unwrap();
    let damaged = place.data_dir.join("damaged.tar");
    let restore = || place.run(&["restore", damaged.to_str().unwrap()]);
    let count = || fs::read_dir(state(place)).unwrap().count();
    let before = count();

    fs::write(&damaged, &whole[..whole.len() - 5000]).unwrap();
    restore().refused(&["damaged.tar", "damaged", "Nothing was taken"]);
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 1;
    fs::write(&damaged, turned).unwrap();
    restore().refused(&["damaged.tar", "damaged"]);
    fs::write(&damaged, "{}").unwrap();
    restore().refused(&["damaged.tar", "is no backup of GoStream"]);
    fs::remove_file(&damaged).unwrap();
    let said = restore();
    assert!(
        said.code == Some(1) && said.err.contains("damaged.tar"),
        "{said:?}"
    );
    assert_eq!(count(), before);

    // Nor is a file overwritten that is none of ours.
    fs::write(&damaged, "letters").unwrap();
    let over = place.run(&["backup", damaged.to_str().unwrap()]);
    over.refused(&["damaged.tar", "choose another name"]);
    assert_eq!(fs::read(&damaged).unwrap(), b"letters");
}
