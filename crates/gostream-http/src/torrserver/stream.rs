//! `/stream` and `/play`: a file of a torrent as bytes, with what clients may ask for on the way to it.
//!
//! The order is fixed: the torrent is loaded and its metadata waited for, it is saved, a file is picked, preloaded, and
//! then comes the first of status, playlist and bytes that was asked for. Bytes are answered as on the other ports. A
//! stream ends with its client or its torrent, never because it lasted long.

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderName, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use data_encoding::HEXLOWER;
use percent_encoding::percent_decode_str;

use super::{
    actions,
    api::Api,
    gate::{KnownOnly, hash_in},
    playlist,
    query::Query,
};
use crate::{
    error::ApiRefusal,
    film::answer::answer_item,
    films::{Item, ItemKind},
    origin::Elsewhere,
    torrents::{
        FileView, Labels, NewTorrent, OpenedBy, TorrentError, TorrentId, TorrentSource,
        TorrentView, ViewedFile,
    },
};

const DLNA_FEATURES: &str =
    "DLNA.ORG_OP=11;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=01700000000000000000000000000000";

/// `GET|HEAD /stream[/name]`.
pub(super) async fn stream(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiRefusal> {
    let (head, _body) = request.into_parts();
    let query = Query::of(head.uri.query());
    let mut new = asked(&query)?;
    if must_be_known(&head) {
        new = known(&api, &new, query.get("link")).await?;
    }
    let torrent = api.torrents.load(new).await.map_err(dead_link)?;
    let index = query.number("index");
    let file = torrent.file(index);
    if query.has("preload")
        && head.method == Method::GET
        && let Some(file) = file
    {
        let offset = query.number("offset");
        api.torrents.preload(torrent.id, file.id, offset).await?;
    }
    if query.has("stat") {
        // It may have changed since.
        let now = api.torrents.get(torrent.id).await?;
        return actions::one(now.as_ref().unwrap_or(&torrent));
    }
    if query.has("m3u") {
        return playlist::answer(&api, &head.headers, &head.uri, &torrent, &query).await;
    }
    if query.has("play") {
        let file = wanted(&torrent, file, index.is_some())?;
        let by = if query.has("unseen") {
            OpenedBy::Probe
        } else {
            OpenedBy::Player
        };
        return bytes(&api, &torrent, file, by, &head).await;
    }
    Ok(Body::empty().into_response())
}

/// `GET|HEAD /play/{hash}/{id}`: for torrents that are known alone.
pub(super) async fn play(
    State(api): State<Api>,
    Path((hash, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiRefusal> {
    let (head, _body) = request.into_parts();
    let hash: TorrentId = hash.parse().map_err(|_| ApiRefusal::DeadLink)?;
    if api.torrents.get(hash).await?.is_none() {
        return Err(ApiRefusal::DeadLink);
    }
    let torrent = api.torrents.load(by_hash(hash)).await.map_err(dead_link)?;
    let number = id.parse().ok();
    let file = wanted(&torrent, torrent.file(number), number.is_some())?;
    bytes(&api, &torrent, file, OpenedBy::Player, &head).await
}

/// A torrent that is known, as it is.
fn by_hash(hash: TorrentId) -> NewTorrent {
    NewTorrent {
        source: TorrentSource::Link(hash.to_string()),
        labels: Labels::default(),
        save: false,
    }
}

/// Whether the request may add and change nothing: another site's page may have a browser send it, or it lacks the login.
fn must_be_known(head: &Parts) -> bool {
    head.extensions.get::<Elsewhere>().is_some() || head.extensions.get::<KnownOnly>().is_some()
}

/// What such a request may have: a torrent that is known, without the words and trackers that the link brings.
async fn known(api: &Api, new: &NewTorrent, link: &str) -> Result<NewTorrent, ApiRefusal> {
    let id = hash_in(link).filter(|_| !new.save && new.labels == Labels::default());
    let id = id.ok_or(ApiRefusal::Elsewhere)?;
    match api.torrents.get(id).await? {
        Some(_) => Ok(by_hash(id)),
        None => Err(ApiRefusal::Elsewhere),
    }
}

/// The torrent that a query names.
fn asked(query: &Query) -> Result<NewTorrent, ApiRefusal> {
    let link = query.get("link");
    // Some clients escape what is escaped already.
    let link = if link.get(..9).is_some_and(|start| start.contains('%')) {
        percent_decode_str(link).decode_utf8_lossy().into_owned()
    } else {
        link.to_owned()
    };
    let labels = Labels {
        title: query.get("title").to_owned(),
        poster: query.get("poster").to_owned(),
        category: query.get("category").to_owned(),
        data: String::new(),
    };
    actions::named(&actions::link(&link)?, labels, query.has("save"))
}

/// Who streams hears of a bad link what is heard of a dead torrent.
fn dead_link(error: TorrentError) -> ApiRefusal {
    if matches!(error, TorrentError::BadSource(_)) {
        tracing::debug!(%error, "a link of a stream leads nowhere");
        return ApiRefusal::DeadLink;
    }
    error.into()
}

/// The file that was asked for: without an id among several it is not clear which.
fn wanted<'a>(
    torrent: &TorrentView,
    file: Option<&'a FileView>,
    named: bool,
) -> Result<&'a FileView, ApiRefusal> {
    match file {
        Some(file) => Ok(file),
        None if named && torrent.files.is_some() => Err(ApiRefusal::Unknown),
        None => Err(ApiRefusal::Malformed),
    }
}

/// A file's bytes.
async fn bytes(
    api: &Api,
    torrent: &TorrentView,
    file: &FileView,
    by: OpenedBy,
    head: &Parts,
) -> Result<Response, ApiRefusal> {
    let (method, headers) = (&head.method, &head.headers);
    let tag = format!("{}/{}", torrent.id, file.path);
    let item = Item {
        name: file.name().to_owned(),
        modified: torrent.added(),
        kind: ItemKind::File {
            len: file.len,
            tag: HEXLOWER.encode(tag.as_bytes()),
        },
    };
    let open = async {
        if by == OpenedBy::Player && head.extensions.get::<Elsewhere>().is_none() {
            note_viewed(api, torrent.id, file.id);
        }
        api.torrents.open(torrent.id, file.id, by).await
    };
    let mut response = answer_item(&item, method, headers, open).await?;
    let shown = response.headers_mut();
    shown.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let name = HeaderName::from_static;
    shown.insert(
        name("transfermode.dlna.org"),
        HeaderValue::from_static("Streaming"),
    );
    let seconds = api.torrents.sleep_after_seconds();
    shown.insert(name("x-stream-timeout"), HeaderValue::from(seconds));
    if headers.contains_key("getcontentfeatures.dlna.org") {
        let features = HeaderValue::from_static(DLNA_FEATURES);
        shown.insert(name("contentfeatures.dlna.org"), features);
    }
    Ok(response)
}

/// Marks a file as watched, beside the answer; a mark that is there keeps its time.
fn note_viewed(api: &Api, id: TorrentId, file: u32) {
    let torrents = std::sync::Arc::clone(&api.torrents);
    tokio::spawn(async move {
        let marks = torrents.viewed(Some(id)).await.unwrap_or_default();
        if marks.iter().any(|mark| mark.file == file) {
            return;
        }
        let mark = ViewedFile {
            id,
            file,
            seconds: 0.0,
        };
        if let Err(error) = torrents.mark_viewed(mark).await {
            tracing::warn!(%error, "a file that is streamed is not marked as viewed");
        }
    });
}
