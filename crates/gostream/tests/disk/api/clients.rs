//! Whole evenings with clients: what they ask, one after the other, and what players say first.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{SOON, curl, post, settings, stand, status_of};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::{cli, free_port, http, media, wait};

const LIMIT: Duration = Duration::from_secs(120);

/// Two episodes with subtitles and sound, shared by a seeder, and a server that knows nothing of them.
struct Season {
    torrent: Torrent,
    seeder: Peer,
    port: u16,
    server: Server,
    _directory: tempfile::TempDir,
}

impl Season {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let season = directory.path().join("Some.Show.S01");
        fs::create_dir_all(season.join("Sound")).unwrap();
        for episode in ["S01E01", "S01E02"] {
            let film = season.join(format!("Some Show {episode}.mkv"));
            fs::copy(media::short_film(), film).unwrap();
            let sound = season.join(format!("Sound/Some Show {episode}.ac3"));
            fs::write(sound, b"not played").unwrap();
            let words = "1\n00:00:00,000 --> 00:00:01,000\nHello\n";
            fs::write(season.join(format!("Some Show {episode}.srt")), words).unwrap();
        }
        let torrent = Torrent::make(&season, 64 * 1024, None, &[]);
        let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
        let port = free_port();
        Self {
            torrent,
            seeder,
            port,
            server: Server::start(settings(port)),
            _directory: directory,
        }
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        let answer = post(self.port, path, body);
        assert_eq!(answer.status, 200, "{path} {body}");
        serde_json::from_str(&answer.body).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn viewed(&self) -> Vec<u64> {
        let marks = self.ask("/viewed", &json!({"action": "list"}));
        let marks = marks.as_array().unwrap().iter();
        marks
            .map(|mark| mark["file_index"].as_u64().unwrap())
            .collect()
    }
}

/// The module for Kodi and a menu for mpv: add, look until the files are there, play by the path of a file, watched, gone.
#[test]
fn a_season_is_added_found_and_played_by_the_paths_of_its_files() {
    let season = Season::start();
    let link = season.torrent.magnet_of_peers(&[season.seeder.address]);
    let added = season.ask(
        "/torrents",
        &json!({"action": "add", "Link": link, "save_to_db": true, "title": "Some Show"}),
    );
    let hash = added["hash"].as_str().unwrap();
    let torrent = wait::until("its files are there", SOON, || {
        let torrent = season.ask("/torrents", &json!({"action": "get", "Hash": hash}));
        torrent["file_stats"].is_array().then_some(torrent)
    });
    let files = torrent["file_stats"].as_array().unwrap();
    let film = fs::read(media::short_film()).unwrap();
    for file in files {
        let path = file["path"].as_str().unwrap();
        if path.ends_with(".mkv") {
            let escaped = path.replace(' ', "%20");
            let id = &file["id"];
            let url = season.url(&format!("/stream/{escaped}?link={hash}&index={id}&play"));
            assert!(curl(&[&url]) == film, "{path}");
        }
    }
    let token = torrent["torrs_hash"].as_str().unwrap();
    let by_token = curl(&[&season.url(&format!("/stream?link=torrs://{token}&stat"))]);
    let by_token: Value = serde_json::from_slice(&by_token).unwrap();
    assert_eq!(by_token["hash"], hash);
    let list = season.ask("/torrents", &json!({"action": "list"}));
    let data: Value = serde_json::from_str(list[0]["data"].as_str().unwrap()).unwrap();
    let kept = &data["TorrServer"]["Files"];
    assert_eq!(kept, &torrent["file_stats"]);
    for action in ["drop", "rem"] {
        let done = post(
            season.port,
            "/torrents",
            &json!({"action": action, "Hash": hash}),
        );
        assert_eq!(done.status, 200);
    }
    let list = season.ask("/torrents", &json!({"action": "list"}));
    assert_eq!(list, json!([]));
    assert!(season.server.place.stubs().is_empty());
}

#[test]
fn mpv_plays_a_season_by_each_of_its_playlists() {
    let season = Season::start();
    let link = season.torrent.magnet_of_peers(&[season.seeder.address]);
    let hash = &season.torrent.info_hash;
    let added = curl(&[
        "-G",
        "--data-urlencode",
        &format!("link={link}"),
        &season.url("/stream?save&stat&title=Some+Show"),
    ]);
    let added: Value = serde_json::from_slice(&added).unwrap();
    let files = added["file_stats"].as_array().unwrap();
    let films = files
        .iter()
        .filter(|file| file["path"].as_str().unwrap().ends_with(".mkv"));
    let films: Vec<u64> = films.map(|file| file["id"].as_u64().unwrap()).collect();
    assert_eq!(films.len(), 2);
    for list in [
        format!("/playlist?hash={hash}"),
        format!("/playlist/show.m3u?hash={hash}&index={}", films[0]),
        format!("/stream/show.m3u?link={hash}&m3u"),
        "/playlistall/all.m3u".to_owned(),
    ] {
        let clear = json!({"action": "rem", "hash": hash, "file_index": -1});
        assert_eq!(post(season.port, "/viewed", &clear).status, 200);
        let mut mpv = Command::new("mpv");
        mpv.args(["--no-config", "--vo=null", "--ao=null", "--untimed"]);
        mpv.args(["--really-quiet", "--start=0.5", "--length=0.3"]);
        let finished = cli::finish(mpv.arg(season.url(&list)), LIMIT);
        assert!(
            matches!(finished.code, Some(0 | 3)),
            "3: not all could be played. {list} {finished:?}"
        );
        // The mark is set beside the stream.
        wait::until("both films are marked", SOON, || {
            let viewed = season.viewed();
            films.iter().all(|film| viewed.contains(film)).then_some(())
        });
    }
}

/// VLC, Kodi and devices of DLNA ask for the head first, then for all of it from the first byte, with headers of theirs.
#[test]
fn what_players_say_first_is_answered_as_they_expect() {
    let stand = stand();
    stand.add(false);
    let path = format!("/stream/a.mkv?link={}&index=1&play", stand.hash());
    let len = stand.len();
    let head = |method: &str, headers: &[(&str, &str)]| {
        let mut arguments = vec!["-D".to_owned(), "-".to_owned()];
        arguments.extend(["-o".to_owned(), "/dev/null".to_owned()]);
        if method == "HEAD" {
            arguments.push("-I".to_owned());
        }
        for (name, value) in headers {
            arguments.extend(["-H".to_owned(), format!("{name}: {value}")]);
        }
        arguments.push(stand.url(&path));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let head = curl(&arguments);
        String::from_utf8(head).unwrap().to_lowercase()
    };
    let has = |head: &str, lines: &[&str]| {
        for line in lines {
            assert!(head.contains(line), "{line} is not in {head}");
        }
    };
    let whole = format!("content-length: {len}\r\n");
    let all = format!("content-range: bytes 0-{}/{len}\r\n", len - 1);
    let tag = {
        let first = head("HEAD", &[("User-Agent", "Kodi/20.2")]);
        has(&first, &["http/1.1 200", &whole, "accept-ranges: bytes"]);
        let tag = first.lines().find_map(|line| line.strip_prefix("etag: "));
        tag.unwrap().to_owned()
    };
    let vlc = [
        ("User-Agent", "VLC/3.0.18 LibVLC/3.0.18"),
        ("Range", "bytes=0-"),
        ("Icy-MetaData", "1"),
    ];
    let lines = ["http/1.1 206", &*all, &*whole, &*tag];
    has(&head("GET", &vlc), &lines);
    has(&head("HEAD", &vlc), &lines);
    let dlna = [
        ("transferMode.dlna.org", "Streaming"),
        ("getcontentFeatures.dlna.org", "1"),
        ("Range", "bytes=0-"),
    ];
    let features = "contentfeatures.dlna.org: dlna.org_op=11;dlna.org_ci=0;dlna.org_flags=01700000000000000000000000000000";
    let lines = ["http/1.1 206", "transfermode.dlna.org: streaming", features];
    has(&head("GET", &dlna), &lines);
    has(&head("HEAD", &dlna), &lines);
    let later = [("Range", "bytes=1000000-"), ("If-Range", &*tag)];
    has(&head("GET", &later), &["http/1.1 206", "bytes 1000000-"]);
    let beyond = format!("Range: bytes={len}-");
    assert_eq!(status_of(&["-H", &beyond, &stand.url(&path)]), "416");
}

#[test]
fn clients_that_a_list_names_are_refused() {
    let port = free_port();
    let place = Place::new(settings(port));
    let state = place.data_dir.join("state");
    fs::create_dir_all(&state).unwrap();
    let denied = "# guests\nthe tablet:127.0.0.3-127.0.0.4\nno address\n127.0.0.9\n";
    fs::write(state.join("bip.txt"), denied).unwrap();
    fs::write(state.join("wip.txt"), "127.0.0.1\n127.0.0.3\n").unwrap();
    let server = Server::start_in(place);
    let asked = |from: &str| {
        let url = format!("http://127.0.0.1:{port}/echo");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-w", " %{http_code}", "--interface", from, &url]);
        cli::finish(&mut curl, LIMIT).success()
    };
    assert!(asked("127.0.0.1").ends_with(" 200"));
    assert_eq!(asked("127.0.0.3"), "Banned 418", "it is in both");
    assert_eq!(asked("127.0.0.5"), "Banned 418", "it is not allowed");
    wait::until("the log names the line", SOON, || {
        let log = server.log();
        let told = log.contains("lines of the list cannot be used");
        (told && log.contains("bip.txt")).then_some(())
    });
}

#[test]
fn a_list_of_which_nothing_can_be_used_keeps_the_server_from_starting() {
    let place = Place::new(settings(free_port()));
    let state = place.data_dir.join("state");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("wip.txt"), "my tablet\n").unwrap();
    place.run(&["serve"]).refused(&["wip.txt", "1 lines"]);
    // Who has written nothing yet refuses nobody.
    fs::write(state.join("wip.txt"), "# nobody yet\n\n").unwrap();
    let port = free_port();
    place.set(&json!({"api_listen_port": port}));
    let _server = Server::start_in(place);
    let answer = http::request(port, "GET", "/echo", &[], b"").unwrap();
    assert_eq!(answer.status, 200);
}
