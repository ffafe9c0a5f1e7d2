//! The library over plain HTTP: pages to browse, films with ranges, playlists, and read-only WebDAV.
//!
//! Served at the proxy port. GET and HEAD are answered here; PROPFIND and OPTIONS by the WebDAV library
//! ([`dav`]) over the same names. Nothing here changes anything.
//!
//! | request | answer |
//! |---|---|
//! | `GET /`, `GET /movies/` | a page that lists the folder |
//! | `GET /movies/?m3u` | a playlist of all films below it |
//! | `GET /movies/Film.mkv` | its bytes, by range |
//! | `PROPFIND`, `OPTIONS` | WebDAV, class 1 without writing |

mod dav;
mod page;
mod playlist;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, Uri, request::Parts},
    response::{IntoResponse as _, Response},
};
use dav_server::DavHandler;
use percent_encoding::percent_decode_str;

use crate::{
    error::Refusal,
    film::answer::answer,
    films::{FilmError, FilmLibrary},
};

/// What WebDAV clients may do besides GET and HEAD.
const ALLOWED: &str = "GET, HEAD, OPTIONS, PROPFIND";

#[derive(Clone)]
struct Proxy {
    library: Arc<dyn FilmLibrary>,
    dav: DavHandler,
}

/// The routes of the proxy port.
pub fn proxy(library: Arc<dyn FilmLibrary>) -> Router {
    let dav = dav::handler(Arc::clone(&library));
    Router::new()
        .fallback(serve)
        .with_state(Proxy { library, dav })
}

async fn serve(State(proxy): State<Proxy>, request: Request) -> Response {
    match *request.method() {
        Method::GET | Method::HEAD => {
            let (head, _body) = request.into_parts();
            match get(&*proxy.library, &head).await {
                Ok(response) => response,
                Err(refusal) => refusal.into_response(),
            }
        }
        Method::OPTIONS => dav::answer(&proxy.dav, request).await,
        _ if request.method().as_str() == "PROPFIND" => dav::answer(&proxy.dav, request).await,
        _ => Refusal::NoMethod(ALLOWED).into_response(),
    }
}

async fn get(library: &dyn FilmLibrary, request: &Parts) -> Result<Response, Refusal> {
    let uri = &request.uri;
    // Names of the library are UTF-8, so a path that is not leads nowhere.
    let decoded = percent_decode_str(uri.path())
        .decode_utf8()
        .map_err(|_| FilmError::NotFound)?;
    let path = decoded.trim_matches('/');
    let item = library.find(path).ok_or(FilmError::NotFound)?;
    if !item.is_folder() {
        return Ok(answer(library, path, &request.method, &request.headers).await?);
    }
    if !uri.path().ends_with('/') {
        // The page's links are relative to the folder.
        let query = uri.query().map(|query| format!("?{query}"));
        let to = format!("/{}/{}", page::link(path), query.unwrap_or_default());
        return Err(Refusal::Moved(to));
    }
    let mut response = if asks_playlist(uri) {
        playlist::of_folder(library, path, &item.name)
    } else {
        page::of_folder(library, path).into_response()
    };
    if request.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    Ok(response)
}

/// Whether the query has the word `m3u`, with or without a value.
fn asks_playlist(uri: &Uri) -> bool {
    let words = uri.query().unwrap_or_default().split('&');
    words
        .map(|word| word.split_once('=').map_or(word, |(name, _)| name))
        .any(|name| name == "m3u")
}
