//! A scripted peer: its listening socket, and the connections that it accepts or makes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gostorm_wire::PeerId;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use super::content::Content;
use super::counters::{Counters, TooLate};
use super::ledger::Ledger;
use super::remote::Remote;
use super::script::Script;
use super::session;
use crate::rng::mix;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;

/// A peer of the lab. Dropping it closes its sockets.
#[derive(Debug)]
pub struct LabPeer {
    addr: SocketAddr,
    remote: Arc<Remote>,
    /// Aborted on drop, and with them the connections, which are in sets of the tasks.
    tasks: Mutex<JoinSet<()>>,
}

impl LabPeer {
    /// Starts a peer on an address that no other peer of this process has. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be had.
    pub fn start(content: &Arc<Content>, script: Script) -> io::Result<Self> {
        Self::start_at(Self::fresh_addr(), content, script)
    }

    /// As [`LabPeer::start`], on this address; port 0: any.
    ///
    /// # Errors
    /// When the socket cannot be had.
    pub fn start_at(addr: SocketAddr, content: &Arc<Content>, script: Script) -> io::Result<Self> {
        Self::start_counted(addr, content, script, None)
    }

    /// As [`LabPeer::start_at`]; what it sends is noted in the ledger, if there is one.
    ///
    /// # Errors
    /// When the socket cannot be had.
    pub fn start_counted(
        addr: SocketAddr,
        content: &Arc<Content>,
        script: Script,
        ledger: Option<Arc<Ledger>>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(BACKLOG)?;
        let addr = listener.local_addr()?;
        let mut id = *b"-LB0001-000000000000";
        id[12..].copy_from_slice(&mix(u64::from(addr.port()) ^ ip_number(addr)).to_be_bytes());
        let remote = Arc::new(Remote::new(Arc::clone(content), script, PeerId(id), ledger));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&remote)));
        Ok(Self {
            addr,
            remote,
            tasks: Mutex::new(tasks),
        })
    }

    /// An address that no other peer of this process has, with any port.
    #[must_use]
    pub fn fresh_addr() -> SocketAddr {
        SocketAddr::new(next_ip(), 0)
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connects to a peer from this peer's address and serves it as any other.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn dial(&self, addr: SocketAddr) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.addr.ip(), 0))?;
        let stream = socket.connect(addr).await?;
        let remote = Arc::clone(&self.remote);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            // How a connection ends is seen in the counters.
            let _ = session::run(remote, stream, true).await;
        });
        Ok(())
    }

    /// What it has seen and done.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.remote.board.now()
    }

    /// Waits until its counters are as wanted.
    ///
    /// # Errors
    /// When they were not in time.
    pub async fn until(
        &self,
        within: Duration,
        what: impl FnMut(&Counters) -> bool,
    ) -> Result<Counters, TooLate> {
        self.remote.board.until(within, what).await
    }

    /// The info dict that the other side gave, if all of it has come.
    #[must_use]
    pub fn learned(&self) -> Option<Vec<u8>> {
        self.remote.learned()
    }
}

async fn accept(listener: TcpListener, remote: Arc<Remote>) {
    let mut sessions = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptor, or a connection that is gone already: others may fare better.
            tokio::task::yield_now().await;
            continue;
        };
        while sessions.try_join_next().is_some() {}
        remote.board.count(|counters| counters.accepted += 1);
        let remote = Arc::clone(&remote);
        sessions.spawn(async move {
            let _ = session::run(remote, stream, false).await;
        });
    }
}

/// 127.0.1.1, 127.0.1.2, ...: all of 127/8 is this machine.
fn next_ip() -> IpAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [high, low] = (number / 250 % 250 * 256 + number % 250).to_be_bytes();
    Ipv4Addr::new(127, 0, high + 1, low + 1).into()
}

fn ip_number(addr: SocketAddr) -> u64 {
    match addr.ip() {
        IpAddr::V4(ip) => u64::from(u32::from(ip)) << 16,
        IpAddr::V6(_) => 0,
    }
}
