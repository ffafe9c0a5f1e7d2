//! Events as they happen: server-sent events over the log of [`Events`].

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event as Sent, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{
        RequestError,
        documented::{AnyRequest, Crowded},
    },
    events::{Event, Events},
};

/// How often a listener hears something, so that both sides notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes() -> OpenApiRouter<Events> {
    OpenApiRouter::default().routes(routes!(events))
}

/// What happens in the server, as it happens.
///
/// Server-sent events: `event` is the type, `data` an object, `id` what a client sends as `Last-Event-ID` to go on where
/// it was. A client that falls behind, or was away for long, gets a `lagged` event. The stream ends with the server; a
/// comment comes every 15 seconds.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    operation_id = "listen",
    tag = "server",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen.")),
    responses(
        (status = OK, body = Event, content_type = "text/event-stream", description = "An event after the other."),
        AnyRequest, Crowded
    )
)]
async fn events(
    State(events): State<Events>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, RequestError> {
    let last_seen = headers.get("last-event-id");
    // What is no text is no name of ours either.
    let last_seen = last_seen.map(|name| name.to_str().unwrap_or_default());
    let listener = events.listen(last_seen).ok_or(RequestError::Crowded)?;
    let told = stream::unfold(listener, |mut listener| async move {
        let (name, event) = listener.next().await?;
        let data = serde_json::to_string(&*event).unwrap_or_default();
        let sent = Sent::default().id(name).event(event.name()).data(data);
        Some((Ok(sent), listener))
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
