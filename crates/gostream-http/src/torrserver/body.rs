//! Bodies: JSON in, whatever the Content-Type says, and JSON out.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::ApiRefusal;

/// The longest body with JSON, in bytes: room for the data that clients keep with a torrent.
const JSON_LEN_MAX: usize = 1024 * 1024;

/// Reads a body that is JSON.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiRefusal> {
    let bytes = whole(headers, body, JSON_LEN_MAX).await?;
    serde_json::from_slice(&bytes).map_err(|_| ApiRefusal::Malformed)
}

/// Reads a whole body; one that says that it is too long is not read at all.
async fn whole(headers: &HeaderMap, body: Body, len_max: usize) -> Result<Bytes, ApiRefusal> {
    if announced_len(headers).is_some_and(|len| len > len_max as u64) {
        return Err(ApiRefusal::TooLarge);
    }
    match to_bytes(body, len_max).await {
        Ok(bytes) => Ok(bytes),
        // It broke off, or went on beyond the bound.
        Err(error) if is_too_long(&error) => Err(ApiRefusal::TooLarge),
        Err(_) => Err(ApiRefusal::Malformed),
    }
}

/// What `Content-Length` says.
pub(super) fn announced_len(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    text.parse().ok()
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = error.source();
    }
    false
}

/// An answer that is JSON.
pub(super) fn answer<T: Serialize>(value: &T) -> Result<Response, ApiRefusal> {
    let text = serde_json::to_vec(value).map_err(|_| ApiRefusal::Failed)?;
    let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    Ok((kind, text).into_response())
}
