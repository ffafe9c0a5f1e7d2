//! `GET /debug/pprof/...`: where the process spends its time, as `go tool pprof` reads it.
//!
//! For programs on this machine alone. One profile at a time, of at most [`LENGTH_MAX`]; it ends early when its client goes.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{Method, header},
    middleware::{self, Next},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::{client::Client, error::MonitorRefusal};

/// How long a profile may take, in seconds.
const SECONDS: RangeInclusive<u64> = 1..=120;

/// How long it takes when nothing is said, as in Go.
const SECONDS_DEFAULT: u64 = 30;

/// Takes profiles of the process; the binary implements it.
pub trait Profiler: Send + Sync + 'static {
    /// Looks for so long where CPU time is spent: a gzipped `profile.proto`. Dropping it ends it.
    fn cpu(&self, length: Duration) -> BoxFuture<'_, Result<Vec<u8>, ProfileError>>;
}

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// One is being taken.
    #[error("another profile is being taken")]
    Busy,
    /// It went wrong.
    #[error("{0}")]
    Failed(String),
}

impl From<ProfileError> for MonitorRefusal {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::Busy => Self::Profiling,
            ProfileError::Failed(why) => Self::Failed(why),
        }
    }
}

/// The routes.
pub(super) fn routes(profiler: Arc<dyn Profiler>) -> Router {
    Router::new()
        .route("/debug/pprof", get(index))
        .route("/debug/pprof/", get(index))
        .route("/debug/pprof/profile", get(cpu))
        .route("/debug/pprof/{name}", get(none))
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn(only_here))
        .with_state(profiler)
}

async fn only_here(request: Request, next: Next) -> Response {
    let client = request.extensions().get::<Client>();
    if client.is_some_and(|client| client.0.is_loopback()) {
        return next.run(request).await;
    }
    MonitorRefusal::OnlyHere.into_response()
}

async fn no_method(method: Method) -> MonitorRefusal {
    MonitorRefusal::NoMethod(method.to_string())
}

async fn index() -> Html<&'static str> {
    Html(include_str!("profile/index.html"))
}

#[derive(Deserialize)]
struct Asked {
    seconds: Option<u64>,
}

async fn cpu(
    State(profiler): State<Arc<dyn Profiler>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, MonitorRefusal> {
    let seconds = asked
        .ok()
        .map(|Query(asked)| asked.seconds.unwrap_or(SECONDS_DEFAULT));
    let seconds = seconds
        .filter(|seconds| SECONDS.contains(seconds))
        .ok_or(MonitorRefusal::BadLength(*SECONDS.start(), *SECONDS.end()))?;
    tracing::info!(seconds, "a profile is taken");
    let profile = profiler.cpu(Duration::from_secs(seconds)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"profile.pb.gz\"",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, profile).into_response())
}

/// What Go has and this has not.
async fn none(Path(name): Path<String>) -> MonitorRefusal {
    let why = match name.as_str() {
        "heap" | "allocs" => {
            "the allocator is the one of the system, which keeps no account; heaptrack -p PID does"
        }
        "goroutine" | "threadcreate" | "block" | "mutex" | "trace" => "that is of Go's runtime",
        _ => "nobody knows it",
    };
    MonitorRefusal::NoProfile(name, why)
}

#[cfg(test)]
mod tests;
