//! A connection as hyper sees it, with two bounds that hyper does not keep.
//!
//! A client may take its bytes slowly, and stop for hours, as a television does whose film is paused; one that takes
//! nothing for [`STALLED`] is gone. (The system's own bound on that, `TCP_USER_TIMEOUT`, cannot tell a paused client from
//! a dead one.) And where a request's body was left unread, the end waits a moment and reads past it: closing at once
//! would reset the connection, and the client could lose the answer that tells it why.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use super::body::Unread;

/// How long a client may take nothing of its answer.
const STALLED: Duration = Duration::from_secs(6 * 3600);

/// How long a body is read past at the end.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes of it that are read past.
const LINGER_LEN: usize = 64 << 20;

/// See the module.
pub(super) struct Wire<S> {
    stream: S,
    unread: Unread,
    /// Since when the client takes nothing.
    stalled: Option<Instant>,
    /// Looks at that from time to time.
    look: Option<Pin<Box<Sleep>>>,
    linger: Option<Linger>,
}

struct Linger {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<S> Wire<S> {
    pub(super) const fn new(stream: S, unread: Unread) -> Self {
        Self {
            stream,
            unread,
            stalled: None,
            look: None,
            linger: None,
        }
    }

    /// What a write came to; one that waits for too long fails.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let end = *self.stalled.get_or_insert_with(Instant::now) + STALLED;
        let look = self.look.get_or_insert_with(|| Box::pin(sleep(STALLED)));
        while look.as_mut().poll(cx).is_ready() {
            if end <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // It took something since the look was set.
            look.as_mut().reset(end);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.unread.is_some() {
                return Poll::Ready(Ok(()));
            }
        }
        let linger = this.linger.get_or_insert_with(|| Linger {
            until: Box::pin(sleep(LINGER)),
            left: LINGER_LEN,
        });
        let mut room = [0; 8 * 1024];
        while linger.left > 0 && linger.until.as_mut().poll(cx).is_pending() {
            let mut read = ReadBuf::new(&mut room);
            let ended = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read)).is_err();
            if ended || read.filled().is_empty() {
                break;
            }
            linger.left = linger.left.saturating_sub(read.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}
