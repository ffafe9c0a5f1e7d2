//! Playlists (M3U) of the files of a torrent, and of all torrents.
//!
//! Links are absolute, as players want them: scheme and host are those by which the client reached us, also through a
//! proxy that says so.

use std::fmt::Write as _;

use axum::{
    extract::State,
    http::{HeaderMap, Uri, header},
    response::{IntoResponse as _, Response},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{api::Api, query::Query};
use crate::{
    error::ApiRefusal,
    torrents::{FileView, TorrentId, TorrentView},
};

/// What stays as it is in a part of a URL: the unreserved characters of RFC 3986 §2.3.
const PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Endings of subtitles that a player can take along.
const SUBTITLES: [&str; 6] = ["srt", "ass", "ssa", "vtt", "sub", "sup"];

/// `GET /playlist[/name]?hash=…`.
pub(super) async fn of_torrent(
    State(api): State<Api>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiRefusal> {
    let query = Query::of(uri.query());
    let hash = query.get("hash");
    if hash.is_empty() {
        return Err(ApiRefusal::Malformed);
    }
    let id: TorrentId = hash.parse().map_err(|_| ApiRefusal::Unknown)?;
    let torrent = api.torrents.get(id).await?.ok_or(ApiRefusal::Unknown)?;
    answer(&api, &headers, &torrent, &query).await
}

/// The playlist of one torrent: from the file `index` on, or with `fromlast` from the last one that was watched.
pub(super) async fn answer(
    api: &Api,
    headers: &HeaderMap,
    torrent: &TorrentView,
    query: &Query,
) -> Result<Response, ApiRefusal> {
    let base = base_url(headers)?;
    let mut first = query.number("index").unwrap_or(0);
    if query.has("fromlast") {
        let viewed = api.torrents.viewed(Some(torrent.id)).await?;
        let last = viewed.iter().map(|mark| mark.file).max();
        first = last.unwrap_or(first);
    }
    let files = torrent.files.as_deref().unwrap_or_default();
    let mut text = String::from("#EXTM3U\n");
    for file in files
        .iter()
        .filter(|file| file.id >= first && is_media(file))
    {
        let name = line(file.name());
        let link = |file: &FileView| {
            let name = utf8_percent_encode(file.name(), PART);
            format!(
                "{base}/stream/{name}?link={}&index={}&play",
                torrent.id, file.id
            )
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#EXTINF:0,{name}");
        let beside = files.iter().filter(|other| goes_with(other, file));
        let beside: Vec<String> = beside.map(link).collect();
        if !beside.is_empty() {
            let _ = writeln!(text, "#EXTVLCOPT:input-slave={}#", beside.join("#"));
        }
        let _ = writeln!(text, "{}", link(file));
    }
    let name = torrent.name.as_deref().unwrap_or(&torrent.labels.title);
    Ok(playlist(text, name))
}

/// `GET /playlistall/all.m3u`.
pub(super) async fn of_all(
    State(api): State<Api>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiRefusal> {
    let base = base_url(&headers)?;
    let query = Query::of(uri.query());
    let search = query.get("search").to_lowercase();
    let category = match query.get("category") {
        "uncategorized" => "",
        category => category,
    };
    let mut text = String::from("#EXTM3U\n");
    for torrent in api.torrents.list(false).await? {
        let labels = &torrent.labels;
        let fits = !query.has("category") || labels.category.eq_ignore_ascii_case(category);
        if !fits || !labels.title.to_lowercase().contains(&search) {
            continue;
        }
        let title = line(&labels.title);
        let poster = line(&labels.poster).replace('"', "%22");
        let _ = writeln!(
            text,
            "#EXTINF:0 tvg-logo=\"{poster}\" type=\"playlist\",{title}"
        );
        let name = utf8_percent_encode(&labels.title, PART);
        let _ = writeln!(
            text,
            "{base}/stream/{name}.m3u?link={}&m3u&fn=file.m3u",
            torrent.id
        );
    }
    Ok(playlist(text, "all"))
}

fn playlist(text: String, name: &str) -> Response {
    let disposition = format!(
        "attachment; filename*=UTF-8''{}.m3u",
        utf8_percent_encode(name, PART)
    );
    let kinds = [
        (header::CONTENT_TYPE, "audio/x-mpegurl".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (kinds, text).into_response()
}

/// How the client reaches us.
pub(super) fn base_url(headers: &HeaderMap) -> Result<String, ApiRefusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match text("x-forwarded-proto") {
        Some("https") => "https",
        Some(_) | None => "http",
    };
    let host = text("x-forwarded-host").or_else(|| text("host"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:[]".contains(c);
    match host {
        Some(host) if !host.is_empty() && host.chars().all(plain) => {
            Ok(format!("{scheme}://{host}"))
        }
        Some(_) | None => Err(ApiRefusal::Malformed),
    }
}

/// A name on one line.
fn line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn is_media(file: &FileView) -> bool {
    let kind = mime_guess::from_path(file.name()).first_raw();
    let played = |kind: &str| kind.starts_with("video/") || kind.starts_with("audio/");
    kind.is_some_and(played) || ending(file) == "m2ts"
}

fn ending(file: &FileView) -> String {
    let name = file.name();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending.to_ascii_lowercase()
}

/// Whether it is a subtitle of that video, by its name.
fn goes_with(other: &FileView, video: &FileView) -> bool {
    let name = video.name();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    other.id != video.id && SUBTITLES.contains(&ending(other).as_str()) && other.path.contains(stem)
}
