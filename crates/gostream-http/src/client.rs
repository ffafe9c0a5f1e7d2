//! Who asks: an extension that the web ports give to each request.

use std::net::IpAddr;

/// The address at the other end of the connection, an IPv4 one as such.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(pub(crate) IpAddr);
