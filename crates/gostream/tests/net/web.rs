//! The three web ports under clients that behave badly: a film goes on, others are answered, nothing is left behind.

mod access;
mod bodies;
mod crowds;
mod descriptors;
mod heads;
mod leaving;
mod pages;
mod slow;

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::http::{self, Answer};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{Peer, SharedFilm, Torrent};
use crate::harness::wire;
use crate::harness::{free_port, media, wait};

/// How long a thing may take that happens at once, on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// Bytes of the longer film: more than systems keep of what nobody takes.
const LONG_MIB: u64 = 48;

/// A film that a seeder shares, in the library of a server whose ports are open.
struct Stand {
    film: SharedFilm,
    api: u16,
    proxy: u16,
    metrics: u16,
    /// The film below the root of the mount.
    path: String,
    server: Server,
}

impl Stand {
    fn of_short_film(settings: &Value) -> Self {
        Self::start(SharedFilm::start(), settings, Server::start_in)
    }

    fn of_long_film(settings: &Value) -> Self {
        Self::start(long_film(), settings, Server::start_in)
    }

    fn start(film: SharedFilm, settings: &Value, start: impl FnOnce(Place) -> Server) -> Self {
        let [api, proxy, metrics] = [(); 3].map(|()| free_port());
        let place = Place::new(json!({
            "api_listen_port": api, "proxy_listen_port": proxy, "metrics_port": metrics, "disconnect_timeout_seconds": 2,
        }));
        place.set(settings);
        let server = start(place);
        let shown = server.add(&film.magnet());
        let path = shown[0].strip_prefix(&server.mount).unwrap();
        let path = path.to_str().unwrap().replace(' ', "%20");
        Self {
            film,
            api,
            proxy,
            metrics,
            path,
            server,
        }
    }

    fn ports(&self) -> [u16; 3] {
        [self.api, self.proxy, self.metrics]
    }

    /// A request of the film at each port that has it.
    fn film_requests(&self) -> [(u16, String); 2] {
        let hash = &self.film.torrent.info_hash;
        [
            (self.proxy, format!("/{}", self.path)),
            (
                self.api,
                format!("/stream/film.mkv?link={hash}&index=1&play"),
            ),
        ]
    }

    fn original(&self) -> Vec<u8> {
        fs::read(&self.film.original).unwrap()
    }

    /// Each port answers somebody who asks as one should.
    #[track_caller]
    fn all_ports_answer(&self) {
        for (port, path) in [
            (self.api, "/echo"),
            (self.proxy, "/movies/"),
            (self.metrics, "/ready"),
        ] {
            let answer = http::request(port, "GET", path, &[], b"");
            let answer = answer.unwrap_or_else(|| panic!("no answer to {path}"));
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        }
    }

    /// Nothing broke inside.
    #[track_caller]
    fn nothing_panicked(&self) {
        let log = self.server.log();
        assert!(!log.contains("panicked"), "{log}");
    }

    fn readers(&self) -> usize {
        let path = format!("/api/v1/torrents/{}/readers", self.film.torrent.info_hash);
        let answer = http::request(self.api, "GET", &path, &[], b"").unwrap();
        // It may sleep by now.
        let readers: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        readers.as_array().map_or(0, Vec::len)
    }

    fn without_readers(&self) {
        wait::until("the readers are released", SOON, || {
            (self.readers() == 0).then_some(())
        });
    }

    /// Memory that is no file, in bytes.
    fn memory(&self) -> u64 {
        self.server.memory("RssAnon:")
    }
}

fn long_film() -> SharedFilm {
    let original: PathBuf = media::bytes(LONG_MIB);
    let torrent = Torrent::make(&original, 256 * 1024, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    SharedFilm {
        original,
        torrent,
        seeder,
    }
}

/// Asks for a film and reads the head of the answer, which says that it comes.
fn ask_for(mut stream: TcpStream, path: &str) -> TcpStream {
    use std::io::Write as _;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 200"),
        "{path}: {}",
        String::from_utf8_lossy(&head)
    );
    stream
}

/// All of the film, as one client gets it.
fn film_at(port: u16, path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut stream = ask_for(wire::connect(port), path);
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The status line's number; 0 where there is no answer.
fn status(answer: &str) -> u16 {
    let number = answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn post(port: u16, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    http::request(port, "POST", path, headers, body.to_string().as_bytes()).unwrap()
}
