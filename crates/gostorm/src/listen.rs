//! Incoming connections: accept, read the handshake, hand the peer to the driver of its torrent.
//!
//! Started once for the process by the engine, which answers [`Accept::accepts`]. What always holds: nobody learns
//! from us which torrents we have but who names one that is awake (an unknown info-hash gets no byte); at most
//! [`HALF_OPEN_MAX`] handshakes are under way in all, and [`HALF_OPEN_PER_IP_MAX`] from one address; each ends within
//! [`HANDSHAKE_TIMEOUT`]; dropping the [`Listener`] closes the sockets and ends all handshakes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gostorm_wire::{HANDSHAKE_LEN, Handshake, InfoHash};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How many incoming handshakes may be under way.
pub const HALF_OPEN_MAX: usize = 64;

/// How many of them from one address, so that a single host cannot keep all others out.
pub const HALF_OPEN_PER_IP_MAX: usize = 16;

/// From the connection to the end of the handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The part of a handshake up to and with the info-hash. Some clients send the rest only after our answer.
const UP_TO_INFO_HASH: usize = 48;

/// How long to leave the kernel alone when it has no file descriptor or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const BACKLOG: i32 = 128;

/// Says which torrents are awake.
pub trait Accept: Send + Sync + 'static {
    /// Where a peer of this torrent goes; `None` if the torrent is unknown, asleep or full. Must not block.
    fn accepts(&self, info_hash: InfoHash) -> Option<Welcome>;
}

/// What an incoming peer of a known torrent gets.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// Our answer.
    pub ours: Handshake,
    /// The driver that takes the peer. If its channel is full or closed, the connection is closed.
    pub to: mpsc::Sender<Incoming>,
}

/// A peer that connected to us; both handshakes are done, and nothing behind them has been read.
#[derive(Debug)]
pub struct Incoming {
    /// The connection.
    pub stream: TcpStream,
    /// The peer's address. Its port is not the one at which the peer can be dialled.
    pub address: SocketAddr,
    /// What the peer said.
    pub theirs: Handshake,
}

/// The listening sockets. Dropping it closes them.
#[derive(Debug)]
pub struct Listener {
    addresses: Vec<SocketAddr>,
    /// Aborted on drop, and with them the handshakes, which are in a set of each task.
    _tasks: JoinSet<()>,
}

impl Listener {
    /// Listens at all of `addresses`; an IPv6 address takes IPv6 only. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The first address that cannot be had, and why.
    pub fn bind(addresses: &[SocketAddr], accept: Arc<dyn Accept>) -> Result<Self, ListenError> {
        let half_open = HalfOpen {
            room: Arc::new(Semaphore::new(HALF_OPEN_MAX)),
            by_ip: Arc::default(),
        };
        let mut bound = Vec::new();
        let mut tasks = JoinSet::new();
        for &address in addresses {
            let in_context = |source| ListenError { address, source };
            let listener = listen_at(address).map_err(in_context)?;
            bound.push(listener.local_addr().map_err(in_context)?);
            tasks.spawn(run(listener, half_open.clone(), Arc::clone(&accept)));
        }
        Ok(Self {
            addresses: bound,
            _tasks: tasks,
        })
    }

    /// The addresses, in the order given, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// An address that cannot be listened at.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for peers at {address}: {source}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// Counts the handshakes that are under way.
#[derive(Clone)]
struct HalfOpen {
    room: Arc<Semaphore>,
    by_ip: Arc<Mutex<FxHashMap<IpAddr, usize>>>,
}

/// One place among them.
struct Place {
    ip: IpAddr,
    by_ip: Arc<Mutex<FxHashMap<IpAddr, usize>>>,
    _permit: OwnedSemaphorePermit,
}

impl HalfOpen {
    fn enter(&self, permit: OwnedSemaphorePermit, ip: IpAddr) -> Option<Place> {
        let mut by_ip = self.by_ip.lock();
        let count = by_ip.entry(ip).or_insert(0);
        if *count >= HALF_OPEN_PER_IP_MAX {
            return None;
        }
        *count += 1;
        Some(Place {
            ip,
            by_ip: Arc::clone(&self.by_ip),
            _permit: permit,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_ip = self.by_ip.lock();
        if let Some(count) = by_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                by_ip.remove(&self.ip);
            }
        }
    }
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // Else it would take the IPv4 port as well, and an IPv4 listener beside it would fail.
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the old connections' last states.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn run(listener: TcpListener, half_open: HalfOpen, accept: Arc<dyn Accept>) {
    let mut handshakes = JoinSet::new();
    loop {
        // Room first: when there is none, newcomers wait in the kernel's backlog.
        let Ok(permit) = Arc::clone(&half_open.room).acquire_owned().await else {
            return;
        };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "an incoming connection was lost");
                if !is_of_one_connection(&error) {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        while handshakes.try_join_next().is_some() {}
        let Some(place) = half_open.enter(permit, address.ip()) else {
            tracing::debug!(%address, "too many handshakes from one address");
            continue;
        };
        let accept = Arc::clone(&accept);
        handshakes.spawn(async move {
            let greeted = timeout(HANDSHAKE_TIMEOUT, greet(stream, address, &*accept)).await;
            drop(place);
            match greeted {
                Ok(Ok(())) => {}
                Ok(Err(refusal)) => tracing::debug!(%address, %refusal, "incoming peer refused"),
                Err(_) => tracing::debug!(%address, "incoming peer sent no handshake in time"),
            }
        });
    }
}

/// The error concerns the connection, not our means to accept any.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Why an incoming connection was closed.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("closed during the handshake: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Violation(#[from] gostorm_wire::Violation),
    #[error("torrent {0} is not awake here")]
    Unknown(InfoHash),
    #[error("it is ourselves")]
    SelfConnection,
    #[error("its torrent takes no peer now")]
    Full,
}

async fn greet(
    mut stream: TcpStream,
    address: SocketAddr,
    accept: &dyn Accept,
) -> Result<(), Refusal> {
    let mut bytes = [0; HANDSHAKE_LEN];
    stream.read_exact(&mut bytes[..UP_TO_INFO_HASH]).await?;
    let info_hash = Handshake::decode(&bytes)?.info_hash;
    let welcome = accept
        .accepts(info_hash)
        .ok_or(Refusal::Unknown(info_hash))?;
    stream.set_nodelay(true)?;
    stream.write_all(&welcome.ours.encode()).await?;
    stream.read_exact(&mut bytes[UP_TO_INFO_HASH..]).await?;
    let theirs = Handshake::decode(&bytes)?;
    if theirs.peer_id == welcome.ours.peer_id {
        return Err(Refusal::SelfConnection);
    }
    let incoming = Incoming {
        stream,
        address,
        theirs,
    };
    welcome.to.try_send(incoming).map_err(|_| Refusal::Full)
}

#[cfg(test)]
mod tests;
