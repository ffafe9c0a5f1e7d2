//! Bodies: JSON in, whatever the Content-Type and the case of its keys, and JSON out.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::error::ApiRefusal;

/// The longest body with JSON, in bytes: room for the data that clients keep with a torrent.
const JSON_LEN_MAX: usize = 1024 * 1024;

/// Reads a body that is a JSON object. Its keys count in any case, as for TorrServer: the app for Android sends `Sets`, the
/// module for Kodi `Hash` and `Link`. `T` has them in lower case.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiRefusal> {
    let bytes = whole(headers, body, JSON_LEN_MAX).await?;
    let sent: Map<String, Value> =
        serde_json::from_slice(&bytes).map_err(|_| ApiRefusal::Malformed)?;
    serde_json::from_value(in_lower_case(sent).into()).map_err(|_| ApiRefusal::Malformed)
}

/// The same keys in lower case; where two become one, that which was so already wins.
fn in_lower_case(sent: Map<String, Value>) -> Map<String, Value> {
    let is_lower = |key: &str| !key.contains(|c: char| c.is_ascii_uppercase());
    let (mut keys, others): (Map<_, _>, Map<_, _>) =
        sent.into_iter().partition(|(key, _)| is_lower(key));
    for (key, value) in others {
        keys.entry(key.to_ascii_lowercase()).or_insert(value);
    }
    keys
}

/// Reads a whole body; one that says that it is too long is not read at all.
pub(super) async fn whole(
    headers: &HeaderMap,
    body: Body,
    len_max: usize,
) -> Result<Bytes, ApiRefusal> {
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
fn announced_len(headers: &HeaderMap) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_counts_in_any_case_and_its_own_case_before_others() {
        let sent = json!({"Hash": "a", "SAVE_TO_DB": true, "link": "b", "Link": "c"});
        let Value::Object(sent) = sent else {
            panic!("it is an object");
        };
        let keys = in_lower_case(sent);
        let expected = json!({"hash": "a", "save_to_db": true, "link": "b"});
        assert_eq!(Value::from(keys), expected);
    }
}
