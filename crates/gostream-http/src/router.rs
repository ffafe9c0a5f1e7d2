//! The versioned API as axum routes over a [`LibraryControl`].
//!
//! Handlers only translate: they parse, call one method and write the answer.
//! Whatever fails leaves as a problem document. Bodies are read to at most
//! [`BODY_LEN_MAX`] bytes.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::{Method, Uri, header},
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use futures_util::{StreamExt, stream};

use crate::{
    control::{
        AddEvent, AddRequest, BODY_LEN_MAX, ControlError, LibraryControl, ListedFile,
        RefusedTorrent, RemovedFile, Status, TORRENT_LEN_MAX,
    },
    error::RequestError,
};

type Control = State<Arc<dyn LibraryControl>>;

/// The routes of the versioned API, backed by `control`.
pub fn router(control: Arc<dyn LibraryControl>) -> Router {
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/library", get(list).post(add))
        .route("/api/v1/library/{*path}", delete(remove))
        .route("/api/v1/refused", get(refused))
        .route("/api/v1/refused/{hash}", delete(lift))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
        .with_state(control)
}

async fn status(State(control): Control) -> Result<Json<Status>, RequestError> {
    Ok(Json(control.status().await?))
}

async fn list(State(control): Control) -> Result<Json<Vec<ListedFile>>, RequestError> {
    Ok(Json(control.list().await?))
}

async fn remove(
    State(control): Control,
    Path(path): Path<String>,
) -> Result<Json<RemovedFile>, RequestError> {
    Ok(Json(control.remove(path).await?))
}

async fn refused(State(control): Control) -> Result<Json<Vec<RefusedTorrent>>, RequestError> {
    Ok(Json(control.refused().await?))
}

async fn lift(
    State(control): Control,
    Path(hash): Path<String>,
) -> Result<Json<RefusedTorrent>, RequestError> {
    Ok(Json(control.lift(hash).await?))
}

async fn add(
    State(control): Control,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, RequestError> {
    let request = read_request(&body.map_err(body_error)?)?;
    let mut events = control.add(request);
    // What fails at once gets a status of its own; once a line is out, only a
    // line can tell of a failure.
    let first = match events.next().await {
        Some(AddEvent::Failed(error)) => return Err(error.into()),
        Some(event) => event,
        None => return Err(ControlError::failed("the addition ended without a result").into()),
    };
    let lines = stream::once(async { first })
        .chain(events)
        .map(|event| Ok::<_, Infallible>(line(&event)));
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((headers, Body::from_stream(lines)).into_response())
}

fn read_request(body: &[u8]) -> Result<AddRequest, ControlError> {
    let request: AddRequest = serde_json::from_slice(body)
        .map_err(|error| ControlError::bad_input(format!("the request is not valid: {error}")))?;
    match &request.torrent {
        Some(torrent) if torrent.len() > TORRENT_LEN_MAX => Err(ControlError::bad_input(format!(
            "{}: a .torrent file of {} bytes is too large, at most {TORRENT_LEN_MAX} are read",
            request.link,
            torrent.len(),
        ))),
        Some(_) | None => Ok(request),
    }
}

fn body_error(rejection: BytesRejection) -> RequestError {
    // The length limit is the only way to fail that the sender can mend;
    // axum's enum is open, so its own status tells them apart.
    if rejection.status() == RequestError::too_large_status() {
        RequestError::TooLarge
    } else {
        RequestError::BodyLost
    }
}

fn line(event: &AddEvent) -> Bytes {
    let mut line = serde_json::to_vec(event).unwrap_or_else(|error| {
        // Strings and integers always serialise; if that ever changes, the
        // reader still gets a line it understands to be broken.
        tracing::error!(%error, "an event could not be written");
        Vec::new()
    });
    line.push(b'\n');
    line.into()
}

async fn no_route(uri: Uri) -> RequestError {
    RequestError::NoRoute(uri.path().to_owned())
}

async fn no_method(method: Method) -> RequestError {
    RequestError::NoMethod(method.to_string())
}
