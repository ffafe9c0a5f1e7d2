//! One UDP socket for all questions to trackers of one address family, and which answer belongs to which question.
//!
//! Part of [`udp`](super::udp). The socket lives as long as somebody asks: a process whose torrents sleep has none.
//! An answer counts when its transaction id is one of ours *and* it comes from the address that was asked; any other
//! datagram is dropped unread. There are at most [`QUESTIONS_MAX`] questions; each is taken back when dropped.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Weak};

use gostorm_wire::tracker::{DATAGRAM_LEN_MAX, UdpAnswer, UdpBody, UdpError};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::error::TrackerError;
use crate::net::{Net, Uplink};

/// Questions that wait for an answer, over all trackers.
const QUESTIONS_MAX: usize = 8_192;

/// An answer, and who gave it.
pub(super) type Reply = (SocketAddr, Result<UdpBody, UdpError>);

/// Makes the socket when it is needed.
#[derive(Debug)]
pub(super) struct Doorway {
    ipv6: bool,
    open: Mutex<Weak<Door>>,
}

impl Doorway {
    pub(super) const fn new(ipv6: bool) -> Self {
        Self {
            ipv6,
            open: Mutex::new(Weak::new()),
        }
    }

    /// The open socket, or a new one.
    pub(super) fn enter(&self, net: &Net) -> io::Result<Arc<Door>> {
        let mut open = self.open.lock();
        let usable = |door: &Arc<Door>| !door.uplink.has_ended() && !door.waiting.lock().closed;
        if let Some(door) = open.upgrade().filter(usable) {
            return Ok(door);
        }
        let uplink = net.uplink()?;
        let any = if self.ipv6 {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        };
        let socket = Arc::new(net.udp(any)?);
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let hear = hear(Arc::clone(&socket), Arc::clone(&waiting), self.ipv6);
        let door = Arc::new(Door {
            uplink,
            socket,
            waiting,
            _hears: AbortOnDropHandle::new(tokio::spawn(hear)),
        });
        *open = Arc::downgrade(&door);
        Ok(door)
    }

    /// Whether somebody asks.
    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.open.lock().strong_count() > 0
    }
}

#[derive(Debug, Default)]
struct Waiting {
    questions: FxHashMap<u32, (SocketAddr, mpsc::Sender<Reply>)>,
    /// The socket is broken: nothing will come any more.
    closed: bool,
}

/// The open socket.
#[derive(Debug)]
pub(super) struct Door {
    /// What the socket is bound to. Who asks does it within.
    uplink: Arc<Uplink>,
    socket: Arc<UdpSocket>,
    waiting: Arc<Mutex<Waiting>>,
    _hears: AbortOnDropHandle<()>,
}

/// A question that waits for its answer.
pub(super) struct Question<'a> {
    door: &'a Door,
    transaction: u32,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.door.waiting.lock().questions.remove(&self.transaction);
    }
}

impl Door {
    /// Sends what `encode` makes of a new transaction id; the answer goes to `replies`, which closes when none will
    /// come any more.
    pub(super) async fn ask(
        &self,
        to: SocketAddr,
        replies: &mpsc::Sender<Reply>,
        encode: impl FnOnce(u32) -> Vec<u8>,
    ) -> Result<Question<'_>, TrackerError> {
        let question = self.question(to, replies.clone())?;
        let datagram = encode(question.transaction);
        let sent = self.socket.send_to(&datagram, to).await;
        sent.map_err(TrackerError::Network)?;
        Ok(question)
    }

    #[cfg(test)]
    pub(super) fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |addr| addr.port())
    }

    fn question(
        &self,
        to: SocketAddr,
        replies: mpsc::Sender<Reply>,
    ) -> Result<Question<'_>, TrackerError> {
        let mut waiting = self.waiting.lock();
        if waiting.closed || waiting.questions.len() >= QUESTIONS_MAX {
            return Err(TrackerError::Busy);
        }
        let mut transaction = rand::random();
        while waiting.questions.contains_key(&transaction) {
            transaction = rand::random();
        }
        waiting.questions.insert(transaction, (to, replies));
        Ok(Question {
            door: self,
            transaction,
        })
    }
}

/// Hands every answer to whoever asked, until the socket breaks.
async fn hear(socket: Arc<UdpSocket>, waiting: Arc<Mutex<Waiting>>, ipv6: bool) {
    let mut buffer = vec![0; DATAGRAM_LEN_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((len, from)) => deliver(&waiting, &buffer[..len], from, ipv6),
            Err(error) => {
                tracing::debug!(%error, "the socket for UDP trackers broke");
                let mut waiting = waiting.lock();
                waiting.closed = true;
                waiting.questions.clear();
                return;
            }
        }
    }
}

fn deliver(waiting: &Mutex<Waiting>, datagram: &[u8], from: SocketAddr, ipv6: bool) {
    let Some(transaction) = UdpAnswer::transaction_of(datagram) else {
        return;
    };
    let mut waiting = waiting.lock();
    let asked = waiting.questions.get(&transaction);
    if asked.is_none_or(|(to, _)| (to.ip(), to.port()) != (from.ip(), from.port())) {
        tracing::debug!(%from, "an answer to no question of ours");
        return;
    }
    if let Some((to, replies)) = waiting.questions.remove(&transaction) {
        let body = UdpAnswer::decode(datagram, ipv6).map(|answer| answer.body);
        // Whoever asked has an answer already, or has gone.
        let _ = replies.try_send((to, body));
    }
}
