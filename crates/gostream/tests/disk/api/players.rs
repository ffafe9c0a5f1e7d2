//! Players at the API port: seeks, many at once, and those that stop in the middle.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{SOON, curl, post, settings, stand};
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::{cli, free_port, media, wait};

const LIMIT: Duration = Duration::from_secs(120);
const MIB: usize = media::MIB_LEN;

/// A large file that is shared, and a server with its API open that knows it.
struct Large {
    data: PathBuf,
    torrent: Torrent,
    _seeder: Peer,
    port: u16,
    server: Server,
}

impl Large {
    fn start() -> Self {
        let port = free_port();
        Self::start_with(port, settings(port), &[])
    }

    /// `arguments` are those of the seeder.
    fn start_with(port: u16, settings: Value, arguments: &[&str]) -> Self {
        let data = media::bytes(96);
        let torrent = Torrent::make(&data, 256 * 1024, None, &[]);
        let seeder = Peer::seeder(&torrent, "127.0.0.2", arguments);
        let server = Server::start(settings);
        let link = torrent.magnet_of_peers(&[seeder.address]);
        let large = Self {
            data,
            torrent,
            _seeder: seeder,
            port,
            server,
        };
        post(port, "/torrents", &json!({"action": "add", "link": link}));
        wait::until("the files are known", SOON, || {
            large.ask("/torrents")["file_stats"]
                .is_array()
                .then_some(())
        });
        large
    }

    fn ask(&self, path: &str) -> Value {
        let body = json!({"action": "get", "hash": self.torrent.info_hash});
        serde_json::from_str(&post(self.port, path, &body).body).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn play_url(&self) -> String {
        self.url(&format!("/play/{}/1", self.torrent.info_hash))
    }

    /// A client that has read a little and takes nothing more.
    fn stalled(&self) -> TcpStream {
        let mut client = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let path = format!("/play/{}/1", self.torrent.info_hash);
        write!(client, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        let mut bytes = vec![0; 64 * 1024];
        client.read_exact(&mut bytes).unwrap();
        assert!(bytes.starts_with(b"HTTP/1.1 200"));
        client
    }

    fn readers(&self) -> usize {
        let cache = self.ask("/cache");
        cache["Readers"].as_array().map_or(0, Vec::len)
    }
}

#[test]
fn a_client_that_goes_frees_its_reader_at_once() {
    let large = Large::start();
    let client = large.stalled();
    assert!(large.readers() > 0);
    let cache = large.ask("/cache");
    assert!(cache["Filled"].as_u64().unwrap() > 0);
    assert_eq!(cache["PiecesLength"], 256 * 1024);
    assert_eq!(cache["Torrent"]["hash"], large.torrent.info_hash.as_str());
    drop(client);
    wait::until("nobody reads", SOON, || {
        (large.readers() == 0).then_some(())
    });
}

#[test]
fn a_client_that_takes_nothing_holds_nobody_up_and_ends_with_its_torrent() {
    let large = Large::start();
    let clients: Vec<TcpStream> = (0..8).map(|_| large.stalled()).collect();
    // Eight of them stand; another reads on.
    let wanted = &fs::read(&large.data).unwrap()[50 * MIB..51 * MIB];
    let range = format!("{}-{}", 50 * MIB, 51 * MIB - 1);
    assert!(curl(&["-r", &range, &large.play_url()]) == wanted);
    let hash = &large.torrent.info_hash;
    post(
        large.port,
        "/torrents",
        &json!({"action": "rem", "hash": hash}),
    );
    for mut client in clients {
        client.set_read_timeout(Some(SOON)).unwrap();
        let mut rest = Vec::new();
        // It was told a length, and gets less.
        let ended = client.read_to_end(&mut rest);
        assert!(ended.is_err() || rest.len() < 96 * MIB);
    }
    wait::until("its peers are let go", SOON, || {
        (large.server.connections() == 0).then_some(())
    });
}

#[test]
fn fifty_readers_of_ranges_get_equal_bytes() {
    let large = Large::start();
    let data = fs::read(&large.data).unwrap();
    thread::scope(|scope| {
        for reader in 0..50_usize {
            let (data, url) = (&data, large.play_url());
            scope.spawn(move || {
                let start = reader * 7_919 * 211 % (data.len() - 65_536);
                let range = format!("{start}-{}", start + 65_535);
                let read = curl(&["-r", &range, &url]);
                assert!(read == data[start..start + 65_536], "{range}");
            });
        }
    });
    wait::until("nobody reads", SOON, || {
        (large.readers() == 0).then_some(())
    });
}

#[test]
fn a_preload_fetches_what_comes_next() {
    let large = Large::start();
    let preload = |more: &str| {
        let hash = &large.torrent.info_hash;
        curl(&[&large.url(&format!("/stream?link={hash}&index=1&preload&stat{more}"))]);
    };
    let held = |mib: usize| {
        let piece = (mib * 4).to_string();
        let cache = large.ask("/cache");
        let pieces = cache["Pieces"].as_object().unwrap();
        pieces
            .get(&piece)
            .is_some_and(|piece| piece["Completed"] == true)
    };
    preload(&format!("&offset={}", 40 * MIB));
    assert!(held(40) && held(59) && !held(0));
    // A player stops, and the next preload goes on from there.
    let range = format!("{}-{}", 70 * MIB, 74 * MIB);
    curl(&["-r", &range, "-o", "/dev/null", &large.play_url()]);
    wait::until("nobody reads", SOON, || {
        (large.readers() == 0).then_some(())
    });
    wait::until("it goes on where the player stopped", SOON, || {
        preload("");
        (held(74) && held(90)).then_some(())
    });
}

/// Lampa hangs up after two seconds and looks how far it is; the module for Kodi plays when all of it is there.
#[test]
fn a_preload_goes_on_when_its_client_hangs_up_and_is_shown_until_the_torrent_sleeps() {
    let port = free_port();
    let settings = json!({"api_listen_port": port, "disconnect_timeout_seconds": 600});
    // So slow that the client is gone long before the end.
    let large = Large::start_with(port, settings, &["--rate", "8000000"]);
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let path = format!(
        "/stream/a.mkv?link={}&index=1&preload",
        large.torrent.info_hash
    );
    write!(client, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let figure = |torrent: &Value, name: &str| torrent[name].as_u64().unwrap_or_default();
    let wanted = wait::until("it has begun", SOON, || {
        let wanted = figure(&large.ask("/torrents"), "preload_size");
        (wanted > 0).then_some(wanted)
    });
    assert_eq!(wanted, 20 * MIB as u64);
    drop(client);
    wait::until("it has ended, and what came is shown", LIMIT, || {
        let torrent = large.ask("/torrents");
        let there = figure(&torrent, "preloaded_bytes");
        let ended = torrent["stat_string"] == "Torrent working";
        (ended && there > 0 && there == figure(&torrent, "preload_size")).then_some(())
    });
    let done = json!({"action": "drop", "hash": large.torrent.info_hash});
    assert_eq!(post(port, "/torrents", &done).status, 200);
    let list = post(port, "/torrents", &json!({"action": "list"})).body;
    assert!(!list.contains("preload"), "{list}");
}

#[test]
fn ffprobe_is_asked_and_leaves_no_mark() {
    let stand = stand();
    stand.add(false);
    let told = curl(&[&stand.url(&format!("/ffp/{}/1", stand.hash()))]);
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(told["streams"][0]["codec_type"], "video");
    let viewed = stand.post("/viewed", &json!({"action": "list"}));
    assert_eq!(viewed.body, "[]");
    let unknown = format!("/ffp/{}/1", "ab".repeat(20));
    assert_eq!(super::status_of(&[&stand.url(&unknown)]), "400");
}

#[test]
fn ffmpeg_and_mpv_play_it_with_seeks() {
    let stand = stand();
    stand.add(false);
    let url = stand.url(&format!(
        "/stream/film.mkv?link={}&index=1&play",
        stand.hash()
    ));
    let original = stand.film.original.to_str().unwrap();
    let frames = |input: &str, at: &str| {
        let mut command = Command::new("ffmpeg");
        command.args([
            "-v",
            "error",
            "-ss",
            at,
            "-i",
            input,
            "-frames:v",
            "2",
            "-f",
            "framemd5",
            "-",
        ]);
        let finished = cli::finish(&mut command, LIMIT);
        assert_eq!(finished.code, Some(0), "{}", finished.err);
        finished.out
    };
    for at in ["0", "0.5", "1.2"] {
        assert_eq!(frames(&url, at), frames(original, at), "at {at}");
    }
    let list = stand.url(&format!("/stream/film.m3u?link={}&m3u", stand.hash()));
    let mut mpv = Command::new("mpv");
    mpv.args([
        "--no-config",
        "--vo=null",
        "--ao=null",
        "--frames=5",
        "--start=0.8",
        "--untimed",
    ]);
    let finished = cli::finish(mpv.arg("--really-quiet").arg(&list), LIMIT);
    assert_eq!(finished.code, Some(0), "{}", finished.err);
}
