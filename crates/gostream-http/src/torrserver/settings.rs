//! `/settings`: the settings of TorrServer that mean something here, as those of GoStream, and `/storage/settings`.
//!
//! Clients read the whole object, change a little and send it back. Only what differs from now is changed; what they
//! may set and has no meaning here is ignored.

use std::sync::atomic::Ordering;

use axum::{
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{api::Api, body};
use crate::{
    btsets::{as_named, changes, defaults, shown},
    command::MayCommand,
    error::{ApiRefusal, btsets::RefusedStorage},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    action: Option<String>,
    sets: Option<Map<String, Value>>,
}

pub(super) async fn settings(
    State(api): State<Api>,
    MayCommand(may): MayCommand,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiRefusal> {
    let wanted: Wanted = body::json(&headers, body).await?;
    let settings = api.settings.as_deref().ok_or(ApiRefusal::Unknown)?;
    let changes = match wanted.action.as_deref().unwrap_or_default() {
        "get" => return body::answer(&shown(&settings.get())),
        "set" | "def" if !may => return Err(not_here(&api)),
        "set" => {
            let sets = wanted.sets.ok_or(ApiRefusal::Malformed)?;
            changes(&as_named(sets), &settings.get())?
        }
        "def" => defaults(),
        _ => return Err(ApiRefusal::Malformed),
    };
    if !changes.is_empty() {
        settings.set(changes).await?;
    }
    Ok(Body::empty().into_response())
}

/// Its clients show a status at best, so that the log says what can be done.
fn not_here(api: &Api) -> ApiRefusal {
    if !api.told_of_settings.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "a client elsewhere may not change settings without a login (web_user, web_token); this is told once"
        );
    }
    ApiRefusal::NotHere
}

/// `GET /storage/settings`: everything is kept in one way.
pub(super) async fn storage() -> Result<Response, ApiRefusal> {
    body::answer(&json!({"settings": "json", "viewed": "json"}))
}

/// `POST /storage/settings`: which nobody can change.
pub(super) async fn set_storage(headers: HeaderMap, body: Body) -> Result<Response, ApiRefusal> {
    let wanted: Map<String, Value> = body::json(&headers, body).await?;
    let known = |name: &str| name == "settings" || name == "viewed";
    let fits = |(name, value): (&String, &Value)| known(name) && value == "json";
    if wanted.is_empty() || !wanted.iter().all(fits) {
        return Ok(RefusedStorage.into_response());
    }
    body::answer(&json!({"status": "ok"}))
}
