//! Names and HTTP: what the requests that a torrent causes go through.
//!
//! Called by trackers and web seeds, [`Net::resolve`] by everybody who has a name instead of an address. What always
//! holds: no name is looked up and no connection made while the gate is shut, to an address out of reach, or by a
//! family that the uplink lacks.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect};
use url::Url;

use super::Net;
use super::gate::{CLIENTS, Shut, Uplink};
use super::reach::{Reach, literal_host};

/// What we call ourselves where HTTP asks for it.
const USER_AGENT: &str = concat!("GoStream/", env!("CARGO_PKG_VERSION"));

/// Idle connections to one web server that are kept while its torrent is awake.
const KEPT_MAX: usize = 4;
/// How long a connection to a web server may take to be made.
const KEPT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a web server may be silent while it owes us something.
const KEPT_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Clients whose connections are kept, of one uplink at a time.
#[derive(Debug, Default)]
pub(crate) struct KeptClients(Mutex<OfGeneration>);

#[derive(Debug, Default)]
struct OfGeneration {
    generation: u64,
    clients: [Option<Client>; CLIENTS],
}

/// Why there is no HTTP client for a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpRefusal {
    /// The URL's host is an address that it may not reach.
    #[error("the address is local, and the URL is not one that may lead there")]
    OutOfReach,
    /// The gate is shut, or TLS cannot be set up.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Net {
    /// Looks up a name: the addresses that the uplink and the reach permit. The system's resolver asks its servers
    /// by the system's routes, not through the uplink.
    ///
    /// # Errors
    /// Shut, no such name, or no address of it may be reached.
    pub(crate) async fn resolve(
        &self,
        reach: Reach,
        host: &str,
        port: u16,
    ) -> io::Result<Vec<SocketAddr>> {
        let uplink = self.uplink()?;
        let found = self.within(tokio::net::lookup_host((host, port))).await??;
        reachable(self.effective(reach), &uplink, found)
    }

    /// The HTTP client for a request that a torrent causes: follows no redirect by itself, keeps no connection, reads
    /// no proxy from the environment. To be used [`Net::within`] the uplink, for this URL alone.
    ///
    /// # Errors
    /// The URL's address is out of reach, the gate is shut, or TLS cannot be set up.
    pub(crate) fn http(&self, reach: Reach, url: &Url) -> Result<Client, HttpRefusal> {
        let (reach, uplink) = self.permit(reach, url)?;
        let place = &uplink.clients[place(reach, url)];
        if let Some(client) = place.get() {
            return Ok(client.clone());
        }
        // A torrent that sleeps holds no socket.
        let builder = builder(reach, &uplink, url).pool_max_idle_per_host(0);
        let client = builder.build().map_err(io::Error::other)?;
        Ok(place.get_or_init(|| client).clone())
    }

    /// A client that keeps a few idle connections as long as `kept` and the uplink live, and gives up on one on which
    /// nothing comes: for the web seeds of one torrent. Bodies come as they are sent.
    ///
    /// # Errors
    /// As [`Net::http`].
    pub(crate) fn http_kept(
        &self,
        kept: &KeptClients,
        reach: Reach,
        url: &Url,
    ) -> Result<Client, HttpRefusal> {
        let (reach, uplink) = self.permit(reach, url)?;
        let mut kept = kept.0.lock();
        if kept.generation != uplink.generation() {
            *kept = OfGeneration {
                generation: uplink.generation(),
                clients: Default::default(),
            };
        }
        let place = &mut kept.clients[place(reach, url)];
        if let Some(client) = place {
            return Ok(client.clone());
        }
        let client = builder(reach, &uplink, url)
            .pool_max_idle_per_host(KEPT_MAX)
            .connect_timeout(KEPT_CONNECT_TIMEOUT)
            .read_timeout(KEPT_READ_TIMEOUT)
            .no_gzip()
            .build()
            .map_err(io::Error::other)?;
        Ok(place.insert(client).clone())
    }

    /// The present uplink, if a request for this URL may be made on it, and how far it may reach.
    fn permit(&self, reach: Reach, url: &Url) -> Result<(Reach, Arc<Uplink>), HttpRefusal> {
        let reach = self.effective(reach);
        if !reach.permits_host(url) {
            return Err(HttpRefusal::OutOfReach);
        }
        let uplink = self.uplink()?;
        if let Some(ip) = literal_host(url) {
            uplink.source_for(SocketAddr::new(ip, 0))?;
        }
        Ok((reach, uplink))
    }

    fn effective(&self, reach: Reach) -> Reach {
        if self.config.ssrf_mitigation {
            reach
        } else {
            Reach::Anywhere
        }
    }
}

/// Where the client for such a URL is kept.
fn place(reach: Reach, url: &Url) -> usize {
    2 * reach as usize + usize::from(url.scheme() == "https")
}

fn builder(reach: Reach, uplink: &Arc<Uplink>, url: &Url) -> ClientBuilder {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Resolver::new(reach, Arc::downgrade(uplink)));
    if url.scheme() != "https" {
        // To read the system's certificates takes longer than most trackers do. Redirects come back here.
        builder = builder.tls_certs_only([]);
    }
    let Some(device) = uplink.device() else {
        return builder;
    };
    // One address can be given; the other family has the device alone, which is as strict.
    let address = uplink.v4().map(IpAddr::V4);
    let address = address.or(uplink.v6().map(IpAddr::V6));
    builder.interface(&device.name).local_address(address)
}

/// Of the addresses of a name, those that may be reached and can be from the uplink.
fn reachable(
    reach: Reach,
    uplink: &Uplink,
    found: impl Iterator<Item = SocketAddr>,
) -> io::Result<Vec<SocketAddr>> {
    let (permitted, refused): (Vec<SocketAddr>, Vec<_>) =
        found.partition(|address| reach.permits(address.ip()));
    if permitted.is_empty() && !refused.is_empty() {
        let why = "the name has only addresses that such a request may not have";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let (served, rest): (Vec<SocketAddr>, Vec<_>) = permitted
        .into_iter()
        .partition(|address| uplink.serves(address.ip()));
    match rest.first() {
        Some(address) if served.is_empty() => uplink.source_for(*address).map(|_| served),
        Some(_) | None => Ok(served),
    }
}

/// The system's resolver, less the addresses that are out of reach.
struct Resolver {
    reach: Reach,
    /// Weak, for the uplink owns the client that owns this.
    uplink: Weak<Uplink>,
}

impl Resolver {
    const fn new(reach: Reach, uplink: Weak<Uplink>) -> Self {
        Self { reach, uplink }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, uplink) = (self.reach, Weak::clone(&self.uplink));
        Box::pin(async move {
            let uplink = uplink.upgrade().filter(|uplink| !uplink.has_ended());
            let uplink = uplink.ok_or_else(|| Shut::Ended.into_io())?;
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let served = reachable(reach, &uplink, found)?;
            Ok(Box::new(served.into_iter()) as Addrs)
        })
    }
}

/// The whole chain of causes in one line, without the URL, which may hold a key.
pub(crate) fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn uplink(v6: bool) -> Arc<Uplink> {
        let v6 = v6.then_some(Ipv6Addr::UNSPECIFIED);
        Arc::new(Uplink::new(1, None, Some(Ipv4Addr::UNSPECIFIED), v6))
    }

    #[tokio::test]
    async fn a_name_with_addresses_out_of_reach_is_not_resolved() {
        let uplink = uplink(true);
        let resolve = |reach| {
            Resolver::new(reach, Arc::downgrade(&uplink)).resolve("localhost".parse().unwrap())
        };
        assert!(resolve(Reach::Anywhere).await.is_ok());
        for reach in [Reach::NotLoopback, Reach::GlobalOnly] {
            assert!(resolve(reach).await.is_err());
        }
        uplink.end();
        assert!(
            resolve(Reach::Anywhere).await.is_err(),
            "no name is looked up for a network that is gone"
        );
    }

    #[test]
    fn addresses_of_a_family_that_the_uplink_lacks_are_left_out() {
        let all = || {
            ["[2606:4700::1111]:80", "1.1.1.1:80"]
                .map(|a: &str| a.parse().unwrap())
                .into_iter()
        };
        assert_eq!(
            reachable(Reach::GlobalOnly, &uplink(true), all())
                .unwrap()
                .len(),
            2
        );
        let v4 = reachable(Reach::GlobalOnly, &uplink(false), all()).unwrap();
        assert_eq!(v4, ["1.1.1.1:80".parse().unwrap()]);
        let none = reachable(Reach::GlobalOnly, &uplink(false), all().take(1)).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::NetworkUnreachable);
    }
}
