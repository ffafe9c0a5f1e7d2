//! Web seeds as peers (BEP 19): how the driver and the swarm name them.
//!
//! To the scheduler a web seed is a peer that has all pieces, never chokes and asks for nothing. What the swarm keeps
//! of a peer beyond its connection (trust, blame, bans) it keeps by address. Two web seeds may lie on one host, and on
//! a host that serves thousands of others besides, so that neither its address nor a ban of it would do: each web seed
//! of each torrent stands under an address of its own that nobody can have, one of the discard-only block of IPv6
//! (RFC 6666). The driver makes its number from torrent and URL, so that a ban of the address
//! ([`Output::Ban`](crate::Output::Ban)) means the seed alone, and can be kept like any other.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The first group of 100::/64.
const DISCARD: u16 = 0x100;

/// The address under which the swarm keeps the web seed of this number. Its port is 0: it cannot be dialled.
#[must_use]
pub const fn web_seed_addr(number: u64) -> SocketAddr {
    let ip = Ipv6Addr::from_bits(((DISCARD as u128) << 112) | number as u128);
    SocketAddr::new(IpAddr::V6(ip), 0)
}

/// The number of the web seed that stands under an address; `None`: it is an ordinary one.
#[must_use]
pub fn web_seed_number(ip: IpAddr) -> Option<u64> {
    let IpAddr::V6(ip) = ip else {
        return None;
    };
    let [first, second, third, fourth, ..] = ip.segments();
    let (_, number) = ip
        .octets()
        .split_last_chunk()
        .map(|(_, last)| ((), *last))?;
    ([first, second, third, fourth] == [DISCARD, 0, 0, 0]).then(|| u64::from_be_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_web_seed_stands_under_an_address_of_its_own() {
        for number in [0, 1, 7, u64::MAX] {
            let addr = web_seed_addr(number);
            assert_eq!(web_seed_number(addr.ip()), Some(number));
            assert_eq!(addr.port(), 0);
        }
        for ip in ["127.0.0.1", "::1", "100:0:0:1::1", "::ffff:1.2.3.4"] {
            assert_eq!(ip.parse().ok().and_then(web_seed_number), None, "{ip}");
        }
    }
}
