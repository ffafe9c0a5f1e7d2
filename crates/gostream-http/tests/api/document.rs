//! The OpenAPI document: the one in `docs`, the one that is served, and its viewer.
//!
//! `UPDATE_OPENAPI=1 cargo test -p gostream-http --test api` writes docs/openapi.json anew.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use crate::library::{ask, json};

fn kept() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json")
}

#[test]
fn the_document_in_docs_is_that_of_the_code() {
    let made = gostream_http::document();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(kept(), &made).unwrap();
    }
    let kept = fs::read_to_string(kept()).unwrap_or_default();
    assert!(
        kept == made,
        "docs/openapi.json is out of date: UPDATE_OPENAPI=1 cargo test -p gostream-http --test api"
    );
}

#[tokio::test]
async fn the_document_is_served_as_it_is() {
    let served = json(ask("GET", "/api/v1/openapi.json").await).await;
    let made: Value = serde_json::from_str(&gostream_http::document()).unwrap();
    assert_eq!(served, made);
}

/// Every `$ref` of a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.insert(reference.clone());
            }
            members
                .values()
                .for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_operation_is_described_and_every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(&gostream_http::document()).unwrap();
    let mut named = BTreeSet::new();
    references(&document, &mut named);
    for reference in named {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(
            path.starts_with("/api/v1/") && !path.contains('*'),
            "{path}"
        );
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('.')),
                "{at}"
            );
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap()),
                "{at}"
            );
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                let problems = response["content"].get("application/problem+json");
                assert_eq!(
                    problems.is_some(),
                    !status.starts_with('2'),
                    "{at}: {status}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_viewer_shows_our_document_and_loads_nothing_from_elsewhere() {
    let page = ask("GET", "/api/v1/docs/").await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    for host in ["http:", "https:", "*"] {
        assert!(!policy.contains(host), "{policy}");
    }
    let setup = ask("GET", "/api/v1/docs/swagger-initializer.js").await;
    let setup = axum::body::to_bytes(setup.into_body(), 1 << 20)
        .await
        .unwrap();
    let setup = String::from_utf8(setup.to_vec()).unwrap();
    assert!(setup.contains("/api/v1/openapi.json"), "{setup}");
    assert!(setup.contains(r#""validatorUrl": "none""#), "{setup}");
    assert_eq!(ask("GET", "/api/v1/docs").await.status(), 303);
}
