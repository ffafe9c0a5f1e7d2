//! Peers that no tracker names: through peer exchange, the DHT and the local network, in both directions.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::content::sha256;
use crate::harness::dht::DhtNetwork;
use crate::harness::media::{self, MIB_LEN};
use crate::harness::netns::{Capture, Namespace};
use crate::harness::process::Process;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::tracker::Tracker;
use crate::harness::{python, tool, wait};

const LIMIT: Duration = Duration::from_secs(60);
const PIECE: u64 = 64 * 1024;

/// Plays the whole film at `path` and compares it with the original.
#[track_caller]
fn plays(path: &Path, original: &Path) {
    let shown = path.to_owned();
    let shown = wait::within("the film", LIMIT, move || sha256(&shown));
    assert_eq!(shown, sha256(original));
}

/// Opens a film and reads its start; while the file is open, the torrent is awake.
fn opened(path: &Path) -> File {
    let mut player = File::open(path).unwrap();
    wait::within("the start of the film", LIMIT, move || {
        player.read_exact(&mut vec![0; 2 * MIB_LEN]).unwrap();
        player
    })
}

/// Settings of a server that enters the DHT of a test.
fn in_dht(entry: &str) -> Value {
    json!({"dht": true, "dht_port": 0, "dht_bootstrap": entry})
}

#[test]
fn a_film_plays_from_a_peer_that_only_another_peer_knows() {
    let film = media::bytes(5);
    let torrent = Torrent::make(&film, PIECE, None, &[]);
    let mut seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    // It has next to nothing of the film, and goes on having nothing.
    let knows = seeder.address.to_string();
    let arguments = ["--peer", &knows, "--download-rate", "2000"];
    let mut go_between = Peer::leecher(&torrent, "127.0.0.3", &arguments);
    wait::until("the two know each other", LIMIT, || {
        (go_between.figure("peers") == 1).then_some(())
    });
    let server = Server::start(json!({}));
    let path = server
        .add(&torrent.magnet_of_peers(&[go_between.address]))
        .remove(0);
    plays(&path, &film);
    let length = std::fs::metadata(&film).unwrap().len();
    assert!(seeder.figure("uploaded") > length / 10 * 9);
}

#[test]
fn a_peer_learns_of_others_from_us() {
    let torrent = Torrent::make(&media::bytes(16), PIECE, None, &[]);
    let seeder = Peer::seeder(&torrent, "127.0.0.2", &[]);
    let server = Server::start(json!({}));
    let path = server
        .add(&torrent.magnet_of_peers(&[seeder.address]))
        .remove(0);
    let _player = opened(&path);
    let us = format!("127.0.0.1:{}", server.torrent_port());
    // So slow that it does not end before it hears of the other.
    let arguments = ["--peer", &us, "--download-rate", "20000"];
    let mut leecher = Peer::leecher(&torrent, "127.0.0.4", &arguments);
    wait::until("it has met the seeder", LIMIT, || {
        (leecher.figure("from_pex") == 1).then_some(())
    });
}

#[test]
fn a_magnet_without_trackers_plays_through_a_dht_and_the_next_one_after_a_restart_without_entry_points()
 {
    let films = [media::bytes(4), media::bytes(3)];
    let torrents = films
        .each_ref()
        .map(|film| Torrent::make(film, PIECE, None, &[]));
    let mut network = DhtNetwork::start(&[&torrents[0], &torrents[1]]);
    let entry = format!("127.0.0.1:{}", network.entry);
    let server = Server::start(in_dht(&entry));
    let path = server.add(&torrents[0].magnet).remove(0);
    plays(&path, &films[0]);
    let uploaded = network.tell("")["uploaded"].as_u64().unwrap();
    assert!(uploaded >= 4 * MIB_LEN as u64, "{uploaded}");
    let (status, after) = server.stop();
    assert!(status.success());

    after.place.set(&in_dht("none"));
    let server = Server::start_in(after.place);
    let line = server.log();
    let line = line.lines().find(|line| line.contains("the DHT listens"));
    let nodes = line.and_then(|line| line.split("nodes=").nth(1)).unwrap();
    let digits: String = nodes.chars().take_while(char::is_ascii_digit).collect();
    assert!(
        digits.parse::<usize>().unwrap() >= 8,
        "nodes of the first run: {nodes}"
    );
    let path = server.add(&torrents[1].magnet).remove(0);
    plays(&path, &films[1]);
}

#[test]
fn a_leecher_finds_us_through_the_dht() {
    let torrent = Torrent::make(&media::bytes(16), PIECE, None, &[]);
    let mut network = DhtNetwork::start(&[&torrent]);
    let server = Server::start(in_dht(&format!("127.0.0.1:{}", network.entry)));
    let path = server.add(&torrent.magnet).remove(0);
    let _player = opened(&path);
    let asked = format!("asked {}", torrent.info_hash);
    wait::until("nodes are told of us", LIMIT, || {
        (network.tell(&asked)["announced"].as_u64().unwrap() > 0).then_some(())
    });
    network.tell("unseed");
    let us = json!(format!("127.0.0.1:{}", server.torrent_port()));
    let mut found = Value::Null;
    wait::until("the leecher has met us", LIMIT, || {
        found = network.tell("leech 0");
        let through_dht = found["through_dht"].as_array().unwrap();
        (through_dht.contains(&us) && found["pieces"].as_u64().unwrap() > 0).then_some(())
    });
}

#[test]
fn nobody_in_the_dht_hears_of_a_private_torrent() {
    let tracker = Tracker::start();
    let films = [media::bytes(4), media::bytes(3)];
    let private = Torrent::make(&films[0], PIECE, Some(&tracker.url()), &["--private"]);
    let open = Torrent::make(&films[1], PIECE, None, &[]);
    tracker.allow(&private.info_hash);
    let _seeder = Peer::seeder(&private, "127.0.0.2", &[]);
    let mut network = DhtNetwork::start(&[&open]);
    let server = Server::start(in_dht(&format!("127.0.0.1:{}", network.entry)));
    let path = server.add(private.path.to_str().unwrap()).remove(0);
    plays(&path, &films[0]);
    // The other one shows that the node was there and asked.
    let path = server.add(&open.magnet).remove(0);
    plays(&path, &films[1]);
    let mut asked = |torrent: &Torrent| {
        let figures = network.tell(&format!("asked {}", torrent.info_hash));
        figures["asked"].as_u64().unwrap() + figures["announced"].as_u64().unwrap()
    };
    assert!(asked(&open) > 0);
    assert_eq!(asked(&private), 0);
}

/// Two machines on one cable.
struct Lan {
    ours: Namespace,
    theirs: Namespace,
}

impl Lan {
    fn new() -> Self {
        let (ours, theirs) = (Namespace::new(false), Namespace::new(false));
        ours.join("lan0", &theirs, "lan0");
        for (namespace, ip) in [(&ours, "10.77.0.1"), (&theirs, "10.77.0.2")] {
            namespace.ip(&format!("addr add {ip}/24 dev lan0"));
            namespace.ip("route add default dev lan0");
        }
        Self { ours, theirs }
    }

    /// A libtorrent session on the other machine that knows nobody and speaks of what it has in the local network.
    fn peer(&self, script: &str, torrent: &Torrent) -> Process {
        let mut command = Command::new(python());
        command.arg(tool(script)).arg("--lsd");
        command.args(["--listen", "10.77.0.2:0"]);
        command.arg("--torrent").arg(&torrent.path);
        command.arg("--data").arg(torrent.data.parent().unwrap());
        let process = Process::start(script, &mut self.theirs.inside(&command));
        process.line(LIMIT);
        process
    }
}

#[test]
fn peers_of_the_local_network_find_each_other_and_hear_nothing_of_a_private_torrent() {
    let lan = Lan::new();
    let films = [media::bytes(16), media::bytes(3)];
    let open = Torrent::make(&films[0], PIECE, None, &[]);
    let private = Torrent::make(&films[1], PIECE, None, &["--private"]);
    let settings = json!({"lsd": true, "read_deadline_seconds": 3});
    let server = Server::start_inside(Place::new(settings), &lan.ours);
    let seen = Capture::start(&lan.theirs, "lan0", "udp port 6771 or udp port 9");
    let path = server.add(private.path.to_str().unwrap()).remove(0);
    let mut alone = File::open(path).unwrap();
    assert!(alone.read_exact(&mut [0; 100]).is_err(), "nobody has it");
    // What we announce comes within a second, so three are enough to see that nothing comes.
    let seen = seen.seen_until_now("10.77.0.1");
    assert_eq!(seen, Vec::<String>::new());

    let seeder = lan.peer("seeder.py", &open);
    let path = server.add(open.path.to_str().unwrap()).remove(0);
    let _player = opened(&path);
    drop(seeder);
    let mut leecher = lan.peer("taker.py", &open);
    wait::until("pieces are had of us", LIMIT, || {
        leecher.tell("");
        let figures: Value = serde_json::from_str(&leecher.line(LIMIT)).unwrap();
        (figures["pieces"].as_u64().unwrap() > 0).then_some(())
    });
}
