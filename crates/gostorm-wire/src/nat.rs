//! Asking a gateway for a port: NAT-PMP (RFC 6886) and PCP (RFC 6887).
//!
//! The machine in `gostorm-core` writes requests and reads replies with these two codecs; the shell only carries the
//! bytes. Both protocols share a port and the place of the version, so that an answer in the other one is recognised
//! ([`version`]). What always holds: a reply is no request, its numbers are as they were sent, and an error reply may
//! be shorter than a full one.

pub mod natpmp;
pub mod pcp;

use std::fmt;

/// Where gateways listen, UDP (RFC 6886 section 3.1, RFC 6887 section 19).
pub const GATEWAY_PORT: u16 = 5351;

/// What is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// Why a gateway does not do it; the codes of both protocols (RFC 6886 section 3.5, RFC 6887 section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not speak this version; the other protocol may be understood.
    #[error("it does not speak this version of the protocol")]
    UnsupportedVersion,
    /// Forwarding is turned off, or not for us.
    #[error("it is not allowed to forward a port for us")]
    NotAuthorized,
    /// It has no address on its other side.
    #[error("it has no connection itself")]
    NetworkFailure,
    /// No port, or no memory, is left.
    #[error("it has no port left")]
    OutOfResources,
    /// It does not know this kind of request.
    #[error("it does not know this kind of request")]
    UnsupportedOpcode,
    /// The address in the request is not the one that it sees: another NAT lies between (PCP).
    #[error("there is another address translation between it and us")]
    AddressMismatch,
    /// Any other code.
    #[error("it answers with error code {0}")]
    Other(u16),
}

/// Why bytes from a gateway are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NatError {
    /// Too few bytes for what it says it is.
    #[error("{len} bytes are too few")]
    TooShort {
        /// How many there are.
        len: usize,
    },
    /// Another version than this codec's.
    #[error("version {0} is another protocol")]
    Version(u8),
    /// A request, or a reply to nothing that we ask.
    #[error("operation {0:#04x} is not expected")]
    Operation(u8),
    /// Neither TCP nor UDP.
    #[error("IP protocol {0} is not expected")]
    Protocol(u8),
}

/// The protocol of a packet: 0 is NAT-PMP, 2 is PCP. `None` for an empty one.
#[must_use]
pub fn version(packet: &[u8]) -> Option<u8> {
    packet.first().copied()
}

/// Reads big-endian numbers off the front of a packet.
struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    const fn new(packet: &'a [u8]) -> Self {
        Self {
            rest: packet,
            len: packet.len(),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], NatError> {
        let short = NatError::TooShort { len: self.len };
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(short)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, NatError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, NatError> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, NatError> {
        self.take().map(u32::from_be_bytes)
    }
}
