//! Playlists (M3U) of the files of a torrent, and of all torrents.
//!
//! Links are absolute, as players want them: scheme and host are those by which the client reached us, also through a
//! proxy that says so.

use std::{
    fmt::Write as _,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use percent_encoding::percent_decode_str;

use super::{
    api::Api,
    media::{Media, goes_with},
    query::{Query, escaped},
};
use crate::{
    error::{ApiRefusal, Outcome},
    torrents::{FileView, TorrentId, TorrentView},
};

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
    answer(&api, &headers, &uri, &torrent, &query).await
}

/// The playlist of one torrent: from the file `index` on, or without it and with `fromlast` from the last one that was
/// watched.
pub(super) async fn answer(
    api: &Api,
    headers: &HeaderMap,
    uri: &Uri,
    torrent: &TorrentView,
    query: &Query,
) -> Result<Response, ApiRefusal> {
    let base = base_url(headers)?;
    let first = match query.number("index") {
        Some(index) => index,
        None if query.has("fromlast") => {
            let viewed = api.torrents.viewed(Some(torrent.id)).await?;
            viewed.iter().map(|mark| mark.file).max().unwrap_or(0)
        }
        None => 0,
    };
    let files = torrent.files.as_deref().unwrap_or_default();
    let mut text = String::from("#EXTM3U\n");
    for file in files
        .iter()
        .filter(|file| file.id >= first && Media::of(file).plays())
    {
        let name = line(file.name());
        let link = |file: &FileView| {
            let name = escaped(file.name());
            format!(
                "{base}/stream/{name}?link={}&index={}&play",
                torrent.id, file.id
            )
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#EXTINF:0,{name}");
        let others = files.iter().filter(|other| other.id != file.id);
        let beside = others.filter(|other| goes_with(other, file));
        let beside: Vec<String> = beside.map(link).collect();
        if !beside.is_empty() {
            let _ = writeln!(text, "#EXTVLCOPT:input-slave={}#", beside.join("#"));
        }
        let _ = writeln!(text, "{}", link(file));
    }
    let name = torrent.name.as_deref().unwrap_or(&torrent.labels.title);
    let asked = name_in(uri);
    let name = if asked.is_empty() { name } else { &asked };
    Ok(playlist(headers, text, name))
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
    let any = query.get("category").is_empty();
    let mut text = String::from("#EXTM3U\n");
    for torrent in api.torrents.list(false).await? {
        let labels = &torrent.labels;
        let fits = any || labels.category.eq_ignore_ascii_case(category);
        if !fits || !labels.title.to_lowercase().contains(&search) {
            continue;
        }
        let title = line(&labels.title);
        let logo = match line(&labels.poster).replace('"', "%22") {
            none if none.is_empty() => none,
            poster => format!(" tvg-logo=\"{poster}\""),
        };
        let _ = writeln!(text, "#EXTINF:0{logo} type=\"playlist\",{title}");
        let name = escaped(&labels.title);
        let _ = writeln!(
            text,
            "{base}/stream/{name}.m3u?link={}&m3u&fn=file.m3u",
            torrent.id
        );
    }
    Ok(playlist(&headers, text, "all"))
}

/// The last part of the path, which is what a client calls the playlist; empty where there is none.
fn name_in(uri: &Uri) -> String {
    let parts = uri.path().split('/').skip(2);
    let name = parts.last().unwrap_or_default();
    percent_decode_str(name).decode_utf8_lossy().into_owned()
}

/// The answer; a client that has the same text already is told so.
fn playlist(headers: &HeaderMap, text: String, name: &str) -> Response {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = headers.typed_get::<IfNoneMatch>();
    let tag_is_known = tag
        .parse::<ETag>()
        .is_ok_and(|tag| known.is_some_and(|known| !known.precondition_passes(&tag)));
    if tag_is_known {
        let status = StatusCode::from(Outcome::NotModified);
        return (status, [(header::ETAG, tag)]).into_response();
    }
    let kinds = [
        (header::CONTENT_TYPE, "audio/x-mpegurl".to_owned()),
        (header::CONTENT_DISPOSITION, disposition(name)),
        (header::ETAG, tag),
    ];
    (kinds, text).into_response()
}

/// Under which name it is saved (RFC 6266): as many clients read it, and exactly.
fn disposition(name: &str) -> String {
    let is_playlist = |ending: &str| name.to_ascii_lowercase().ends_with(ending);
    let ending = if is_playlist(".m3u") || is_playlist(".m3u8") {
        ""
    } else {
        ".m3u"
    };
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ';
    let in_ascii = name.replace(|c| !plain(c), "_");
    let exact = escaped(name);
    format!("attachment; filename=\"{in_ascii}{ending}\"; filename*=UTF-8''{exact}{ending}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_is_saved_under_a_name_that_every_client_can_read() {
        assert_eq!(
            disposition("A \"B\" é"),
            "attachment; filename=\"A _B_ _.m3u\"; filename*=UTF-8''A%20%22B%22%20%C3%A9.m3u"
        );
        assert!(disposition("x.M3U8").starts_with("attachment; filename=\"x.M3U8\";"));
    }

    #[test]
    fn the_path_may_name_a_playlist() {
        let named = |path: &str| name_in(&path.parse().unwrap_or_default());
        assert_eq!(named("/playlist?hash=x"), "");
        assert_eq!(named("/playlist/"), "");
        assert_eq!(named("/stream/A%20B.m3u?link=x&m3u"), "A B.m3u");
        assert_eq!(named("/stream/dir/b?m3u"), "b");
    }
}
