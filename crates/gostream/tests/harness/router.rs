//! A home behind a real router: three network namespaces, with Debian's miniupnpd in the middle.
//!
//! ```text
//! home 10.77.0.2 (and .3) -- 10.77.0.1 router 11.0.0.1 -- 11.0.0.2 (and .3, .4) world
//! ```
//! The router translates addresses, as routers do, and forwards what miniupnpd was asked to. Its outer address has to
//! look public, or miniupnpd refuses.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::netns::{Capture, Namespace};
use super::process::Process;
use super::swarm::Torrent;
use super::{cli, python, tool, wait};

/// The router's address at home.
pub(crate) const INSIDE: &str = "10.77.0.1";
/// The router's address in the world.
pub(crate) const OUTSIDE: &str = "11.0.0.1";
/// Where the tracker is.
pub(crate) const TRACKER: &str = "11.0.0.2";
/// Where the peers are.
pub(crate) const PEERS: [&str; 2] = ["11.0.0.3", "11.0.0.4"];

const TRACKER_PORT: u16 = 6969;
const LIMIT: Duration = Duration::from_secs(30);

/// The chains that miniupnpd writes into, as its configuration names them.
const CHAINS: &str = "
table inet filter {
 chain forward { type filter hook forward priority 0; policy accept; jump miniupnpd; }
 chain miniupnpd { }
 chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
 chain postrouting {
  type nat hook postrouting priority 100; policy accept;
  jump postrouting_miniupnpd
  oifname \"wan0\" masquerade
 }
 chain prerouting_miniupnpd { }
 chain postrouting_miniupnpd { }
}
";

/// What the router speaks.
#[derive(Clone, Copy)]
pub(crate) struct Speaks {
    /// NAT-PMP and PCP, which miniupnpd has only together.
    pub(crate) natpmp: bool,
    /// UPnP.
    pub(crate) upnp: bool,
}

/// The three namespaces, and what runs in them.
pub(crate) struct Router {
    speaks: Speaks,
    daemon: Option<Process>,
    directory: TempDir,
    pub(crate) home: Namespace,
    router: Namespace,
    world: Namespace,
}

impl Router {
    /// Makes the namespaces and starts the router.
    pub(crate) fn start(speaks: Speaks) -> Self {
        let [home, router, world] = [(); 3].map(|()| Namespace::new(false));
        router.join("lan0", &home, "eth0");
        router.join("wan0", &world, "eth0");
        for (namespace, device, address) in [
            (&router, "lan0", INSIDE),
            (&router, "wan0", OUTSIDE),
            (&home, "eth0", "10.77.0.2"),
            (&home, "eth0", "10.77.0.3"),
            (&world, "eth0", TRACKER),
            (&world, "eth0", PEERS[0]),
            (&world, "eth0", PEERS[1]),
        ] {
            namespace.ip(&format!("addr add {address}/24 dev {device}"));
        }
        home.ip(&format!("route add default via {INSIDE}"));
        router.run("sysctl", "-q -w net.ipv4.ip_forward=1");
        let mut made = Self {
            speaks,
            daemon: None,
            directory: tempfile::Builder::new().prefix("router").tempdir().unwrap(),
            home,
            router,
            world,
        };
        let chains = made.file("chains.nft", CHAINS);
        made.router.run("nft", &format!("-f {}", chains.display()));
        made.power_on();
        made
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts miniupnpd, which knows of no mapping.
    pub(crate) fn power_on(&mut self) {
        let yes = |on| if on { "yes" } else { "no" };
        let leases = self.directory.path().join("leases");
        // It would read them again. Fails where there are none.
        let _ = fs::remove_file(&leases);
        let settings = format!(
            "ext_ifname=wan0\nlistening_ip=lan0\nhttp_port=0\nenable_natpmp={}\nenable_upnp={}\nsecure_mode=no\n\
             system_uptime=no\nuuid=6f6b1c4e-0000-4000-8000-{:012x}\nmin_lifetime=20\nmax_lifetime=86400\n\
             upnp_table_name=filter\nupnp_nat_table_name=filter\nupnp_forward_chain=miniupnpd\n\
             upnp_nat_chain=prerouting_miniupnpd\nupnp_nat_postrouting_chain=postrouting_miniupnpd\nlease_file={}\n\
             allow 1024-65535 10.77.0.0/24 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n",
            yes(self.speaks.natpmp),
            yes(self.speaks.upnp),
            std::process::id(),
            leases.display(),
        );
        let settings = self.file("miniupnpd.conf", &settings);
        let mut command = Command::new("miniupnpd");
        command.arg("-d").arg("-f").arg(settings);
        command.arg("-P").arg(self.directory.path().join("pid"));
        let mut command = self.router.inside(&command);
        let daemon = Process::start("miniupnpd (./test installs it)", &mut command);
        let ready = [
            (self.speaks.upnp, "HTTP listening on port"),
            (self.speaks.natpmp, "Listening for NAT-PMP/PCP traffic"),
        ];
        wait::until("the router is ready", LIMIT, || {
            let log = daemon.errors();
            let said = |(wanted, line): &(bool, &str)| !wanted || log.contains(line);
            ready.iter().all(said).then_some(())
        });
        self.daemon = Some(daemon);
    }

    /// Ends miniupnpd as a power cut does: its mappings are gone, and nobody is told.
    pub(crate) fn cut_power(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill();
        }
        for chain in ["miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd"] {
            self.router
                .run("nft", &format!("flush chain inet filter {chain}"));
        }
    }

    /// The ports that the router forwards now to the first address at home, as its rules say: protocol and outer port.
    pub(crate) fn forwarded(&self) -> Vec<(String, u16)> {
        let rules = self
            .router
            .run("nft", "-n list chain inet filter prerouting_miniupnpd");
        let mut found: Vec<(String, u16)> = rules.lines().filter_map(read_rule).collect();
        found.sort();
        found
    }

    /// Has somebody else at home get a port by UPnP.
    pub(crate) fn give_away(&self, port: u16) {
        self.home.run(
            "upnpc",
            &format!("-m eth0 -a 10.77.0.3 {port} {port} TCP 300"),
        );
    }

    /// Starts a tool that speaks to peers, at an address of the world.
    pub(crate) fn peer(
        &self,
        script: &str,
        torrent: &Torrent,
        ip: &str,
        arguments: &[&str],
    ) -> Process {
        let mut command = Command::new(python());
        command.arg(tool(script));
        command.arg("--torrent").arg(&torrent.path);
        command.arg("--data").arg(torrent.data.parent().unwrap());
        command
            .args(["--listen", &format!("{ip}:0")])
            .args(arguments);
        let peer = Process::start(script, &mut self.world.inside(&command));
        // It is ready.
        peer.line(LIMIT);
        peer
    }

    /// The announce URL of [`Router::tracker`].
    pub(crate) fn tracker_url() -> String {
        format!("http://{TRACKER}:{TRACKER_PORT}/announce")
    }

    /// A tracker in the world that serves one torrent.
    pub(crate) fn tracker(&self, torrent: &Torrent) -> Process {
        use std::os::unix::fs::PermissionsExt;
        // It changes its root to this directory and its user to nobody.
        let root = self.directory.path().join("tracker");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        let outer = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.directory.path(), outer).unwrap();
        fs::write(root.join("allowed"), format!("{}\n", torrent.info_hash)).unwrap();
        let port = TRACKER_PORT.to_string();
        let mut command = Command::new("opentracker");
        command.args([
            "-i", TRACKER, "-p", &port, "-P", &port, "-w", "allowed", "-d",
        ]);
        command.arg(&root);
        let mut command = self.world.inside(&command);
        let tracker = Process::start("opentracker (./test installs it)", &mut command);
        wait::until("the tracker serves the torrent", LIMIT, || {
            self.try_ask(torrent)
        });
        tracker
    }

    /// The peers that the tracker names to somebody in the world.
    pub(crate) fn named(&self, torrent: &Torrent) -> Vec<SocketAddr> {
        self.try_ask(torrent).unwrap()
    }

    fn try_ask(&self, torrent: &Torrent) -> Option<Vec<SocketAddr>> {
        let mut command = Command::new(python());
        command.arg(tool("ask_tracker.py"));
        command.args([&Self::tracker_url(), &torrent.info_hash]);
        let asked = cli::finish(&mut self.world.inside(&command), LIMIT);
        (asked.code == Some(0)).then(|| {
            asked
                .out
                .lines()
                .map(|line| line.parse().unwrap())
                .collect()
        })
    }

    /// Sees what goes between home and the router.
    pub(crate) fn capture(&self, filter: &str) -> Capture<'_> {
        Capture::start(&self.home, "eth0", filter)
    }
}

/// `iif "wan0" ... th dport 8091 ... dnat ip to 10.77.0.2:8091 ...`
fn read_rule(rule: &str) -> Option<(String, u16)> {
    let (what, to) = rule.split_once(" dnat ")?;
    if !to.contains("10.77.0.2:") {
        return None;
    }
    let port = what.split_once("dport ")?.1.split_whitespace().next()?;
    let is_udp = ["udp", "17", "0x11"]
        .iter()
        .any(|word| what.split_whitespace().any(|one| one == *word));
    let protocol = if is_udp { "udp" } else { "tcp" };
    Some((protocol.to_owned(), port.parse().ok()?))
}
