//! The listening sockets of a port: one for all addresses, or one for each loopback address.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use futures_util::future;
use socket2::{Domain, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

use super::accepting::AcceptErrors;

/// After how long of silence the system asks whether a client is still there, and how often.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// The sockets; none while they cannot be bound.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    sockets: Vec<TcpListener>,
    errors: AcceptErrors,
}

impl Listeners {
    /// Binds `port`, or a free one where it is 0; for this machine alone where `local`.
    pub(super) fn bind(port: u16, local: bool) -> io::Result<Self> {
        Ok(Self {
            sockets: listen_for(port, local)?,
            errors: AcceptErrors::default(),
        })
    }

    /// Their port.
    pub(super) fn port(&self) -> io::Result<u16> {
        let first = self.sockets.first();
        let first = first.ok_or(io::ErrorKind::NotConnected)?;
        Ok(first.local_addr()?.port())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// The next connection at any of them.
    pub(super) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        if self.sockets.is_empty() {
            return future::pending().await;
        }
        loop {
            let each = self.sockets.iter();
            let each = each.map(|listener| Box::pin(listener.accept()));
            match future::select_all(each).await.0 {
                Ok(accepted) => return accepted,
                Err(error) => self.errors.met(&error).await,
            }
        }
    }
}

fn listen_for(port: u16, local: bool) -> io::Result<Vec<TcpListener>> {
    if local {
        let first = listen((Ipv4Addr::LOCALHOST, port).into())?;
        let port = first.local_addr()?.port();
        // Many machines have no IPv6.
        let second = listen((Ipv6Addr::LOCALHOST, port).into());
        Ok([first].into_iter().chain(second).collect())
    } else {
        let both = listen((Ipv6Addr::UNSPECIFIED, port).into());
        // A machine without IPv6 has no such address; a port that is taken is so for both.
        let first = both.or_else(|_| listen((Ipv4Addr::UNSPECIFIED, port).into()))?;
        Ok(vec![first])
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    // Connections inherit these from their listener.
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE)
        .with_interval(KEEP_ALIVE)
        .with_retries(2);
    socket.set_tcp_keepalive(&keep_alive)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}
