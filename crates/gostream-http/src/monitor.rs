//! The port for those who watch over GoStream: its figures, its health, and what media servers tell of their viewers.
//!
//! Served at the metrics port, over the trait [`Monitor`] that the binary implements.
//!
//! | request | answer |
//! |---|---|
//! | `GET /metrics` | figures as one JSON object, or as Prometheus text (`Accept: text/plain`, `?format=prometheus`) |
//! | `GET /metrics/profiling`, `/metrics/ttff`, `/metrics/playbacks` | more of them as JSON |
//! | `GET /metrics/prometheus` | all of them as Prometheus text |
//! | `GET /health`, `/ready` | each check as JSON; 503 when one fails |
//! | `GET`, `POST /api/config` | the settings, as control pages of older versions know them |
//! | `POST /api/restart` | ends the process, which its service manager starts again |
//! | `GET /debug/pprof/profile` | where CPU time is spent; for programs on this machine (profile.rs) |
//! | `POST /webhook`, `/plex/webhook` | a media server says what a viewer does ([`Notice`]) |

mod exposition;
mod health;
mod notice;
mod profile;
mod view;
mod webhook;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, Method, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::exposition::{Family, HistogramSample, Kind, Labels, Sample};
pub use self::health::{Check, Health};
pub use self::notice::{Event, Notice, Section};
pub use self::profile::{ProfileError, Profiler};
pub use self::view::Monitor;
pub use self::webhook::PlexItem;
use crate::{access::LiveAccess, command::MayCommand, error::MonitorRefusal};

type Watched = Arc<dyn Monitor>;

/// The routes of the metrics port. `access` says with which key webhooks must come; wrong keys count as its wrong logins.
/// `config` has those of the settings, which only those may change who may restart.
pub fn monitor(
    monitor: Arc<dyn Monitor>,
    profiler: Arc<dyn Profiler>,
    access: LiveAccess,
    config: Router,
) -> Router {
    let webhook = webhook::route(Arc::clone(&monitor), access).fallback(no_method);
    let only = |methods: MethodRouter<Watched>| methods.fallback(no_method);
    Router::new()
        .route("/metrics", only(get(metrics)))
        .route("/metrics/prometheus", only(get(prometheus)))
        .route("/metrics/profiling", only(get(profiling)))
        .route("/metrics/ttff", only(get(first_bytes)))
        .route("/metrics/playbacks", only(get(playbacks)))
        .route("/health", only(get(health)))
        .route("/ready", only(get(ready)))
        .route("/api/restart", only(post(restart)))
        .fallback(no_route)
        .with_state(monitor)
        .route("/webhook", webhook.clone())
        .route("/plex/webhook", webhook)
        .merge(profile::routes(profiler))
        .merge(config.layer(middleware::from_fn(only_from_here)))
}

#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    format: String,
}

async fn metrics(
    State(watched): State<Watched>,
    format: Result<Query<Format>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let asked = format.is_ok_and(|format| format.format == "prometheus");
    if asked || prefers_text(&headers) {
        return prometheus(State(watched)).await;
    }
    Json(watched.summary().await).into_response()
}

/// Prometheus asks for text; who takes anything gets JSON, as before there was Prometheus here.
fn prefers_text(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|media| media.split(';').next())
        .map(str::trim);
    accepted
        .find_map(|media| match media {
            "application/json" => Some(false),
            "text/plain" | "application/openmetrics-text" => Some(true),
            _ => None,
        })
        .unwrap_or(false)
}

async fn prometheus(State(watched): State<Watched>) -> Response {
    exposition::answer(&watched.families().await)
}

async fn profiling(State(watched): State<Watched>) -> Json<Value> {
    Json(watched.profiling())
}

async fn first_bytes(State(watched): State<Watched>) -> Json<Value> {
    Json(watched.first_bytes())
}

async fn playbacks(State(watched): State<Watched>) -> Json<Value> {
    Json(watched.playbacks())
}

async fn health(State(watched): State<Watched>) -> Response {
    health::answer(&watched.health().await)
}

async fn ready(State(watched): State<Watched>) -> Response {
    health::readiness(watched.is_ready().await)
}

/// Everybody may look, and few may change.
async fn only_from_here(request: Request, next: Next) -> Response {
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    if looks || MayCommand::of(request.extensions(), request.headers()).0 {
        next.run(request).await
    } else {
        MonitorRefusal::NotHere.into_response()
    }
}

async fn restart(State(watched): State<Watched>, MayCommand(may): MayCommand) -> Response {
    if !may {
        return MonitorRefusal::NotHere.into_response();
    }
    tracing::info!("a restart was asked for at the metrics port");
    watched.restart();
    Json(json!({"ok": true})).into_response()
}

async fn no_route(request: Request) -> MonitorRefusal {
    MonitorRefusal::NoRoute(request.uri().path().to_owned())
}

async fn no_method(request: Request) -> MonitorRefusal {
    MonitorRefusal::NoMethod(request.method().to_string())
}
