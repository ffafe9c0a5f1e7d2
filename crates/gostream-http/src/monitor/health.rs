//! Whether the server is well: what a load balancer, a service manager or a person asks.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use serde_json::json;

use crate::error::Wellness;

/// The state of the server, by its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Every part that was looked at.
    pub checks: Vec<Check>,
}

/// One part that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub name: &'static str,
    /// It is well.
    pub ok: bool,
    /// What was seen, or what is wrong with it.
    pub detail: String,
}

impl Health {
    /// Every part is well.
    pub fn is_well(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}

pub(super) fn answer(health: &Health) -> Response {
    let (wellness, word) = if health.is_well() {
        (Wellness::Well, "healthy")
    } else {
        (Wellness::Unwell, "unhealthy")
    };
    let body = json!({"status": word, "checks": health.checks});
    (wellness.status(), Json(body)).into_response()
}

pub(super) fn readiness(ready: bool) -> Response {
    let wellness = if ready {
        Wellness::Well
    } else {
        Wellness::Unwell
    };
    (wellness.status(), Json(json!({"ready": ready}))).into_response()
}
