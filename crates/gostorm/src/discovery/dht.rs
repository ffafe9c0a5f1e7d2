//! The task that owns our node of the DHT: the core's state machine on UDP sockets.
//!
//! Started once by [`super::Discovery`]; drivers reach it through [`Handle`], whose calls never wait. What always holds:
//! the node lives as long as the uplink that its sockets are bound to, and is made anew, from the nodes that it knew, on the
//! next one; the table is written to the store when it first has enough nodes, then every half hour if it changed, and at
//! the end; who does not take what was found any more ends his lookup.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use gostorm_core::dht::{Dht, DhtInput, DhtOutput};
use gostorm_core::{Source, Time};
use gostorm_wire::InfoHash;
use gostorm_wire::krpc::{Node as Contact, NodeId};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::datagram::receive;
use super::found::Found;
use super::saved::Saved;

use crate::filter::Filter;
use crate::net::reach::Reach;
use crate::net::{Net, Uplink};
use crate::store::TorrentStore;

/// Wishes that may wait for the task.
const COMMANDS_MAX: usize = 128;
/// Lookups under way at a time.
const LOOKUPS_MAX: usize = 64;
/// A lookup is over by then.
const LOOKUP_MAX: Duration = Duration::from_secs(120);
/// When a socket could not be had.
const RETRY: Duration = Duration::from_secs(10);
/// The first table is kept when so many nodes are known.
const ENOUGH: usize = 8;
/// Between two writes of the table: the disk may be a card.
const SAVE_EVERY: Duration = Duration::from_secs(1_800);
/// Entry points that are looked up, and addresses of each.
const ENTRIES_MAX: usize = 16;
const ADDRS_OF_ENTRY_MAX: usize = 4;

enum Command {
    LookUp {
        info_hash: InfoHash,
        announce: Option<u16>,
        to: mpsc::Sender<Found>,
    },
    Meet(SocketAddr),
}

/// What can be seen from outside.
#[derive(Default)]
struct Gauges {
    port: AtomicU16,
    nodes: [AtomicUsize; 2],
}

impl Gauges {
    fn clear(&self) {
        let nodes = self.nodes.iter();
        nodes.for_each(|gauge| gauge.store(0, Ordering::Relaxed));
        self.port.store(0, Ordering::Relaxed);
    }
}

/// The way to the task.
pub(crate) struct Handle {
    commands: mpsc::Sender<Command>,
    gauges: Arc<Gauges>,
}

impl Handle {
    pub(super) fn look_up(
        &self,
        info_hash: InfoHash,
        announce: Option<u16>,
        to: mpsc::Sender<Found>,
    ) {
        self.tell(Command::LookUp {
            info_hash,
            announce,
            to,
        });
    }

    pub(super) fn meet(&self, addr: SocketAddr) {
        self.tell(Command::Meet(addr));
    }

    fn tell(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            tracing::debug!("the DHT has too much to do");
        }
    }

    pub(super) fn port(&self) -> Option<u16> {
        Some(self.gauges.port.load(Ordering::Relaxed)).filter(|port| *port != 0)
    }

    pub(super) fn nodes(&self) -> [usize; 2] {
        std::array::from_fn(|at| self.gauges.nodes[at].load(Ordering::Relaxed))
    }
}

/// The task, not yet running.
pub(super) struct Service {
    net: Arc<Net>,
    store: Arc<dyn TorrentStore>,
    filter: Arc<Filter>,
    port: u16,
    entries: Vec<String>,
    commands: mpsc::Receiver<Command>,
    gauges: Arc<Gauges>,
    /// What the store has.
    kept: Option<Saved>,
}

/// A task and the way to it.
pub(super) fn new(
    port: u16,
    mut entries: Vec<String>,
    net: Arc<Net>,
    store: Arc<dyn TorrentStore>,
    filter: Arc<Filter>,
) -> (Handle, Service) {
    let (to, commands) = mpsc::channel(COMMANDS_MAX);
    let gauges = Arc::new(Gauges::default());
    entries.truncate(ENTRIES_MAX);
    let service = Service {
        net,
        store,
        filter,
        port,
        entries,
        commands,
        gauges: Arc::clone(&gauges),
        kept: None,
    };
    let commands = to;
    (Handle { commands, gauges }, service)
}

impl Service {
    /// Runs until the process stops.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let known = self.load().await;
        let fresh = Saved {
            id: NodeId(rand::random()),
            nodes: Vec::new(),
        };
        let mut known = known.unwrap_or(fresh);
        while let Some(uplink) = stop.run_until_cancelled(self.net.opened()).await {
            match Sockets::open(&self.net, self.port) {
                Ok(sockets) => {
                    sockets.ready().await;
                    let mut node = Node::new(known, sockets, &self);
                    self.serve(&mut node, &uplink, &stop).await;
                    self.gauges.clear();
                    known = node.known();
                    self.save(&known).await;
                }
                Err(error) => {
                    tracing::warn!(port = self.port, %error, "the DHT has no socket; it is tried again");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
            }
        }
    }

    /// Drives the node until the process stops or the network goes.
    async fn serve(&mut self, node: &mut Node, uplink: &Uplink, stop: &CancellationToken) {
        let mut save_at: Option<Instant> = None;
        loop {
            let due = node.wake_at();
            let event = tokio::select! {
                () = stop.cancelled() => return,
                () = uplink.ended() => return,
                Some(command) = self.commands.recv() => Event::Command(command),
                (bytes, from) = node.sockets.receive() => Event::Datagram(bytes, from),
                Some(addrs) = node.entries_found.join_next() => Event::Entries(addrs.unwrap_or_default()),
                () = tokio::time::sleep_until(due) => Event::Due,
            };
            node.apply(event);
            let enough = node.dht.sizes().iter().sum::<usize>() >= ENOUGH;
            if enough && save_at.is_none_or(|at| at <= Instant::now()) {
                save_at = Some(Instant::now() + SAVE_EVERY);
                let known = node.known();
                self.save(&known).await;
            }
        }
    }

    async fn load(&mut self) -> Option<Saved> {
        let store = Arc::clone(&self.store);
        let loaded = tokio::task::spawn_blocking(move || store.load_dht()).await;
        let bytes = match loaded {
            Ok(Ok(bytes)) => bytes?,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the nodes of the DHT cannot be read");
                return None;
            }
            Err(panic) => {
                tracing::warn!(%panic, "the nodes of the DHT cannot be read");
                return None;
            }
        };
        self.kept = Saved::decode(&bytes);
        self.kept.clone()
    }

    /// Writes what is known, unless it is what was written last, or nothing.
    async fn save(&mut self, known: &Saved) {
        if known.nodes.is_empty() || self.kept.as_ref() == Some(known) {
            return;
        }
        self.kept = Some(known.clone());
        let (store, bytes) = (Arc::clone(&self.store), known.encode());
        let saved = tokio::task::spawn_blocking(move || store.save_dht(&bytes)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(%error, "the nodes of the DHT cannot be kept");
        }
    }
}

enum Event {
    Command(Command),
    Datagram(Vec<u8>, SocketAddr),
    Entries(Vec<SocketAddr>),
    Due,
}

/// One socket for each family that the system has.
struct Sockets {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
}

impl Sockets {
    fn open(net: &Net, port: u16) -> io::Result<Self> {
        let v4 = net.udp((Ipv4Addr::UNSPECIFIED, port).into());
        // The same port for both families, also where any will do.
        let same = v4.as_ref().ok().and_then(|socket| socket.local_addr().ok());
        let port = same.map_or(port, |addr| addr.port());
        let v6 = net.udp((Ipv6Addr::UNSPECIFIED, port).into());
        match (v4, v6) {
            (Err(error), Err(_)) => Err(error),
            (v4, v6) => Ok(Self {
                v4: v4.ok(),
                v6: v6.ok(),
            }),
        }
    }

    /// Waits until they can send: before that, what is sent without waiting is lost.
    async fn ready(&self) {
        for socket in [&self.v4, &self.v6].into_iter().flatten() {
            if let Err(error) = socket.writable().await {
                tracing::debug!(%error, "a socket of the DHT");
            }
        }
    }

    fn port(&self) -> u16 {
        let socket = self.v4.as_ref().or(self.v6.as_ref());
        let addr = socket.and_then(|socket| socket.local_addr().ok());
        addr.map_or(0, |addr| addr.port())
    }

    async fn receive(&self) -> (Vec<u8>, SocketAddr) {
        tokio::select! {
            received = receive(self.v4.as_ref()) => received,
            received = receive(self.v6.as_ref()) => received,
        }
    }

    fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let socket = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        // A datagram that finds no room or no way is lost, as any may be.
        if let Some(socket) = socket
            && let Err(error) = socket.try_send_to(bytes, to)
        {
            tracing::trace!(%to, %error, "a datagram of the DHT was not sent");
        }
    }
}

/// The machine and what it acts with.
struct Node {
    net: Arc<Net>,
    dht: Dht,
    sockets: Sockets,
    start: Instant,
    entries: Vec<String>,
    gauges: Arc<Gauges>,
    /// What was known at the start: tried again while nobody is known.
    before: Vec<Contact>,
    filter: Arc<Filter>,
    entries_found: JoinSet<Vec<SocketAddr>>,
    lookups: BTreeMap<u64, (mpsc::Sender<Found>, Instant)>,
    next_key: u64,
}

impl Node {
    fn new(known: Saved, sockets: Sockets, service: &Service) -> Self {
        let gauges = Arc::clone(&service.gauges);
        let families = [sockets.v4.is_some(), sockets.v6.is_some()];
        let port = sockets.port();
        gauges.port.store(port, Ordering::Relaxed);
        tracing::info!(port, nodes = known.nodes.len(), "the DHT listens");
        let mut node = Self {
            net: Arc::clone(&service.net),
            dht: Dht::new(known.id, rand::random(), families),
            sockets,
            start: Instant::now(),
            entries: service.entries.clone(),
            gauges,
            before: known.nodes.clone(),
            filter: Arc::clone(&service.filter),
            entries_found: JoinSet::new(),
            lookups: BTreeMap::new(),
            next_key: 0,
        };
        if !known.nodes.is_empty() {
            node.input(DhtInput::Saved(known.nodes));
        }
        node
    }

    fn known(&self) -> Saved {
        let mut nodes = self.dht.saved();
        if nodes.is_empty() {
            // A time without a network is no reason to forget them.
            nodes.clone_from(&self.before);
        }
        Saved {
            id: self.dht.id(),
            nodes,
        }
    }

    fn wake_at(&self) -> Instant {
        let far = Duration::from_secs(3_600);
        let due = Duration::from_micros(self.dht.wake_at().0);
        let at = self.start.checked_add(due);
        at.map_or(Instant::now() + far, |at| at.min(Instant::now() + far))
    }

    fn apply(&mut self, event: Event) {
        self.forget_lookups();
        match event {
            Event::Command(Command::LookUp {
                info_hash,
                announce,
                to,
            }) => {
                if self.lookups.len() < LOOKUPS_MAX {
                    let key = self.next_key;
                    self.next_key += 1;
                    self.lookups.insert(key, (to, Instant::now()));
                    self.input(DhtInput::Lookup {
                        key,
                        info_hash,
                        announce,
                    });
                }
            }
            Event::Command(Command::Meet(addr)) => self.input(DhtInput::Contacts(vec![addr])),
            Event::Datagram(_, from) if self.filter.blocks(from.ip()) => {}
            Event::Datagram(bytes, from) => {
                let bytes = &bytes;
                self.input(DhtInput::Datagram { from, bytes });
            }
            Event::Entries(addrs) => self.input(DhtInput::Contacts(addrs)),
            Event::Due => self.input(DhtInput::Tick),
        }
        for (gauge, size) in self.gauges.nodes.iter().zip(self.dht.sizes()) {
            gauge.store(size, Ordering::Relaxed);
        }
    }

    /// Ends the lookups that nobody waits for.
    fn forget_lookups(&mut self) {
        let over = |(to, since): &(mpsc::Sender<Found>, Instant)| {
            to.is_closed() || since.elapsed() >= LOOKUP_MAX
        };
        let over = self.lookups.iter().filter(|(_, lookup)| over(lookup));
        for key in over.map(|(key, _)| *key).collect::<Vec<u64>>() {
            self.lookups.remove(&key);
            self.input(DhtInput::Cancel { key });
        }
    }

    /// One input, then every output.
    fn input(&mut self, input: DhtInput<'_>) {
        let now = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.dht.handle(Time(now), input);
        let mut alone = false;
        while let Some(output) = self.dht.poll() {
            match output {
                DhtOutput::Send { to, .. } if self.filter.blocks(to.ip()) => {}
                DhtOutput::Send { to, bytes } => self.sockets.send(to, &bytes),
                DhtOutput::Found { key, addrs } => {
                    if let Some((to, _)) = self.lookups.get(&key) {
                        let source = Source::Dht;
                        // A driver that has much to do misses some, and asks again.
                        let _ = to.try_send(Found::Peers { source, addrs });
                    }
                }
                DhtOutput::Over { key } => {
                    if let Some((to, _)) = self.lookups.get(&key) {
                        // Who does not hear it waits longer.
                        let _ = to.try_send(Found::Nothing);
                    }
                }
                DhtOutput::NeedEntry => {
                    alone = self.dht.sizes() == [0, 0];
                    for entry in self.entries.iter().cloned() {
                        let net = Arc::clone(&self.net);
                        self.entries_found.spawn(look_up_entry(net, entry));
                    }
                }
            }
        }
        if alone && !self.before.is_empty() {
            let nodes = self.before.clone();
            self.input(DhtInput::Saved(nodes));
        }
    }
}

/// An entry is `host:port`; an IPv6 address stands in brackets.
async fn look_up_entry(net: Arc<Net>, entry: String) -> Vec<SocketAddr> {
    let parts = entry.rsplit_once(':');
    let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let Some((host, port)) = parts else {
        tracing::warn!(entry, "this is no entry point of the DHT: it has no port");
        return Vec::new();
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match net.resolve(Reach::Anywhere, host, port).await {
        Ok(mut addrs) => {
            addrs.truncate(ADDRS_OF_ENTRY_MAX);
            addrs
        }
        Err(error) => {
            tracing::debug!(entry, %error, "an entry point of the DHT cannot be looked up");
            Vec::new()
        }
    }
}
