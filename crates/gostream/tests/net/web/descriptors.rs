//! A server that has no file descriptor left.

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use serde_json::json;

use super::{SOON, Stand, film_at, status};
use crate::harness::{wait, wire};

#[test]
fn a_server_without_descriptors_waits_for_some_and_goes_on() {
    let stand = Stand::of_short_film(&json!({}));
    let original = stand.original();
    let few = stand.server.open_files() + 4;
    let before = stand.server.limit_open_files(Some(few));
    let request = "GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let waiting: Vec<TcpStream> = (0..8)
        .flat_map(|_| stand.ports())
        .map(|port| {
            let mut stream = wire::connect(port);
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    // Some of them are answered and go; held connections take what is left.
    let held: Vec<TcpStream> = (0..16).map(|_| wire::connect(stand.metrics)).collect();
    let told = || stand.server.log().matches("cannot be accepted").count();
    wait::until("the log tells of it", SOON, || (told() > 0).then_some(()));
    // The mount needs none.
    assert!(fs::read_dir(&stand.server.mount).unwrap().next().is_some());
    stand.server.limit_open_files(before);
    drop(held);
    for mut stream in waiting {
        assert!(status(&wire::heard(&mut stream)) > 0, "it was forgotten");
    }
    for (port, path) in stand.film_requests() {
        assert!(film_at(port, &path) == original);
    }
    stand.all_ports_answer();
    assert!(told() <= 3, "once for each port and minute");
    stand.nothing_panicked();
}
