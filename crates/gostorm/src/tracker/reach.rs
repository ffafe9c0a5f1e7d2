//! Which addresses a request to a tracker may reach.
//!
//! The URL of a tracker comes from whoever made the torrent, and may point, itself or by a redirect, at a service of
//! this machine or its network that trusts local callers. [`Reach`] says how far a request may go, and is enforced
//! where names are resolved, so that a name that changes its address between two look-ups gains nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// How far a request may go. Ordered from free to strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Everywhere: a URL that looks like a tracker's.
    Anywhere,
    /// Not to this machine: a URL that looks like something else. (libtorrent has the same rule.)
    NotLoopback,
    /// To public addresses only: a redirect by a public server.
    GlobalOnly,
}

impl Reach {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Anywhere, Self::NotLoopback, Self::GlobalOnly];

    /// What the URL itself may reach, when it was given by the torrent or by a server that is not public.
    pub(super) fn of(url: &Url) -> Self {
        if url.path().starts_with("/announce") {
            Self::Anywhere
        } else {
            Self::NotLoopback
        }
    }

    /// Whether this address may be reached.
    pub(super) fn permits(self, ip: IpAddr) -> bool {
        let ip = embedded_v4(ip).map_or(ip, IpAddr::V4);
        match self {
            Self::Anywhere => true,
            Self::NotLoopback => !ip.is_loopback() && !ip.is_unspecified(),
            Self::GlobalOnly => is_global(ip),
        }
    }

    /// Whether the URL's host, where it is an address and not a name, may be reached. Names are left to the resolver.
    pub(super) fn permits_host(self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(ip)) => self.permits(ip.into()),
            Some(Host::Ipv6(ip)) => self.permits(ip.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }
}

/// The system's resolver, less the addresses that are out of reach.
pub(super) struct Resolver(pub(super) Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (permitted, refused): (Vec<SocketAddr>, Vec<_>) =
                found.partition(|address| reach.permits(address.ip()));
            if permitted.is_empty() && !refused.is_empty() {
                let why = "the name has only addresses that a tracker may not have";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why).into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet (IANA special-purpose registries, RFC 6890 and its successors).
pub(super) fn is_global(ip: IpAddr) -> bool {
    match embedded_v4(ip).map_or(ip, IpAddr::V4) {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    // 0/8 this network, 100.64/10 carrier NAT, 192.0.0/24 protocol assignments, 198.18/15 benchmarks, 240/4 reserved.
    let special = a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
        || a >= 240;
    !(special
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation())
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3; of it, 2001:db8::/32 is documentation.
    let [a, b, ..] = ip.segments();
    a & 0xe000 == 0x2000 && (a, b) != (0x2001, 0x0db8)
}

/// The IPv4 address that an IPv6 address stands for: mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96), 6to4 (2002::/16).
fn embedded_v4(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else {
        return None;
    };
    let octets = ip.octets();
    let (_, last) = octets.split_last_chunk::<4>()?;
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some((*last).into()),
        [0x2002, ..] => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn special_addresses_are_not_global() {
        let special = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 192.0.0.8 192.168.1.1 \
            198.19.0.1 224.0.0.1 255.255.255.255 203.0.113.9 :: ::1 fe80::1 fd00::1 ff02::1 2001:db8::1 \
            ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 2002:7f00:1::";
        for ip in special.split_whitespace() {
            assert!(!is_global(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn public_addresses_are_global() {
        let public = "1.1.1.1 100.128.0.1 172.32.0.1 192.0.1.1 198.20.0.1 2606:4700::1111 ::ffff:8.8.8.8 \
            64:ff9b::808:808 2002:808:808::";
        for ip in public.split_whitespace() {
            assert!(is_global(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn loopback_is_reached_only_by_what_looks_like_a_tracker() {
        for (url, permitted) in [
            ("http://127.0.0.1:8090/announce?x=1", true),
            ("http://127.0.0.1:8090/announce.php", true),
            ("http://127.0.0.1:8090/shutdown", false),
            ("http://127.0.0.1:8090/shutdown/announce", false),
            ("http://[::1]/shutdown", false),
            ("http://[::ffff:127.0.0.1]/shutdown", false),
            ("http://0.0.0.0/shutdown", false),
            ("http://2130706433/shutdown", false),
            ("http://192.168.1.5/passkey/announce", true),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(Reach::of(&url).permits_host(&url), permitted, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_with_addresses_out_of_reach_is_not_resolved() {
        let name = || "localhost".parse().unwrap();
        assert!(Resolver(Reach::Anywhere).resolve(name()).await.is_ok());
        for reach in [Reach::NotLoopback, Reach::GlobalOnly] {
            assert!(Resolver(reach).resolve(name()).await.is_err());
        }
    }
}
