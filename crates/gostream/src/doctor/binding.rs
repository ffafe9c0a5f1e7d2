//! Is there what BitTorrent is bound to?
//!
//! While it is missing nothing is sent or received, by intention; the user may wonder all the same.

use gostorm::net::{Bind, Interface, Interfaces, System};

use super::finding::Finding;

/// What the system says of its interfaces, or why it does not.
pub(super) fn look() -> Result<Vec<Interface>, String> {
    System::default().list().map_err(|error| error.to_string())
}

pub(super) fn judge(bind: Option<&Bind>, interfaces: &Result<Vec<Interface>, String>) -> Finding {
    let about = "bind_interface";
    let Some(bind) = bind else {
        return Finding::ok(about, "is not set: the system's routes decide");
    };
    let interfaces = match interfaces {
        Ok(interfaces) => interfaces,
        Err(error) => {
            let seen = format!("the interfaces cannot be listed: {error}");
            return Finding::error(about, seen, "give the process access to netlink sockets");
        }
    };
    let found = interfaces.iter().find(|interface| match bind {
        Bind::Device(name) => interface.name == *name,
        Bind::Address(ip) => interface.addresses.contains(ip),
    });
    let remedy = "start the VPN, or set bind_interface to what `ip address` shows";
    let Some(interface) = found else {
        let seen = format!("there is no {bind}: BitTorrent waits until there is");
        return Finding::error(about, seen, remedy);
    };
    let name = &interface.name;
    if !interface.up || interface.addresses.is_empty() {
        let what = if interface.up {
            "has no address"
        } else {
            "is down"
        };
        let seen = format!("{name} {what}: BitTorrent waits until that changes");
        return Finding::error(about, seen, remedy);
    }
    let addresses: Vec<String> = interface
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    Finding::ok(about, format!("{name} is up with {}", addresses.join(", ")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn level(bind: &str, up: bool, addresses: &[&str]) -> Level {
        let interface = Interface {
            name: "wg0".to_owned(),
            index: 7,
            up,
            addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
        };
        judge(bind.parse().ok().as_ref(), &Ok(vec![interface])).level
    }

    #[test]
    fn what_is_bound_to_must_be_there_up_and_with_an_address() {
        assert_eq!(level("", false, &[]), Level::Ok, "nothing is bound");
        assert_eq!(level("wg0", true, &["10.2.0.2"]), Level::Ok);
        assert_eq!(level("10.2.0.2", true, &["10.2.0.2"]), Level::Ok);
        assert_eq!(level("wg1", true, &["10.2.0.2"]), Level::Error);
        assert_eq!(level("10.2.0.3", true, &["10.2.0.2"]), Level::Error);
        assert_eq!(level("wg0", false, &["10.2.0.2"]), Level::Error);
        assert_eq!(level("wg0", true, &[]), Level::Error);
    }
}
