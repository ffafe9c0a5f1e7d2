//! How far an address reaches: this machine, the local network, the internet.
//!
//! A peer or node can name any address it likes. What holds: nobody can send us to a place nearer to us than himself
//! (a service of our own network, which trusts local callers), and nobody is told of a place that he cannot reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ordered from far to near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Global,
    Local,
    Loopback,
}

impl Scope {
    fn of(ip: IpAddr) -> Self {
        let ip = unwrapped(ip);
        if ip.is_loopback() {
            Self::Loopback
        } else if is_global(ip) {
            Self::Global
        } else {
            Self::Local
        }
    }
}

/// Whether someone at `from` can speak of `of`: it is as far away as he, or farther.
#[must_use]
pub fn may_name(from: IpAddr, of: IpAddr) -> bool {
    Scope::of(of) <= Scope::of(from)
}

/// Whether two addresses count as one host: on this machine every port is one of its own.
pub(crate) fn same_host(a: IpAddr, b: IpAddr) -> bool {
    a == b && !a.is_loopback()
}

/// Whether an address is one of the public internet (IANA special-purpose registries, RFC 6890 and its successors).
#[must_use]
pub fn is_global(ip: IpAddr) -> bool {
    match unwrapped(ip) {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}

/// The IPv4 address that an IPv6 address stands for, where it does: mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96),
/// 6to4 (2002::/16).
#[must_use]
pub fn unwrapped(ip: IpAddr) -> IpAddr {
    embedded_v4(ip).map_or(ip, IpAddr::V4)
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    // 0/8 this network, 100.64/10 carrier NAT, 192.0.0/24 protocol assignments, 198.18/15 benchmarks, 240/4 reserved.
    let special = a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
        || a >= 240;
    !(special
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation())
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3; of it, 2001:db8::/32 is documentation.
    let [a, b, ..] = ip.segments();
    a & 0xe000 == 0x2000 && (a, b) != (0x2001, 0x0db8)
}

fn embedded_v4(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else {
        return None;
    };
    let octets = ip.octets();
    let (_, last) = octets.split_last_chunk::<4>()?;
    match ip.segments() {
        // These two are IPv6's own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Compatible (RFC 4291, 2.5.5.1) and mapped.
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            Some((*last).into())
        }
        [0x2002, ..] => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_global() {
        let special = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 192.0.0.8 192.168.1.1 \
            198.19.0.1 224.0.0.1 255.255.255.255 203.0.113.9 :: ::1 fe80::1 fd00::1 ff02::1 2001:db8::1 \
            ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::";
        for ip in special.split_whitespace() {
            assert!(!is_global(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn public_addresses_are_global() {
        let public = "1.1.1.1 100.128.0.1 172.32.0.1 192.0.1.1 198.20.0.1 2606:4700::1111 ::ffff:8.8.8.8 \
            64:ff9b::808:808 2002:808:808::";
        for ip in public.split_whitespace() {
            assert!(is_global(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn nobody_leads_us_nearer_than_he_is() {
        let cases = [
            ("8.8.8.8", "1.1.1.1", true),
            ("8.8.8.8", "192.168.1.1", false),
            ("8.8.8.8", "127.0.0.1", false),
            ("8.8.8.8", "::ffff:127.0.0.1", false),
            ("2a00::1", "fe80::1", false),
            ("2a00::1", "1.1.1.1", true),
            ("192.168.1.9", "10.0.0.1", true),
            ("192.168.1.9", "1.1.1.1", true),
            ("192.168.1.9", "::1", false),
            ("127.0.0.1", "127.0.0.9", true),
            ("127.0.0.1", "1.1.1.1", true),
        ];
        for (from, of, may) in cases {
            let named = may_name(from.parse().unwrap(), of.parse().unwrap());
            assert_eq!(named, may, "{from} names {of}");
        }
    }
}
