//! Profiles of the running server, while films are read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use flate2::read::GzDecoder;
use pprof::protos::{Message as _, Profile};
use serde_json::json;

use crate::harness::content::{forget, sha256};
use crate::harness::free_port;
use crate::harness::server::Server;
use crate::harness::swarm::SharedFilm;
use crate::harness::wait::{until, within};

const LIMIT: Duration = Duration::from_secs(60);

/// Asks for a profile; the status and the body. Reading the symbols of a debug build takes its time.
fn ask(port: u16, seconds: u64) -> (u16, Vec<u8>) {
    let mut answer = Vec::new();
    begin(port, seconds).read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let body = answer.split_off(end.unwrap() + 4);
    let head = String::from_utf8(answer).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

fn begin(port: u16, seconds: u64) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let path = format!("/debug/pprof/profile?seconds={seconds}");
    let head = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Begins a profile that lasts, and sees that it is the one being taken: of two that are asked for at once, either may be.
fn begin_long(port: u16) -> TcpStream {
    until("a profile is being taken", LIMIT, || {
        let stream = begin(port, 120);
        (ask(port, 1).0 == 409).then_some(stream)
    })
}

fn decode(packed: &[u8]) -> Profile {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    Profile::decode(&*bytes).unwrap()
}

#[test]
fn films_are_read_right_while_a_profile_is_taken_and_it_shows_who_worked() {
    let port = free_port();
    let film = SharedFilm::start();
    let server = Server::start(json!({"metrics_port": port, "torrent_port": 0}));
    let path = server.add(&film.magnet()).remove(0);
    let profile = thread::spawn(move || ask(port, 4));
    // The kernel forgets what it has, so that each time is read through the mount.
    while !profile.is_finished() {
        let path = path.clone();
        let shown = within("reading the film", LIMIT, move || {
            forget(&path);
            sha256(&path)
        });
        assert_eq!(shown, sha256(&film.original));
    }
    let (status, profile) = profile.join().unwrap();
    assert_eq!(status, 200);
    let profile = decode(&profile);
    let text = |at: i64| &*profile.string_table[usize::try_from(at).unwrap()];
    let kinds: Vec<_> = profile
        .sample_type
        .iter()
        .map(|kind| (text(kind.ty), text(kind.unit)))
        .collect();
    assert_eq!(kinds, [("samples", "count"), ("cpu", "nanoseconds")]);
    assert!(profile.duration_nanos >= 4_000_000_000);
    let samples: i64 = profile.sample.iter().map(|sample| sample.value[0]).sum();
    assert!(samples > 0);
    let functions: Vec<&str> = profile
        .function
        .iter()
        .map(|function| text(function.name))
        .collect();
    assert!(
        functions
            .iter()
            .any(|name| name.contains("gostorm") || name.contains("gostream")),
        "{functions:#?}"
    );
    assert!(
        !functions
            .iter()
            .any(|name| name.contains("pprof::backtrace"))
    );
    let (status, _after) = server.stop();
    assert!(status.success());
}

#[test]
fn a_client_that_goes_ends_its_profile_and_a_stop_waits_for_none() {
    let port = free_port();
    let server = Server::start(json!({"metrics_port": port, "torrent_port": 0}));
    let stream = begin_long(port);
    drop(stream);
    until("another may be taken", LIMIT, || {
        (ask(port, 1).0 == 200).then_some(())
    });
    let _stream = begin_long(port);
    let (status, _after) = server.stop();
    assert!(status.success());
}
