//! Announces on the local network (BEP 14): which torrents somebody shares, by multicast, in the shape of an HTTP request.
//!
//! What always holds of a decoded announce: a port that is not 0, 1 to [`HASHES_MAX`] info-hashes, a cookie of at most 64
//! characters.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::id::InfoHash;

/// The port of both groups.
pub const LSD_PORT: u16 = 6771;
/// The group of IPv4.
pub const LSD_V4: SocketAddr = SocketAddr::V4(SocketAddrV4::new(
    Ipv4Addr::new(239, 192, 152, 143),
    LSD_PORT,
));
/// The group of IPv6.
pub const LSD_V6: SocketAddr = SocketAddr::V6(SocketAddrV6::new(
    Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0xefc0, 0x988f),
    LSD_PORT,
    0,
    0,
));
/// Info-hashes of one announce: BEP 14 wants datagrams below 1400 bytes.
pub const HASHES_MAX: usize = 20;

const FIRST_LINE: &str = "BT-SEARCH * HTTP/1.1";
const COOKIE_MAX: usize = 64;
const HEADERS_MAX: usize = 64;

/// One announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LsdAnnounce {
    /// Where the sender listens for peers.
    pub port: u16,
    /// What it shares.
    pub info_hashes: Vec<InfoHash>,
    /// Chosen by the sender, so that it knows its own announces.
    pub cookie: Option<String>,
}

impl LsdAnnounce {
    /// The datagram for the group at `group`.
    #[must_use]
    pub fn encode(&self, group: SocketAddr) -> Vec<u8> {
        let mut out = format!("{FIRST_LINE}\r\nHost: {group}\r\nPort: {}\r\n", self.port);
        for hash in self.info_hashes.iter().take(HASHES_MAX) {
            // Writing to a string does not fail.
            let _ = write!(out, "Infohash: {hash}\r\n");
        }
        if let Some(cookie) = &self.cookie {
            let _ = write!(out, "cookie: {cookie}\r\n");
        }
        out.push_str("\r\n\r\n");
        out.into_bytes()
    }

    /// Reads a datagram; `None` when it is no announce, or one of nothing.
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(datagram).ok()?;
        let mut lines = text.split("\r\n");
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let (mut port, mut cookie, mut info_hashes) = (None, None, Vec::new());
        let headers = lines.take_while(|line| !line.is_empty());
        for (name, value) in headers
            .take(HEADERS_MAX)
            .filter_map(|line| line.split_once(':'))
        {
            let value = value.trim();
            if name.eq_ignore_ascii_case("port") {
                port = value.parse().ok().filter(|port| *port != 0);
            } else if name.eq_ignore_ascii_case("infohash") {
                let hash = value.parse::<InfoHash>().ok();
                info_hashes.extend(hash.filter(|_| info_hashes.len() < HASHES_MAX));
            } else if name.eq_ignore_ascii_case("cookie") && is_cookie(value) {
                cookie = Some(value.to_owned());
            }
        }
        let port = port.filter(|_| !info_hashes.is_empty())?;
        Some(Self {
            port,
            info_hashes,
            cookie,
        })
    }
}

fn is_cookie(value: &str) -> bool {
    (1..=COOKIE_MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_announce_is_as_the_specification_says_and_reads_back() {
        let announce = LsdAnnounce {
            port: 6881,
            info_hashes: vec![InfoHash([0xab; 20]), InfoHash([1; 20])],
            cookie: Some("name of this client".replace(' ', "-")),
        };
        let bytes = announce.encode(LSD_V4);
        let text = "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\n\
            Infohash: abababababababababababababababababababab\r\n\
            Infohash: 0101010101010101010101010101010101010101\r\ncookie: name-of-this-client\r\n\r\n\r\n";
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), text);
        assert_eq!(LsdAnnounce::decode(&bytes), Some(announce));
        assert!(
            String::from_utf8(
                LsdAnnounce {
                    port: 1,
                    info_hashes: vec![],
                    cookie: None
                }
                .encode(LSD_V6)
            )
            .unwrap()
            .contains("Host: [ff15::efc0:988f]:6771")
        );
    }

    #[test]
    fn a_full_announce_stays_below_the_longest_datagram() {
        let announce = LsdAnnounce {
            port: u16::MAX,
            info_hashes: vec![InfoHash([0xff; 20]); 100],
            cookie: Some("x".repeat(COOKIE_MAX)),
        };
        let bytes = announce.encode(LSD_V6);
        assert!(bytes.len() < 1_400, "{}", bytes.len());
        assert_eq!(
            LsdAnnounce::decode(&bytes).unwrap().info_hashes.len(),
            HASHES_MAX
        );
    }
}
