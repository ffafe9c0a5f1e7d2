//! A swarm on real sockets as a program, for measuring any client against it.
//!
//! `lab --swarm home --dir DIR` writes `DIR/film.torrent`, starts the peers on 127.0.x.y and an HTTP
//! tracker that answers in 20 ms, and prints one JSON line: where all of it is, and by which numbers
//! the film's bytes can be computed. While it runs, each line on standard input is answered by one
//! JSON line. `reset N` starts all peers anew, on the same addresses, with counters at zero, and has
//! the tracker name them in an order drawn with N; `counters` tells what was sent, by group; the
//! tracker names nobody after `hide`, and all again after `show`. It ends when its input does.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use gostorm_sim::lab::{Content, Counters, LabPeer, LabTracker, Ledger, Member, Named};
use gostorm_sim::rng::Rng;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::sleep;

/// From an announce to its answer.
const TRACKER_DELAY: Duration = Duration::from_millis(20);
/// One of them is that of all peers, each on its own address: below the ports that the system gives to
/// anyone who asks for a free one, or a client that listens on all addresses could take a peer's.
const PEER_PORTS: Range<u16> = 17_001..17_100;
/// A socket that was closed may need so long to be free again.
const BIND_TRIES: u32 = 400;
const BIND_PAUSE: Duration = Duration::from_millis(5);

/// Starts a swarm of scripted peers on loopback.
#[derive(Parser)]
struct Args {
    /// home, thin, hostile or lan40
    #[arg(long, default_value = "home", value_parser = swarm)]
    swarm: Named,
    /// Size of the film, MiB
    #[arg(long, default_value_t = 1_536)]
    size: u64,
    /// Length of a piece, MiB, a power of two
    #[arg(long, default_value_t = 4)]
    piece: u32,
    /// The film's bits per second, for the thin swarm
    #[arg(long, default_value_t = 41_000_000)]
    rate: u64,
    /// Of the film's bytes
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where the .torrent is written
    #[arg(long)]
    dir: PathBuf,
}

fn swarm(name: &str) -> Result<Named, String> {
    Named::find(name).ok_or_else(|| "no swarm of that name".to_owned())
}

/// The peers as they run now.
struct Swarm {
    content: Arc<Content>,
    members: Vec<Member>,
    peers: Vec<LabPeer>,
    ledger: Arc<Ledger>,
    /// Tells other labs that the port is taken.
    _port: TcpListener,
}

impl Swarm {
    async fn start(content: Arc<Content>, members: Vec<Member>) -> io::Result<Self> {
        let mut free = PEER_PORTS.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
        let port = free
            .find_map(Result::ok)
            .ok_or_else(|| io::Error::other(format!("all ports of {PEER_PORTS:?} are taken")))?;
        let number = port.local_addr()?.port();
        let fresh = |_| SocketAddr::new(LabPeer::fresh_addr().ip(), number);
        let addrs = members.iter().map(fresh).collect();
        let mut swarm = Self {
            content,
            members,
            peers: Vec::new(),
            ledger: Arc::default(),
            _port: port,
        };
        swarm.start_peers(addrs).await?;
        Ok(swarm)
    }

    /// All peers forget everything; their connections end.
    async fn reset(&mut self) -> io::Result<()> {
        let addrs = self.addrs();
        self.peers.clear();
        self.ledger = Arc::default();
        self.start_peers(addrs).await
    }

    async fn start_peers(&mut self, addrs: Vec<SocketAddr>) -> io::Result<()> {
        for (addr, member) in addrs.into_iter().zip(&self.members) {
            self.peers.push(self.start_peer(addr, member).await?);
        }
        Ok(())
    }

    async fn start_peer(&self, addr: SocketAddr, member: &Member) -> io::Result<LabPeer> {
        let mut tries = 0;
        loop {
            let ledger = Some(Arc::clone(&self.ledger));
            match LabPeer::start_counted(addr, &self.content, member.script, ledger) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < BIND_TRIES => {
                    tries += 1;
                    sleep(BIND_PAUSE).await;
                }
                started => return started,
            }
        }
    }

    fn addrs(&self) -> Vec<SocketAddr> {
        self.peers.iter().map(LabPeer::addr).collect()
    }

    /// The addresses as a tracker gives them: in no order, another one for each `seed`.
    fn drawn(&self, seed: u64) -> Vec<SocketAddr> {
        let mut addrs = self.addrs();
        shuffle(&mut addrs, seed);
        addrs
    }

    fn counters(&self) -> Value {
        let mut groups: BTreeMap<&str, (u64, Counters)> = BTreeMap::new();
        for (member, peer) in self.members.iter().zip(&self.peers) {
            let (peers, sum) = groups.entry(member.group).or_default();
            *peers += 1;
            add(sum, &peer.counters());
        }
        let groups = groups.into_iter().map(|(group, (peers, sum))| {
            let figures = json!({
                "peers": peers,
                "connections": sum.connections,
                "open": sum.open,
                "requests": sum.requests,
                "cancels": sum.cancels,
                "cancelled_blocks": sum.cancelled_blocks,
                "blocks": sum.blocks,
                "bytes": sum.bytes,
                "corrupted": sum.corrupted,
            });
            (group.to_owned(), figures)
        });
        let totals = self.ledger.totals();
        json!({
            "groups": groups.collect::<Map<_, _>>(),
            "bytes": totals.bytes,
            "distinct": totals.distinct,
        })
    }
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut rng = Rng::new(seed);
    for last in (1..items.len()).rev() {
        let drawn = rng.between(0, last as u64 + 1);
        items.swap(last, usize::try_from(drawn).unwrap_or(last));
    }
}

fn add(sum: &mut Counters, one: &Counters) {
    sum.connections += one.connections;
    sum.open += one.open;
    sum.requests += one.requests;
    sum.cancels += one.cancels;
    sum.cancelled_blocks += one.cancelled_blocks;
    sum.blocks += one.blocks;
    sum.bytes += one.bytes;
    sum.corrupted += one.corrupted;
}

fn say(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

fn describe(args: &Args, swarm: &Swarm, tracker: &LabTracker, torrent: &Path) -> Value {
    let hash = swarm.content.info_hash();
    let peers = swarm.peers.iter().zip(&swarm.members);
    let peers = peers.map(|(peer, member)| json!({"addr": peer.addr(), "group": member.group}));
    json!({
        "swarm": args.swarm.name(),
        "torrent": torrent,
        "info_hash": hash.to_string(),
        "magnet": format!("magnet:?xt=urn:btih:{hash}&tr={}", tracker.url()),
        "tracker": tracker.url(),
        "name": format!("film-{}.mkv", args.seed),
        "size": swarm.content.len(),
        "piece_length": swarm.content.piece_len(),
        "rate": args.rate,
        "seed": args.seed,
        "peers": peers.collect::<Vec<_>>(),
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let content = Content::new(args.seed, args.size << 20, args.piece << 20)?;
    // Whoever dials in the order of addresses must not meet the groups one after the other.
    let mut members = args.swarm.members(args.rate);
    shuffle(&mut members, args.seed);
    let mut swarm = Swarm::start(Arc::new(content), members).await?;
    let tracker = LabTracker::start(swarm.drawn(0), TRACKER_DELAY).await?;
    let torrent = args.dir.join("film.torrent");
    std::fs::write(&torrent, swarm.content.torrent(&tracker.url()))?;
    say(&describe(&args, &swarm, &tracker, &torrent))?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut order = 0;
    while let Some(line) = lines.next_line().await? {
        let mut words = line.split_whitespace();
        match words.next().unwrap_or_default() {
            "reset" => {
                let seed = words.next().and_then(|word| word.parse().ok());
                swarm.reset().await?;
                order = seed.unwrap_or_default();
                tracker.set_peers(swarm.drawn(order));
                say(&json!({"reset": swarm.peers.len()}))?;
            }
            "hide" => {
                tracker.set_peers(Vec::new());
                say(&json!({"shown": 0}))?;
            }
            "show" => {
                tracker.set_peers(swarm.drawn(order));
                say(&json!({"shown": swarm.peers.len()}))?;
            }
            "counters" => say(&swarm.counters())?,
            other => say(&json!({"error": format!("unknown command: {other}")}))?,
        }
    }
    Ok(())
}
