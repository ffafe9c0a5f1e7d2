//! One connection of the world, and the addresses of its peers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::link::Link;
use crate::peer::Remote;
use crate::rng::Rng;

/// One connection, alive or gone. Its index is its [`PeerKey`].
pub(super) struct Connection {
    pub(super) torrent: usize,
    pub(super) peer: usize,
    pub(super) remote: Remote,
    pub(super) down: Link,
    pub(super) up: Link,
    pub(super) rng: Rng,
    pub(super) alive: bool,
}

/// The address of a peer.
pub(super) fn address(torrent: usize, peer: usize) -> SocketAddr {
    let byte = |value: usize| u8::try_from(value % 256).unwrap_or(0);
    let ip = Ipv4Addr::new(10, byte(torrent), byte(peer / 250), byte(peer % 250 + 1));
    (ip, 6881).into()
}

/// The peer at an address, if the address is one of ours.
pub(super) fn peer_at(torrent: usize, addr: SocketAddr) -> Option<usize> {
    let IpAddr::V4(ip) = addr.ip() else {
        return None;
    };
    let [ten, net, high, low] = ip.octets();
    let known = ten == 10 && usize::from(net) == torrent % 256 && low > 0;
    known.then(|| usize::from(high) * 250 + usize::from(low) - 1)
}
