//! The settings, by key. [`SettingsControl`] says what a change is.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::request::{body_error, no_method};
use crate::{
    command::MayCommand,
    control::ControlError,
    error::{
        RequestError,
        documented::{AnyRequest, Blocked, WithBody},
    },
    settings::{SETTINGS_LEN_MAX, SettingInfo, SettingsChange, SettingsControl},
};

type Settings = State<Arc<dyn SettingsControl>>;

pub(super) fn routes() -> OpenApiRouter<Arc<dyn SettingsControl>> {
    OpenApiRouter::default().routes(routes!(describe, change))
}

/// The routes of the settings, for the same places as [`router`](super::router).
pub fn settings_routes(settings: Arc<dyn SettingsControl>) -> Router {
    Router::from(routes())
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(SETTINGS_LEN_MAX))
        .with_state(settings)
}

/// Every key with what it may hold and what it holds.
#[utoipa::path(
    get,
    path = "/api/v1/settings",
    operation_id = "list_settings",
    tag = "settings",
    responses((status = OK, body = [SettingInfo], description = "The keys."), AnyRequest)
)]
async fn describe(State(settings): Settings) -> Json<Vec<SettingInfo>> {
    Json(settings.describe())
}

/// Changes keys, all of them or none.
///
/// The body is an object of dotted keys and their values. `null` puts a key back to its default; a secret that is sent
/// back as `***` stays as it is. What is wrong is listed by key in `errors`. Where no login is set, only programs of the
/// server's own machine may do this.
#[utoipa::path(
    patch,
    path = "/api/v1/settings",
    operation_id = "change_settings",
    tag = "settings",
    request_body(content = Object, description = "Keys and values.", content_type = "application/json"),
    responses((status = OK, body = SettingsChange, description = "What acts now, and what after a restart."), AnyRequest, WithBody, Blocked)
)]
async fn change(
    State(settings): Settings,
    MayCommand(may): MayCommand,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<SettingsChange>, RequestError> {
    if !may {
        return Err(RequestError::NotHere);
    }
    Ok(Json(settings.set(read(body)?).await?))
}

/// JSON whatever its media type: control pages of older versions send none.
pub(crate) fn read(
    body: Result<Bytes, BytesRejection>,
) -> Result<Map<String, Value>, RequestError> {
    let body = body.map_err(|rejection| body_error(&rejection, SETTINGS_LEN_MAX))?;
    serde_json::from_slice(&body).map_err(|error| {
        ControlError::bad_input(format!("the request is not a JSON object: {error}")).into()
    })
}
