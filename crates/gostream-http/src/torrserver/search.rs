//! What clients ask of TorrServer's search: there is none here, and they hear what they hear where it is turned off.

use axum::{
    Router,
    body::Body,
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use super::{api::Api, body};
use crate::error::ApiRefusal;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/search", get(nothing))
        .route("/search/", get(nothing))
        .route("/search/{*words}", get(nothing))
        .route("/torznab/search", get(nothing))
        .route("/torznab/search/", get(nothing))
        .route("/torznab/search/{*words}", get(nothing))
        .route("/torznab/test", post(test))
}

async fn nothing() -> ApiRefusal {
    ApiRefusal::NoSearch
}

/// Whether an indexer answers: nobody is asked.
async fn test(headers: HeaderMap, body: Body) -> Result<Response, ApiRefusal> {
    let _indexer: Map<String, Value> = body::json(&headers, body).await?;
    body::answer(&json!({"success": false, "error": "GoStream has no search"}))
}
