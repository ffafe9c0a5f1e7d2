//! Compact addresses: 4 or 16 bytes of IP and 2 of port, as peer exchange and the DHT have them (BEP 5, 11, 32).

use std::net::{IpAddr, SocketAddr};

/// The bytes of an IPv4 address with its port.
pub const V4_LEN: usize = 6;
/// The bytes of an IPv6 address with its port.
pub const V6_LEN: usize = 18;

/// The address that an entry is; `None` when it has another length.
pub(crate) fn addr(entry: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = entry.split_last_chunk::<2>()?;
    let ip = crate::extension::ip(ip)?;
    Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
}

/// Whether somebody could be there.
pub(crate) fn is_dialable(addr: SocketAddr) -> bool {
    let ip = addr.ip();
    addr.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
}

/// Appends an address.
pub(crate) fn put_addr(out: &mut Vec<u8>, addr: SocketAddr) {
    match addr.ip() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
    out.extend_from_slice(&addr.port().to_be_bytes());
}
