//! The client of a running server: [`LibraryControl`] and [`StateControl`] over its control socket.
//!
//! The command line uses it when a server runs and the application's own
//! library when none does, both through the trait. Each request has a
//! connection of its own; dropping the stream of an addition closes it, and
//! the server gives up the work. "No server" is an error of its own
//! ([`SocketError::NoServer`]), told apart before any request is made.

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{
    FutureExt as _,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt as _},
};
use gostream_http::{
    AddEvent, AddRequest, BannedAddress, ControlError, LibraryControl, ListedFile, Problem,
    RefusedTorrent, RemovedFile, SettingsChange, SocketError, StateControl, Status, TakeOver,
    TakenOver, connect,
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, body::Incoming, header};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// How long a server may take to answer anything but an addition.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Longest answer, and longest line of one, in bytes: some 10^6 films.
const ANSWER_LEN_MAX: usize = 256 * 1024 * 1024;

/// What stands for itself in a path (RFC 3986 §2.3), and the slash.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A running server.
#[derive(Debug, Clone)]
pub struct ControlClient {
    socket: PathBuf,
}

impl ControlClient {
    /// Finds the server whose control socket is at `socket`.
    ///
    /// # Errors
    /// [`SocketError::NoServer`] when none answers there, and
    /// [`SocketError::Io`] when one may, but not to us.
    pub fn find(socket: &Path) -> Result<Self, SocketError> {
        connect(socket)?;
        Ok(Self {
            socket: socket.to_owned(),
        })
    }

    /// Changes settings of the server, all or none.
    ///
    /// # Errors
    /// What is wrong with them, or why they could not be written.
    pub async fn change_settings(
        &self,
        changes: &Map<String, Value>,
    ) -> Result<SettingsChange, ControlError> {
        let body = serde_json::to_vec(changes)
            .map_err(|error| ControlError::failed(format!("cannot write the request: {error}")))?;
        let path = "/api/v1/settings".to_owned();
        self.ask(Method::PATCH, path, body.into()).await
    }

    /// Asks and reads the whole answer as JSON.
    fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: String,
        body: Bytes,
    ) -> impl Future<Output = Result<T, ControlError>> + Send + 'static {
        let socket = self.socket.clone();
        async move {
            let asked = async {
                let response = send(&socket, method, &path, body).await?;
                let body = whole(accepted(response).await?).await?;
                serde_json::from_slice(&body).map_err(|error| unreadable(&error))
            };
            match tokio::time::timeout(ANSWER_TIME, asked).await {
                Ok(answer) => answer,
                Err(_) => Err(ControlError::timed_out(format!(
                    "the running gostream did not answer within {} s",
                    ANSWER_TIME.as_secs(),
                ))),
            }
        }
    }
}

impl LibraryControl for ControlClient {
    fn add(&self, request: AddRequest) -> BoxStream<'static, AddEvent> {
        let socket = self.socket.clone();
        async move {
            match begin_addition(&socket, &request).await {
                Ok(body) => events(body).boxed(),
                Err(error) => stream::iter([AddEvent::Failed(error)]).boxed(),
            }
        }
        .flatten_stream()
        .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ListedFile>, ControlError>> {
        self.ask(Method::GET, "/api/v1/library".to_owned(), Bytes::new())
            .boxed()
    }

    fn remove(&self, path: String) -> BoxFuture<'_, Result<RemovedFile, ControlError>> {
        let path = utf8_percent_encode(&path, IN_PATH);
        let path = format!("/api/v1/library/{path}");
        self.ask(Method::DELETE, path, Bytes::new()).boxed()
    }

    fn refused(&self) -> BoxFuture<'_, Result<Vec<RefusedTorrent>, ControlError>> {
        self.ask(Method::GET, "/api/v1/refused".to_owned(), Bytes::new())
            .boxed()
    }

    fn lift(&self, hash: String) -> BoxFuture<'_, Result<RefusedTorrent, ControlError>> {
        let hash = utf8_percent_encode(&hash, IN_PATH);
        let path = format!("/api/v1/refused/{hash}");
        self.ask(Method::DELETE, path, Bytes::new()).boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, ControlError>> {
        self.ask(Method::GET, "/api/v1/status".to_owned(), Bytes::new())
            .boxed()
    }
}

impl StateControl for ControlClient {
    fn bans(&self) -> BoxFuture<'_, Result<Vec<BannedAddress>, ControlError>> {
        self.ask(Method::GET, "/api/v1/bans".to_owned(), Bytes::new())
            .boxed()
    }

    fn lift_ban(&self, ip: String) -> BoxFuture<'_, Result<BannedAddress, ControlError>> {
        let ip = utf8_percent_encode(&ip, NON_ALPHANUMERIC);
        let path = format!("/api/v1/bans/{ip}");
        self.ask(Method::DELETE, path, Bytes::new()).boxed()
    }

    fn take_over(&self, brought: TakeOver) -> BoxFuture<'_, Result<TakenOver, ControlError>> {
        match serde_json::to_vec(&brought) {
            Ok(body) => self
                .ask(Method::POST, "/api/v1/import".to_owned(), body.into())
                .boxed(),
            Err(error) => {
                let error = ControlError::failed(format!("cannot write the request: {error}"));
                async { Err(error) }.boxed()
            }
        }
    }
}

async fn begin_addition(socket: &Path, request: &AddRequest) -> Result<Incoming, ControlError> {
    let body = serde_json::to_vec(request)
        .map_err(|error| ControlError::failed(format!("cannot write the request: {error}")))?;
    let response = send(socket, Method::POST, "/api/v1/library", body.into()).await?;
    accepted(response).await
}

/// The lines of an answer as events. Ends after the first `Added` or
/// `Failed`; an answer that breaks off before ends in `Failed` too.
fn events(body: Incoming) -> impl stream::Stream<Item = AddEvent> + Send {
    let lines = Some(Lines {
        body,
        buffer: BytesMut::new(),
    });
    stream::unfold(lines, |lines| async move {
        let mut lines = lines?;
        let event = match lines.next().await {
            Ok(line) => serde_json::from_slice(&line)
                .unwrap_or_else(|error| AddEvent::Failed(unreadable(&error))),
            Err(error) => AddEvent::Failed(error),
        };
        let more = matches!(event, AddEvent::Progress(_)).then_some(lines);
        Some((event, more))
    })
}

struct Lines {
    body: Incoming,
    buffer: BytesMut,
}

impl Lines {
    async fn next(&mut self) -> Result<Bytes, ControlError> {
        let mut searched = 0;
        loop {
            let end = self.buffer[searched..].iter().position(|&b| b == b'\n');
            if let Some(end) = end {
                return Ok(self.buffer.split_to(searched + end + 1).freeze());
            }
            searched = self.buffer.len();
            if searched > ANSWER_LEN_MAX {
                return Err(ControlError::failed("the answer of gostream has no end"));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(lost(&error)),
                None => return Err(lost(&"it closed the connection")),
            }
        }
    }
}

async fn send(
    socket: &Path,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Response<Incoming>, ControlError> {
    let connection = connect(socket)
        .and_then(|stream| {
            stream
                .set_nonblocking(true)
                .and_then(|()| tokio::net::UnixStream::from_std(stream))
                .map_err(|source| SocketError::Io {
                    what: "cannot use the connection",
                    path: socket.to_owned(),
                    source,
                })
        })
        .map_err(|error| ControlError::failed(error.to_string()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(connection))
        .await
        .map_err(|error| lost(&error))?;
    // Ends by itself when the answer is read or dropped; what goes wrong on
    // it is reported to the request.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "gostream")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|error| ControlError::failed(format!("cannot write the request: {error}")))?;
    sender
        .send_request(request)
        .await
        .map_err(|error| lost(&error))
}

/// The body of a successful answer; the problem of any other.
async fn accepted(response: Response<Incoming>) -> Result<Incoming, ControlError> {
    let status = response.status();
    let body = response.into_body();
    if status.is_success() {
        return Ok(body);
    }
    let body = whole(body).await?;
    Err(serde_json::from_slice::<Problem>(&body).map_or_else(
        |_| ControlError::failed(format!("the running gostream answered {status}")),
        ControlError::from,
    ))
}

async fn whole(body: Incoming) -> Result<Bytes, ControlError> {
    Limited::new(body, ANSWER_LEN_MAX)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| lost(&error))
}

fn lost(reason: &dyn std::fmt::Display) -> ControlError {
    ControlError::failed(format!("lost the running gostream: {reason}"))
}

fn unreadable(error: &serde_json::Error) -> ControlError {
    ControlError::failed(format!(
        "cannot read the answer of the running gostream, is it of another version? {error}"
    ))
}

#[cfg(test)]
mod tests;
