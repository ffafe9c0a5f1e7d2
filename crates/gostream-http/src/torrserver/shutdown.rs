//! `/shutdown`: ends the server, for programs of this machine alone.

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};

use super::api::Api;
use crate::{client::Client, error::ApiRefusal};

/// What a proxy or a browser adds to what it passes on: then it is somebody else who asks.
const OF_OTHERS: [&str; 4] = ["x-forwarded-for", "forwarded", "referer", "sec-fetch-site"];

pub(super) async fn shutdown(
    State(api): State<Api>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
) -> Result<Response, ApiRefusal> {
    let local = client.is_some_and(|Extension(Client(address))| address.is_loopback());
    if !local || OF_OTHERS.iter().any(|name| headers.contains_key(*name)) {
        return Err(ApiRefusal::NotHere);
    }
    api.torrents.shut_down();
    Ok(Body::empty().into_response())
}
