//! Incoming connections, over TCP and perhaps uTP: accept, read the handshake, hand the peer to the driver of its torrent.
//!
//! Started once for the process by the engine, which answers [`Accept::accepts`]. What always holds: nobody learns
//! from us which torrents we have but who names one that is awake (an unknown info-hash gets no byte); at most
//! [`HALF_OPEN_MAX`] handshakes are under way over each of the two, and [`HALF_OPEN_PER_IP_MAX`] from one address; each
//! ends within [`HANDSHAKE_TIMEOUT`]; dropping the [`Listener`] closes the sockets and ends all handshakes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gostorm_wire::handshake::is_plain;
use gostorm_wire::{HANDSHAKE_LEN, Handshake, InfoHash, Violation};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::encryption::{Encrypt, Encryption};
use crate::net::Net;
use crate::transport::{EncryptError, Transport, respond};
use crate::utp::{Endpoint, Endpoints};

/// How many incoming handshakes may be under way.
pub const HALF_OPEN_MAX: usize = 64;

/// How many of them from one address, so that a single host cannot keep all others out.
pub const HALF_OPEN_PER_IP_MAX: usize = 16;

/// From the connection to the end of the handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The part of a handshake by which a plain connection is told from an encrypted one.
const PROTOCOL_LEN: usize = 20;

/// The part of a handshake up to and with the info-hash. Some clients send the rest only after our answer.
const UP_TO_INFO_HASH: usize = 48;

/// How long to leave the kernel alone when it has no file descriptor or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Says who may connect, and which torrents are awake.
pub trait Accept: Send + Sync + 'static {
    /// From a connection to the end of its handshake.
    fn handshake_timeout(&self) -> Duration {
        HANDSHAKE_TIMEOUT
    }

    /// A connection is closed because of what came: the name of a violation, or that nothing came in time.
    fn turned_away(&self, _why: TurnedAway<'_>) {}

    /// Whether nothing is to be read from this address; nobody is refused unless this says so. Must not block.
    fn refuses(&self, _ip: IpAddr) -> bool {
        false
    }

    /// Where a peer of this torrent goes; `None` if the torrent is unknown, asleep or full. Must not block.
    fn accepts(&self, info_hash: InfoHash) -> Option<Welcome>;

    /// The awake torrent that an encryption handshake means by its
    /// [`skey_hash`](gostorm_wire::mse::skey_hash). Must not block, and take as long for an unknown one.
    fn meant_by(&self, skey_hash: &[u8; 20]) -> Option<InfoHash>;
}

/// Why somebody was turned away.
#[derive(Clone, Copy, Debug)]
pub enum TurnedAway<'a> {
    /// Its handshake is none.
    Violation(&'a Violation),
    /// Its handshake did not come in time.
    HandshakeTimeout,
    /// So many handshakes of its address were under way.
    TooMany,
}

/// What an incoming peer of a known torrent gets.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// Our answer.
    pub ours: Handshake,
    /// The torrent's name of v2, if it is a hybrid and was named by its v1 hash: who speaks of v2 is answered with it, so
    /// that both know the connection to be of v2 (BEP 52).
    pub twin: Option<InfoHash>,
    /// The driver that takes the peer. If its channel is full or closed, the connection is closed.
    pub to: mpsc::Sender<Incoming>,
}

/// A peer that connected to us; both handshakes are done, and nothing behind them has been read.
#[derive(Debug)]
pub struct Incoming {
    /// The connection.
    pub stream: Transport,
    /// The peer's address. Its port is not the one at which the peer can be dialled.
    pub address: SocketAddr,
    /// What the peer said.
    pub theirs: Handshake,
    /// The name of the torrent that we answered with.
    pub agreed: InfoHash,
}

/// The listening sockets. Dropping it closes them.
#[derive(Debug)]
pub struct Listener {
    addresses: Vec<SocketAddr>,
    /// Aborted on drop, and with them the handshakes, which are in a set of each task.
    _tasks: JoinSet<()>,
}

impl Listener {
    /// Listens at all of `addresses`; an IPv6 address takes IPv6 only. With `utp` over that as well: an endpoint at
    /// each of the addresses is added to those. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The first address that cannot be had, and why.
    pub fn bind(
        net: &Net,
        addresses: &[SocketAddr],
        accept: Arc<dyn Accept>,
        encryption: Encryption,
        utp: Option<&Endpoints>,
    ) -> Result<Self, ListenError> {
        // The sender of a first datagram may be made up: those cannot take the places of TCP.
        let [half_open_tcp, half_open_utp] = [HalfOpen::new(), HalfOpen::new()];
        let mut bound = Vec::new();
        let mut tasks = JoinSet::new();
        for &address in addresses {
            let in_context = |source| ListenError { address, source };
            let listener = net.listen(address).map_err(in_context)?;
            let bound_at = listener.local_addr().map_err(in_context)?;
            bound.push(bound_at);
            let mut run = |socket, half_open: &HalfOpen| {
                let accept = Arc::clone(&accept);
                tasks.spawn(run(socket, half_open.clone(), accept, encryption));
            };
            run(Socket::Tcp(listener), &half_open_tcp);
            if let Some(endpoints) = utp {
                let endpoint = Arc::new(Endpoint::bind(net, bound_at).map_err(in_context)?);
                endpoints.add(&endpoint);
                run(Socket::Utp(endpoint), &half_open_utp);
            }
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

/// Where connections come in.
enum Socket {
    Tcp(TcpListener),
    Utp(Arc<Endpoint>),
}

impl Socket {
    async fn accept(&self) -> io::Result<(Transport, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((stream.into(), address))
            }
            Self::Utp(endpoint) => {
                let stream = endpoint.accept().await?;
                let address = stream.remote_addr();
                Ok((stream.into(), address))
            }
        }
    }
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
    fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(HALF_OPEN_MAX)),
            by_ip: Arc::default(),
        }
    }

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

async fn run(socket: Socket, half_open: HalfOpen, accept: Arc<dyn Accept>, encryption: Encryption) {
    let mut handshakes = JoinSet::new();
    loop {
        // Room first: when there is none, newcomers wait in the kernel's backlog.
        let Ok(permit) = Arc::clone(&half_open.room).acquire_owned().await else {
            return;
        };
        let (stream, address) = match socket.accept().await {
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
        if accept.refuses(address.ip()) {
            tracing::debug!(%address, "an incoming connection from a blocked address");
            continue;
        }
        let Some(place) = half_open.enter(permit, address.ip()) else {
            tracing::debug!(%address, "too many handshakes from one address");
            accept.turned_away(TurnedAway::TooMany);
            continue;
        };
        let accept = Arc::clone(&accept);
        handshakes.spawn(async move {
            let greeted = greet(stream, address, &*accept, encryption);
            let greeted = timeout(accept.handshake_timeout(), greeted).await;
            drop(place);
            match greeted {
                Ok(Ok(())) => {}
                Ok(Err(refusal)) => {
                    tracing::debug!(%address, %refusal, "incoming peer refused");
                    if let Refusal::Violation(violation) = &refusal {
                        accept.turned_away(TurnedAway::Violation(violation));
                    }
                }
                Err(_) => {
                    tracing::debug!(%address, "incoming peer sent no handshake in time");
                    accept.turned_away(TurnedAway::HandshakeTimeout);
                }
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
    Violation(#[from] Violation),
    #[error(transparent)]
    Encryption(#[from] EncryptError),
    #[error("it is not encrypted")]
    Plain,
    #[error("torrent {0} is not awake here")]
    Unknown(InfoHash),
    #[error("it means a torrent that is not awake here")]
    UnknownKey,
    #[error("it is ourselves")]
    SelfConnection,
    #[error("its torrent takes no peer now")]
    Full,
}

async fn greet(
    mut stream: Transport,
    address: SocketAddr,
    accept: &dyn Accept,
    encryption: Encryption,
) -> Result<(), Refusal> {
    stream.tune();
    let mut bytes = [0; HANDSHAKE_LEN];
    let mut first = [0; PROTOCOL_LEN];
    stream.read_exact(&mut first).await?;
    match (is_plain(&first), encryption.incoming) {
        (true, Encrypt::Require) => return Err(Refusal::Plain),
        (false, Encrypt::Off) => return Err(Violation::NotBitTorrent.into()),
        (true, Encrypt::Prefer | Encrypt::Off) => {}
        (false, Encrypt::Prefer | Encrypt::Require) => {
            let find = |skey_hash: &[u8; 20]| accept.meant_by(skey_hash);
            if !respond(&mut stream, &first, encryption.methods, find).await? {
                return Err(Refusal::UnknownKey);
            }
            stream.read_exact(&mut first).await?;
        }
    }
    bytes[..PROTOCOL_LEN].copy_from_slice(&first);
    stream
        .read_exact(&mut bytes[PROTOCOL_LEN..UP_TO_INFO_HASH])
        .await?;
    let asked = Handshake::decode(&bytes)?;
    let mut welcome = accept
        .accepts(asked.info_hash)
        .ok_or(Refusal::Unknown(asked.info_hash))?;
    if let Some(twin) = welcome.twin.filter(|_| asked.reserved.v2) {
        welcome.ours.info_hash = twin;
    }
    stream.write_all(&mut welcome.ours.encode()).await?;
    stream.read_exact(&mut bytes[UP_TO_INFO_HASH..]).await?;
    let theirs = Handshake::decode(&bytes)?;
    if theirs.peer_id == welcome.ours.peer_id {
        return Err(Refusal::SelfConnection);
    }
    let incoming = Incoming {
        stream,
        address,
        theirs,
        agreed: welcome.ours.info_hash,
    };
    welcome.to.try_send(incoming).map_err(|_| Refusal::Full)
}

#[cfg(test)]
mod tests;
