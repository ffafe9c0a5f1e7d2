//! Sockets for a group of the local network, as local discovery has them (BEP 14).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use socket2::{Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::{Net, Uplink, socket};

impl Net {
    /// A UDP socket that hears what is sent to a multicast group, and sends to it. Bound to the group, so that nothing
    /// but the group's datagrams gets in; others of this machine may share the port. On every interface of the uplink,
    /// and sent no farther than the next router. To be dropped when [`Net::uplink`] ends.
    ///
    /// # Errors
    /// Shut, or no interface takes part.
    pub fn multicast(&self, group: SocketAddr) -> io::Result<UdpSocket> {
        let uplink = self.uplink()?;
        let joined = || {
            let socket = socket(&uplink, group, Type::DGRAM, Protocol::UDP)?;
            socket.set_reuse_address(true)?;
            socket.bind(&group.into())?;
            self.join(&uplink, &socket, group.ip())?;
            UdpSocket::from_std(socket.into())
        };
        joined().inspect_err(|error| self.suspect(error))
    }

    fn join(&self, uplink: &Uplink, socket: &Socket, group: IpAddr) -> io::Result<()> {
        let index = uplink.device().map_or(0, |device| device.index);
        match group {
            IpAddr::V4(group) => {
                socket.set_multicast_ttl_v4(1)?;
                let own = uplink.v4().unwrap_or(Ipv4Addr::UNSPECIFIED);
                if !own.is_unspecified() {
                    socket.set_multicast_if_v4(&own)?;
                    return socket.join_multicast_v4(&group, &own);
                }
                // The kernel's choice, and all others; an interface twice is refused, and does no harm.
                let chosen = socket.join_multicast_v4(&group, &own);
                let others = self.local_v4().into_iter();
                let joined = others.filter(|own| socket.join_multicast_v4(&group, own).is_ok());
                if joined.count() > 0 { Ok(()) } else { chosen }
            }
            IpAddr::V6(group) => {
                socket.set_multicast_hops_v6(1)?;
                socket.set_multicast_if_v6(index)?;
                socket.join_multicast_v6(&group, index)
            }
        }
    }

    /// One IPv4 address of each interface that is up.
    fn local_v4(&self) -> Vec<Ipv4Addr> {
        let interfaces = self.config.interfaces.list().unwrap_or_default();
        let up = interfaces.iter().filter(|interface| interface.up);
        let v4 = |ip: &IpAddr| match ip {
            IpAddr::V4(ip) => Some(*ip),
            IpAddr::V6(_) => None,
        };
        up.filter_map(|interface| interface.addresses.iter().find_map(v4))
            .collect()
    }
}
