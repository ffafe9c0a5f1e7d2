//! Refusals of settings in TorrServer's words.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::torrserver::ApiRefusal;
use crate::btsets::WrongKind;

impl From<WrongKind> for ApiRefusal {
    fn from(error: WrongKind) -> Self {
        tracing::debug!(%error, "a change of settings by the API port is refused");
        Self::Malformed
    }
}

/// Another storage is asked for than there is; unlike other refusals of the API port it has a body.
pub(crate) struct RefusedStorage;

impl IntoResponse for RefusedStorage {
    fn into_response(self) -> Response {
        let text = "settings and viewed are kept as json and nothing else";
        (StatusCode::BAD_REQUEST, Json(json!({"error": text}))).into_response()
    }
}
