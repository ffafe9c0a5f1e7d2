//! What a listener of the versioned API hears of an interface that goes and comes back.

use serde_json::{Value, json};

use crate::harness::events::Listener;
use crate::harness::netns::Namespace;
use crate::harness::server::{Place, Server};

/// The next word that the network is there, or is not.
fn network(listener: &mut Listener, open: bool) -> String {
    loop {
        let told: Value = listener.object("network");
        if told["open"] == open {
            return told["detail"].as_str().unwrap().to_owned();
        }
    }
}

#[test]
fn a_network_that_goes_and_comes_back_is_told() {
    let (home, other) = (Namespace::new(false), Namespace::new(false));
    home.join("tun0", &other, "far0");
    home.ip("addr add 10.99.1.2/24 dev tun0");
    let server = Server::start_inside(Place::new(json!({"bind_interface": "tun0"})), &home);
    let socket = server.place.data_dir.join("state/control.sock");
    let mut listener = Listener::at(&socket);
    home.ip("link set tun0 down");
    let why = network(&mut listener, false);
    assert!(why.contains("tun0"), "{why}");
    home.ip("link set tun0 up");
    assert_eq!(network(&mut listener, true), "on interface tun0");
}
