//! Who is behind an address, for what is bounded by client: one IPv4 address, or the /64 that an IPv6 client has whole.

use std::net::{IpAddr, Ipv6Addr};

/// One client, whatever addresses of its own it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Subscriber(IpAddr);

impl From<IpAddr> for Subscriber {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => Ipv6Addr::from(v6.to_bits() >> 64 << 64).into(),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_is_its_network_and_an_ipv4_client_its_address() {
        let of = |text: &str| Subscriber::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.168.1.1"), of("192.168.1.2"));
        assert_eq!(of("::ffff:192.168.1.1"), of("192.168.1.1"));
    }
}
