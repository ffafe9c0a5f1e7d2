//! The versioned API, `/api/v1`: JSON in and out, problems as RFC 9457 documents, described by an OpenAPI document.
//!
//! One router, served at the control socket and at the API port. Each file below has the routes of one noun and what
//! the document says of them, so that neither can be changed without the other; [`document`] is put together from all.
//! The document and a viewer for it, which loads nothing from elsewhere, are served as well. Bodies are read to a bound.

mod events;
mod library;
pub(crate) mod request;
pub(crate) mod settings;
mod state;
mod torrents;
mod viewer;

pub use self::settings::settings_routes;

use std::sync::Arc;

use self::request::{no_method, no_route};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request, State},
    http::header,
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use utoipa::{
    OpenApi as _,
    openapi::{OpenApi, PathItem},
};

pub use self::torrents::Torrents;
use crate::{
    access::LiveAccess,
    control::{BODY_LEN_MAX, LibraryControl},
    error::{Problem, RequestError},
    events::Events,
    login,
    settings::SettingsControl,
    state::StateControl,
};

/// Where the document is.
const DOCUMENT_PATH: &str = "/api/v1/openapi.json";

/// What the document says of the API as a whole.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "GoStream",
        description = "A torrent as a file: the library, the torrents and the server behind it. Units are in the \
            names: `_bytes`, `_seconds`, `_us`, `_unix` (seconds since 1970). Fields may be added, none is renamed. \
            Every error is a problem document (RFC 9457)."
    ),
    tags(
        (name = "server", description = "The server itself."),
        (name = "library", description = "The films that the mount shows."),
        (name = "torrents", description = "The torrents behind the films, and those that programs listed."),
        (name = "settings", description = "The keys of config.json."),
        (name = "state", description = "What else is kept."),
    ),
    components(schemas(Problem))
)]
struct Head;

/// What stands behind the API.
#[derive(Clone)]
pub struct ApiParts {
    /// The library.
    pub library: Arc<dyn LibraryControl>,
    /// The torrents; without them their routes are not there.
    pub torrents: Option<Torrents>,
    /// The settings; the same holds for them.
    pub settings: Option<Arc<dyn SettingsControl>>,
    /// What else is kept; the same holds for it.
    pub state: Option<Arc<dyn StateControl>>,
    /// What happens.
    pub events: Events,
}

/// The routes of the versioned API.
pub fn router(parts: ApiParts) -> Router {
    let document = Bytes::from(document());
    let served = move || async { ([(header::CONTENT_TYPE, "application/json")], document) };
    let ApiParts {
        library,
        torrents,
        settings,
        state,
        events,
    } = parts;
    let settings = settings.map(settings_routes);
    let state = state.map(|state| Router::from(state::routes()).with_state(state));
    let torrents = torrents.map(|torrents| Router::from(torrents::routes()).with_state(torrents));
    Router::new()
        .merge(Router::from(library::routes()).with_state(library))
        .merge(torrents.unwrap_or_default())
        .merge(settings.unwrap_or_default())
        .merge(state.unwrap_or_default())
        .merge(Router::from(events::routes()).with_state(events))
        .route(DOCUMENT_PATH, get(served))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
        .merge(viewer::routes(DOCUMENT_PATH))
}

/// The routes for a port: each request must bring the login.
pub fn guarded(router: Router, access: LiveAccess) -> Router {
    router.layer(middleware::from_fn_with_state(access, guard))
}

async fn guard(
    State(access): State<LiveAccess>,
    mut request: Request,
    next: Next,
) -> Result<Response, RequestError> {
    login::check(&access, &mut request)?;
    Ok(next.run(request).await)
}

/// The OpenAPI document of the versioned API, as JSON in lines.
pub fn document() -> String {
    let mut document = Head::openapi();
    document.merge(library::routes().into_openapi());
    document.merge(torrents::routes().into_openapi());
    document.merge(events::routes().into_openapi());
    document.merge(settings::routes().into_openapi());
    document.merge(state::routes().into_openapi());
    spell_out_tails(&mut document);
    let text = document.to_pretty_json();
    // Of strings and numbers alone, it can always be written.
    text.map_or_else(|error| error.to_string(), |text| text + "\n")
}

/// A path that may hold slashes is `{*name}` to the router and `{name}` to OpenAPI.
fn spell_out_tails(document: &mut OpenApi) {
    let paths = std::mem::take(&mut document.paths.paths);
    let spelt = |(path, item): (String, PathItem)| (path.replace("{*", "{"), item);
    document.paths.paths = paths.into_iter().map(spelt).collect();
}
