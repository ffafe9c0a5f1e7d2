//! Clients that leave in the middle of a film, or before it began.

use std::io::{Read, Write};
use std::net::Shutdown;

use serde_json::json;

use super::{SOON, Stand, ask_for, film_at};
use crate::harness::server::Server;
use crate::harness::swarm::{Peer, SharedFilm, Torrent};
use crate::harness::{media, wait, wire};

#[test]
fn who_leaves_in_mid_stream_releases_the_reader_at_once() {
    let stand = Stand::of_long_film(&json!({"read_deadline_seconds": 120}));
    for (port, path) in stand.film_requests() {
        for how in ["closes", "says goodbye", "resets"] {
            let mut stream = ask_for(wire::narrow(port), &path);
            stream.read_exact(&mut [0; 10_000]).unwrap();
            assert_eq!(stand.readers(), 1, "{path}");
            match how {
                "says goodbye" => stream.shutdown(Shutdown::Both).unwrap(),
                "resets" => rustix::net::sockopt::set_socket_linger(
                    &stream,
                    Some(std::time::Duration::ZERO),
                )
                .unwrap(),
                _ => {}
            }
            drop(stream);
            stand.without_readers();
        }
    }
    let original = stand.original();
    for (port, path) in stand.film_requests() {
        assert!(film_at(port, &path) == original);
    }
    stand.nothing_panicked();
}

#[test]
fn who_leaves_before_the_first_byte_releases_the_reader_at_once() {
    let original = media::short_film();
    let torrent = Torrent::make(&original, 64 * 1024, None, &[]);
    // The only peer tells what the torrent is, and gives nothing of it.
    let seeder = Peer::scripted(&torrent, "127.0.0.2", &["--choke"]);
    let film = SharedFilm {
        original,
        torrent,
        seeder,
    };
    let patient = json!({"read_deadline_seconds": 120});
    let stand = Stand::start(film, &patient, Server::start_in);
    for (port, path) in stand.film_requests() {
        let mut stream = wire::connect(port);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        wait::until("it waits for the film", SOON, || {
            (stand.readers() == 1).then_some(())
        });
        drop(stream);
        stand.without_readers();
    }
    stand.all_ports_answer();
}
