//! How the mount comes and goes.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::harness::server::{Place, Server};

const STUB: &str = r#"{"url":"http://127.0.0.1:8090/stream?link=0123456789abcdef0123456789abcdef01234567&index=0&play","size":4096,"magnet":"","imdb":""}"#;

#[test]
fn a_title_has_the_same_inode_number_after_a_restart() {
    let place = Place::new(json!({}));
    let folder = place.library().join("movies");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("Film_01234567.mkv"), STUB).unwrap();
    let server = Server::start_in(place);
    let inode = |server: &Server| {
        let shown = server.mount.join("movies/Film_01234567.mkv");
        fs::metadata(shown).unwrap().ino()
    };
    let before = inode(&server);
    let (_, after) = server.stop();
    let server = Server::start_in(after.place);
    assert_eq!(inode(&server), before);
}
