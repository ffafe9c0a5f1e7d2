//! Bound to one interface, not a packet of BitTorrent leaves by another, whatever becomes of the one.
//!
//! A machine with two ways out: `tun0`, which BitTorrent is bound to and which leads to the swarm, and `out0`, which
//! has the default route. Every address of the torrent would be reached by `out0` if the routes decided.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::cli;
use crate::harness::content::assert_same;
use crate::harness::media::{self, MIB};
use crate::harness::netns::{Capture, Namespace};
use crate::harness::process::Process;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::Torrent;
use crate::harness::{python, tool, wait};

const LIMIT: Duration = Duration::from_secs(60);
/// The default gateway, behind `out0`.
const OUTSIDE: &str = "10.77.2.2";
/// Where those who serve the torrent are; the swarm's machine has them all.
const TRACKER: &str = "10.99.0.1";
const UDP_TRACKER: &str = "10.99.0.2";
const WEB_SEED: &str = "10.99.0.3";
/// One after the other; the first is in the magnet, the others only the tracker knows.
const SEEDERS: [&str; 4] = ["10.99.0.11", "10.99.0.12", "10.99.0.13", "10.99.0.14"];
const DEAD_PEER: &str = "10.99.0.5";
const DHT_ENTRY: &str = "10.99.0.6";
/// Local discovery (BEP 14).
const EVERYBODY: &str = "239.192.152.143";
const TRACKER_PORT: u16 = 6969;
/// What the kernel answers by itself, by its routes, to who speaks to a connection that is closed: no socket of ours
/// sends it, and only the routes or a firewall can hold it back (docs/NETWORK.md).
const NO_RESETS: &str = "not (tcp[13] & 4 != 0)";

/// The machines.
struct World {
    /// Where GoStream runs.
    home: Namespace,
    /// At the other end of `tun0`: leads to the swarm.
    gateway: Namespace,
    /// Those who serve the torrent.
    swarm: Namespace,
    /// At the other end of `out0`.
    _outside: Namespace,
}

impl World {
    /// With `out0` and its default route, without `tun0`.
    fn new(ipv6: bool) -> Self {
        let [home, gateway, swarm, outside] = [(); 4].map(|()| Namespace::new(ipv6));
        home.join("out0", &outside, "in0");
        outside.ip("link set in0 address 02:00:00:00:00:02");
        outside.ip("addr add 10.77.2.2/24 dev in0");
        home.ip("addr add 10.77.2.1/24 dev out0");
        home.ip("route add default via 10.77.2.2 dev out0");
        // Known, so that whatever is sent is seen, and not a question for the gateway.
        home.ip("neigh replace 10.77.2.2 lladdr 02:00:00:00:00:02 nud permanent dev out0");
        gateway.run("sysctl", "-q -w net.ipv4.ip_forward=1");
        gateway.join("lan0", &swarm, "eth0");
        gateway.ip("addr add 10.99.0.254/24 dev lan0");
        for ip in [TRACKER, UDP_TRACKER, WEB_SEED].into_iter().chain(SEEDERS) {
            swarm.ip(&format!("addr add {ip}/24 dev eth0"));
        }
        swarm.ip("route add default via 10.99.0.254");
        if ipv6 {
            outside.ip("addr add fd77::2/64 dev in0 nodad");
            home.ip("addr add fd77::1/64 dev out0 nodad");
            home.ip("route add default via fd77::2 dev out0");
        }
        Self {
            home,
            gateway,
            swarm,
            _outside: outside,
        }
    }

    /// Makes `tun0`: after the first time with another number in the kernel.
    fn tunnel_up(&self) {
        self.home.join("tun0", &self.gateway, "tun1");
        self.gateway.ip("addr add 10.77.1.2/24 dev tun1");
        self.home.ip("addr add 10.77.1.1/24 dev tun0");
        self.route();
    }

    /// As VPN clients leave it where only some programs use the tunnel.
    fn route(&self) {
        let way = "via 10.77.1.2 dev tun0 metric 1000";
        self.home.ip(&format!("route replace default {way}"));
    }

    fn at_out0<'a>(&'a self, filter: &str) -> Capture<'a> {
        Capture::start(&self.home, "out0", filter)
    }
}

/// Debian's opentracker and libtorrent seeders, on the swarm's machine.
struct Swarm<'a> {
    world: &'a World,
    torrent: &'a Torrent,
    magnet: String,
    seeders: usize,
    seeder: Option<Process>,
    _tracker: Process,
    _directory: TempDir,
}

impl<'a> Swarm<'a> {
    fn start(world: &'a World, torrent: &'a Torrent, more: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("leak").tempdir().unwrap();
        let mut swarm = Self {
            world,
            torrent,
            magnet: String::new(),
            seeders: 0,
            seeder: None,
            _tracker: tracker(world, torrent, directory.path()),
            _directory: directory,
        };
        let port = swarm.replace_seeder();
        swarm.magnet = format!(
            "{}&tr=udp://{UDP_TRACKER}:{TRACKER_PORT}/announce&ws=http://{WEB_SEED}:8000/film.mkv\
             &x.pe={}:{port}&x.pe={DEAD_PEER}:6881{more}",
            torrent.magnet, SEEDERS[0]
        );
        swarm
    }

    /// Ends the seeder and starts one at another address; its port, once the tracker knows it. The old one would
    /// refuse us for minutes: it did not hear the end of our connection, and takes us for a double.
    fn replace_seeder(&mut self) -> u64 {
        self.seeder = None;
        let mut command = Command::new(python());
        command.arg(tool("seeder.py"));
        command.arg("--torrent").arg(&self.torrent.path);
        command
            .arg("--data")
            .arg(self.torrent.data.parent().unwrap());
        command
            .arg("--listen")
            .arg(format!("{}:0", SEEDERS[self.seeders]));
        let seeder = Process::start("seeder.py", &mut self.world.swarm.inside(&command));
        let ready: Value = serde_json::from_str(&seeder.line(LIMIT)).unwrap();
        self.seeder = Some(seeder);
        self.seeders += 1;
        let known = format!("8:completei{}e", self.seeders);
        wait::until("the tracker knows the seeder", LIMIT, || {
            self.scrape().contains(&known).then_some(())
        });
        ready["port"].as_u64().unwrap()
    }

    fn scrape(&self) -> String {
        let hash = self.torrent.info_hash.as_bytes().chunks(2);
        let hash: Vec<String> = hash
            .map(|byte| format!("%{}", String::from_utf8_lossy(byte)))
            .collect();
        let url = format!(
            "http://{TRACKER}:{TRACKER_PORT}/scrape?info_hash={}",
            hash.concat()
        );
        let script = "import sys,urllib.request as r; print(r.urlopen(sys.argv[1]).read())";
        let mut command = Command::new(python());
        command.args(["-c", script, &url]);
        cli::finish(&mut self.world.swarm.inside(&command), LIMIT).success()
    }
}

fn tracker(world: &World, torrent: &Torrent, directory: &Path) -> Process {
    use std::os::unix::fs::PermissionsExt;
    // It changes its root to this directory and its user to nobody.
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(
        directory.join("allowed"),
        format!("{}\n", torrent.info_hash),
    )
    .unwrap();
    let port = TRACKER_PORT.to_string();
    let mut command = Command::new("opentracker");
    command.args(["-i", TRACKER, "-p", &port, "-P", &port]);
    command.args(["-i", UDP_TRACKER, "-P", &port, "-w", "allowed", "-d"]);
    command.arg(directory);
    let mut command = world.swarm.inside(&command);
    let tracker = Process::start("opentracker (./test installs it)", &mut command);
    let listening = format!("/proc/{}/net/tcp", tracker.id());
    wait::until("the tracker listens", LIMIT, || {
        let table = fs::read_to_string(&listening).unwrap_or_default();
        table
            .contains(&format!(":{TRACKER_PORT:04X} 00000000:0000 0A"))
            .then_some(())
    });
    tracker
}

fn made(film: &Path) -> Torrent {
    let tracker = format!("http://{TRACKER}:{TRACKER_PORT}/announce");
    Torrent::make(film, 64 * 1024, Some(&tracker), &[])
}

/// How often the log says this.
fn said(server: &Server, words: &str) -> usize {
    server.log().matches(words).count()
}

fn wait_until_said(server: &Server, words: &str, times: usize) {
    wait::until(words, LIMIT, || {
        (said(server, words) >= times).then_some(())
    });
}

/// Reads 2 MiB of the film, far from what was read before, on a thread of its own.
fn read(film: &Path, shown: &Path, at: u64) -> std::thread::JoinHandle<()> {
    let (film, shown) = (film.to_owned(), shown.to_owned());
    std::thread::spawn(move || {
        let film = fs::File::open(film).unwrap();
        let shown = fs::File::open(shown).unwrap();
        assert_same(&film, &shown, at * MIB, 2 << 20);
    })
}

fn finished(reader: std::thread::JoinHandle<()>) {
    wait::within("the read", LIMIT, move || reader.join().unwrap());
}

fn settings(bind: &str) -> Value {
    json!({
        "bind_interface": bind, "read_ahead_budget_mb": 10, "read_deadline_seconds": 50,
        "dht": true, "dht_bootstrap": format!("{DHT_ENTRY}:6881"), "lsd": true, "utp": true,
    })
}

/// Adds the magnet, which needs the swarm, beside the test. Says the film's path when it is done.
fn adding(server: &Server, magnet: &str) -> Process {
    let mut command = cli::binary();
    command.arg("--config").arg(&server.place.config);
    command.arg("--data-dir").arg(&server.place.data_dir);
    Process::start("gostream add", command.args(["add", magnet]))
}

#[test]
fn nothing_leaves_by_another_interface_while_the_one_is_gone_comes_goes_down_and_returns() {
    let world = World::new(false);
    let film = media::bytes(48);
    let torrent = made(&film);
    let mut swarm = Swarm::start(&world, &torrent, "");
    let out0 = world.at_out0(NO_RESETS);

    // It is not there when the server starts.
    let server = Server::start_inside(Place::new(settings("tun0")), &world.home);
    wait_until_said(&server, "network down: interface tun0 is gone", 1);
    let adding = adding(&server, &swarm.magnet);
    world.tunnel_up();
    let tun0 = Capture::start(&world.home, "tun0", "ip");
    let shown = server.shown(&adding.line(LIMIT));
    finished(read(&film, &shown, 0));

    // Everybody was asked, by the right door.
    for address in [
        TRACKER,
        UDP_TRACKER,
        WEB_SEED,
        SEEDERS[0],
        DEAD_PEER,
        DHT_ENTRY,
        EVERYBODY,
    ] {
        let to = format!("10.77.1.1.* > {address}.");
        wait::until(&to, LIMIT, || {
            let seen = tun0.seen();
            let sent = |line: &String| {
                line.contains(" 10.77.1.1.") && line.contains(&format!(" > {address}."))
            };
            seen.iter().any(sent).then_some(())
        });
    }
    drop(tun0);

    // It goes down, and comes back.
    world.home.ip("link set tun0 down");
    wait_until_said(&server, "network down: interface tun0 is down", 1);
    let waiting = read(&film, &shown, 16);
    swarm.replace_seeder();
    world.home.ip("link set tun0 up");
    world.route();
    finished(waiting);

    // It is deleted and made again: another interface of the same name.
    world.home.ip("link del tun0");
    wait_until_said(&server, "network down: interface tun0 is gone", 2);
    let waiting = read(&film, &shown, 28);
    swarm.replace_seeder();
    world.tunnel_up();
    finished(waiting);

    // It loses its address, and gets it again.
    world.home.ip("addr del 10.77.1.1/24 dev tun0");
    wait_until_said(&server, "network down: interface tun0 has no address", 1);
    let waiting = read(&film, &shown, 40);
    swarm.replace_seeder();
    world.home.ip("addr add 10.77.1.1/24 dev tun0");
    world.route();
    finished(waiting);

    // Goodbyes included.
    server.stop();
    assert_eq!(out0.seen_until_now(OUTSIDE), [""; 0]);
}

#[test]
fn ipv6_does_not_leave_by_another_interface_when_the_one_has_none() {
    let world = World::new(true);
    let film = media::bytes(6);
    let torrent = made(&film);
    let more = "&tr=http://[fd99::1]:6969/announce&tr=udp://[fd99::1]:6969/announce\
                &ws=http://[fd99::3]/film.mkv&x.pe=[fd99::4]:6881";
    world.tunnel_up();
    // The kernel itself greets its neighbours by ICMPv6; nobody else may say a word.
    let out0 = world.at_out0("tcp or udp or ip");
    let swarm = Swarm::start(&world, &torrent, more);
    let server = Server::start_inside(Place::new(settings("tun0")), &world.home);
    let shown = server.add(&swarm.magnet).remove(0);
    finished(read(&film, &shown, 0));
    finished(read(&film, &shown, 4));
    server.stop();
    assert_eq!(out0.seen_until_now(OUTSIDE), [""; 0]);
}

#[test]
fn an_address_binds_as_its_interface_does() {
    let world = World::new(false);
    let film = media::bytes(6);
    let torrent = made(&film);
    let swarm = Swarm::start(&world, &torrent, "");
    let out0 = world.at_out0(NO_RESETS);
    world.tunnel_up();
    let server = Server::start_inside(Place::new(settings("10.77.1.1")), &world.home);
    let shown = server.add(&swarm.magnet).remove(0);
    finished(read(&film, &shown, 0));
    // The tunnel gives another address: nothing may be sent under it, nor anywhere else.
    world.home.ip("addr del 10.77.1.1/24 dev tun0");
    world.home.ip("addr add 10.77.1.9/24 dev tun0");
    wait_until_said(
        &server,
        "network down: no interface has the address 10.77.1.1",
        1,
    );
    server.stop();
    assert_eq!(out0.seen_until_now(OUTSIDE), [""; 0]);
}

/// What the others would see if the binding did not work.
#[test]
fn without_the_setting_the_routes_decide() {
    let world = World::new(false);
    let torrent = made(&media::bytes(6));
    let swarm = Swarm::start(&world, &torrent, "");
    world.tunnel_up();
    let out0 = world.at_out0(NO_RESETS);
    let server = Server::start_inside(Place::new(settings("")), &world.home);
    let adding = adding(&server, &swarm.magnet);
    for address in [TRACKER, SEEDERS[0], DEAD_PEER, DHT_ENTRY] {
        wait::until("a packet leaves by the default route", LIMIT, || {
            let to = format!(" > {address}.");
            let seen = out0.seen();
            seen.iter().any(|line| line.contains(&to)).then_some(())
        });
    }
    drop(adding);
    server.stop();
}
