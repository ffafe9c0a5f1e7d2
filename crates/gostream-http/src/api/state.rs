//! What is kept besides films and torrents. [`StateControl`] says what each route does.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::request::{Page, Params, Part, json};
use crate::{
    control::BODY_LEN_MAX,
    error::{
        RequestError,
        documented::{AnyRequest, Blocked, Paged, Sought, WithBody},
    },
    state::{BannedAddress, StateControl, TakeOver, TakenOver},
};

type Kept = State<Arc<dyn StateControl>>;

pub(super) fn routes() -> OpenApiRouter<Arc<dyn StateControl>> {
    OpenApiRouter::default()
        .routes(routes!(bans))
        .routes(routes!(lift))
        .routes(routes!(take_over))
}

/// The addresses that sent bad data and are banned for good, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/bans",
    operation_id = "list_bans",
    tag = "state",
    params(Page),
    responses((status = OK, body = [BannedAddress], description = "The bans."), AnyRequest, Paged)
)]
async fn bans(
    State(kept): Kept,
    Params(page): Params<Page>,
) -> Result<Json<Vec<BannedAddress>>, RequestError> {
    let page = page.checked()?;
    Ok(Json(page.of(kept.bans().await?)))
}

/// Lifts a ban.
///
/// A torrent that is awake keeps to it until it sleeps.
#[utoipa::path(
    delete,
    path = "/api/v1/bans/{ip}",
    operation_id = "lift_ban",
    tag = "state",
    params(("ip" = String, Path, description = "The IP address, as the list has it.")),
    responses((status = OK, body = BannedAddress, description = "What was lifted."), AnyRequest, Sought)
)]
async fn lift(State(kept): Kept, Part(ip): Part) -> Result<Json<BannedAddress>, RequestError> {
    Ok(Json(kept.lift_ban(ip).await?))
}

/// Takes over what another program kept, all of it or nothing.
///
/// What is here already stays as it is; the answer counts what is new.
#[utoipa::path(
    post,
    path = "/api/v1/import",
    operation_id = "take_over",
    tag = "state",
    request_body = TakeOver,
    responses(
        (status = OK, body = TakenOver, description = "How many were new."),
        AnyRequest, WithBody, Blocked
    )
)]
async fn take_over(
    State(kept): Kept,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<TakenOver>, RequestError> {
    Ok(Json(kept.take_over(json(body, BODY_LEN_MAX)?).await?))
}
