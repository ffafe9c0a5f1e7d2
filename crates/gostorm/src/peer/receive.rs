//! The loop that reads a peer's socket and reports what came.
//!
//! Runs within the peer's task (`connection`) beside `transmit`. Ends only with a reason to close. While it waits for
//! a pooled buffer or for room in the driver's channel, it does not read: TCP slows the sender down.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use gostorm_wire::Message;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep};

use super::flood::{Allowance, Sent};
use super::inbox::{Inbox, Next};
use super::{CloseReason, PeerConfig, PeerEvent, PeerWhat};
use crate::pool::Pool;
use crate::transport::ReadHalf;

/// What the loop works with.
pub(super) struct Receiver<'a> {
    pub(super) peer: u64,
    pub(super) stream: ReadHalf<'a>,
    pub(super) pool: &'a Pool,
    pub(super) events: &'a mpsc::Sender<PeerEvent>,
    pub(super) config: &'a PeerConfig,
    pub(super) sent: &'a Sent,
}

/// Notices a peer that completes nothing. The timer is not moved at each message, but only when it goes off.
struct IdleWatch {
    last_progress: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Receiver<'_> {
    /// Reads until there is a reason to close.
    pub(super) async fn run(&mut self) -> CloseReason {
        let mut inbox = Inbox::new(self.config.limits);
        let mut idle = IdleWatch {
            last_progress: Instant::now(),
            timer: Box::pin(sleep(self.config.idle_timeout)),
        };
        let mut allowance = Allowance::new(Instant::now());
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
                Ok(Next::Message(message)) if !allowance.spend(&message, self.sent) => {
                    return CloseReason::Flood;
                }
                Ok(Next::Message(Message::KeepAlive | Message::Unknown { .. })) => {
                    idle.last_progress = Instant::now();
                    continue;
                }
                Ok(Next::Message(message)) => PeerWhat::Message(message),
                Ok(Next::Block { span, data }) => {
                    allowance.block(span.len);
                    PeerWhat::Block { span, data }
                }
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
    async fn read(&mut self, inbox: &mut Inbox, idle: &mut IdleWatch) -> Result<(), CloseReason> {
        // A peer that always has bytes for us must not keep the worker thread for itself.
        tokio::task::coop::consume_budget().await;
        let idle_timeout = self.config.idle_timeout;
        poll_fn(|cx| {
            let read = self.stream.poll_read(cx, &mut inbox.spaces());
            match read {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(CloseReason::Eof)),
                Poll::Ready(Ok(count)) => {
                    inbox.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(CloseReason::Io(error.kind()))),
                Poll::Pending => {}
            }
            idle.poll(cx, idle_timeout).map(Err)
        })
        .await
    }
}

impl IdleWatch {
    fn poll(&mut self, cx: &mut Context<'_>, idle_timeout: Duration) -> Poll<CloseReason> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let deadline = self.last_progress + idle_timeout;
            if deadline <= Instant::now() {
                return Poll::Ready(CloseReason::Idle);
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
