//! The bounds of every request's body: how long it may be, and how long it may take to come.
//!
//! Routes read less than [`BODY_LEN_MAX`] where they can; here is what holds for all of them. A body has
//! [`FIRST`] and a second more for each [`RATE`] bytes of it that came, so that one which trickles ends, and one that
//! is long may come over a slow line. Handlers see a body that broke off; their answer is replaced by what is true.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::header,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::{
    control::BODY_LEN_MAX,
    error::{Refusal, RequestError},
};

/// What a body has in any case.
const FIRST: Duration = Duration::from_secs(30);

/// Bytes of it that earn another second.
const RATE: u64 = 64 * 1024;

/// Whether a body of a connection was left unread: then the client may still be sending it when the connection ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(super) fn is_some(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, unread: bool) {
        self.0.store(unread, Ordering::Relaxed);
    }
}

/// The middleware.
pub(crate) async fn bound(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let of_api = request.uri().path().starts_with("/api/");
    let unread = request.extensions().get::<Unread>().cloned();
    let unread = unread.unwrap_or_default();
    unread.set(true);
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|len| len > BODY_LEN_MAX as u64) {
        return Fault::TooLong.answer(of_api);
    }
    let (head, body) = request.into_parts();
    let fault = SharedFault::default();
    let body = Bounded::new(body, fault.clone(), unread);
    let answer = next.run(Request::from_parts(head, Body::new(body))).await;
    fault.get().map_or(answer, |fault| fault.answer(of_api))
}

/// Why a body was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("the body is too long")]
    TooLong = 1,
    #[error("the body comes too slowly")]
    TooSlow = 2,
}

impl Fault {
    fn answer(self, of_api: bool) -> Response {
        match (self, of_api) {
            (Self::TooLong, true) => RequestError::TooLarge(BODY_LEN_MAX).into_response(),
            (Self::TooSlow, true) => RequestError::TooSlow.into_response(),
            (Self::TooLong, false) => Refusal::TooLarge.into_response(),
            (Self::TooSlow, false) => Refusal::TooSlow.into_response(),
        }
    }
}

/// The fault of a body, seen by who answers.
#[derive(Clone, Default)]
struct SharedFault(Arc<AtomicU8>);

impl SharedFault {
    fn set(&self, fault: Fault) {
        self.0.store(fault as u8, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Fault> {
        let known = [Fault::TooLong, Fault::TooSlow];
        let set = self.0.load(Ordering::Relaxed);
        known.into_iter().find(|fault| *fault as u8 == set)
    }
}

/// A body that ends when it is too long or too slow.
struct Bounded {
    body: Body,
    came: u64,
    began: Instant,
    patience: Pin<Box<Sleep>>,
    fault: SharedFault,
    unread: Unread,
}

impl Bounded {
    fn new(body: Body, fault: SharedFault, unread: Unread) -> Self {
        Self {
            body,
            came: 0,
            began: Instant::now(),
            patience: Box::pin(sleep(FIRST)),
            fault,
            unread,
        }
    }

    fn fail(&self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.fault.set(fault);
        Poll::Ready(Some(Err(axum::Error::new(fault))))
    }

    /// Until when it must have ended, by what came of it.
    fn deadline(&self) -> Instant {
        self.began + FIRST + Duration::from_secs(self.came / RATE)
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.came += frame.data_ref().map_or(0, Bytes::len) as u64;
                if this.came > BODY_LEN_MAX as u64 {
                    return this.fail(Fault::TooLong);
                }
                if this.body.is_end_stream() {
                    this.unread.set(false);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                this.unread.set(false);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Pending => {
                while this.patience.as_mut().poll(cx).is_ready() {
                    let deadline = this.deadline();
                    if deadline <= Instant::now() {
                        return this.fail(Fault::TooSlow);
                    }
                    // Bytes that came since have earned it more.
                    this.patience.as_mut().reset(deadline);
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
