//! The loop that reads a peer's socket and reports what came.
//!
//! Runs within the peer's task (`connection`) beside `transmit`. Ends only with a reason to close. While it waits for
//! a pooled buffer or for room in the driver's channel, it does not read: TCP slows the sender down.

use std::io::{self, Read};
use std::pin::Pin;

use gostorm_wire::Message;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep};

use super::inbox::{Inbox, Next};
use super::{CloseReason, PeerConfig, PeerEvent, PeerWhat};
use crate::pool::Pool;

/// What the loop works with.
pub(super) struct Receiver<'a> {
    pub(super) peer: u64,
    pub(super) stream: &'a TcpStream,
    pub(super) pool: &'a Pool,
    pub(super) events: &'a mpsc::Sender<PeerEvent>,
    pub(super) config: &'a PeerConfig,
}

/// Notices a peer that completes nothing. The timer is not moved at each message, but only when it goes off.
struct IdleWatch {
    last_progress: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Receiver<'_> {
    /// Reads until there is a reason to close.
    pub(super) async fn run(&self) -> CloseReason {
        let mut inbox = Inbox::new(self.config.limits);
        let mut idle = IdleWatch {
            last_progress: Instant::now(),
            timer: Box::pin(sleep(self.config.idle_timeout)),
        };
        loop {
            let what = match inbox.next() {
                Err(reason) => return reason,
                Ok(Next::NeedBytes) => {
                    if let Err(reason) = self.read(&mut inbox, &mut idle).await {
                        return reason;
                    }
                    continue;
                }
                Ok(Next::NeedBuffer) => {
                    inbox.begin_block(self.pool.take().await);
                    idle.last_progress = Instant::now();
                    continue;
                }
                Ok(Next::Message(Message::KeepAlive | Message::Unknown { .. })) => {
                    idle.last_progress = Instant::now();
                    continue;
                }
                Ok(Next::Message(message)) => PeerWhat::Message(message),
                Ok(Next::Block { span, data }) => PeerWhat::Block { span, data },
            };
            let event = PeerEvent {
                peer: self.peer,
                what,
            };
            if self.events.send(event).await.is_err() {
                // The driver is gone, and its handle with it: nobody is told.
                return CloseReason::Eof;
            }
            idle.last_progress = Instant::now();
        }
    }

    /// Reads once, as soon as there is something to read.
    async fn read(&self, inbox: &mut Inbox, idle: &mut IdleWatch) -> Result<(), CloseReason> {
        // A peer that always has bytes for us must not keep the worker thread for itself.
        tokio::task::coop::consume_budget().await;
        loop {
            match read_ready(self.stream, inbox) {
                Ok(0) => return Err(CloseReason::Eof),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(CloseReason::Io(error.kind())),
            }
            tokio::select! {
                ready = self.stream.readable() => {
                    ready.map_err(|error| CloseReason::Io(error.kind()))?;
                }
                () = &mut idle.timer => {
                    let deadline = idle.last_progress + self.config.idle_timeout;
                    if deadline <= Instant::now() {
                        return Err(CloseReason::Idle);
                    }
                    idle.timer.as_mut().reset(deadline);
                }
            }
        }
    }
}

/// Reads what the socket has into the inbox, without waiting.
fn read_ready(stream: &TcpStream, inbox: &mut Inbox) -> io::Result<usize> {
    let mut spaces = inbox.spaces();
    let room: usize = spaces.iter().map(|space| space.len()).sum();
    let mut got = None;
    let result = stream.try_io(Interest::READABLE, || {
        let socket = SockRef::from(stream);
        let count = (&*socket).read_vectored(&mut spaces)?;
        got = Some(count);
        // A short read has emptied the socket (epoll reports what comes later as a new edge): saying so here saves
        // the system call that would find it empty.
        if count > 0 && count < room {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    });
    match (got, result) {
        (Some(count), _) => {
            inbox.advance(count);
            Ok(count)
        }
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(io::ErrorKind::WouldBlock.into()),
    }
}
