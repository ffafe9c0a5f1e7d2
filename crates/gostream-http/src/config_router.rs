//! config.json over HTTP, as control pages of older versions know it: `GET` and `POST /api/config`.
//!
//! The versioned API has the same by key (`api/settings.rs`).

mod document;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    routing::get,
};
use serde_json::{Map, Value};

use crate::{
    api::{request::no_method, settings::read},
    error::RequestError,
    settings::{SETTINGS_LEN_MAX, SettingsChange, SettingsControl},
};

type Settings = State<Arc<dyn SettingsControl>>;

/// The routes of the metrics port, as control pages of older versions know them.
pub fn config_routes(settings: Arc<dyn SettingsControl>) -> Router {
    Router::new()
        .route("/api/config", get(effective).post(change_some))
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(SETTINGS_LEN_MAX))
        .with_state(settings)
}

async fn effective(State(settings): Settings) -> Json<Map<String, Value>> {
    Json(document::nest(settings.get()))
}

async fn change_some(
    State(settings): Settings,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<SettingsChange>, RequestError> {
    let changes = document::flatten(read(body)?, &settings.get());
    Ok(Json(settings.set(changes).await?))
}
