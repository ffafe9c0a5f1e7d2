//! Which addresses a request that a torrent causes may reach.
//!
//! The URL of a tracker or web seed comes from whoever made the torrent, and may point, itself or by a redirect, at a
//! service of this machine or its network that trusts local callers. [`Reach`] says how far a request may go; `net`
//! enforces it where names are resolved, so that a name that changes its address between two look-ups gains nothing.
//! The rules are those that libtorrent calls SSRF mitigation, taken a little further:
//!
//! - a tracker on loopback must have a path that begins with `/announce`, by HTTP and by UDP;
//! - a web seed at a local address may have no query;
//! - no redirect leads from a public address to one that is not, and each hop has to keep the rules for itself.

use std::net::{IpAddr, SocketAddr};

use gostorm_core::{is_global, unwrapped};
use url::{Host, Url};

/// How far a request may go. Ordered from free to strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Everywhere: a URL that looks like a tracker's.
    Anywhere,
    /// Not to this machine: a URL that looks like something else. (libtorrent has the same rule.)
    NotLoopback,
    /// To public addresses only: a redirect by a public server.
    GlobalOnly,
}

impl Reach {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Anywhere, Self::NotLoopback, Self::GlobalOnly];

    /// What the URL of a tracker may reach, when it was given by the torrent or by a server that is not public.
    #[must_use]
    pub fn of_tracker(url: &Url) -> Self {
        if url.path().starts_with("/announce") {
            Self::Anywhere
        } else {
            Self::NotLoopback
        }
    }

    /// What the URL of a web seed may reach, when it was given by the torrent or by a server that is not public. A
    /// query could tell a local service to do something; a path names a file.
    #[must_use]
    pub fn of_web_seed(url: &Url) -> Self {
        if url.query().is_none() {
            Self::Anywhere
        } else {
            Self::GlobalOnly
        }
    }

    /// What a redirect by the server at `address` may reach at most; not known counts as public, which is stricter.
    #[must_use]
    pub fn of_redirect_by(address: Option<SocketAddr>) -> Self {
        if address.is_none_or(|address| is_global(address.ip())) {
            Self::GlobalOnly
        } else {
            Self::Anywhere
        }
    }

    /// Whether this address may be reached.
    #[must_use]
    pub fn permits(self, ip: IpAddr) -> bool {
        let ip = unwrapped(ip);
        match self {
            Self::Anywhere => true,
            Self::NotLoopback => !ip.is_loopback() && !ip.is_unspecified(),
            Self::GlobalOnly => is_global(ip),
        }
    }

    /// Whether the URL's host, where it is an address and not a name, may be reached. Names are left to the resolver.
    #[must_use]
    pub fn permits_host(self, url: &Url) -> bool {
        url.host().is_some() && literal_host(url).is_none_or(|ip| self.permits(ip))
    }
}

/// The URL's host where it is an address. In a scheme that is not the web's an IPv4 address looks like a name.
pub(super) fn literal_host(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(name) => name.parse().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn loopback_is_reached_only_by_what_looks_like_a_tracker() {
        for (url, permitted) in [
            ("http://127.0.0.1:8090/announce?x=1", true),
            ("http://127.0.0.1:8090/announce.php", true),
            ("http://127.0.0.1:8090/shutdown", false),
            ("http://127.0.0.1:8090/shutdown/announce", false),
            ("http://127.0.0.1:8090/x/../shutdown?/announce", false),
            ("http://[::1]/shutdown", false),
            ("http://[::ffff:127.0.0.1]/shutdown", false),
            ("http://[::127.0.0.1]/shutdown", false),
            ("http://[64:ff9b::7f00:1]/shutdown", false),
            ("http://0.0.0.0/shutdown", false),
            ("http://[::]/shutdown", false),
            ("http://2130706433/shutdown", false),
            ("http://0x7f.1/shutdown", false),
            ("http://127.0.0.1./shutdown", false),
            ("http://192.168.1.5/passkey/announce", true),
            ("udp://127.0.0.1:53", false),
            ("udp://127.0.0.1:6969/announce", true),
            ("udp://[::1]:53", false),
            ("udp://192.0.2.7:6969", true),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(
                Reach::of_tracker(&url).permits_host(&url),
                permitted,
                "{url}"
            );
        }
    }

    #[test]
    fn a_web_seed_with_a_query_is_not_local() {
        for (url, permitted) in [
            ("http://127.0.0.1:8080/film.mkv", true),
            ("http://127.0.0.1:8080/film.mkv?do=harm", false),
            ("http://127.0.0.1:8080/film.mkv?", false),
            ("http://127.0.0.1:8080/film.mkv#part", true),
            ("http://192.168.1.1/reboot?now=1", false),
            ("http://10.0.0.1/film.mkv?x", false),
            ("http://169.254.169.254/latest?token", false),
            ("http://[fe80::1]/film?x", false),
            ("http://[fd00::1]/film?x", false),
            ("http://[::ffff:10.0.0.1]/film?x", false),
            ("http://[fd00::1]/film", true),
            ("http://8.8.8.8/film.mkv?mirror=2", true),
            ("http://[2606:4700::1111]/film?mirror=2", true),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(
                Reach::of_web_seed(&url).permits_host(&url),
                permitted,
                "{url}"
            );
        }
    }

    #[test]
    fn a_redirect_by_a_public_server_stays_public() {
        for (by, to, permitted) in [
            (Some("8.8.8.8:80"), "http://127.0.0.1/announce", false),
            (Some("8.8.8.8:80"), "http://10.0.0.1/film", false),
            (Some("[::ffff:8.8.8.8]:80"), "http://[::1]/announce", false),
            (Some("8.8.8.8:80"), "http://1.1.1.1/announce", true),
            (None, "http://127.0.0.1/announce", false),
            (Some("127.0.0.1:80"), "http://127.0.0.1/announce", true),
            (Some("192.168.1.5:80"), "http://192.168.1.6/film", true),
            (Some("192.168.1.5:80"), "http://8.8.8.8/film", true),
        ] {
            let by = by.map(|address: &str| address.parse().unwrap());
            let url = Url::parse(to).unwrap();
            assert_eq!(
                Reach::of_redirect_by(by).permits_host(&url),
                permitted,
                "{by:?} {url}"
            );
        }
    }
}
