//! Torrents: what is known, what comes in and goes, and how each of them stands. Looking wakes none.

mod known;
mod look;
mod shapes;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::known::Torrents;
use self::shapes::{NewTorrentRequest, Relabelling, Torrent, TorrentPage, Wanted};
use crate::{
    api::request::{Params, Part, json},
    control::BODY_LEN_MAX,
    error::{
        Done, RequestError,
        documented::{AnyRequest, Full, Paged, Slow, Sought, WithBody},
    },
};

pub(super) fn routes() -> OpenApiRouter<Torrents> {
    OpenApiRouter::default()
        .routes(routes!(list, add))
        .routes(routes!(get, relabel, remove))
        .routes(routes!(sleep))
        .merge(look::routes())
}

/// The torrents that are known, the latest added first.
///
/// Those of the library, and those that programs listed. A page has 100 without a limit.
#[utoipa::path(
    get,
    path = "/api/v1/torrents",
    operation_id = "list_torrents",
    tag = "torrents",
    params(Wanted),
    responses((status = OK, body = TorrentPage, description = "A page of them."), AnyRequest, Paged)
)]
async fn list(
    State(torrents): State<Torrents>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<TorrentPage>, RequestError> {
    let page = wanted.page()?;
    let all = torrents.service.list(wanted.awake_only()).await?;
    let total = all.len();
    let part = page.of(all).iter().map(Torrent::in_list).collect();
    Ok(Json(TorrentPage {
        total,
        torrents: part,
    }))
}

/// Lists a torrent and has its metadata found.
///
/// Says at once how it stands. A film of it does not come into the library by that.
#[utoipa::path(
    post,
    path = "/api/v1/torrents",
    operation_id = "add_torrent",
    tag = "torrents",
    request_body = NewTorrentRequest,
    responses((status = OK, body = Torrent, description = "How it stands."), AnyRequest, WithBody, Slow, Full)
)]
async fn add(
    State(torrents): State<Torrents>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Torrent>, RequestError> {
    let new: NewTorrentRequest = json(body, BODY_LEN_MAX)?;
    let view = torrents.service.add(new.checked()?).await?;
    Ok(Json(Torrent::alone(&view)))
}

/// One torrent, with its files.
#[utoipa::path(
    get,
    path = "/api/v1/torrents/{hash}",
    operation_id = "get_torrent",
    tag = "torrents",
    params(("hash" = String, Path, description = "The info-hash.", pattern = "^[0-9A-Fa-f]{40}$")),
    responses((status = OK, body = Torrent, description = "How it stands."), AnyRequest, Sought)
)]
async fn get(
    State(torrents): State<Torrents>,
    Part(hash): Part,
) -> Result<Json<Torrent>, RequestError> {
    Ok(Json(Torrent::alone(&torrents.known(&hash).await?)))
}

/// Changes what a torrent is called. What is left out stays.
#[utoipa::path(
    patch,
    path = "/api/v1/torrents/{hash}",
    operation_id = "relabel_torrent",
    tag = "torrents",
    params(("hash" = String, Path, description = "The info-hash.", pattern = "^[0-9A-Fa-f]{40}$")),
    request_body = Relabelling,
    responses((status = OK, body = Torrent, description = "How it stands."), AnyRequest, Sought, WithBody, Full)
)]
async fn relabel(
    State(torrents): State<Torrents>,
    Part(hash): Part,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Torrent>, RequestError> {
    let change: Relabelling = json(body, BODY_LEN_MAX)?;
    let view = torrents.known(&hash).await?;
    let labels = change.over(view.labels)?;
    torrents.service.relabel(view.id, labels).await?;
    Ok(Json(Torrent::alone(&torrents.known(&hash).await?)))
}

/// Takes a torrent from the list and ends it. A film of the library stays.
#[utoipa::path(
    delete,
    path = "/api/v1/torrents/{hash}",
    operation_id = "remove_torrent",
    tag = "torrents",
    params(("hash" = String, Path, description = "The info-hash.", pattern = "^[0-9A-Fa-f]{40}$")),
    responses(Done, AnyRequest, Sought)
)]
async fn remove(State(torrents): State<Torrents>, Part(hash): Part) -> Result<Done, RequestError> {
    let id = torrents.known(&hash).await?.id;
    torrents.service.remove(id).await?;
    Ok(Done)
}

/// Ends the streams of programs and lets a torrent sleep, unless the mount reads it.
///
/// One that was not saved is not known any more then.
#[utoipa::path(
    post,
    path = "/api/v1/torrents/{hash}/sleep",
    operation_id = "let_torrent_sleep",
    tag = "torrents",
    params(("hash" = String, Path, description = "The info-hash.", pattern = "^[0-9A-Fa-f]{40}$")),
    responses(Done, AnyRequest, Sought)
)]
async fn sleep(State(torrents): State<Torrents>, Part(hash): Part) -> Result<Done, RequestError> {
    let id = torrents.known(&hash).await?.id;
    torrents.service.unload(id).await?;
    Ok(Done)
}
