//! The way up and the way down, as service managers, load balancers and those who are connected see them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::Duration;

use gostream_library::TorrentHash;
use gostream_store::Store;
use serde_json::{Value, json};

use crate::harness::events::Listener;
use crate::harness::frozen::Frozen;
use crate::harness::http::request;
use crate::harness::media;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::{free_port, wait};

const LIMIT: Duration = Duration::from_secs(60);

/// What a service manager hears.
struct Manager {
    socket: UnixDatagram,
    path: String,
    _directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self {
            socket,
            path: path.to_str().unwrap().to_owned(),
            _directory: directory,
        }
    }

    fn start(&self, settings: Value, watchdog_us: &str) -> Server {
        let variables = [
            ("NOTIFY_SOCKET", self.path.as_str()),
            ("WATCHDOG_USEC", watchdog_us),
        ];
        Server::start_with_all(Place::new(settings), &variables)
    }

    fn hears(&self) -> String {
        let mut text = [0; 256];
        let length = self.socket.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    }

    /// All that was said so far and not heard yet.
    fn has_heard(&self) -> usize {
        self.socket.set_nonblocking(true).unwrap();
        let heard = std::iter::from_fn(|| self.socket.recv(&mut [0; 256]).ok()).count();
        self.socket.set_nonblocking(false).unwrap();
        heard
    }
}

/// The status of `/ready`, if anybody answers.
fn ready(port: u16) -> Option<u16> {
    let answer = request(port, "GET", "/ready", &[], b"")?;
    assert_eq!(
        answer.body,
        json!({"ready": answer.status == 200}).to_string()
    );
    Some(answer.status)
}

fn until_ready_is(port: u16, status: u16) {
    wait::until(&format!("/ready answers {status}"), LIMIT, || {
        (ready(port) == Some(status)).then_some(())
    });
}

#[test]
fn a_server_is_not_ready_before_its_library_was_read_and_mounted() {
    // A disk that hangs: the mount of a server that stands still.
    let disk = Server::start(json!({}));
    let port = free_port();
    let library = disk.place.data_dir.clone();
    let place = Place::new(json!({"metrics_port": port, "physical_source_path": library}));
    disk.pause();
    let mut server = Server::begin(place);
    until_ready_is(port, 503);
    disk.resume();
    server.until_ready();
    assert_eq!(ready(port), Some(200));
}

#[test]
fn a_server_is_not_ready_without_its_state_nor_on_its_way_down() {
    let port = free_port();
    let place = Place::new(json!({"metrics_port": port}));
    fs::create_dir_all(place.library().join("movies")).unwrap();
    fs::write(place.library().join("movies/film.nfo"), "a side-car").unwrap();
    let server = Server::start_in(place);
    assert_eq!(ready(port), Some(200));
    let state = server.place.data_dir.join("state");
    let away = state.with_extension("away");
    fs::rename(&state, &away).unwrap();
    assert_eq!(ready(port), Some(503));
    let health = request(port, "GET", "/health", &[], b"").unwrap();
    assert_eq!(health.status, 503);
    assert!(
        health.body.contains(r#""name":"database","ok":false"#),
        "{}",
        health.body
    );
    fs::rename(&away, &state).unwrap();
    assert_eq!(ready(port), Some(200));
    // Who has a file open gets a moment, in which no other is to come.
    let open = File::open(server.mount.join("movies/film.nfo")).unwrap();
    server.terminate();
    until_ready_is(port, 503);
    let (status, after) = server.stop();
    assert!(status.success() && !after.still_mounted);
    drop(open);
}

#[test]
fn a_server_ends_though_the_disk_of_its_library_hangs() {
    let disk = Server::start(json!({}));
    let settings = json!({"physical_source_path": disk.mount, "library_rescan_seconds": 1});
    let server = Server::start_in(Place::new(settings));
    disk.pause();
    wait::until("who watches the library hangs", LIMIT, || {
        hangs(server.id(), "gostream-watch").then_some(())
    });
    let (status, after) = server.stop();
    assert!(status.success() && !after.still_mounted, "{status}");
    disk.resume();
}

/// Whether a thread of that name waits for a FUSE server.
fn hangs(process: u32, name: &str) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.flatten().any(|thread| {
        let read = |file: &str| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        read("comm").trim_end() == name && read("wchan") == "request_wait_answer"
    })
}

#[test]
fn a_reload_is_told_from_its_beginning_to_its_end() {
    let manager = Manager::new();
    let server = manager.start(json!({}), "0");
    assert_eq!(manager.hears(), "READY=1");
    let before = monotonic_us();
    server.hang_up();
    let said = manager.hears();
    let since = said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    let since: i64 = since.parse().unwrap();
    assert!((before..=monotonic_us()).contains(&since), "{said}");
    assert_eq!(manager.hears(), "READY=1");
    // Also when the file is refused: the server goes on as it was.
    fs::write(&server.place.config, "{").unwrap();
    server.hang_up();
    assert!(manager.hears().starts_with("RELOADING=1\n"));
    assert_eq!(manager.hears(), "READY=1");
}

fn monotonic_us() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

#[test]
fn the_watchdog_hears_nothing_of_a_mount_that_hangs() {
    let manager = Manager::new();
    let port = free_port();
    // A beat every 50 ms.
    let server = manager.start(json!({"metrics_port": port}), "100000");
    assert_eq!(manager.hears(), "READY=1");
    for _ in 0..3 {
        assert_eq!(manager.hears(), "WATCHDOG=1");
    }
    let frozen = Frozen::new(server.id(), "fuser-");
    manager.has_heard();
    // Those who look have had their two seconds when this is answered.
    let health = request(port, "GET", "/health", &[], b"").unwrap();
    assert!(health.body.contains("no answer within"), "{}", health.body);
    assert!(manager.has_heard() <= 1, "one may have been on its way");
    drop(frozen);
    for _ in 0..3 {
        assert_eq!(manager.hears(), "WATCHDOG=1");
    }
    assert_eq!(ready(port), Some(200));
}

/// Reads the mount as a player does, until there is no more; the bytes that came.
fn play(film: &File) -> u64 {
    let mut at = 0;
    let mut buffer = vec![0; 1 << 20];
    while let Ok(read @ 1..) = film.read_at(&mut buffer, at) {
        at += read as u64;
    }
    at
}

/// Asks at the proxy port, and keeps the connection once the answer has begun.
fn connected(port: u16, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert!(head.starts_with(b"HTTP/1.1 20"), "{}", head.escape_ascii());
    stream
}

/// Waits until the server lets go of it; the bytes that came.
fn rest_of(mut stream: TcpStream) -> u64 {
    let mut rest = Vec::new();
    // It may be reset.
    let _ = stream.read_to_end(&mut rest);
    rest.len() as u64
}

#[test]
fn a_server_that_ends_lets_go_of_all_who_are_connected_and_keeps_where_they_were() {
    let torrent = Torrent::make(&media::bytes(128), 256 << 10, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let manager = Manager::new();
    let [api, proxy, metrics] = [(); 3].map(|()| free_port());
    let settings = json!({
        "api_listen_port": api, "proxy_listen_port": proxy, "metrics_port": metrics,
        // The film is far from its end when the server ends.
        "download_limit_kb": 6000
    });
    let server = manager.start(settings, "0");
    assert_eq!(manager.hears(), "READY=1");
    let shown = server.add(&torrent.magnet_of_peers(&[seeder.address]));
    let path = shown[0]
        .strip_prefix(&server.mount)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let film = File::open(&shown[0]).unwrap();
    let player = thread::spawn(move || play(&film));
    let stream = connected(
        proxy,
        &format!("GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
    );
    let stream = thread::spawn(move || rest_of(stream));
    let dav = connected(
        proxy,
        "PROPFIND / HTTP/1.1\r\nHost: 127.0.0.1\r\nDepth: 1\r\nContent-Length: 0\r\n\r\n",
    );
    let listener = Listener::new(api);
    wait::until("somebody plays", LIMIT, || {
        let body = request(metrics, "GET", "/metrics/playbacks", &[], b"")
            .unwrap()
            .body;
        let shown: Value = serde_json::from_str(&body).unwrap();
        let shown = shown["playbacks"].as_array().unwrap().clone();
        let mount = shown.iter().find(|shown| shown["via"] == "mount")?;
        (mount["plays"] == true && mount["position"].as_u64() > Some(8 << 20)).then_some(())
    });
    let (status, after) = server.stop();
    assert!(status.success() && !after.still_mounted, "{status}");
    assert_eq!(manager.hears(), "STOPPING=1");
    let (read, streamed) = (player.join().unwrap(), stream.join().unwrap());
    // The kernel reads ahead of the player.
    assert!((4 << 20..128 << 20).contains(&read), "{read}");
    assert!(streamed < 128 << 20);
    rest_of(dav);
    listener.end();
    let state = after.place.data_dir.join("state/gostream.db");
    let hash: TorrentHash = torrent.info_hash.parse().unwrap();
    let store = Store::open(&state).unwrap();
    let left = store.positions().get(&hash, 1).unwrap().unwrap();
    // That of one of the two; what was on its way is not counted too exactly.
    let near = |bytes: u64| left.offset_bytes.abs_diff(bytes) <= 8 << 20;
    assert!(
        near(read) || near(streamed),
        "{left:?} after {read} and {streamed}"
    );
}
