//! The port by which peers reach us through a router or a VPN gateway.
//!
//! One task for the process (`owner`) asks for it, by the machine of `gostorm-core` and, where BitTorrent is bound to no
//! interface, by UPnP. When the port at the gateway is another than ours, we listen there too and announce it; torrents,
//! pieces and connections stay as they are. What always holds: nothing is sent while the network's gate is shut;
//! packets are taken from the gateway's address alone; at the end the port is given back, within [`STOP_MAX`].

mod doors;
mod gateway;
mod owner;
mod upnp;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub use gostorm_core::nat::Dialect;
use tokio::time::Instant;

use crate::net::Bind;

pub(crate) use self::owner::{Ground, run};

/// How long giving the port back may take.
pub(crate) const STOP_MAX: Duration = Duration::from_secs(3);

/// How a port is asked for.
#[derive(Clone, Debug)]
pub struct NatConfig {
    /// By which protocols: at the gateway first, then by UPnP.
    pub dialects: &'static [Dialect],
    /// Whether UPnP is tried when the gateway gives none.
    pub upnp: bool,
    /// The gateway; `None`: that of the default route.
    pub gateway: Option<Ipv4Addr>,
    /// The interface of the VPN whose gateway it is, where BitTorrent is not bound to one.
    pub device: Option<Bind>,
    /// The port here: `None` is the one that we listen at; 0: whatever the gateway gives.
    pub internal: Option<u16>,
    /// The lease to ask for, in seconds.
    pub lifetime: u32,
    /// Renewals come so soon after a grant at the latest; `None`: as the lease says.
    pub renew_after: Option<Duration>,
    /// The longest wait between two tries that fail.
    pub pause_max: Duration,
}

impl NatConfig {
    /// A router at home: PCP or NAT-PMP, else UPnP.
    #[must_use]
    pub const fn home() -> Self {
        Self {
            dialects: Dialect::ALL,
            upnp: true,
            gateway: None,
            device: None,
            internal: None,
            lifetime: 3_600,
            renew_after: None,
            pause_max: Duration::from_secs(600),
        }
    }
}

/// Who forwards a port to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedBy {
    /// RFC 6886.
    NatPmp,
    /// RFC 6887.
    Pcp,
    /// Internet Gateway Device.
    Upnp,
}

impl fmt::Display for ForwardedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NatPmp => "NAT-PMP",
            Self::Pcp => "PCP",
            Self::Upnp => "UPnP",
        })
    }
}

/// A port that leads to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedPort {
    /// Who forwards it.
    pub by: ForwardedBy,
    /// The address on the other side, as far as the gateway said.
    pub address: Option<IpAddr>,
    /// The port there, which is announced.
    pub port: u16,
    /// The port there for UDP; `None`: UDP is not forwarded.
    pub udp: Option<u16>,
    /// When it ends unless it is renewed; `None`: never.
    pub ends: Option<Instant>,
}

impl ForwardedPort {
    /// What is left of the lease.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.ends
            .map(|ends| ends.saturating_duration_since(Instant::now()))
    }
}

impl fmt::Display for ForwardedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}", self.port)?;
        if let Some(address) = self.address {
            write!(f, " of {address}")?;
        }
        write!(f, " by {}", self.by)?;
        match self.udp {
            Some(udp) if udp == self.port => Ok(()),
            Some(udp) => write!(f, ", UDP {udp}"),
            None => f.write_str(", TCP only"),
        }
    }
}

/// How it stands with the port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatState {
    /// The port, while its lease lasts.
    pub forwarded: Option<ForwardedPort>,
    /// Why the last try failed, if it did.
    pub error: Option<String>,
}
