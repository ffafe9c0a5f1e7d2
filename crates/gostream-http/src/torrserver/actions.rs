//! `POST /torrents`: one address for everything that is done to torrents, told apart by `action`.

use axum::{
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{api::Api, body, status::TorrentStatus, token};
use crate::{
    error::ApiRefusal,
    torrents::{Labels, NewTorrent, TorrentId, TorrentSource, TorrentView},
};

/// The request. Keys that are not named here are ignored; the key to keep a torrent is `save_to_db`, not `save`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    action: Option<String>,
    link: Option<String>,
    hash: Option<String>,
    title: Option<String>,
    poster: Option<String>,
    category: Option<String>,
    data: Option<String>,
    save_to_db: Option<bool>,
}

impl Wanted {
    fn id(&self) -> Result<TorrentId, ApiRefusal> {
        let hash = self.hash.as_deref().unwrap_or_default();
        hash.parse().map_err(|_| ApiRefusal::Malformed)
    }

    /// A hash that is none means a torrent that nobody knows, unless it is empty.
    fn id_or_unknown(&self) -> Result<TorrentId, ApiRefusal> {
        match self.hash.as_deref() {
            None | Some("") => Err(ApiRefusal::Malformed),
            Some(hash) => hash.parse().map_err(|_| ApiRefusal::Unknown),
        }
    }

    fn labels(&self) -> Result<Labels, ApiRefusal> {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let labels = Labels {
            title: text(&self.title),
            poster: text(&self.poster),
            category: text(&self.category),
            data: text(&self.data),
        };
        if labels.fit() {
            Ok(labels)
        } else {
            Err(ApiRefusal::TooLarge)
        }
    }

    fn new_torrent(&self) -> Result<NewTorrent, ApiRefusal> {
        let link = link(self.link.as_deref().unwrap_or_default())?;
        let save = self.save_to_db.unwrap_or(false);
        named(&link, self.labels()?, save)
    }
}

/// The torrent that a link names, which may be a token of its words as well.
pub(super) fn named(link: &str, mut labels: Labels, save: bool) -> Result<NewTorrent, ApiRefusal> {
    let link = match token::in_link(link) {
        Some(token) => {
            let token = token::read(token).map_err(|_| ApiRefusal::Malformed)?;
            let magnet = token.magnet();
            token.fill(&mut labels);
            magnet
        }
        None => link.to_owned(),
    };
    if !labels.fit() {
        return Err(ApiRefusal::TooLarge);
    }
    Ok(NewTorrent {
        source: TorrentSource::Link(link),
        labels,
        save,
    })
}

/// A link as clients send it: some escape its `&` as HTML does.
pub(super) fn link(text: &str) -> Result<String, ApiRefusal> {
    let link = text.trim().replace("&amp;", "&");
    if link.is_empty() {
        return Err(ApiRefusal::Malformed);
    }
    Ok(link)
}

pub(super) async fn torrents(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiRefusal> {
    let wanted: Wanted = body::json(&headers, body).await?;
    let torrents = &api.torrents;
    match wanted.action.as_deref().unwrap_or_default() {
        "add" => one(&torrents.add(wanted.new_torrent()?).await?),
        "get" => {
            let torrent = torrents.get(wanted.id_or_unknown()?).await?;
            one(&torrent.ok_or(ApiRefusal::Unknown)?)
        }
        "set" => done(torrents.relabel(wanted.id()?, wanted.labels()?).await?),
        "rem" => done(torrents.remove(wanted.id()?).await?),
        "drop" => done(torrents.unload(wanted.id()?).await?),
        "list" => many(&torrents.list(false).await?),
        "active" => many(&torrents.list(true).await?),
        "wipe" => done(torrents.wipe().await?),
        _ => Err(ApiRefusal::Malformed),
    }
}

fn done((): ()) -> Result<Response, ApiRefusal> {
    Ok(().into_response())
}

/// A torrent as JSON.
pub(super) fn one(torrent: &TorrentView) -> Result<Response, ApiRefusal> {
    body::answer(&TorrentStatus::from(torrent).with_token(torrent))
}

/// Torrents as JSON.
pub(super) fn many(torrents: &[TorrentView]) -> Result<Response, ApiRefusal> {
    let list: Vec<TorrentStatus<'_>> = torrents.iter().map(TorrentStatus::from).collect();
    body::answer(&list)
}
