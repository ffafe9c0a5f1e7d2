//! The doors: every BitTorrent socket of the process is made here, and nowhere else.
//!
//! Dialling, listening, trackers, DHT, local discovery and web seeds ask [`Net`] for their sockets, so that what holds
//! for all of them (the interface they are bound to, the addresses they may not reach) is said once. The API of the
//! program and its jobs do not come here. What always holds: a socket is bound to the device of the present
//! [`Uplink`] and to its address, or it is not made: there is no other way out. Who keeps a socket for long lets go
//! of it when the uplink ends: [`Net::within`] does that for a piece of work, [`Uplink::ended`] for a task.

mod bind;
mod gate;
mod http;
mod interfaces;
mod multicast;
pub mod reach;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::{Notify, watch as channel};

pub use self::bind::{BadBind, Bind};
pub use self::gate::{Device, Gate, Shut, Uplink};
pub(crate) use self::http::{HttpRefusal, KeptClients, causes};
pub use self::interfaces::{Interface, Interfaces, System};

/// Connections that may wait in the kernel to be accepted.
const BACKLOG: i32 = 128;
/// How BitTorrent reaches the network.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// What every socket is bound to; `None`: the system's routes decide.
    pub bind: Option<Bind>,
    /// Where the interfaces are looked up.
    pub interfaces: Arc<dyn Interfaces>,
    /// Whether requests that a torrent causes are kept from local services; see [`mod@reach`].
    pub ssrf_mitigation: bool,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            bind: None,
            interfaces: Arc::new(System::default()),
            ssrf_mitigation: true,
        }
    }
}

/// Makes sockets.
#[derive(Debug)]
pub struct Net {
    config: NetConfig,
    gate: channel::Sender<Gate>,
    generations: AtomicU64,
    /// A socket failed as if the interface were gone: look at once.
    suspicion: Notify,
}

impl Net {
    /// Not bound to anything.
    #[must_use]
    pub fn new() -> Self {
        Self::with(NetConfig::default())
    }

    /// Bound as the settings say: open if the interface is there, else shut until [`Net::keep_watch`] finds it.
    #[must_use]
    pub fn with(config: NetConfig) -> Self {
        let net = Self {
            config,
            gate: channel::Sender::new(Gate::Shut(Shut::Ended)),
            generations: AtomicU64::new(0),
            suspicion: Notify::new(),
        };
        net.look();
        net
    }

    /// What every socket is bound to; `None`: nothing in particular.
    #[must_use]
    pub const fn bind(&self) -> Option<&Bind> {
        self.config.bind.as_ref()
    }

    /// Whether there is a network, and which; a receiver that changes with it.
    #[must_use]
    pub fn gate(&self) -> channel::Receiver<Gate> {
        self.gate.subscribe()
    }

    /// The present uplink.
    ///
    /// # Errors
    /// The gate is shut; the inner error is a [`Shut`].
    pub fn uplink(&self) -> io::Result<Arc<Uplink>> {
        match &*self.gate.borrow() {
            Gate::Open(uplink) => Ok(Arc::clone(uplink)),
            Gate::Shut(why) => Err(why.clone().into_io()),
        }
    }

    /// Waits until the gate is open.
    pub async fn opened(&self) -> Arc<Uplink> {
        let mut gate = self.gate();
        loop {
            if let Gate::Open(uplink) = &*gate.borrow_and_update() {
                return Arc::clone(uplink);
            }
            if gate.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Does work with sockets of ours, and drops it when the uplink ends that they are bound to.
    ///
    /// # Errors
    /// The gate is shut, or the uplink ended meanwhile.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> io::Result<T> {
        let uplink = self.uplink()?;
        tokio::select! {
            biased;
            () = uplink.ended() => Err(Shut::Ended.into_io()),
            done = work => Ok(done),
        }
    }

    /// Connects by TCP; no time limit of its own but the system's.
    ///
    /// # Errors
    /// Shut, refused, unreachable, or no socket to be had.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let uplink = self.uplink()?;
        let socket = uplink
            .source_for(to)
            .and_then(|source| {
                let socket = socket(&uplink, to, Type::STREAM, Protocol::TCP)?;
                if !source.ip().is_unspecified() {
                    socket.bind(&source.into())?;
                }
                Ok(socket)
            })
            .inspect_err(|error| self.suspect(error))?;
        let connected = TcpSocket::from_std_stream(socket.into()).connect(to).await;
        connected.inspect_err(|error| self.suspect(error))
    }

    /// Listens for TCP; an IPv6 address takes IPv6 only. Port 0 is a free one; an unspecified address is that of the
    /// uplink.
    ///
    /// # Errors
    /// Shut, or the address cannot be had.
    pub fn listen(&self, at: SocketAddr) -> io::Result<TcpListener> {
        let uplink = self.uplink()?;
        let listener = || {
            let socket = socket(&uplink, at, Type::STREAM, Protocol::TCP)?;
            // A restart must not wait for the old connections' last states.
            socket.set_reuse_address(true)?;
            socket.bind(&uplink.place_for(at)?.into())?;
            socket.listen(BACKLOG)?;
            TcpListener::from_std(socket.into())
        };
        listener().inspect_err(|error| self.suspect(error))
    }

    /// A UDP socket; an IPv6 address takes IPv6 only. Port and unspecified addresses as in [`Net::listen`]. To be
    /// dropped when [`Net::uplink`] ends.
    ///
    /// # Errors
    /// Shut, or the address cannot be had.
    pub fn udp(&self, at: SocketAddr) -> io::Result<UdpSocket> {
        let uplink = self.uplink()?;
        let bound = || {
            let socket = socket(&uplink, at, Type::DGRAM, Protocol::UDP)?;
            socket.bind(&uplink.place_for(at)?.into())?;
            UdpSocket::from_std(socket.into())
        };
        bound().inspect_err(|error| self.suspect(error))
    }

    fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A socket could not be bound: the interface may have gone since the last look.
    fn suspect(&self, error: &io::Error) {
        let gone = matches!(
            error.kind(),
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkDown
        );
        // ENODEV has no kind of its own.
        if gone || error.raw_os_error().map(nix::Error::from_raw) == Some(nix::Error::ENODEV) {
            self.suspicion.notify_one();
        }
    }
}

impl Default for Net {
    fn default() -> Self {
        Self::new()
    }
}

fn socket(uplink: &Uplink, at: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), kind, Some(protocol))?;
    if at.is_ipv6() {
        // Else it would take the IPv4 port as well, and an IPv4 socket beside it would fail.
        socket.set_only_v6(true)?;
    }
    if let Some(device) = uplink.device() {
        socket.bind_device(Some(device.name.as_bytes()))?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
