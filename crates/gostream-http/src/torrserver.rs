//! The API that clients of TorrServer speak: torrents by magnet, as lists, files, streams and playlists.
//!
//! Served at the API port over the trait [`TorrentService`]. Players and apps know it by heart, so its oddities are
//! kept: JSON is read whatever the Content-Type says, errors have no body, flags in a query count by their presence.
//! docs/HTTP_API.md has every route with an example.
//!
//! Most of it asks for the login of the web ports; `/echo` never does, and neither do streams and playlists of
//! torrents that are known where `web_open_streams` is set, for players that can send none.

mod actions;
mod api;
mod body;
mod cache;
mod gate;
mod home;
mod media;
mod playlist;
mod probe;
mod query;
mod search;
mod settings;
mod shutdown;
mod speed;
mod status;
mod stream;
mod summary;
mod token;
mod upload;
mod viewed;

use std::sync::Arc;

use axum::{
    Router,
    http::header,
    middleware,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

use self::api::Api;
use crate::{access::LiveAccess, settings::SettingsControl, torrents::TorrentService};

/// What `/echo` answers. Most clients look at the beginning only; others take the number between the dots for one, so that
/// nothing may stand beside it.
const ECHO: &str = concat!("MatriX.137.gostream-", env!("CARGO_PKG_VERSION"));

/// The routes of the API port, which is `port`; the login is theirs, see the module.
pub fn torrserver(
    torrents: Arc<dyn TorrentService>,
    settings: Option<Arc<dyn SettingsControl>>,
    access: LiveAccess,
    port: u16,
) -> Router {
    let api = Api::new(torrents, settings, access, port);
    Router::new()
        .route("/", get(home::page))
        .route("/echo", get(echo))
        .route("/torrents", post(actions::torrents))
        .route(
            "/torrent/upload",
            post(upload::upload).layer(upload::limit()),
        )
        .route("/cache", post(cache::cache))
        .route("/ffp/{hash}/{id}", get(probe::probe))
        .route("/viewed", post(viewed::viewed))
        .route("/stream", get(stream::stream))
        .route("/stream/", get(stream::stream))
        .route("/stream/{*name}", get(stream::stream))
        .route("/play/{hash}/{id}", get(stream::play))
        .route("/playlist", get(playlist::of_torrent))
        .route("/playlist/", get(playlist::of_torrent))
        .route("/playlist/{*name}", get(playlist::of_torrent))
        .route("/playlistall/all.m3u", get(playlist::of_all))
        .route("/download/{size}", get(speed::download))
        .route("/settings", post(settings::settings))
        .route(
            "/storage/settings",
            get(settings::storage).post(settings::set_storage),
        )
        .route("/stat", get(summary::stat))
        .route("/magnets", get(summary::magnets))
        .route("/shutdown", get(shutdown::shutdown))
        .route("/shutdown/{*reason}", get(shutdown::shutdown))
        .merge(search::routes())
        .layer(middleware::from_fn_with_state(api.clone(), gate::check))
        .with_state(api)
}

async fn echo() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], ECHO).into_response()
}
