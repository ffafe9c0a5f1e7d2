//! Who may use the web ports: from which addresses, and with which login.
//!
//! Built by the binary from the settings; asked by `web.rs` for each connection and by a layer for each request.
//! Secrets are compared in constant time and never shown: [`Login`] has no readable `Debug`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
    sync::Arc,
};

use axum::http::{HeaderMap, Uri, header, uri::Authority};
use data_encoding::BASE64;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::sync::watch;

use crate::{attempts::Attempts, bans::Bans};

/// From where, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// A client must be in one of these.
    pub from: Vec<Addresses>,
    /// What each request must bring, unless it is empty.
    pub login: Login,
    /// Streams and playlists of torrents that are known need no login at the API port, for players that send none.
    pub open_streams: bool,
    /// Pages of these may ask too.
    pub cors_origins: Vec<Origin>,
    /// What webhooks must bring, whatever they bring else.
    pub webhook_key: WebhookKey,
}

impl Access {
    /// From nowhere, without a login.
    pub const fn nobody() -> Self {
        Self {
            from: Vec::new(),
            login: Login {
                user: String::new(),
                password: String::new(),
                token: String::new(),
            },
            open_streams: false,
            cors_origins: Vec::new(),
            webhook_key: WebhookKey(String::new()),
        }
    }

    /// Whether a client at this address is served.
    pub(crate) fn admits(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.from.iter().any(|addresses| addresses.contain(client))
    }

    /// Whether only this machine is served, so that nothing else need reach the port.
    pub(crate) fn is_local(&self) -> bool {
        self.from.iter().all(Addresses::are_loopback)
    }

    /// Whether requests must bring a login.
    pub(crate) fn asks_login(&self) -> bool {
        self.login != Login::default()
    }

    /// Whether a request with these headers may go on.
    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        !self.asks_login() || self.login.is_in(headers)
    }
}

/// The access to the ports of a running server, which may be changed. Clones share it.
#[derive(Debug, Clone)]
pub struct LiveAccess(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    access: watch::Sender<Arc<Access>>,
    attempts: Attempts,
    bans: Bans,
}

impl LiveAccess {
    /// As it is at first.
    pub fn new(access: Access) -> Self {
        Self::with_bans(access, Bans::default())
    }

    /// The same with lists of whom to refuse, which stay as they are.
    pub fn with_bans(access: Access, bans: Bans) -> Self {
        Self(Arc::new(Shared {
            access: watch::Sender::new(Arc::new(access)),
            attempts: Attempts::default(),
            bans,
        }))
    }

    /// Another one from now on: for each request, and where it serves others than this machine for the first time or no
    /// longer, for the listening sockets too.
    pub fn set(&self, access: Access) {
        self.0.access.send_if_modified(|now| {
            let changed = **now != access;
            if changed {
                *now = Arc::new(access);
            }
            changed
        });
    }

    /// As it is.
    pub fn now(&self) -> Arc<Access> {
        Arc::clone(&self.0.access.borrow())
    }

    /// Changes with it.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Access>> {
        self.0.access.subscribe()
    }

    /// Whether a list refuses this client.
    pub(crate) fn bans(&self, client: IpAddr) -> bool {
        self.0.bans.ban(client)
    }

    /// The wrong logins at all of the ports.
    pub(crate) fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }
}

/// A word of the setting `listen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// This machine.
    Loopback,
    /// Home networks: RFC 1918, RFC 4193 and link-local addresses.
    Private,
    /// A network, or one address.
    Net(IpNet),
}

/// RFC 1918 §3 and RFC 3927.
const PRIVATE_V4: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
];

/// RFC 4193 and RFC 4291 §2.5.6.
const PRIVATE_V6: [Ipv6Net; 2] = [
    Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
];

impl Addresses {
    fn contain(&self, client: IpAddr) -> bool {
        match self {
            Self::Loopback => client.is_loopback(),
            Self::Private => match client {
                IpAddr::V4(client) => PRIVATE_V4.iter().any(|net| net.contains(&client)),
                IpAddr::V6(client) => PRIVATE_V6.iter().any(|net| net.contains(&client)),
            },
            Self::Net(net) => net.contains(&client),
        }
    }

    fn are_loopback(&self) -> bool {
        match self {
            Self::Loopback => true,
            Self::Private => false,
            Self::Net(net) => net.network().is_loopback(),
        }
    }
}

/// A word that stands for no addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be loopback, private, an address or a network such as 192.168.1.0/24")]
pub struct NoAddresses;

impl FromStr for Addresses {
    type Err = NoAddresses;

    fn from_str(text: &str) -> Result<Self, NoAddresses> {
        match text {
            "loopback" => Ok(Self::Loopback),
            "private" => Ok(Self::Private),
            text => text
                .parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map(Self::Net)
                .map_err(|_| NoAddresses),
        }
    }
}

/// A word of the setting `cors_origins`: whose web pages may ask (RFC 6454); `*` is everybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Whether it is the one of this header.
    pub(crate) fn covers(&self, origin: &str) -> bool {
        self.0 == "*" || self.0.eq_ignore_ascii_case(origin)
    }

    /// Whether its pages come from this host, at whatever port.
    pub(crate) fn is_at(&self, host: &Authority) -> bool {
        let own = self.0.parse::<Uri>().ok();
        let own = own.as_ref().and_then(Uri::host);
        self.0 == "*" || own.is_some_and(|own| own.eq_ignore_ascii_case(host.host()))
    }
}

/// A word that stands for no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an origin such as https://lampa.example, without a path, or *")]
pub struct NoOrigin;

impl FromStr for Origin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let bare = text.split_once("://").is_some_and(|(_, host)| {
            let host = host.parse::<Authority>();
            host.is_ok_and(|host| !host.host().is_empty() && !host.as_str().contains('@'))
        });
        if text == "*" || (bare && text.parse::<Uri>().is_ok()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoOrigin)
        }
    }
}

/// What a client must know.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// For `Authorization: Basic` (RFC 7617); empty: not accepted.
    pub user: String,
    /// Goes with `user`.
    pub password: String,
    /// For `Authorization: Bearer` (RFC 6750); empty: not accepted.
    pub token: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let Some(given) = headers.get(header::AUTHORIZATION) else {
            return false;
        };
        let Some((scheme, given)) = given.to_str().ok().and_then(|text| text.split_once(' '))
        else {
            return false;
        };
        if scheme.eq_ignore_ascii_case("basic") {
            let expected = format!("{}:{}", self.user, self.password);
            let given = BASE64.decode(given.trim().as_bytes()).unwrap_or_default();
            !self.user.is_empty() && same(&given, expected.as_bytes())
        } else if scheme.eq_ignore_ascii_case("bearer") {
            !self.token.is_empty() && same(given.trim().as_bytes(), self.token.as_bytes())
        } else {
            false
        }
    }
}

/// What webhooks must bring as `?key=`; empty: nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WebhookKey(pub String);

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey")
    }
}

/// In a time that depends on the length of what is given and on nothing else; what is expected is not empty.
pub(crate) fn same(given: &[u8], expected: &[u8]) -> bool {
    let again = expected.iter().cycle();
    let equal = given
        .iter()
        .zip(again)
        .fold(Choice::from(1), |equal, (given, expected)| {
            equal & given.ct_eq(expected)
        });
    (equal & given.len().ct_eq(&expected.len())).into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn access(words: &[&str]) -> Access {
        Access {
            from: words.iter().map(|word| word.parse().unwrap()).collect(),
            ..Access::nobody()
        }
    }

    #[test]
    fn home_networks_are_admitted_and_the_internet_is_not() {
        let access = access(&["loopback", "private"]);
        let admitted = |text: &str| access.admits(text.parse().unwrap());
        for text in [
            "127.0.0.1",
            "::1",
            "192.168.1.20",
            "10.1.2.3",
            "172.31.0.1",
            "fd00::1",
            "fe80::1",
            "::ffff:192.168.1.20",
        ] {
            assert!(admitted(text), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "100.64.0.1",
        ] {
            assert!(!admitted(text), "{text}");
        }
    }

    #[test]
    fn a_network_or_an_address_can_be_named() {
        let access = access(&["203.0.113.0/28", "2001:db8::5"]);
        assert!(access.admits("203.0.113.15".parse().unwrap()));
        assert!(!access.admits("203.0.113.16".parse().unwrap()));
        assert!(access.admits("2001:db8::5".parse().unwrap()));
        assert_eq!("192.168.1".parse::<Addresses>(), Err(NoAddresses));
        assert_eq!("".parse::<Addresses>(), Err(NoAddresses));
    }

    #[test]
    fn a_port_for_this_machine_alone_is_told_from_others() {
        assert!(access(&["loopback", "127.0.0.0/8"]).is_local());
        assert!(!access(&["loopback", "private"]).is_local());
    }

    fn asks(login: &Login, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        login.is_in(&headers)
    }

    #[test]
    fn a_login_is_a_name_with_its_password_or_the_token() {
        let login = Login {
            user: "ann".to_owned(),
            password: "a:b".to_owned(),
            token: "secret".to_owned(),
        };
        assert!(asks(
            &login,
            &format!("Basic {}", BASE64.encode(b"ann:a:b"))
        ));
        assert!(asks(&login, "bearer secret"));
        for wrong in [
            "Basic !!",
            "Bearer ",
            "Bearer secrets",
            "Digest x",
            "secret",
        ] {
            assert!(!asks(&login, wrong), "{wrong}");
        }
        assert!(!asks(
            &login,
            &format!("Basic {}", BASE64.encode(b"ann:a:c"))
        ));
        assert!(!login.is_in(&HeaderMap::new()));
    }

    #[test]
    fn only_the_same_bytes_are_the_same() {
        assert!(same(b"secret", b"secret"));
        for other in [
            &b""[..],
            b"s",
            b"secre",
            b"secrets",
            b"secretsecret",
            b"Secret",
        ] {
            assert!(!same(other, b"secret"), "{other:?}");
        }
    }

    #[test]
    fn what_is_not_set_is_no_way_in() {
        let login = Login {
            user: String::new(),
            password: String::new(),
            token: "secret".to_owned(),
        };
        assert!(!asks(&login, &format!("Basic {}", BASE64.encode(b":"))));
        assert!(!format!("{login:?}").contains("secret"));
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host_and_nothing_else() {
        for text in [
            "http://lampa.mx",
            "https://tv.example:8443",
            "http://[::1]:9000",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            "*",
        ] {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "",
            "null",
            "lampa.mx",
            "http://",
            "http://a/",
            "http://a/b",
            "http://a?b",
            "http://u@a",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(NoOrigin), "{text}");
        }
    }
}
