//! Many connections that ask for nothing, or for half of something.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};

use serde_json::json;

use super::{SOON, Stand, film_at, status};
use crate::harness::server::Server;
use crate::harness::swarm::SharedFilm;
use crate::harness::{wait, wire};

/// Connections at each port.
const IDLE: usize = 1000;

/// What the idle connections of all ports may cost, in bytes.
const IDLE_COST: u64 = 96 << 20;

/// Raises the limit of open files of this process to what the system allows.
fn many_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let enough = limit.maximum.is_none_or(|most| most >= 8192);
    assert!(enough, "this test needs 8192 open files: ulimit -Hn");
}

#[test]
fn a_thousand_idle_connections_at_each_port_disturb_nobody() {
    many_descriptors();
    let stand = Stand::of_short_film(&json!({}));
    let original = stand.original();
    for (port, path) in stand.film_requests() {
        assert!(film_at(port, &path) == original);
    }
    let before = stand.memory();
    let idle: Vec<TcpStream> = (0..IDLE)
        .flat_map(|_| stand.ports())
        .map(wire::idle)
        .collect();
    for (port, path) in stand.film_requests() {
        assert!(film_at(port, &path) == original);
    }
    stand.all_ports_answer();
    let cost = stand.memory().saturating_sub(before);
    assert!(cost < IDLE_COST, "{} KiB", cost >> 10);
    drop(idle);
    wait::until("the server lets them go", SOON, || {
        (stand.server.connections() < 10).then_some(())
    });
    stand.nothing_panicked();
}

#[test]
fn clients_that_stop_in_the_middle_of_a_head_disturb_nobody_and_leave_nothing() {
    let stand = Stand::of_short_film(&json!({}));
    let halves = [
        "",
        "G",
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\r\nHost: x\r\nX-Half: ",
        "POST /torrents HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"action\"",
    ];
    let mut open = Vec::new();
    for port in stand.ports() {
        for half in halves.iter().cycle().take(50) {
            let mut stream = wire::connect(port);
            stream.write_all(half.as_bytes()).unwrap();
            open.push(stream);
            // And one that goes at once.
            let mut gone = wire::connect(port);
            gone.write_all(half.as_bytes()).unwrap();
        }
    }
    let original = stand.original();
    for (port, path) in stand.film_requests() {
        assert!(film_at(port, &path) == original);
    }
    stand.all_ports_answer();
    drop(open);
    wait::until("the server lets them go", SOON, || {
        (stand.server.connections() < 10).then_some(())
    });
    stand.without_readers();
    stand.nothing_panicked();
}

#[test]
fn who_finds_no_room_is_told_so_and_others_are_let_in() {
    // Where there are descriptors for 1,024 files, 73 connections fit at each port, and 54 of one client.
    let film = SharedFilm::start();
    let stand = Stand::start(film, &json!({}), |place| {
        Server::start_by_script(place, "ulimit -n 1024 && exec \"$@\"", &[])
    });
    for (port, path) in [
        (stand.api, "/echo"),
        (stand.proxy, "/"),
        (stand.metrics, "/ready"),
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        let mut inside: Vec<TcpStream> = Vec::new();
        let refused = loop {
            assert!(inside.len() < 300, "as many as one likes");
            let mut stream = wire::connect(port);
            // Who is served waits for a request; who is not is told after one.
            let answer = {
                stream.write_all(request.as_bytes()).unwrap();
                wire::heard(&mut stream)
            };
            if status(&answer) == 503 {
                break answer;
            }
            assert_eq!(status(&answer), 200, "{answer}");
            inside.push(wire::connect(port));
        };
        assert!(refused.contains("retry-after: "), "{refused}");
        let mut other = wire::connect_from(Ipv4Addr::new(127, 0, 0, 9), port);
        other.write_all(request.as_bytes()).unwrap();
        assert_eq!(status(&wire::heard(&mut other)), 200);
        drop(inside);
        wait::until("there is room again", SOON, || {
            (status(&wire::say(port, request.as_bytes())) == 200).then_some(())
        });
    }
    stand.nothing_panicked();
}
