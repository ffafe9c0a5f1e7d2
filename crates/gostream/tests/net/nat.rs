//! The port at a router: asked for in each way, announced, reached from outside, got back, given up.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::media::{self, MIB_LEN};
use crate::harness::process::Process;
use crate::harness::router::{INSIDE, OUTSIDE, PEERS, Router, Speaks};
use crate::harness::server::{Place, Server};
use crate::harness::swarm::Torrent;
use crate::harness::wait;

const LIMIT: Duration = Duration::from_secs(60);
const PIECE: u64 = 64 * 1024;
const ALL: Speaks = Speaks {
    natpmp: true,
    upnp: true,
};
const UPNP_ONLY: Speaks = Speaks {
    natpmp: false,
    upnp: true,
};

/// A film in the world, and a server at home that plays its start.
struct Scene {
    server: Server,
    router: Router,
    torrent: Torrent,
    _tracker: Process,
    _seeder: Process,
    _player: File,
}

impl Scene {
    fn new(router: Router, settings: &Value) -> Self {
        let url = Router::tracker_url();
        let torrent = Torrent::make(&media::bytes(6), PIECE, Some(&url), &[]);
        let tracker = router.tracker(&torrent);
        let seeder = router.peer("seeder.py", &torrent, PEERS[0], &[]);
        let mut all = json!({"torrent_port": 8091, "upload_limit_kb": 0, "dht": false});
        let more = settings.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(more);
        let server = Server::start_inside(Place::new(all), &router.home);
        let path = server.add(torrent.path.to_str().unwrap()).remove(0);
        let player = wait::within("the start of the film", LIMIT, move || {
            let mut player = File::open(path).unwrap();
            player.read_exact(&mut vec![0; 2 * MIB_LEN]).unwrap();
            player
        });
        Self {
            server,
            router,
            torrent,
            _tracker: tracker,
            _seeder: seeder,
            _player: player,
        }
    }

    /// Waits until the router forwards this port, by this protocol, and the tracker names it.
    fn is_reached_at(&self, port: u16, by: &str) {
        let line = format!("peers reach us at port {port} of {OUTSIDE} by {by}");
        wait::until(&line, LIMIT, || {
            self.server.log().contains(&line).then_some(())
        });
        let both = [("tcp".to_owned(), port), ("udp".to_owned(), port)];
        assert_eq!(self.router.forwarded(), both);
        self.is_named_at(port);
    }

    fn is_named_at(&self, port: u16) {
        let ours = format!("{OUTSIDE}:{port}").parse().unwrap();
        wait::until("the tracker names our port", LIMIT, || {
            self.router
                .named(&self.torrent)
                .contains(&ours)
                .then_some(())
        });
    }

    /// A leecher in the world that knows nothing but the forwarded port downloads from us.
    fn serves_at(&self, port: u16) {
        let peer = format!("{OUTSIDE}:{port}");
        let arguments = ["--peer", peer.as_str()];
        let mut taker = self
            .router
            .peer("taker.py", &self.torrent, PEERS[1], &arguments);
        wait::until("the leecher has pieces whose hash is right", LIMIT, || {
            taker.tell("");
            let figures: Value = serde_json::from_str(&taker.line(LIMIT)).unwrap();
            (figures["pieces"].as_u64().unwrap() >= 8).then_some(())
        });
    }

    /// Stops the server; nothing of ours is forwarded after that.
    fn gives_back(self) {
        let (status, _place) = self.server.stop();
        assert!(status.success());
        assert_eq!(self.router.forwarded(), []);
    }
}

/// The port that we listen at belongs to somebody else at the router, so another one has to be announced.
fn a_port_by(speaks: Speaks, way: &str, by: &str) {
    let router = Router::start(speaks);
    router.give_away(8091);
    let scene = Scene::new(router, &json!({"port_forwarding": way}));
    scene.is_reached_at(8092, by);
    scene.serves_at(8092);
    scene.gives_back();
}

#[test]
fn a_port_by_pcp_is_announced_reached_and_given_back() {
    a_port_by(ALL, "auto", "PCP");
}

#[test]
fn a_port_by_natpmp_is_announced_reached_and_given_back() {
    a_port_by(ALL, "natpmp", "NAT-PMP");
}

#[test]
fn a_port_by_upnp_is_announced_reached_and_given_back() {
    a_port_by(UPNP_ONLY, "auto", "UPnP");
}

#[test]
fn a_router_that_lost_its_table_gets_the_mapping_again() {
    let settings = json!({"natpmp": {
        "enabled": true, "gateway": INSIDE, "vpn_interface": "eth0", "refresh": 1
    }, "port_forwarding": "auto"});
    let mut scene = Scene::new(Router::start(ALL), &settings);
    scene.is_reached_at(8091, "NAT-PMP");
    scene.router.cut_power();
    assert_eq!(scene.router.forwarded(), []);
    scene.router.power_on();
    wait::until("the mapping is made again", LIMIT, || {
        (scene.router.forwarded().len() == 2).then_some(())
    });
    scene.is_named_at(8091);
    scene.serves_at(8091);
    scene.gives_back();
}

#[test]
fn bound_to_an_interface_the_gateway_is_asked_and_nobody_is_searched_by_upnp() {
    let router = Router::start(UPNP_ONLY);
    let torrent = json!({"port_forwarding": "auto", "bind_interface": "eth0"});
    let scene = Scene::new(router, &torrent);
    let failed = "no port is forwarded to us";
    wait::until(failed, LIMIT, || {
        scene.server.log().contains(failed).then_some(())
    });
    let capture = scene
        .router
        .capture("udp port 1900 or udp port 5351 or udp port 9");
    // It is tried again after ten seconds; where UPnP is spoken, its search follows at once.
    wait::until("the gateway is asked again", LIMIT, || {
        let seen = capture.seen();
        seen.iter()
            .any(|line| line.contains(".5351:"))
            .then_some(())
    });
    scene.is_named_at(8091);
    let seen = capture.seen_until_now(INSIDE);
    // The router tells of itself there as well, when it likes.
    let is_search = |line: &&String| line.contains("IP 10.77.0.2.") && line.contains(".1900:");
    let searches: Vec<&String> = seen.iter().filter(is_search).collect();
    assert!(searches.is_empty(), "{searches:?}");
    assert_eq!(scene.router.forwarded(), []);
}
