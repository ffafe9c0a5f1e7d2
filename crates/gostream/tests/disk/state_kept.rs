//! What is kept, item by item: it survives a restart, and a backup that is put in place of all that was lost.

use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::content::assert_same;
use crate::harness::http::request;
use crate::harness::media::{self, MIB_LEN};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::{cli, free_port, python};

const LIMIT: Duration = Duration::from_secs(60);

/// Runs statements on the database of a server that does not run, and prints the rows of the last one.
fn query(place: &Place, statements: &str) -> String {
    let script = format!(
        "import sqlite3\n\
         db = sqlite3.connect({:?})\n\
         for statement in {statements:?}.split(';'): rows = db.execute(statement).fetchall()\n\
         db.commit()\n\
         print(rows)",
        place.data_dir.join("state/gostream.db")
    );
    let mut command = Command::new(python());
    cli::finish(command.args(["-c", &script]), LIMIT).success()
}

/// All that is kept, as the programs that use it see it, and as it lies in the database of a stopped server.
fn seen(server: &Server, port: u16) -> Vec<(&'static str, String)> {
    let ask = |path: &str, body: &[u8]| {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let answer = request(port, method, path, &[], body).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        answer.body
    };
    let list = ask("/torrents", br#"{"action":"list"}"#);
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    let titles = list.iter().map(|one| {
        [&one["hash"], &one["title"], &one["category"], &one["data"]].map(Value::to_string)
    });
    let run = |arguments: &[&str]| server.place.run(arguments).success();
    let mut viewed: Vec<Value> =
        serde_json::from_str(&ask("/viewed", br#"{"action":"list"}"#)).unwrap();
    viewed.sort_by_key(Value::to_string);
    vec![
        ("titles", format!("{:?}", titles.collect::<Vec<_>>())),
        ("viewed marks", format!("{viewed:?}")),
        ("bans", run(&["bans"])),
        ("refusals", run(&["refused"])),
        ("films", run(&["ls"])),
    ]
}

const KEPT: [(&str, &str); 3] = [
    (
        "torrents with info dict",
        "SELECT hex(hash), name, length(info_dict), trackers FROM torrents ORDER BY hash",
    ),
    (
        "known-good peers",
        "SELECT hex(hash), addr FROM known_peers ORDER BY hash, addr",
    ),
    (
        "positions",
        "SELECT hex(hash), file_index, offset_bytes FROM positions ORDER BY hash",
    ),
];

fn kept(place: &Place) -> Vec<(&'static str, String)> {
    let rows = KEPT.map(|(what, select)| (what, query(place, select)));
    for (what, rows) in &rows {
        assert_ne!(rows, "[]\n", "there are no {what}");
    }
    rows.into()
}

/// A server with something of everything; the bans come later, by hand.
struct Filled {
    server: Server,
    /// Of the API.
    port: u16,
    _seeder: Peer,
}

fn filled() -> Filled {
    let torrent = Torrent::make(&media::bytes(8), 64 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let port = free_port();
    let server = Server::start(json!({"api_listen_port": port}));
    let film = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let original = File::open(&torrent.data).unwrap();
    assert_same(&original, &File::open(&film).unwrap(), 0, MIB_LEN);
    let hash = torrent.info_hash.as_str();
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
        let answer = request(port, "POST", path, &[], body.to_string().as_bytes());
        assert_eq!(answer.unwrap().status, 200);
    }
    let marks = server.place.data_dir.join("viewed.json");
    fs::write(
        &marks,
        json!({"ab".repeat(20): {"2": {"tc": 9.5, "off": 70_000_000}}}).to_string(),
    )
    .unwrap();
    server
        .place
        .run(&["import", marks.to_str().unwrap()])
        .success();
    server
        .place
        .run(&["config", "set", "upload_limit_kb", "77"])
        .success();

    Filled {
        server,
        port,
        _seeder: seeder,
    }
}

#[test]
fn everything_that_is_kept_survives_a_restart_and_a_backup_of_the_running_server() {
    let Filled {
        server,
        port,
        _seeder,
    } = filled();
    let (_, after) = server.stop();
    let insert = "INSERT INTO bans VALUES ('192.0.2.7', 'sent bad data', 5)";
    query(&after.place, insert);
    let in_database = kept(&after.place);
    let server = Server::start_in(after.place);
    let before = seen(&server, port);
    for (what, words) in [
        ("titles", "Mine"),
        ("titles", "notes"),
        ("viewed marks", "12.5"),
        ("viewed marks", "9.5"),
        ("bans", "192.0.2.7  sent bad data"),
    ] {
        let (_, shown) = before.iter().find(|(name, _)| *name == what).unwrap();
        assert!(shown.contains(words), "{what}: no {words:?} in {shown}");
    }

    let (_, after) = server.stop();
    assert_eq!(kept(&after.place), in_database, "after a restart");
    let server = Server::start_in(after.place);
    assert_eq!(seen(&server, port), before, "after a restart");
    let backup = server.place.config.with_file_name("backup.tar");
    server
        .place
        .run(&["backup", backup.to_str().unwrap()])
        .success();
    // What comes after the backup is not in it.
    server.place.run(&["bans", "--lift", "192.0.2.7"]).success();

    let (_, after) = server.stop();
    let place = after.place;
    fs::remove_dir_all(place.data_dir.join("state")).unwrap();
    fs::remove_dir_all(place.library()).unwrap();
    place
        .run(&["config", "set", "upload_limit_kb", "5"])
        .success();
    let said = place.run(&["restore", backup.to_str().unwrap()]).success();
    assert!(said.contains("the settings of the backup are in"), "{said}");
    assert_eq!(kept(&place), in_database, "after a restore");
    let settings = fs::read(place.data_dir.join("state/config-from-backup.json")).unwrap();
    let settings: Value = serde_json::from_slice(&settings).unwrap();
    assert_eq!(settings["upload_limit_kb"], 77);
    let server = Server::start_in(place);
    assert_eq!(seen(&server, port), before, "after a restore");
}

#[test]
fn a_ban_is_listed_and_lifted_with_a_server_and_without_one() {
    let place = Place::new(json!({}));
    assert_eq!(place.run(&["bans"]).success(), "");
    query(
        &place,
        "INSERT INTO bans VALUES ('192.0.2.7', 'sent bad data', 5);INSERT INTO bans VALUES ('2001:db8::1', 'too', 4)",
    );
    place
        .run(&["bans", "--lift", "192.0.2.9"])
        .refused(&["192.0.2.9: is not banned"]);
    place
        .run(&["bans", "--lift", "film.mkv"])
        .refused(&["film.mkv: is no IP address"]);
    let lifted = place.run(&["bans", "--lift", "192.0.2.7"]).success();
    assert_eq!(lifted, "192.0.2.7\n");
    let server = Server::start_in(place);
    let listed = server.place.run(&["bans"]).success();
    assert!(
        listed.ends_with(" days  2001:db8::1  too\n") && listed.lines().count() == 1,
        "{listed}"
    );
    let said = server
        .place
        .run(&["bans", "--lift", "2001:db8::2", "2001:DB8:0::1"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), "2001:db8::1\n"));
    assert_eq!(server.place.run(&["bans"]).success(), "");
}
