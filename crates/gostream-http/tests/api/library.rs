//! A library of a few films and refusals, and requests to the API in front of it.

use std::sync::Arc;

use axum::{Router, body::Body, response::Response};
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use gostream_http::{
    AddEvent, AddRequest, ApiParts, ControlError, Events, FileState, LibraryControl, ListedFile,
    RefusedTorrent, RemovedFile, Status,
};
use http_body_util::BodyExt as _;
use hyper::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::state::Kept;

/// Four films, a.mkv to d.mkv.
pub(crate) struct Films;

impl LibraryControl for Films {
    fn add(&self, _: AddRequest) -> BoxStream<'static, AddEvent> {
        stream::empty().boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ListedFile>, ControlError>> {
        let films = ["a", "b", "c", "d"].map(|name| ListedFile {
            path: format!("{name}.mkv"),
            size: 1,
            hash: "ab".repeat(20),
            state: FileState::Asleep,
        });
        async { Ok(films.into()) }.boxed()
    }

    fn remove(&self, path: String) -> BoxFuture<'_, Result<RemovedFile, ControlError>> {
        let removed = RemovedFile {
            path,
            torrent_removed: false,
        };
        async { Ok(removed) }.boxed()
    }

    fn refused(&self) -> BoxFuture<'_, Result<Vec<RefusedTorrent>, ControlError>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn lift(&self, hash: String) -> BoxFuture<'_, Result<RefusedTorrent, ControlError>> {
        async move { Err(ControlError::not_found(hash)) }.boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, ControlError>> {
        async { Ok(Status::default()) }.boxed()
    }
}

/// The API in front of all that stands behind it here.
pub(crate) fn api(events: &Events) -> Router {
    gostream_http::router(ApiParts {
        library: Arc::new(Films),
        torrents: None,
        settings: None,
        state: Some(Arc::new(Kept)),
        events: events.clone(),
    })
}

/// What the API answers.
pub(crate) async fn ask(method: &str, path: &str) -> Response {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::empty()).unwrap();
    api(&Events::new(1)).oneshot(request).await.unwrap()
}

/// The body of an answer, which must be JSON.
pub(crate) async fn json(answer: Response) -> Value {
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn a_list_comes_in_pages_for_who_wants_them() {
    let names = |list: Value| -> Vec<String> {
        let films = list.as_array().unwrap().iter();
        films
            .map(|film| film["path"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = json(ask("GET", "/api/v1/library").await).await;
    assert_eq!(names(all).len(), 4);
    let page = json(ask("GET", "/api/v1/library?limit=2&offset=1").await).await;
    assert_eq!(names(page), ["b.mkv", "c.mkv"]);
    let beyond = json(ask("GET", "/api/v1/library?offset=99").await).await;
    assert!(names(beyond).is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem_that_names_it() {
    for (method, path, named) in [
        ("GET", "/api/v1/library?limit=0", "limit"),
        ("GET", "/api/v1/library?limit=x", "limit"),
        ("GET", "/api/v1/refused?offset=-1", "offset"),
        ("DELETE", "/api/v1/library/%FF", "path"),
        ("DELETE", "/api/v1/refused/%FF", "hash"),
    ] {
        let answer = ask(method, path).await;
        assert_eq!(answer.status(), 400, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem = json(answer).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(named), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_method_that_is_not_there_is_told_which_are() {
    let answer = ask("PUT", "/api/v1/library").await;
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "GET,HEAD,POST");
    assert_eq!(json(answer).await["status"], 405);
}
