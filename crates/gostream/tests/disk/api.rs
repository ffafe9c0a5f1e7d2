//! The API port, spoken to as clients of TorrServer speak, against a real seeder.

mod clients;
mod players;
mod recipes;
mod refusals;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::http::{self, Answer};
use crate::harness::server::Server;
use crate::harness::swarm::SharedFilm;
use crate::harness::{free_port, wait};

/// How long a small thing may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A film that a seeder shares, and a server with its API open.
struct Stand {
    film: SharedFilm,
    port: u16,
    server: Server,
}

fn settings(port: u16) -> Value {
    json!({"api_listen_port": port, "disconnect_timeout_seconds": 2})
}

fn stand() -> Stand {
    let port = free_port();
    Stand {
        film: SharedFilm::start(),
        port,
        server: Server::start(settings(port)),
    }
}

impl Stand {
    fn hash(&self) -> &str {
        &self.film.torrent.info_hash
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        post(self.port, path, body)
    }

    fn torrents(&self, body: &Value) -> Answer {
        self.post("/torrents", body)
    }

    fn get(&self) -> Value {
        let answer = self.torrents(&json!({"action": "get", "hash": self.hash()}));
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    fn list(&self, action: &str) -> Vec<Value> {
        let answer = self.torrents(&json!({"action": action}));
        assert_eq!(answer.status, 200);
        serde_json::from_str(&answer.body).unwrap()
    }

    fn add(&self, save: bool) -> Value {
        let request = json!({
            "action": "add", "link": self.film.magnet(), "title": "A Film", "save_to_db": save,
        });
        let answer = self.torrents(&request);
        assert_eq!(answer.status, 200);
        let added: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(added["hash"], self.hash());
        wait::until("the files are known", SOON, || {
            self.get()["file_stats"].is_array().then_some(())
        });
        added
    }

    fn asleep(&self) {
        wait::until("it sleeps", SOON, || {
            (self.get()["stat"] == 5).then_some(())
        });
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let original = File::open(&self.film.original).unwrap();
        original.read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }

    fn len(&self) -> u64 {
        fs::metadata(&self.film.original).unwrap().len()
    }
}

fn post(port: u16, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    // Many clients send another type, or none.
    let headers = [("Content-Type", "text/plain")];
    http::request(port, "POST", path, &headers, body.as_bytes()).unwrap()
}

/// What curl printed; the server must have said that all is well.
fn curl(arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("curl");
    let output = command
        .arg("-sSf")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    output.stdout
}

fn status_of(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]);
    let output = command.args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_torrent_is_added_listed_played_and_removed() {
    let stand = stand();
    let echo = curl(&[&stand.url("/echo")]);
    assert!(echo.starts_with(b"MatriX."));
    assert_eq!(stand.list("list"), Vec::<Value>::new());
    let added = stand.add(false);
    assert_eq!(added["title"], "A Film");
    let torrent = stand.get();
    let file = &torrent["file_stats"][0];
    assert_eq!(
        (&file["id"], &file["length"]),
        (&json!(1), &json!(stand.len()))
    );
    assert_eq!(torrent["torrent_size"], stand.len());
    assert_eq!(stand.list("list").len(), 1);
    let whole = curl(&[&stand.url(&format!("/stream/a.mkv?link={}&index=1&play", stand.hash()))]);
    assert!(whole == fs::read(&stand.film.original).unwrap());
    let played = stand.url(&format!("/play/{}/1", stand.hash()));
    assert!(curl(&["-r", "1000003-1000999", &played]) == stand.bytes(1_000_003, 997));
    let head = String::from_utf8(curl(&["-I", &played]))
        .unwrap()
        .to_lowercase();
    for line in [
        "accept-ranges: bytes",
        "content-type: video/x-matroska",
        "transfermode.dlna.org: streaming",
        &format!("content-length: {}", stand.len()),
    ] {
        assert!(head.contains(line), "{line} is not in {head}");
    }
    let now = stand.get();
    assert_eq!(
        (&now["stat"], &now["stat_string"]),
        (&json!(3), &json!("Torrent working"))
    );
    for counter in [
        "bytes_read_useful_data",
        "chunks_read",
        "pieces_dirtied_good",
        "loaded_size",
    ] {
        assert!(now[counter].as_u64().unwrap() > 0, "{counter}: {now}");
    }
    let viewed = stand.post("/viewed", &json!({"action": "list", "hash": stand.hash()}));
    let viewed: Value = serde_json::from_str(&viewed.body).unwrap();
    let mark = json!({"hash": stand.hash(), "file_index": 1, "timecode": 0.0});
    assert_eq!(viewed, json!([mark]));
    let removed = stand.torrents(&json!({"action": "rem", "hash": stand.hash()}));
    assert_eq!((removed.status, removed.body.as_str()), (200, ""));
    let gone = stand.torrents(&json!({"action": "get", "hash": stand.hash()}));
    assert_eq!((gone.status, gone.body.as_str()), (404, ""));
    assert_eq!(status_of(&[&played]), "500");
    wait::until("its peers are let go", SOON, || {
        (stand.server.connections() == 0).then_some(())
    });
}

#[test]
fn looking_wakes_nothing() {
    let stand = stand();
    stand.add(true);
    stand.asleep();
    for _ in 0..5 {
        let torrent = stand.get();
        assert_eq!(torrent["stat"], 5);
        assert_eq!(torrent["file_stats"][0]["id"], 1);
        assert_eq!(stand.list("list")[0]["stat_string"], "Torrent in db");
        assert_eq!(stand.list("active"), Vec::<Value>::new());
        let cache = stand.post("/cache", &json!({"action": "get", "hash": stand.hash()}));
        assert_eq!((cache.status, cache.body.as_str()), (200, "{}"));
        curl(&[&stand.url("/stat")]);
        curl(&[&stand.url("/playlistall/all.m3u")]);
    }
    let page = curl(&[&stand.url(&format!("/playlist?hash={}", stand.hash()))]);
    assert!(String::from_utf8(page).unwrap().contains("&index=1&play"));
    assert_eq!(stand.get()["stat"], 5);
    // That of the last question may still be closing.
    wait::until("no connection is left", SOON, || {
        (stand.server.connections() == 0).then_some(())
    });
}

#[test]
fn what_is_saved_outlives_a_restart_and_the_rest_does_not() {
    for saved in [true, false] {
        let stand = stand();
        stand.add(saved);
        let Stand { film, port, server } = stand;
        let (_, after) = server.stop();
        let server = Server::start_in(after.place);
        let again = Stand { film, port, server };
        let list = again.list("list");
        assert_eq!(list.len(), usize::from(saved), "{list:?}");
        if saved {
            assert_eq!(list[0]["title"], "A Film");
            let data: Value = serde_json::from_str(list[0]["data"].as_str().unwrap()).unwrap();
            assert_eq!(data["TorrServer"]["Files"][0]["length"], again.len());
            let played = again.url(&format!("/play/{}/1", again.hash()));
            assert!(curl(&["-r", "5-104", &played]) == again.bytes(5, 100));
        }
    }
}

#[test]
fn a_film_of_the_library_is_listed_and_stays_when_a_client_removes_it() {
    let stand = stand();
    let shown = stand.server.add(&stand.film.magnet());
    let list = stand.list("list");
    assert_eq!(list.len(), 1);
    assert_eq!(
        (&list[0]["hash"], &list[0]["category"]),
        (&json!(stand.hash()), &json!("movie"))
    );
    let data: Value = serde_json::from_str(list[0]["data"].as_str().unwrap()).unwrap();
    assert_eq!(data["TorrServer"]["Files"][0]["id"], 1);
    let played = stand.url(&format!("/play/{}/1", stand.hash()));
    assert!(curl(&["-r", "0-99", &played]) == stand.bytes(0, 100));
    for action in ["drop", "rem", "wipe"] {
        let done = stand.torrents(&json!({"action": action, "hash": stand.hash()}));
        assert_eq!((done.status, done.body.as_str()), (200, ""), "{action}");
    }
    assert_eq!(stand.list("list"), Vec::<Value>::new());
    assert_eq!(fs::metadata(&shown[0]).unwrap().len(), stand.len());
    let film = File::open(&shown[0]).unwrap();
    let mut bytes = vec![0; 1000];
    film.read_exact_at(&mut bytes, 700_000).unwrap();
    assert!(bytes == stand.bytes(700_000, 1000));
    stand.add(false);
    assert_eq!(stand.list("list").len(), 1);
}

#[test]
fn a_bare_magnet_in_a_query_and_every_other_form_of_a_link_are_understood() {
    let stand = stand();
    let magnet = stand.film.magnet();
    // The peers of the link are lost at its first `&`, so that the torrent must be known.
    stand.add(false);
    for path in ["/stream/", "/stream", "/stream/a.mkv"] {
        let path = format!("{path}?link={magnet}&save");
        let saved = http::request(stand.port, "GET", &path, &[], b"").unwrap();
        assert_eq!((saved.status, saved.body.as_str()), (200, ""));
    }
    let base32 = data_encoding::BASE32.encode(
        &data_encoding::HEXLOWER
            .decode(stand.hash().as_bytes())
            .unwrap(),
    );
    let upper = stand.hash().to_uppercase();
    for link in [&upper, &base32, &magnet.replace('&', "&amp;")] {
        let added = stand.torrents(&json!({"action": "add", "link": link}));
        let added: Value = serde_json::from_str(&added.body).unwrap();
        assert_eq!(
            (&added["hash"], &added["title"]),
            (&json!(stand.hash()), &json!("A Film"))
        );
    }
    assert_eq!(stand.list("list").len(), 1);
}

#[test]
fn a_program_of_this_machine_may_end_the_server() {
    let mut stand = stand();
    let forwarded = [
        "-H",
        "X-Forwarded-For: 203.0.113.9",
        &stand.url("/shutdown"),
    ];
    assert_eq!(status_of(&forwarded), "403");
    assert_eq!(status_of(&[&stand.url("/shutdown")]), "200");
    wait::until("it has ended", SOON, || stand.server.ended().then_some(()));
}

#[test]
fn files_are_uploaded_in_a_form() {
    let stand = stand();
    let file = format!("file1=@{}", stand.film.torrent.path.display());
    let upload = stand.url("/torrent/upload");
    let added = curl(&["-F", &file, "-F", "save=", "-F", "title=By Form", &upload]);
    let added: Value = serde_json::from_slice(&added).unwrap();
    assert_eq!(
        (&added["hash"], &added["title"]),
        (&json!(stand.hash()), &json!("By Form"))
    );
    assert_eq!(added["file_stats"][0]["length"], stand.len());
    let both = curl(&["-F", &file, "-F", &file.replace("file1", "file2"), &upload]);
    let both: Value = serde_json::from_slice(&both).unwrap();
    assert_eq!(both.as_array().unwrap().len(), 2);
    assert_eq!(stand.list("list").len(), 1);
    let nothing = format!("file=@{}", stand.film.original.display());
    assert_eq!(status_of(&["-F", &nothing, &upload]), "400");
    assert_eq!(status_of(&["-d", "{}", &upload]), "400");
    let long = [
        "-H",
        "Content-Length: 1073741824",
        "-H",
        "Expect:",
        "-F",
        &file,
    ];
    assert_eq!(status_of(&[&long[..], &[&upload]].concat()), "413");
}
