//! uTP (BEP 29): streams over UDP, by librqbit-utp, on sockets that [`Net`] makes.
//!
//! An `Endpoint` is one UDP socket at the port of the TCP listener beside it; [`Listener`](crate::listen::Listener)
//! makes it and accepts at it, and the dialer finds it in [`Endpoints`] as long as it lives. What always holds: a dropped
//! endpoint closes its socket and every stream of it; a stream buffers no more than [`RECEIVED_MAX`] and [`SENT_MAX`]
//! bytes, and there are [`STREAMS_MAX`] of an endpoint at most.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use dontfrag::UdpSocketExt;
use librqbit_dualstack_sockets::PollSendToVectored;
use librqbit_utp::{SocketOpts, Transport, UtpSocket, UtpSocketUdp, UtpStream};
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::net::Net;

/// Bytes that a stream keeps for a task that does not read. What a peer at 50 ms sends in that time at 5 MB/s.
const RECEIVED_MAX: usize = 256 << 10;
/// Bytes that a stream keeps until the peer has confirmed them; a request of ours waits behind these.
const SENT_MAX: usize = 64 << 10;
/// The same at first.
const SENT_AT_FIRST: usize = 32 << 10;
/// Streams of one endpoint.
const STREAMS_MAX: usize = 128;
/// What the kernel may keep of datagrams that came; it may grant less.
const KERNEL_BUFFER: usize = 1 << 20;
/// A stream on which nothing comes for so long is closed. The task of its peer closes it before ([`PeerConfig`]); that
/// what we send arrives is watched by the crate in either case.
///
/// [`PeerConfig`]: crate::peer::PeerConfig
const SILENCE_MAX: Duration = Duration::from_secs(200);
/// A connection attempt is made anew after this long: its first datagram may be lost.
const ATTEMPT: Duration = Duration::from_millis(1500);
/// A socket that fails is left alone for so long.
const PAUSE: Duration = Duration::from_millis(200);

/// Names a type of the crate that it does not export.
trait Environment {
    type Of;
}

impl<T, E> Environment for UtpSocket<T, E> {
    type Of = E;
}

type Socket = UtpSocket<Datagrams, <UtpSocketUdp as Environment>::Of>;

/// An open uTP socket.
#[derive(Debug)]
pub(crate) struct Endpoint {
    socket: Arc<Socket>,
    _stop: DropGuard,
}

impl Endpoint {
    /// Opens one; an IPv6 address takes IPv6 only. Must be called within a tokio runtime.
    pub(crate) fn bind(net: &Net, at: SocketAddr) -> io::Result<Self> {
        let datagrams = Datagrams::new(net.udp(at)?)?;
        let stop = CancellationToken::new();
        let options = SocketOpts {
            vsock_rx_bufsize_bytes: NonZeroUsize::new(RECEIVED_MAX),
            vsock_tx_bufsize_bytes_initial: NonZeroUsize::new(SENT_AT_FIRST),
            vsock_tx_bufsize_bytes_max: NonZeroUsize::new(SENT_MAX),
            max_live_vsocks: NonZeroUsize::new(STREAMS_MAX),
            remote_inactivity_timeout: Some(SILENCE_MAX),
            // Small requests must not wait for the answers to earlier ones.
            disable_nagle: true,
            cancellation_token: stop.clone(),
            ..SocketOpts::default()
        };
        let socket = Socket::new_with_opts(datagrams, Default::default(), options)
            .map_err(io::Error::other)?;
        Ok(Self {
            socket,
            _stop: stop.drop_guard(),
        })
    }

    /// Connects; no time limit of its own.
    pub(crate) async fn connect(&self, to: SocketAddr) -> io::Result<UtpStream> {
        loop {
            if let Ok(connected) = timeout(ATTEMPT, self.socket.connect(to)).await {
                return connected.map_err(io::Error::other);
            }
        }
    }

    /// The next peer that connects.
    pub(crate) async fn accept(&self) -> io::Result<UtpStream> {
        self.socket.accept().await.map_err(io::Error::other)
    }

    /// Where it is bound.
    #[cfg(test)]
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.socket.bind_addr()
    }

    fn serves(&self, address: SocketAddr) -> bool {
        self.socket.bind_addr().is_ipv4() == address.is_ipv4()
    }
}

/// The endpoints that are open, for who dials. The lock is a leaf.
#[derive(Debug, Default)]
pub struct Endpoints(Mutex<Vec<Weak<Endpoint>>>);

impl Endpoints {
    /// Takes a new one; it is forgotten when it is dropped.
    pub(crate) fn add(&self, endpoint: &Arc<Endpoint>) {
        let mut open = self.0.lock();
        open.retain(|endpoint| endpoint.strong_count() > 0);
        open.push(Arc::downgrade(endpoint));
    }

    /// One from which `address` can be dialled.
    pub(crate) fn toward(&self, address: SocketAddr) -> Option<Arc<Endpoint>> {
        let open = self.0.lock();
        let mut open = open.iter().filter_map(Weak::upgrade);
        open.find(|endpoint| endpoint.serves(address))
    }
}

/// A UDP socket as the crate wants it. A datagram that cannot be received or sent is a lost one: the crate would give
/// up on the socket.
struct Datagrams {
    socket: UdpSocket,
    at: SocketAddr,
}

impl Datagrams {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        let at = socket.local_addr()?;
        // The crate looks for the longest datagram that travels in one piece.
        let whole = if at.is_ipv4() {
            socket.set_dontfrag_v4(true)
        } else {
            socket.set_dontfrag_v6(true)
        };
        if let Err(error) = whole {
            tracing::debug!(%error, "datagrams may be fragmented");
        }
        if let Err(error) = SockRef::from(&socket).set_recv_buffer_size(KERNEL_BUFFER) {
            tracing::debug!(%error, "the buffer for datagrams stays as it is");
        }
        Ok(Self { socket, at })
    }
}

impl PollSendToVectored for Datagrams {
    fn poll_send_to_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_send_to_vectored(cx, bufs, target)
    }
}

impl Transport for Datagrams {
    async fn recv_from<'a>(&'a self, buf: &'a mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            match self.socket.recv_from(buf).await {
                Ok(received) => return Ok(received),
                Err(error) => {
                    tracing::debug!(%error, "no datagram could be received");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn send_to<'a>(
        &'a self,
        buf: &'a [u8],
        target: SocketAddr,
    ) -> impl Future<Output = io::Result<usize>> + Send + Sync + 'a {
        self.socket.send_to(buf, target)
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_send_to(cx, buf, target)
    }

    fn bind_addr(&self) -> SocketAddr {
        self.at
    }
}
