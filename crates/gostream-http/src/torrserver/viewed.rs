//! `POST /viewed`: which files were watched, and up to where.

use axum::{
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};

use super::{api::Api, body};
use crate::{
    error::ApiRefusal,
    torrents::{TorrentId, ViewedFile},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    action: Option<String>,
    hash: Option<String>,
    file_index: Option<i64>,
    timecode: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Mark {
    hash: String,
    file_index: u32,
    timecode: f64,
}

pub(super) async fn viewed(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiRefusal> {
    let wanted: Wanted = body::json(&headers, body).await?;
    let hash = wanted.hash.as_deref().unwrap_or_default();
    let id: Result<TorrentId, ApiRefusal> = hash.parse().map_err(|_| ApiRefusal::Malformed);
    let index = wanted.file_index.unwrap_or_default();
    let file = || u32::try_from(index).map_err(|_| ApiRefusal::Malformed);
    match wanted.action.as_deref().unwrap_or_default() {
        "set" => {
            let mark = ViewedFile {
                id: id?,
                file: file()?,
                seconds: wanted.timecode.unwrap_or_default().max(0.0),
            };
            api.torrents.mark_viewed(mark).await?;
        }
        "rem" => {
            let one = if index == -1 { None } else { Some(file()?) };
            api.torrents.unmark_viewed(id?, one).await?;
        }
        "list" => {
            let of = if hash.is_empty() { None } else { Some(id?) };
            let marks = api.torrents.viewed(of).await?;
            let marks = marks.iter().map(|mark| Mark {
                hash: mark.id.to_string(),
                file_index: mark.file,
                timecode: mark.seconds,
            });
            return body::answer(&marks.collect::<Vec<_>>());
        }
        _ => {}
    }
    Ok(Body::empty().into_response())
}
