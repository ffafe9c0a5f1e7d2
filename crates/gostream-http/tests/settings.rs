//! The settings' routes, over settings that only keep what they are told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, http::Request};
use futures_util::{FutureExt as _, future::BoxFuture};
use gostream_http::{
    Applies, Problem, SETTINGS_LEN_MAX, SettingInfo, SettingsChange, SettingsControl,
    SettingsError, UNCHANGED, WrongSetting, config_routes, settings_routes,
};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

/// Refuses `uid`; keeps what it is asked for.
#[derive(Default)]
struct Kept(Mutex<Vec<Value>>);

fn info(name: &str, value: Value) -> SettingInfo {
    SettingInfo {
        name: name.to_owned(),
        value,
        default: json!(0),
        allowed: "anything".to_owned(),
        unit: String::new(),
        help: "Something.".to_owned(),
        applies: Applies::Live,
        secret: false,
        overridden_by: None,
        waits_for_restart: false,
    }
}

impl SettingsControl for Kept {
    fn describe(&self) -> Vec<SettingInfo> {
        vec![
            info("uid", json!(1000)),
            info("natpmp.enabled", json!(false)),
            info("plex.token", json!(UNCHANGED)),
        ]
    }

    fn set(
        &self,
        changes: Map<String, Value>,
    ) -> BoxFuture<'_, Result<SettingsChange, SettingsError>> {
        let answer = if changes.contains_key("uid") {
            Err(SettingsError::Invalid(vec![WrongSetting {
                key: "uid".to_owned(),
                detail: "expected a number".to_owned(),
            }]))
        } else {
            Ok(SettingsChange {
                applied: changes.keys().cloned().collect(),
                ..SettingsChange::default()
            })
        };
        self.0.lock().unwrap().push(Value::Object(changes));
        async { answer }.boxed()
    }
}

async fn ask(router: Router, method: &str, path: &str, body: impl Into<Body>) -> (u16, Vec<u8>) {
    let request = Request::builder().method(method).uri(path);
    let answer = router.oneshot(request.body(body.into()).unwrap()).await;
    let (head, body) = answer.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), body.to_vec())
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[tokio::test]
async fn a_patch_names_its_keys_and_hears_what_it_did() {
    let kept = Arc::new(Kept::default());
    let body = r#"{"natpmp.enabled": true}"#;
    let (status, answer) = ask(
        settings_routes(kept.clone()),
        "PATCH",
        "/api/v1/settings",
        body,
    )
    .await;
    assert_eq!(status, 200);
    let wanted = json!({"applied": ["natpmp.enabled"], "restart": []});
    assert_eq!(json_of(&answer), wanted);
    let (_, all) = ask(settings_routes(kept), "GET", "/api/v1/settings", "").await;
    assert_eq!(json_of(&all)[2]["value"], "***");
}

#[tokio::test]
async fn what_is_wrong_is_listed_by_key() {
    let kept = Arc::new(Kept::default());
    let (status, answer) = ask(
        settings_routes(kept),
        "PATCH",
        "/api/v1/settings",
        r#"{"uid": "x"}"#,
    )
    .await;
    let problem: Problem = serde_json::from_slice(&answer).unwrap();
    assert_eq!(
        (status, problem.detail.as_str()),
        (400, "uid: expected a number")
    );
    assert_eq!(problem.errors[0].key, "uid");
}

#[tokio::test]
async fn the_whole_document_goes_out_and_what_is_known_of_it_comes_in() {
    let kept = Arc::new(Kept::default());
    let (_, document) = ask(config_routes(kept.clone()), "GET", "/api/config", "").await;
    let wanted = json!({"uid": 1000, "natpmp": {"enabled": false}, "plex": {"token": "***"}});
    assert_eq!(json_of(&document), wanted);
    let sent = r#"{"NatPMP": {"enabled": true}, "plex": {"token": "***"}, "ai_url": "x"}"#;
    let (status, _) = ask(config_routes(kept.clone()), "POST", "/api/config", sent).await;
    assert_eq!(status, 200);
    let asked = json!({"natpmp.enabled": true, "plex.token": "***"});
    assert_eq!(*kept.0.lock().unwrap(), [asked]);
}

#[tokio::test]
async fn what_is_no_object_or_too_long_or_no_method_is_refused() {
    let kept = Arc::new(Kept::default());
    let routes = || config_routes(kept.clone());
    for body in ["", "[]", "{", "\u{0}"] {
        assert_eq!(ask(routes(), "POST", "/api/config", body).await.0, 400);
    }
    let long = format!("{{\"x\": \"{}\"}}", "x".repeat(SETTINGS_LEN_MAX));
    assert_eq!(ask(routes(), "POST", "/api/config", long).await.0, 413);
    assert_eq!(ask(routes(), "DELETE", "/api/config", "").await.0, 405);
}
