//! Whether there is a network for BitTorrent, and which.
//!
//! The gate is open on one [`Uplink`], or shut. Its owner is [`super::Net`]'s watch; everybody else subscribes. What
//! always holds: whenever what sockets are bound to goes or changes, the uplink ends, and another has another
//! generation; while the gate is shut no socket is made.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use reqwest::Client;
use tokio_util::sync::CancellationToken;

use super::reach::Reach;

/// HTTP clients: for each reach one that speaks TLS, which costs time and memory for its root certificates, and one that
/// does not.
pub(super) const CLIENTS: usize = 2 * Reach::ALL.len();

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its number in the kernel; an interface that is deleted and made again has another.
    pub index: u32,
}

/// Whether sockets can be made.
#[derive(Debug, Clone)]
pub enum Gate {
    /// They can, bound to this.
    Open(Arc<Uplink>),
    /// They cannot.
    Shut(Shut),
}

impl Gate {
    /// The generation of the uplink; `None` while the gate is shut.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        match self {
            Self::Open(uplink) => Some(uplink.generation),
            Self::Shut(_) => None,
        }
    }
}

/// Why the gate is shut. Comes as the inner error of every [`io::Error`] of a socket that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shut {
    /// No interface of this name.
    #[error("network down: interface {0} is gone")]
    NoInterface(String),
    /// The interface is there, and down.
    #[error("network down: interface {0} is down")]
    Down(String),
    /// The interface has no address that could be used.
    #[error("network down: interface {0} has no address")]
    NoAddress(String),
    /// No interface has this address.
    #[error("network down: no interface has the address {0}")]
    NoSuchAddress(IpAddr),
    /// The system does not let us bind to the interface.
    #[error("network down: the system does not let a socket be bound to interface {0}: {1}")]
    Refused(String, String),
    /// The system does not say which interfaces there are.
    #[error("network down: the interfaces cannot be listed: {0}")]
    Unknown(String),
    /// The uplink ended while a socket of it was in use.
    #[error("network down: what the socket was bound to has changed")]
    Ended,
}

impl Shut {
    pub(super) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::NetworkDown, self)
    }
}

/// One generation of what sockets are bound to. Whoever keeps a socket of it lets go when it ends.
pub struct Uplink {
    generation: u64,
    /// `None`: sockets are not bound.
    device: Option<Device>,
    v4: Option<Ipv4Addr>,
    v6: Option<Ipv6Addr>,
    ended: CancellationToken,
    /// Made when first used.
    pub(super) clients: [OnceLock<Client>; CLIENTS],
}

impl fmt::Debug for Uplink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uplink")
            .field("generation", &self.generation)
            .field("device", &self.device)
            .field("v4", &self.v4)
            .field("v6", &self.v6)
            .field("ended", &self.ended.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Uplink {
    pub(super) fn new(
        generation: u64,
        device: Option<Device>,
        v4: Option<Ipv4Addr>,
        v6: Option<Ipv6Addr>,
    ) -> Self {
        Self {
            generation,
            device,
            v4,
            v6,
            ended: CancellationToken::new(),
            clients: Default::default(),
        }
    }

    /// Counts up with each change.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The interface that sockets are bound to, if they are.
    #[must_use]
    pub const fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }

    /// The IPv4 address that sockets are bound to; unspecified when they are not bound; `None`: there is no IPv4.
    #[must_use]
    pub const fn v4(&self) -> Option<Ipv4Addr> {
        self.v4
    }

    /// The IPv6 address that sockets are bound to; unspecified when they are not bound; `None`: there is no IPv6.
    #[must_use]
    pub const fn v6(&self) -> Option<Ipv6Addr> {
        self.v6
    }

    /// Whether addresses of this one's family can be spoken to.
    #[must_use]
    pub const fn serves(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(_) => self.v4.is_some(),
            IpAddr::V6(_) => self.v6.is_some(),
        }
    }

    /// Whether sockets of it are of no use any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until it ends.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// Where a socket that speaks to `to` is bound.
    pub(super) fn source_for(&self, to: SocketAddr) -> io::Result<SocketAddr> {
        let source = match to {
            SocketAddr::V4(_) => self.v4.map(IpAddr::V4),
            SocketAddr::V6(_) => self.v6.map(IpAddr::V6),
        };
        source.map(|ip| SocketAddr::new(ip, 0)).ok_or_else(|| {
            let family = if to.is_ipv4() { "IPv4" } else { "IPv6" };
            let text = match &self.device {
                Some(device) => format!("interface {} has no {family} address", device.name),
                None => format!("this system has no {family}"),
            };
            io::Error::new(io::ErrorKind::NetworkUnreachable, text)
        })
    }

    /// Where a socket is bound that was asked for at `at`: an unspecified address becomes that of the uplink.
    pub(super) fn place_for(&self, at: SocketAddr) -> io::Result<SocketAddr> {
        let mut place = self.source_for(at)?;
        if !at.ip().is_unspecified() {
            place.set_ip(at.ip());
        }
        place.set_port(at.port());
        Ok(place)
    }
}
