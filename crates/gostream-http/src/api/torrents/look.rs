//! What is inside a torrent: peers, pieces, readers, trackers. Of one that sleeps only the disk has something.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::known::Torrents;
use crate::{
    api::request::{Page, Params, Part},
    error::{
        RequestError,
        documented::{AnyRequest, Sought},
    },
    looks::{HoldingsLook, PeerLook, ReaderLook, TrackerLook},
};

pub(super) fn routes() -> OpenApiRouter<Torrents> {
    OpenApiRouter::default()
        .routes(routes!(peers))
        .routes(routes!(pieces))
        .routes(routes!(readers))
        .routes(routes!(trackers))
}

/// The connected peers of a torrent.
#[utoipa::path(
    get,
    path = "/api/v1/torrents/{hash}/peers",
    operation_id = "list_peers",
    tag = "torrents",
    params(
        ("hash" = String, Path, description = "The info-hash.", pattern = "^[0-9A-Fa-f]{40}$"),
        Page
    ),
    responses((status = OK, body = [PeerLook], description = "None while it sleeps."), AnyRequest, Sought)
)]
async fn peers(
    State(torrents): State<Torrents>,
    Part(hash): Part,
    Params(page): Params<Page>,
) -> Result<Json<Vec<PeerLook>>, RequestError> {
    let page = page.checked()?;
    let id = torrents.known(&hash).await?.id;
    Ok(Json(page.of(torrents.looks.peers(id).await?)))
}

/// What is held of a torrent's files, in memory and on disk, as ranges of bytes.
///
/// A page has 100 files without a limit.
#[utoipa::path(
    get,
    path = "/api/v1/torrents/{hash}/pieces",
    operation_id = "list_pieces",
    tag = "torrents",
    params(
        ("hash" = String, Path, description = "The info-hash.", pattern = "^[0-9A-Fa-f]{40}$"),
        Page
    ),
    responses((status = OK, body = HoldingsLook, description = "File by file."), AnyRequest, Sought)
)]
async fn pieces(
    State(torrents): State<Torrents>,
    Part(hash): Part,
    Params(page): Params<Page>,
) -> Result<Json<HoldingsLook>, RequestError> {
    let page = page.short()?;
    let id = torrents.known(&hash).await?.id;
    let held = torrents.looks.holdings(id, page.offset, page.limit);
    Ok(Json(held.await?))
}

/// Who reads a torrent, where, and why it stood still.
#[utoipa::path(
    get,
    path = "/api/v1/torrents/{hash}/readers",
    operation_id = "list_readers",
    tag = "torrents",
    params(
        ("hash" = String, Path, description = "The info-hash.", pattern = "^[0-9A-Fa-f]{40}$"),
        Page
    ),
    responses((status = OK, body = [ReaderLook], description = "None while it sleeps."), AnyRequest, Sought)
)]
async fn readers(
    State(torrents): State<Torrents>,
    Part(hash): Part,
    Params(page): Params<Page>,
) -> Result<Json<Vec<ReaderLook>>, RequestError> {
    let page = page.checked()?;
    let id = torrents.known(&hash).await?.id;
    Ok(Json(page.of(torrents.looks.readers(id).await?)))
}

/// The trackers of a torrent, tier after tier.
#[utoipa::path(
    get,
    path = "/api/v1/torrents/{hash}/trackers",
    operation_id = "list_trackers",
    tag = "torrents",
    params(
        ("hash" = String, Path, description = "The info-hash.", pattern = "^[0-9A-Fa-f]{40}$"),
        Page
    ),
    responses((status = OK, body = [TrackerLook], description = "None while it sleeps."), AnyRequest, Sought)
)]
async fn trackers(
    State(torrents): State<Torrents>,
    Part(hash): Part,
    Params(page): Params<Page>,
) -> Result<Json<Vec<TrackerLook>>, RequestError> {
    let page = page.checked()?;
    let id = torrents.known(&hash).await?.id;
    Ok(Json(page.of(torrents.looks.trackers(id).await?)))
}
