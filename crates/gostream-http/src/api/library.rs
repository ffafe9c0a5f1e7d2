//! The library: what is in it, what comes in and goes, and how the server is doing.
//!
//! Handlers only translate: they parse, call one method of [`LibraryControl`] and write the answer. An addition answers
//! with a line for each step, so that its client can go away and end it.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{State, rejection::BytesRejection},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::request::{Page, Params, Part, json};
use crate::{
    control::{
        AddEvent, AddRequest, BODY_LEN_MAX, ControlError, LibraryControl, ListedFile,
        RefusedTorrent, RemovedFile, Status, TORRENT_LEN_MAX,
    },
    error::{
        RequestError,
        documented::{AnyRequest, Paged, Slow, Sought, WithBody},
    },
    event::Line,
};

type Control = State<Arc<dyn LibraryControl>>;

pub(super) fn routes() -> OpenApiRouter<Arc<dyn LibraryControl>> {
    OpenApiRouter::default()
        .routes(routes!(status))
        .routes(routes!(list, add))
        .routes(routes!(remove))
        .routes(routes!(refused))
        .routes(routes!(lift))
}

/// What the server is and how it is doing.
#[utoipa::path(
    get,
    path = "/api/v1/status",
    tag = "server",
    responses((status = OK, body = Status, description = "Its figures."), AnyRequest, Slow)
)]
async fn status(State(control): Control) -> Result<Json<Status>, RequestError> {
    Ok(Json(control.status().await?))
}

/// The films of the library, by path.
///
/// All of them without a limit.
#[utoipa::path(
    get,
    path = "/api/v1/library",
    operation_id = "list_library",
    tag = "library",
    params(Page),
    responses((status = OK, body = [ListedFile], description = "The films."), AnyRequest, Paged)
)]
async fn list(
    State(control): Control,
    Params(page): Params<Page>,
) -> Result<Json<Vec<ListedFile>>, RequestError> {
    let page = page.checked()?;
    Ok(Json(page.of(control.list().await?)))
}

/// Takes a film out.
///
/// No job brings it back; `POST` does.
#[utoipa::path(
    delete,
    path = "/api/v1/library/{*path}",
    operation_id = "remove_film",
    tag = "library",
    params(("path" = String, Path, description = "The film, relative to the mount, as the list has it.")),
    responses((status = OK, body = RemovedFile, description = "It is gone."), AnyRequest, Sought, Slow)
)]
async fn remove(
    State(control): Control,
    Part(path): Part,
) -> Result<Json<RemovedFile>, RequestError> {
    Ok(Json(control.remove(path).await?))
}

/// What was taken out and stays out, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/refused",
    operation_id = "list_refused",
    tag = "library",
    params(Page),
    responses((status = OK, body = [RefusedTorrent], description = "The refusals."), AnyRequest, Paged)
)]
async fn refused(
    State(control): Control,
    Params(page): Params<Page>,
) -> Result<Json<Vec<RefusedTorrent>>, RequestError> {
    let page = page.checked()?;
    Ok(Json(page.of(control.refused().await?)))
}

/// Lifts a refusal, so that jobs may bring the title back.
#[utoipa::path(
    delete,
    path = "/api/v1/refused/{hash}",
    operation_id = "lift_refusal",
    tag = "library",
    params(("hash" = String, Path, description = "The info-hash, 40 hex digits.")),
    responses((status = OK, body = RefusedTorrent, description = "What was lifted."), AnyRequest, Sought)
)]
async fn lift(
    State(control): Control,
    Part(hash): Part,
) -> Result<Json<RefusedTorrent>, RequestError> {
    Ok(Json(control.lift(hash).await?))
}

/// Adds the films of a torrent to the library.
///
/// Answers with one JSON object a line (NDJSON): how far it is, and at the end the films that were made, or the
/// problem. What fails at once is answered with a status. A client that goes away ends it.
#[utoipa::path(
    post,
    path = "/api/v1/library",
    operation_id = "add_films",
    tag = "library",
    request_body = AddRequest,
    responses(
        (status = OK, body = Line, content_type = "application/x-ndjson", description = "A line for each step."),
        AnyRequest, WithBody, Sought, Slow
    )
)]
async fn add(
    State(control): Control,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, RequestError> {
    let request = checked(json(body, BODY_LEN_MAX)?)?;
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

fn checked(request: AddRequest) -> Result<AddRequest, ControlError> {
    match &request.torrent {
        Some(torrent) if torrent.len() > TORRENT_LEN_MAX => Err(ControlError::bad_input(format!(
            "{}: a .torrent file of {} bytes is too large, at most {TORRENT_LEN_MAX} are read",
            request.link,
            torrent.len(),
        ))),
        Some(_) | None => Ok(request),
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
