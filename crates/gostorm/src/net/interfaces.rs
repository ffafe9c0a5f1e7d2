//! Which network interfaces there are, and when that changes, as the system says.
//!
//! The kernel tells of changes by netlink (rtnetlink(7)); what it tells is not read, only that it did, and then all
//! interfaces are listed anew. Where netlink cannot be had, whoever watches has to look now and then.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::OnceLock;

use nix::ifaddrs::getifaddrs;
use nix::libc::{RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use tokio::io::unix::AsyncFd;

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number in the kernel; an interface that is deleted and made again has another.
    pub index: u32,
    /// Whether it is up.
    pub up: bool,
    /// Its addresses, in the system's order.
    pub addresses: Vec<IpAddr>,
}

/// Says which interfaces there are. [`System`] asks the kernel; tests say what they like.
pub trait Interfaces: fmt::Debug + Send + Sync {
    /// All interfaces. Called every few seconds; must not block.
    ///
    /// # Errors
    /// When the system does not say.
    fn list(&self) -> io::Result<Vec<Interface>>;

    /// Waits until they may have changed since the last call; for ever if that cannot be known.
    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The interfaces of this system.
#[derive(Debug, Default)]
pub struct System {
    /// Made when changes are first waited for; `None` if it cannot be had.
    netlink: OnceLock<Option<AsyncFd<OwnedFd>>>,
}

impl Interfaces for System {
    fn list(&self) -> io::Result<Vec<Interface>> {
        let mut all: Vec<Interface> = Vec::new();
        // Each interface comes at least once, with its link-layer address; after that once for each address.
        for entry in getifaddrs()? {
            let up = entry.flags.contains(InterfaceFlags::IFF_UP);
            // An address with a label comes under that: "eth0:1".
            let name = entry.interface_name.split(':').next().unwrap_or_default();
            let known = all.iter().position(|one| one.name == name);
            let place = match known {
                Some(place) => place,
                None => {
                    let Ok(index) = if_nametoindex(name) else {
                        // Gone in this moment.
                        continue;
                    };
                    let (name, addresses) = (name.to_owned(), Vec::new());
                    all.push(Interface {
                        name,
                        index,
                        up,
                        addresses,
                    });
                    all.len() - 1
                }
            };
            let v4 = entry
                .address
                .as_ref()
                .and_then(|address| address.as_sockaddr_in());
            let v6 = entry
                .address
                .as_ref()
                .and_then(|address| address.as_sockaddr_in6());
            let ip = v4
                .map(|v4| IpAddr::V4(v4.ip()))
                .or(v6.map(|v6| IpAddr::V6(v6.ip())));
            all[place].addresses.extend(ip);
        }
        Ok(all)
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let netlink = self.netlink.get_or_init(|| {
                netlink()
                    .inspect_err(
                        |error| tracing::debug!(%error, "no netlink: interfaces are polled"),
                    )
                    .ok()
            });
            match netlink {
                Some(netlink) => {
                    if wait_and_drain(netlink).await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                None => std::future::pending().await,
            }
        })
    }
}

/// A socket that becomes readable when a link or an address changes.
fn netlink() -> io::Result<AsyncFd<OwnedFd>> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let protocol = SockProtocol::NetlinkRoute;
    let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups.cast_unsigned()))?;
    #[expect(
        deprecated,
        reason = "what is unsound with others is sound with a descriptor that is owned"
    )]
    AsyncFd::new(fd)
}

async fn wait_and_drain(netlink: &AsyncFd<OwnedFd>) -> io::Result<()> {
    let mut guard = netlink.readable().await?;
    // Longer messages are cut, which does no harm.
    let mut scrap = [0; 4096];
    loop {
        match recv(netlink.as_raw_fd(), &mut scrap, MsgFlags::empty()) {
            // ENOBUFS: more came than was kept. That, too, says that something changed.
            Ok(_) | Err(nix::Error::ENOBUFS | nix::Error::EINTR) => {}
            Err(nix::Error::EAGAIN) => {
                guard.clear_ready();
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_loopback_interface_is_listed_with_its_address() {
        let all = System::default().list().unwrap();
        let lo = all.iter().find(|one| one.name == "lo").unwrap();
        assert!(lo.up && lo.index > 0);
        assert!(lo.addresses.contains(&"127.0.0.1".parse().unwrap()));
    }
}
