//! What Plex and Jellyfin post when somebody plays, pauses or stops a film.
//!
//! Both are answered at once; what they tell ([`Notice`](super::notice::Notice)) is acted upon later by who implements
//! [`Monitor`](super::view::Monitor). Plex posts a form with a field `payload` and at times a picture, Jellyfin JSON that it
//! calls text. Bound: 10 MiB for a body. Media servers repeat what is wrong with every event, so each kind of
//! mistake is warned of once.

mod ids;
mod jellyfin;
mod lenient;
mod plex;
mod repair;

pub use self::plex::PlexItem;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{
        DefaultBodyLimit, FromRequest as _, Multipart, Query, Request, State,
        rejection::QueryRejection,
    },
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{notice::Told, view::Monitor};
use crate::{
    access::{LiveAccess, same},
    client::Client,
    error::MonitorRefusal,
    login::NoLogin,
};

/// The longest body: a picture may come along.
const BODY_LEN_MAX: usize = 10 << 20;

/// What the handlers keep.
struct Webhooks {
    monitor: Arc<dyn Monitor>,
    access: LiveAccess,
    warned: [AtomicBool; MISTAKES],
}

/// The kinds of mistake that are told apart in warnings.
#[derive(Clone, Copy, Debug)]
enum Mistake {
    WrongKey,
    Broken,
    TooLarge,
    NoEvent,
    TooMany,
}

const MISTAKES: usize = Mistake::TooMany as usize + 1;

impl Webhooks {
    fn warn(&self, mistake: Mistake, text: &str) {
        if self.warned[mistake as usize].swap(true, Ordering::Relaxed) {
            tracing::debug!(?mistake, text, "a webhook is wrong again");
        } else {
            tracing::warn!("a webhook is wrong (more of this kind are not told): {text}");
        }
    }

    /// Whether a webhook with this key is taken.
    fn check(&self, key: &str, client: Option<&Client>) -> Result<(), MonitorRefusal> {
        let access = self.access.now();
        let expected = &access.webhook_key.0;
        if expected.is_empty() {
            return Ok(());
        }
        let attempts = self.access.attempts();
        let client = client.filter(|_| !key.is_empty());
        if let Some(time) = client.and_then(|client| attempts.locked_for(client.0)) {
            return Err(MonitorRefusal::LockedOut(NoLogin::LockedOut(time)));
        }
        if same(key.as_bytes(), expected.as_bytes()) {
            return Ok(());
        }
        if let Some(client) = client {
            attempts.count(client.0, key.as_bytes());
        }
        Err(MonitorRefusal::WrongKey)
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    key: String,
}

/// The one route, at whatever path it is mounted. Webhooks must bring the key that `access` names at the time.
pub(super) fn route(monitor: Arc<dyn Monitor>, access: LiveAccess) -> MethodRouter {
    post(receive).with_state(Arc::new(Webhooks {
        monitor,
        access,
        warned: Default::default(),
    }))
}

async fn receive(
    State(webhooks): State<Arc<Webhooks>>,
    asked: Result<Query<Asked>, QueryRejection>,
    request: Request,
) -> Response {
    let key = asked.map(|Query(asked)| asked.key).unwrap_or_default();
    if let Err(refusal) = webhooks.check(&key, request.extensions().get()) {
        webhooks.warn(Mistake::WrongKey, "its ?key= is not webhook_key");
        return refusal.into_response();
    }
    let body = match payload(request).await {
        Ok(Some(body)) => body,
        Ok(None) => return ignored("no payload"),
        Err(refusal) => {
            let mistake = if matches!(refusal, MonitorRefusal::TooLarge(_)) {
                Mistake::TooLarge
            } else {
                Mistake::Broken
            };
            webhooks.warn(mistake, &refusal.to_string());
            return refusal.into_response();
        }
    };
    match read(&body) {
        Ok(Told::Notice(notice)) => {
            if webhooks.monitor.notice(*notice) {
                return Json(json!({"status": "ok"})).into_response();
            }
            webhooks.warn(Mistake::TooMany, "more come than can be acted upon");
            MonitorRefusal::Busy.into_response()
        }
        Ok(Told::Other) => ignored("nothing to do"),
        Ok(Told::NoEvent) => {
            webhooks.warn(
                Mistake::NoEvent,
                "it names no event; see README for the template",
            );
            ignored("no event")
        }
        Err(why) => {
            webhooks.warn(Mistake::Broken, &why);
            MonitorRefusal::Broken(why).into_response()
        }
    }
}

fn ignored(reason: &str) -> Response {
    Json(json!({"status": "ignored", "reason": reason})).into_response()
}

/// The JSON text of a request; none when there is nothing in it.
async fn payload(request: Request) -> Result<Option<String>, MonitorRefusal> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_LEN_MAX).await;
    let body = body.map_err(|error| {
        // The only cause that is not the connection.
        if error.to_string().contains("limit") {
            MonitorRefusal::TooLarge(BODY_LEN_MAX)
        } else {
            MonitorRefusal::Broken("it broke off".to_owned())
        }
    })?;
    if is_form(&head.headers) {
        // Whole, since the form's reader begins anew each time that some more of it comes.
        return form_payload(Request::from_parts(head, Body::from(body))).await;
    }
    let text = String::from_utf8_lossy(&body);
    let text = text.trim_start_matches('\u{feff}').trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.trim_start()
        .get(.."multipart/form-data".len())
        .is_some_and(|start| start.eq_ignore_ascii_case("multipart/form-data"))
}

async fn form_payload(mut request: Request) -> Result<Option<String>, MonitorRefusal> {
    DefaultBodyLimit::max(BODY_LEN_MAX).apply(&mut request);
    let broken = |text: String| MonitorRefusal::Broken(text);
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| broken(error.body_text()))?;
    let of_form = |error: axum::extract::multipart::MultipartError| {
        if MonitorRefusal::is_too_large(error.status()) {
            MonitorRefusal::TooLarge(BODY_LEN_MAX)
        } else {
            MonitorRefusal::Broken(error.body_text())
        }
    };
    let mut payload = None;
    while let Some(field) = form.next_field().await.map_err(of_form)? {
        // The picture is read past.
        if field.name() == Some("payload") {
            payload = Some(field.text().await.map_err(of_form)?);
        }
    }
    Ok(payload.filter(|payload| !payload.trim().is_empty()))
}

fn read(text: &str) -> Result<Told, String> {
    let value = parse(text)?;
    if !value.is_object() {
        return Err("it is no JSON object".to_owned());
    }
    Ok(if value.get("Metadata").is_some() {
        plex::read(&value)
    } else {
        jellyfin::read(&value)
    })
}

/// As it is, or else with the mistakes mended that templates make.
fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).or_else(|error| {
        serde_json::from_str(&repair::repair(text)).map_err(|_| format!("it is no JSON: {error}"))
    })
}

#[cfg(test)]
mod tests;
