//! A peer's address in a magnet link (`x.pe`, BEP 9).
//!
//! An address and port, or a host name and port, which the shell resolves.
//! A port is never 0; a host name has only characters of host names.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

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
        let port = port.parse().map_err(|_| PeerHintError)?;
        let character = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        if port == 0 || host.is_empty() || host.len() > 253 || !host.bytes().all(character) {
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
