//! `/stat` and `/magnets`: all torrents for a person to read.

use std::fmt::Write as _;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};

use super::api::Api;
use crate::{error::ApiRefusal, torrents::TorrentView};

/// A line for each torrent.
pub(super) async fn stat(State(api): State<Api>) -> Result<Response, ApiRefusal> {
    let mut text = String::new();
    for torrent in api.torrents.list(false).await? {
        let TorrentView {
            id,
            labels,
            phase,
            activity,
            ..
        } = &torrent;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{id}  {phase:?}  {:.0} B/s in  {:.0} B/s out  {} of {} peers, {} seeds  {} bytes held  {}",
            activity.download_rate,
            activity.upload_rate,
            activity.peers,
            activity.peers_known,
            activity.seeds,
            activity.held,
            labels.title.replace(char::is_control, " "),
        );
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, text).into_response())
}

/// A link for each torrent.
pub(super) async fn magnets(State(api): State<Api>) -> Result<Response, ApiRefusal> {
    let mut page =
        String::from("<!DOCTYPE html>\n<meta charset=\"utf-8\"><title>Magnets</title>\n");
    for torrent in api.torrents.list(false).await? {
        let (id, title) = (torrent.id, escaped(&torrent.labels.title));
        let _ = writeln!(
            page,
            "<p><a href=\"magnet:?xt=urn:btih:{id}\">{title}</a></p>"
        );
    }
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    Ok((kind, page).into_response())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
