//! The connections of one port or socket: HTTP/1.1 on each, within the bounds of heads, bodies and stalls.

use std::{convert::Infallible, time::Duration};

use axum::{Extension, Router, http::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
};
use tower::{Layer as _, Service};

use super::{body::Unread, wire::Wire};

/// How long a client may take to send the head of a request, or stay without one.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// The same for one that is to be turned away.
const HEAD_TIME_ASIDE: Duration = Duration::from_secs(5);

/// The longest head of a request, in bytes; what waits to be written of an answer as well.
const HEAD_LEN_MAX: usize = 64 * 1024;

/// How long answers may go on after the server was told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// What is served.
#[derive(Default)]
pub(crate) struct Serving {
    connections: GracefulShutdown,
    // Dropping it ends those that are left.
    tasks: JoinSet<()>,
}

impl Serving {
    /// Serves a connection by `router`; its requests have `client` as an extension, and `place` is kept until it has ended.
    pub(crate) fn add<S, C, P>(&mut self, stream: S, router: Router, client: C, place: P)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        C: Clone + Send + Sync + 'static,
        P: Send + 'static,
    {
        let service = Extension(client).layer(router);
        self.spawn(&http1(HEAD_TIME), stream, service, place);
    }

    /// Answers one request by `router` and ends.
    pub(crate) fn turn_away<S, P>(&mut self, stream: S, router: Router, place: P)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        P: Send + 'static,
    {
        self.spawn(
            http1(HEAD_TIME_ASIDE).keep_alive(false),
            stream,
            router,
            place,
        );
    }

    fn spawn<S, R, P>(&mut self, http1: &http1::Builder, stream: S, service: R, place: P)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        R: Service<Request<Incoming>, Response = Response, Error = Infallible>,
        R: Clone + Send + 'static,
        R::Future: Send,
        P: Send + 'static,
    {
        let unread = Unread::default();
        let wire = TokioIo::new(Wire::new(stream, unread.clone()));
        let service = TowerToHyperService::new(Extension(unread).layer(service));
        let watched = self
            .connections
            .watch(http1.serve_connection(wire, service));
        self.tasks.spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection broke off");
            }
            drop(place);
        });
    }

    /// Waits until a connection has ended; without one, for ever.
    pub(crate) async fn ended(&mut self) {
        if self.tasks.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Lets answers that are under way end, and cuts off what is left after a grace of 2 s.
    pub(crate) async fn end(self) {
        // What does not end in time is cut off.
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, self.connections.shutdown()).await;
    }
}

fn http1(head_time: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_header_size(HEAD_LEN_MAX)
        .max_buf_size(HEAD_LEN_MAX);
    builder
}
