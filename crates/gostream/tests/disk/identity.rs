//! Inode numbers: a title keeps its number, and no number is ever given to another.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::harness::server::{Place, Server};
use crate::harness::stubs::{inode, shown, write};
use crate::harness::wait;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_title_that_is_removed_and_added_again_has_its_old_number() {
    let server = Server::start(json!({}));
    let (library, mount) = (server.place.library(), server.mount.clone());
    let film = mount.join("movies/A.mkv");
    write(&library.join("movies/A.mkv"), 1);
    let number = wait::until("the film", SOON, || inode(&film));
    fs::remove_file(library.join("movies/A.mkv")).unwrap();
    wait::until("the film to go", SOON, || {
        inode(&film).is_none().then_some(())
    });
    // Elsewhere, under another name, even after a restart.
    write(&library.join("kids/The A.mkv"), 1);
    let elsewhere = mount.join("kids/The A.mkv");
    assert_eq!(
        wait::until("the film again", SOON, || inode(&elsewhere)),
        number
    );
    let (_, after) = server.stop();
    fs::remove_file(library.join("kids/The A.mkv")).unwrap();
    write(&library.join("other/A.mkv"), 2);
    let (_, after) = Server::start_in(after.place).stop();
    write(&library.join("movies/A.mkv"), 1);
    let _server = Server::start_in(after.place);
    assert_eq!(inode(&film), Some(number));
}

#[test]
fn a_stub_that_becomes_another_film_gets_another_number_and_the_film_keeps_its_own() {
    let server = Server::start(json!({}));
    let (library, mount) = (server.place.library(), server.mount.clone());
    let film = mount.join("movies/A.mkv");
    write(&library.join("movies/A.mkv"), 1);
    let first = wait::until("the film", SOON, || inode(&film));
    write(&library.join("movies/A.mkv"), 2);
    let second = wait::until("the other film", SOON, || {
        inode(&film).filter(|number| *number != first)
    });
    write(&library.join("movies/A.mkv"), 1);
    wait::until("the first film", SOON, || {
        (inode(&film) == Some(first)).then_some(())
    });
    write(&library.join("movies/B.mkv"), 2);
    let moved = mount.join("movies/B.mkv");
    assert_eq!(
        wait::until("the second film", SOON, || inode(&moved)),
        second
    );
}

#[test]
fn what_is_moved_while_no_server_runs_keeps_its_number() {
    let place = Place::new(json!({}));
    let library = place.library();
    write(&library.join("tv/Show/E1.mkv"), 1);
    write(&library.join("tv/Show/E2.mkv"), 2);
    let server = Server::start_in(place);
    let numbers = ["E1", "E2"].map(|name| inode(&server.mount.join(format!("tv/Show/{name}.mkv"))));
    let (_, after) = server.stop();
    fs::rename(library.join("tv/Show"), library.join("tv/Show (2026)")).unwrap();
    let server = Server::start_in(after.place);
    let now =
        ["E1", "E2"].map(|name| inode(&server.mount.join(format!("tv/Show (2026)/{name}.mkv"))));
    assert_eq!(now, numbers);
    assert!(
        numbers
            .iter()
            .all(|number| number.is_some_and(|number| number > 1))
    );
}

#[test]
fn the_numbers_of_an_earlier_program_are_taken_over() {
    let place = Place::new(json!({}));
    let library = place.library();
    write(&library.join("movies/A.mkv"), 1);
    write(&library.join("movies/B.mkv"), 2);
    let state = place.data_dir.join("state");
    fs::create_dir_all(&state).unwrap();
    let film = |number: u64| format!("{number:040x}:1");
    let map = json!({
        "version": 2,
        "files": {film(1): "9007199254740993", film(2): "12"},
        "dirs": {"/movies": "9223372036854775913"},
        "filename_index": {
            library.join("movies/A.mkv").to_str().unwrap(): film(1),
            library.join("movies/B.mkv").to_str().unwrap(): film(2),
        },
    });
    fs::write(state.join("inode_map.json"), map.to_string()).unwrap();
    let server = Server::start_in(place);
    let numbers = ["movies", "movies/A.mkv", "movies/B.mkv"]
        .map(|name| inode(&server.mount.join(name)).unwrap());
    assert_eq!(
        numbers,
        [9_223_372_036_854_775_913, 9_007_199_254_740_993, 12]
    );
}

#[test]
fn a_lost_database_gives_the_same_numbers_again() {
    let place = Place::new(json!({}));
    let library = place.library();
    for number in 1..20 {
        write(&library.join(format!("movies/F{number}.mkv")), number);
        write(&library.join(format!("tv/S{number}/E.mkv")), 100 + number);
        fs::write(library.join(format!("movies/F{number}.srt")), "1").unwrap();
    }
    let server = Server::start_in(place);
    let before = shown(&server.mount);
    let (_, after) = server.stop();
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(after.place.data_dir.join(format!("state/gostream.db{end}")));
    }
    let server = Server::start_in(after.place);
    assert_eq!(shown(&server.mount), before);
}
