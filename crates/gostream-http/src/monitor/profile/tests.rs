//! Who may have which profile, and what the others are told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::{body::Body, http::StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;

/// Says how long it was asked to look.
struct Fake(Option<ProfileError>);

impl Profiler for Fake {
    fn cpu(&self, length: Duration) -> BoxFuture<'_, Result<Vec<u8>, ProfileError>> {
        let answer = match &self.0 {
            Some(error) => Err(error.clone()),
            None => Ok(length.as_secs().to_string().into_bytes()),
        };
        Box::pin(async move { answer })
    }
}

async fn ask(path: &str, client: &str, error: Option<ProfileError>) -> (StatusCode, String) {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    request
        .extensions_mut()
        .insert(Client(client.parse().unwrap()));
    let routes = routes(Arc::new(Fake(error)));
    let answer = routes.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_profile_is_as_long_as_was_asked_within_bounds() {
    for (query, length) in [("", "30"), ("?seconds=1", "1"), ("?seconds=120&x=y", "120")] {
        let path = format!("/debug/pprof/profile{query}");
        let answer = ask(&path, "127.0.0.1", None).await;
        assert_eq!(answer, (StatusCode::OK, length.to_owned()));
    }
    for query in [
        "seconds=0",
        "seconds=121",
        "seconds=-1",
        "seconds=1.5",
        "seconds=many",
    ] {
        let path = format!("/debug/pprof/profile?{query}");
        let (status, body) = ask(&path, "::1", None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(body.contains("from 1 to 120"), "{body}");
    }
}

#[tokio::test]
async fn nobody_elsewhere_may_look() {
    for path in ["/debug/pprof/", "/debug/pprof/profile", "/debug/pprof/heap"] {
        let (status, _) = ask(path, "192.168.1.7", None).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn what_there_is_not_is_told_with_the_reason() {
    let (status, body) = ask("/debug/pprof/heap", "127.0.0.1", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.contains("heaptrack"), "{body}");
    let (status, body) = ask("/debug/pprof/", "127.0.0.1", None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("profile?seconds="), "{body}");
    let path = "/debug/pprof/profile";
    let (status, _) = ask(path, "127.0.0.1", Some(ProfileError::Busy)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let failed = ProfileError::Failed("no timer".to_owned());
    let (status, body) = ask(path, "127.0.0.1", Some(failed)).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.contains("no timer"), "{body}");
}
