//! What BitTorrent is bound to: the setting, and how it is read.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::gate::{Device, Shut};
use super::interfaces::Interface;

/// The longest interface name of Linux (`IFNAMSIZ` less its terminator), bytes.
const NAME_LEN_MAX: usize = 15;

/// A network interface, or an address that one of them has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// The interface of this name, with all its addresses.
    Device(String),
    /// The interface that has this address, and no other address of it.
    Address(IpAddr),
}

/// Neither the name of an interface nor an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither an IP address that an interface can have nor the name of a network interface"
)]
pub struct BadBind(String);

impl FromStr for Bind {
    type Err = BadBind;

    fn from_str(text: &str) -> Result<Self, BadBind> {
        let bad = || BadBind(text.to_owned());
        if let Ok(ip) = text.parse::<IpAddr>() {
            let ip = ip.to_canonical();
            return if ip.is_unspecified() || ip.is_multicast() {
                Err(bad())
            } else {
                Ok(Self::Address(ip))
            };
        }
        let is_name = (1..=NAME_LEN_MAX).contains(&text.len())
            && !matches!(text, "." | "..")
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':' | b'%'));
        // What has only the letters of an address is a mistyped one.
        let is_number = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_name && !is_number {
            Ok(Self::Device(text.to_owned()))
        } else {
            Err(bad())
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(name) => f.write_str(name),
            Self::Address(ip) => ip.fmt(f),
        }
    }
}

/// The device and its addresses that sockets are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footing {
    pub(super) device: Device,
    pub(super) v4: Option<Ipv4Addr>,
    pub(super) v6: Option<Ipv6Addr>,
}

impl Bind {
    /// Finds what is meant among the interfaces. Where one has several addresses of a family, that of `last` stays
    /// as long as it is there: a new temporary address must not end every connection.
    pub(super) fn find(
        &self,
        interfaces: &[Interface],
        last: Option<&Footing>,
    ) -> Result<Footing, Shut> {
        let (interface, wanted) = match self {
            Self::Device(name) => (
                interfaces.iter().find(|interface| interface.name == *name),
                None,
            ),
            Self::Address(ip) => (
                interfaces
                    .iter()
                    .find(|interface| interface.addresses.contains(ip)),
                Some(*ip),
            ),
        };
        let interface = interface.ok_or_else(|| match self {
            Self::Device(name) => Shut::NoInterface(name.clone()),
            Self::Address(ip) => Shut::NoSuchAddress(*ip),
        })?;
        if !interface.up {
            return Err(Shut::Down(interface.name.clone()));
        }
        let usable = |ip: &IpAddr| wanted.is_none_or(|wanted| wanted == *ip) && is_usable(*ip);
        let (mut v4, mut v6) = (None, None);
        for ip in interface.addresses.iter().copied().filter(usable) {
            match ip {
                IpAddr::V4(ip) if v4.is_none() || last.is_some_and(|last| last.v4 == Some(ip)) => {
                    v4 = Some(ip);
                }
                IpAddr::V6(ip) if v6.is_none() || last.is_some_and(|last| last.v6 == Some(ip)) => {
                    v6 = Some(ip);
                }
                IpAddr::V4(_) | IpAddr::V6(_) => {}
            }
        }
        if v4.is_none() && v6.is_none() {
            return Err(Shut::NoAddress(interface.name.clone()));
        }
        let device = Device {
            name: interface.name.clone(),
            index: interface.index,
        };
        Ok(Footing { device, v4, v6 })
    }
}

/// An address of the link alone (fe80::/10) reaches no swarm, and cannot be bound to without saying which link.
fn is_usable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn interface(name: &str, index: u32, up: bool, addresses: &[&str]) -> Interface {
        Interface {
            name: name.to_owned(),
            index,
            up,
            addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn names_and_addresses_are_told_apart_and_the_rest_is_refused() {
        for (text, expected) in [
            ("wg0", Some(Bind::Device("wg0".to_owned()))),
            ("proton-it.1", Some(Bind::Device("proton-it.1".to_owned()))),
            ("10.2.0.2", Some(Bind::Address("10.2.0.2".parse().unwrap()))),
            (
                "::ffff:10.2.0.2",
                Some(Bind::Address("10.2.0.2".parse().unwrap())),
            ),
            ("fd00::2", Some(Bind::Address("fd00::2".parse().unwrap()))),
            ("", None),
            ("0.0.0.0", None),
            ("::", None),
            ("224.0.0.1", None),
            ("10.2.0", None),
            ("10.2.0.256", None),
            ("a/b", None),
            ("..", None),
            ("wg 0", None),
            ("eth0:1", None),
            ("sixteen-letters-", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_interface_is_found_with_one_address_of_each_family() {
        let all = [
            interface("lo", 1, true, &["127.0.0.1", "::1"]),
            interface(
                "wg0",
                7,
                true,
                &["10.2.0.2", "10.2.0.3", "fe80::1", "fd00::2"],
            ),
            interface("eth0", 2, false, &["192.168.1.5"]),
            interface("tun0", 3, true, &["fe80::1"]),
        ];
        let find = |text: &str| text.parse::<Bind>().unwrap().find(&all, None);
        let wg0 = Device {
            name: "wg0".to_owned(),
            index: 7,
        };
        let both = Footing {
            device: wg0.clone(),
            v4: Some("10.2.0.2".parse().unwrap()),
            v6: Some("fd00::2".parse().unwrap()),
        };
        assert_eq!(find("wg0"), Ok(both.clone()));
        let second = Footing {
            v4: Some("10.2.0.3".parse().unwrap()),
            v6: None,
            ..both
        };
        assert_eq!(
            find("10.2.0.3"),
            Ok(second),
            "one address alone, on its device"
        );
        assert_eq!(find("wg1"), Err(Shut::NoInterface("wg1".to_owned())));
        assert_eq!(find("eth0"), Err(Shut::Down("eth0".to_owned())));
        assert_eq!(find("tun0"), Err(Shut::NoAddress("tun0".to_owned())));
        let gone = "10.9.9.9".parse().unwrap();
        assert_eq!(find("10.9.9.9"), Err(Shut::NoSuchAddress(gone)));
    }

    #[test]
    fn a_further_address_does_not_take_the_place_of_the_one_in_use() {
        let bind = Bind::Device("wg0".to_owned());
        let before = [interface("wg0", 7, true, &["10.2.0.2", "2001:db8::2"])];
        let in_use = bind.find(&before, None).unwrap();
        let after = [interface(
            "wg0",
            7,
            true,
            &["10.2.0.9", "10.2.0.2", "2001:db8::9", "2001:db8::2"],
        )];
        assert_eq!(bind.find(&after, Some(&in_use)), Ok(in_use));
    }
}
