//! `gostream import`, from a server that answers as TorrServer does, and from files.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::harness::media;
use crate::harness::process::Process;
use crate::harness::python;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::Torrent;
use crate::harness::{cli, free_port, http};

const LIMIT: Duration = Duration::from_secs(30);

/// Answers each POST with the file of that name in its folder, if the login is right, else 404.
const SERVER: &str = r#"
import base64, http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        path = sys.argv[1] + self.path
        wanted = 'Basic ' + base64.b64encode(b'me:secret').decode()
        if self.headers.get('Authorization') != wanted: status, body = 401, b''
        elif os.path.exists(path): status, body = 200, open(path, 'rb').read()
        else: status, body = 404, b''
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// What an import left in the database.
fn listed(place: &Place) -> String {
    let script = format!(
        "import sqlite3\n\
         db = sqlite3.connect({:?})\n\
         print(db.execute('SELECT title, category, added_at FROM listed').fetchall())\n\
         print(db.execute('SELECT file_index, timecode FROM viewed').fetchall())",
        place.data_dir.join("state/gostream.db")
    );
    let mut command = Command::new(python());
    cli::finish(command.args(["-c", &script]), LIMIT).success()
}

/// What config.json says.
fn settings(place: &Place) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(&place.config).unwrap()).unwrap()
}

/// A folder as a TorrServer leaves it, with a database that bbolt made.
fn torrserver_folder() -> tempfile::TempDir {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gostream-library/tests/bolt");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(made.join("config.db"), folder.path().join("config.db")).unwrap();
    folder
}

const HASH: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";

#[test]
fn torrents_marks_and_settings_come_from_a_torrserver_that_runs() {
    let place = Place::new(json!({}));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, value: serde_json::Value| {
        fs::write(folder.path().join(name), value.to_string()).unwrap();
    };
    write(
        "torrents",
        json!([{"title": "Copper Lanterns", "category": "movie", "hash": HASH, "timestamp": 19, "stat": 5}]),
    );
    write(
        "settings",
        json!({"CacheSize": 67108864, "ConnectionsLimit": 60}),
    );
    let mut command = Command::new(python());
    let server = Process::start(
        "TorrServer",
        command.args(["-c", SERVER]).arg(folder.path()),
    );
    let port: u16 = server.line(LIMIT).parse().unwrap();

    let said = place.run(&["import", &format!("http://127.0.0.1:{port}")]);
    assert!(
        said.code == Some(1) && said.err.contains("asks for a login"),
        "{said:?}"
    );
    let address = format!("http://me:secret@127.0.0.1:{port}/");
    let said = place.run(&["import", &address]).success();
    assert!(said.contains("torrents: 1 imported"), "{said}");
    assert!(
        said.contains("connections_per_torrent = 60 (ConnectionsLimit)")
            && said.contains("written to "),
        "{said}"
    );
    assert_eq!(settings(&place)["connections_per_torrent"], 60);
    write(
        "viewed",
        json!([{"hash": HASH, "file_index": 2, "timecode": 61.5}]),
    );
    let said = place.run(&["import", &address]).success();
    assert!(said.contains("viewed marks: 1 imported"), "{said}");
    let found = listed(&place);
    assert!(
        found.contains("[('Copper Lanterns', 'movie', 19)]") && found.contains("[(2, 61.5)]"),
        "{found}"
    );

    write("torrents", json!({"not": "a list"}));
    let said = place.run(&["import", &address]);
    said.refused(&["/torrents:1:1: is none of the files"]);
    assert!(!said.err.contains("secret"), "{said:?}");
    drop(server);
    let said = place.run(&["import", &address]);
    assert!(
        said.code == Some(1) && said.err.contains("refused") && !said.err.contains("secret"),
        "{said:?}"
    );
}

/// What a client keeps with one GoStream moves to another as it would from a TorrServer.
#[test]
fn the_list_of_another_gostream_is_taken_over() {
    let port = free_port();
    let from = Server::start(json!({"api_listen_port": port}));
    let link = Torrent::make(&media::bytes(1), 64 * 1024, None, &[]);
    from.add(link.path.to_str().unwrap());
    let hash = link.info_hash.as_str();
    for (path, body) in [
        (
            "/torrents",
            json!({"action": "set", "hash": hash, "title": "Mine", "category": "movie", "data": "notes"}),
        ),
        (
            "/viewed",
            json!({"action": "set", "hash": hash, "file_index": 1, "timecode": 12.5}),
        ),
    ] {
        let answer = http::request(port, "POST", path, &[], body.to_string().as_bytes());
        assert_eq!(answer.unwrap().status, 200);
    }
    let to = Place::new(json!({}));
    let said = to
        .run(&["import", &format!("http://127.0.0.1:{port}")])
        .success();
    assert!(
        said.contains("torrents: 1 imported") && said.contains("viewed marks: 1 imported"),
        "{said}"
    );
    let found = listed(&to);
    assert!(
        found.contains("('Mine', 'movie', ") && found.contains("[(1, 12.5)]"),
        "{found}"
    );
}

#[test]
fn a_file_with_a_mistake_leaves_everything_as_it_was() {
    let place = Place::new(json!({}));
    let file = place.data_dir.join("torrents.json");
    fs::write(
        &file,
        format!("[{{\"hash\":\"{HASH}\"}},\n{{\"hash\":\"xyz\"}}]"),
    )
    .unwrap();
    let said = place.run(&["import", file.to_str().unwrap()]);
    said.refused(&["torrents.json:2:9: 1.hash: not a torrent hash"]);
    assert!(!place.data_dir.join("state/gostream.db").exists());
    place
        .run(&["import", "/nowhere/at.all"])
        .refused(&["/nowhere/at.all", "cannot be read"]);
}

/// A dry run says what the real one then does, with a server and without one, and changes nothing.
#[test]
fn the_folder_of_a_torrserver_is_taken_over_while_the_server_runs() {
    let folder = torrserver_folder();
    let from = folder.path().to_str().unwrap();
    let place = Place::new(json!({}));
    let config = fs::read(&place.config).unwrap();
    let before = place.run(&["import", "--dry-run", from]).success();
    assert!(!place.data_dir.join("state/gostream.db").exists());
    let port = free_port();
    place.set(&json!({"api_listen_port": port}));
    let server = Server::start_in(place);
    let with_port = fs::read(&server.place.config).unwrap();
    assert_ne!(with_port, config);
    let dry = server.place.run(&["import", "--dry-run", from]).success();
    assert_eq!(dry, before);
    assert!(
        dry.contains("torrents: 2 to import, 0 are here already")
            && dry.contains("settings that would be written to"),
        "{dry}"
    );
    let list = || {
        let answer =
            http::request(port, "POST", "/torrents", &[], br#"{"action":"list"}"#).unwrap();
        answer.body
    };
    assert_eq!(list(), "[]");
    assert_eq!(fs::read(&server.place.config).unwrap(), with_port);

    let said = server.place.run(&["import", from]).success();
    for words in [
        "torrents: 2 imported, 0 were here already",
        "viewed marks: 1 imported",
        "playback positions: 1 imported",
        "connections_per_torrent = 60 (ConnectionsLimit)",
        "in effect: connections_per_torrent",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let listed = list();
    for words in ["Copper Lanterns (2031)", "Only a name"] {
        assert!(listed.contains(words), "no {words:?} in {listed}");
    }
    assert_eq!(settings(&server.place)["connections_per_torrent"], 60);
    // Its metadata came along: no peer is asked for it.
    let torrent = "/api/v1/torrents/5934fce4fdb33610535035f0e4baee96451ec57c";
    let answer = http::request(port, "GET", torrent, &[], b"").unwrap();
    let text = answer.body;
    assert!(text.contains("Copper.Lanterns.mkv"), "{text}");
    let again = server.place.run(&["import", from]).success();
    assert!(
        again.contains("torrents: 0 imported, 2 were here already"),
        "{again}"
    );
}

#[test]
fn a_setting_of_your_own_stays_unless_it_is_forced() {
    let folder = torrserver_folder();
    let from = folder.path().to_str().unwrap();
    let place = Place::new(json!({"connections_per_torrent": 40}));
    let said = place.run(&["import", from]).success();
    assert!(
        said.contains("settings that stay as you set them (--force takes the others):")
            && said.contains("connections_per_torrent is 40, by ConnectionsLimit it would be 60"),
        "{said}"
    );
    assert_eq!(settings(&place)["connections_per_torrent"], 40);
    let said = place.run(&["import", "--no-settings", from]).success();
    assert!(!said.contains("settings"), "{said}");
    place.run(&["import", "--force", from]).success();
    assert_eq!(settings(&place)["connections_per_torrent"], 60);
}

#[test]
fn settings_that_cannot_be_take_nothing_over() {
    let folder = torrserver_folder();
    let from = folder.path().to_str().unwrap();
    let sets = json!({"BitTorr": {"BlockListURL": "no address", "ConnectionsLimit": 70}});
    fs::write(folder.path().join("settings.json"), sets.to_string()).unwrap();
    let place = Place::new(json!({}));
    let before = fs::read(&place.config).unwrap();
    let said = place.run(&["import", from]);
    said.refused(&["nothing was imported", "--no-settings", "blocklist_url: "]);
    assert_eq!(fs::read(&place.config).unwrap(), before);
    assert!(!place.data_dir.join("state/gostream.db").exists());
    let said = place.run(&["import", "--no-settings", from]).success();
    assert!(said.contains("torrents: 2 imported"), "{said}");
}

#[test]
fn a_database_that_a_torrserver_has_open_is_refused_with_the_way_out() {
    let folder = torrserver_folder();
    let database = folder.path().join("config.db");
    let held = fs::File::open(&database).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let place = Place::new(json!({}));
    let said = place.run(&["import", database.to_str().unwrap()]);
    assert!(
        said.code == Some(1)
            && said.err.contains("in use by a TorrServer")
            && said.err.contains("import http://"),
        "{said:?}"
    );
    drop(held);
    place.run(&["import", database.to_str().unwrap()]).success();
}
