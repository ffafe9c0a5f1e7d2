//! A port from a router that speaks UPnP (Internet Gateway Device), for as long as it is wanted.
//!
//! One task at a time, started by the owner when neither PCP nor NAT-PMP gave a port. Its HTTP cannot be bound, so it
//! runs only where BitTorrent is bound to no interface. What always holds: search, request and removal have time
//! limits, and what the router sends has a size limit (`igd-next`'s); the description comes from the address that
//! answered the search; the task ends by itself when the router fails, and the owner starts anew.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use igd_next::aio::Gateway;
use igd_next::aio::tokio::{Tokio, search_gateway};
use igd_next::{AddPortError, PortMappingProtocol, SearchError, SearchOptions};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::net::Net;

/// How long the search may take in all.
const SEARCH_MAX: Duration = Duration::from_secs(5);
/// The lease that is asked for, in seconds.
const LEASE: u32 = 3_600;
/// From one renewal to the next: UPnP does not tell that a router has restarted.
const RENEW_EVERY: Duration = Duration::from_secs(600);
/// From a renewal that failed to the second try.
const RENEW_RETRY: Duration = Duration::from_secs(10);
/// How long the removal may take.
const REMOVE_MAX: Duration = Duration::from_secs(2);
/// Ports that are tried when the wished one is taken.
const OTHERS_MAX: u16 = 8;
/// What the router's pages show.
const DESCRIPTION: &str = "GoStream";

/// What the router granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) udp: bool,
    /// `None`: for good.
    pub(super) lifetime: Option<Duration>,
}

/// Why there is no port.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpnpError {
    #[error("no router answers UPnP: {0}")]
    Search(#[from] SearchError),
    #[error("the router refuses by UPnP: {0}")]
    Add(#[from] AddPortError),
    #[error("there is no way to the router: {0}")]
    Io(#[from] std::io::Error),
}

/// Holds a port until it is stopped, and then gives it back. Every grant and renewal is told; ends early when it cannot be had or
/// kept.
pub(super) async fn hold(
    net: Arc<Net>,
    internal: u16,
    granted: mpsc::Sender<Granted>,
    stop: CancellationToken,
) -> Result<(), UpnpError> {
    let Some(found) = stop.run_until_cancelled(search(&net)).await else {
        return Ok(());
    };
    let mut router = found?;
    let outcome = stop
        .run_until_cancelled(keep(&mut router, internal, &granted))
        .await;
    if timeout(REMOVE_MAX, router.remove()).await.is_err() {
        tracing::debug!("the router did not take the port back in time");
    }
    outcome.unwrap_or(Ok(()))
}

/// Ends only when it fails.
async fn keep(
    router: &mut Router,
    internal: u16,
    granted: &mpsc::Sender<Granted>,
) -> Result<(), UpnpError> {
    loop {
        let grant = match router.map(internal).await {
            Ok(grant) => grant,
            Err(error) if router.mapped.is_none() => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "a renewal by UPnP failed");
                tokio::time::sleep(RENEW_RETRY).await;
                router.map(internal).await?
            }
        };
        if granted.send(grant).await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(RENEW_EVERY).await;
    }
}

struct Router {
    gateway: Gateway<Tokio>,
    /// Our address as the router sees it.
    ours: IpAddr,
    /// 0 when the router takes only those for good.
    lease: u32,
    mapped: Option<u16>,
}

async fn search(net: &Net) -> Result<Router, UpnpError> {
    let mut options = SearchOptions::default();
    options.timeout = Some(SEARCH_MAX);
    let gateway = search_gateway(options).await?;
    // Which of our addresses it is depends on the way there.
    let socket = net.udp(SocketAddr::from(([0, 0, 0, 0], 0)))?;
    socket.connect(gateway.addr).await?;
    Ok(Router {
        gateway,
        ours: socket.local_addr()?.ip(),
        lease: LEASE,
        mapped: None,
    })
}

impl Router {
    /// TCP and then UDP at the port that is had, else at the internal one, else at one near it.
    async fn map(&mut self, internal: u16) -> Result<Granted, UpnpError> {
        let wished = self.mapped.unwrap_or(internal);
        let mut port = wished;
        loop {
            match self.add(PortMappingProtocol::TCP, port, internal).await {
                Ok(()) => break,
                Err(AddPortError::PortInUse) if port.wrapping_sub(wished) < OTHERS_MAX => {
                    port = port.checked_add(1).unwrap_or(1024);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.mapped = Some(port);
        let udp = self.add(PortMappingProtocol::UDP, port, internal).await;
        if let Err(error) = &udp {
            tracing::info!(port, %error, "the router forwards no UDP port");
        }
        let address = self.gateway.get_external_ip().await;
        Ok(Granted {
            address: address.ok(),
            port,
            udp: udp.is_ok(),
            lifetime: (self.lease > 0).then(|| Duration::from_secs(self.lease.into())),
        })
    }

    async fn add(
        &mut self,
        protocol: PortMappingProtocol,
        port: u16,
        internal: u16,
    ) -> Result<(), AddPortError> {
        let ours = SocketAddr::new(self.ours, internal);
        let add = |lease| {
            self.gateway
                .add_port(protocol, port, ours, lease, DESCRIPTION)
        };
        match add(self.lease).await {
            Err(AddPortError::OnlyPermanentLeasesSupported) if self.lease > 0 => {
                add(0).await?;
                self.lease = 0;
                Ok(())
            }
            other => other,
        }
    }

    async fn remove(&self) {
        let Some(port) = self.mapped else {
            return;
        };
        for protocol in [PortMappingProtocol::TCP, PortMappingProtocol::UDP] {
            if let Err(error) = self.gateway.remove_port(protocol, port).await {
                tracing::debug!(%error, "the router does not take the port back");
            }
        }
    }
}
