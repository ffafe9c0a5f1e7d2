//! A peer's address in a magnet link (`x.pe`, BEP 9).
//!
//! An address and port, or a host name and port, which the shell resolves.
//! A port is never 0; a host name has only characters of host names.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::text::number;

/// The longest host name in bytes (RFC 1035 section 2.3.4).
const HOST_LEN_MAX: usize = 253;

/// Where a peer may be found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PeerHint {
    /// An IP address and port.
    Addr(SocketAddr),
    /// A name to be resolved, and a port.
    Host {
        /// The name: letters, digits, `-`, `_` and `.`; at most 253 bytes
        /// (RFC 1035).
        host: String,
        /// The TCP port, not 0.
        port: u16,
    },
}

/// The text is not an address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address and port, nor a host name and port")]
pub struct PeerHintError;

impl FromStr for PeerHint {
    type Err = PeerHintError;

    fn from_str(text: &str) -> Result<Self, PeerHintError> {
        if let Ok(addr) = text.parse::<SocketAddr>() {
            return if addr.port() == 0 {
                Err(PeerHintError)
            } else {
                Ok(Self::Addr(addr))
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or(PeerHintError)?;
        let port = number(port)
            .filter(|port| *port != 0)
            .ok_or(PeerHintError)?;
        // An address whose port is written oddly is still an address.
        if let Ok(ip) = host.parse::<Ipv4Addr>() {
            return Ok(Self::Addr((ip, port).into()));
        }
        let character = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        if host.is_empty() || host.len() > HOST_LEN_MAX || !host.bytes().all(character) {
            return Err(PeerHintError);
        }
        Ok(Self::Host {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for PeerHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Host { host, port } => write!(f, "{host}:{port}"),
        }
    }
}
