//! Who may ask for what: the login of the web ports, with the doors that the API leaves open.
//!
//! Open without a login: `/echo`; and where the settings say so, streams, files and playlists of
//! torrents that are known already, for players that cannot send one. By default they need it: hashes are public, so that
//! everybody in the network could learn what is in the library, and watch it. A link that would add a torrent always does.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{api::Api, query::Query, token};
use crate::{error::Refusal, login, torrents::TorrentId};

/// Among the extensions of a request that may use what is known, and change nothing about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownOnly;

/// The middleware.
pub(super) async fn check(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    if request.uri().path() == "/echo" {
        return next.run(request).await;
    }
    let Err(refused) = login::check(&api.access, &mut request) else {
        return next.run(request).await;
    };
    let uri = request.uri();
    if api.access.now().open_streams
        && let Some(id) = meant(uri.path(), uri.query())
        && matches!(api.torrents.get(id).await, Ok(Some(_)))
    {
        request.extensions_mut().insert(KnownOnly);
        return next.run(request).await;
    }
    Refusal::NoLogin(refused).into_response()
}

/// The torrent whose bytes or playlist are asked for.
fn meant(path: &str, query: Option<&str>) -> Option<TorrentId> {
    let mut parts = path.split('/').skip(1);
    match parts.next()? {
        "play" => parts.next()?.parse().ok(),
        "stream" => {
            let query = Query::of(query);
            // Saving and adding change something.
            let reads = (query.has("play") || query.has("m3u")) && !query.has("save");
            reads.then(|| hash_in(query.get("link")))?
        }
        "playlist" => Query::of(query).get("hash").parse().ok(),
        _ => None,
    }
}

/// The hash of a link that is one, a magnet, or a token.
pub(super) fn hash_in(link: &str) -> Option<TorrentId> {
    let link = link.trim();
    if let Some(token) = token::in_link(link) {
        return token::read(token).ok().map(|token| token.id);
    }
    let digits = link
        .split_once("urn:btih:")
        .map_or(link, |(_, rest)| rest.split('&').next().unwrap_or_default());
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_and_playlists_of_one_torrent_are_open() {
        let hash = "ab".repeat(20);
        let meant = |path: &str, query: &str| meant(path, Some(query)).is_some();
        assert!(meant(&format!("/play/{hash}/1"), ""));
        assert!(meant("/stream", &format!("link={hash}&play")));
        assert!(meant("/stream/a.mkv", &format!("link={hash}&index=1&m3u")));
        assert!(meant(
            "/stream",
            &format!("link=magnet:?xt=urn:btih:{hash}&play")
        ));
        assert!(meant("/playlist", &format!("hash={hash}")));
        assert!(!meant("/stream", &format!("link={hash}&stat")));
        assert!(!meant("/stream", &format!("link={hash}&play&save")));
        assert!(!meant("/stream", "link=http://a/b.torrent&play"));
        assert!(!meant("/torrents", ""));
        assert!(!meant("/play", ""));
        assert!(!meant("/playlistall/all.m3u", ""));
    }
}
