//! The control socket as a client sees it: HTTP over a real Unix socket, with
//! a library that answers from a script.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use gostream_http::{
    AddEvent, AddProgress, AddRequest, AddStage, AddedFile, ApiParts, BODY_LEN_MAX, ControlError,
    ControlSocket, Events, FileState, LibraryControl, ListedFile, Problem, RefusedTorrent,
    RemovedFile, SocketError, Status, TORRENT_LEN_MAX, connect,
};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Bytes};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

/// Answers every addition with the script, and keeps the requests.
#[derive(Default)]
struct Scripted {
    events: Vec<AddEvent>,
    /// Whether an addition goes on for ever after the script.
    endless: bool,
    requests: Mutex<Vec<AddRequest>>,
}

impl LibraryControl for Scripted {
    fn add(&self, request: AddRequest) -> BoxStream<'static, AddEvent> {
        self.requests.lock().unwrap().push(request);
        let events = stream::iter(self.events.clone());
        if self.endless {
            events.chain(stream::pending()).boxed()
        } else {
            events.boxed()
        }
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ListedFile>, ControlError>> {
        let file = ListedFile {
            path: "movies/A b.mkv".to_owned(),
            size: 7,
            hash: "00".repeat(20),
            state: FileState::Broken("line 2".to_owned()),
        };
        async { Ok(vec![file]) }.boxed()
    }

    fn remove(&self, path: String) -> BoxFuture<'_, Result<RemovedFile, ControlError>> {
        async {
            if path.ends_with(".mkv") {
                Ok(RemovedFile {
                    path,
                    torrent_removed: true,
                })
            } else {
                Err(ControlError::not_found(format!("{path}: no such film")))
            }
        }
        .boxed()
    }

    fn refused(&self) -> BoxFuture<'_, Result<Vec<RefusedTorrent>, ControlError>> {
        async { Ok(vec![refusal("0a".repeat(20))]) }.boxed()
    }

    fn lift(&self, hash: String) -> BoxFuture<'_, Result<RefusedTorrent, ControlError>> {
        async { Ok(refusal(hash)) }.boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, ControlError>> {
        async { Err(ControlError::timed_out("busy")) }.boxed()
    }
}

fn refusal(hash: String) -> RefusedTorrent {
    RefusedTorrent {
        hash,
        title: None,
        since_unix: 7,
    }
}

/// A served socket in a directory of its own.
struct Server {
    dir: TempDir,
    library: Arc<Scripted>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Server {
    fn start(library: Scripted) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let library = Arc::new(library);
        let socket = ControlSocket::bind(&socket_in(&dir)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let router = gostream_http::router(ApiParts {
            library: library.clone(),
            torrents: None,
            settings: None,
            state: None,
            events: Events::new(0),
        });
        let served = tokio::spawn(socket.serve(router, async {
            let _ = stopped.await;
        }));
        Self {
            dir,
            library,
            stop,
            served,
        }
    }

    async fn ask(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Response<Bytes> {
        let mut sender = sender(&socket_in(&self.dir)).await;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "gostream")
            .body(Full::new(body.into()))
            .unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    /// The problem document of an answer, which must be one.
    async fn problem(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Problem {
        let answer = self.ask(method, path, body).await;
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{answer:?}"
        );
        let problem: Problem = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(problem.status, answer.status().as_u16());
        problem
    }
}

fn socket_in(dir: &TempDir) -> PathBuf {
    dir.path().join("control.sock")
}

async fn sender(path: &Path) -> hyper::client::conn::http1::SendRequest<Full<Bytes>> {
    let stream = connect(path).unwrap();
    stream.set_nonblocking(true).unwrap();
    let stream = tokio::net::UnixStream::from_std(stream).unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn added() -> AddEvent {
    AddEvent::Added(vec![AddedFile {
        path: "movies/A.mkv".to_owned(),
        size: 5,
    }])
}

fn progress() -> AddEvent {
    AddEvent::Progress(AddProgress {
        stage: AddStage::FetchingMetadata,
        peers: 2,
        done_bytes: 16384,
        total_bytes: 40000,
    })
}

#[tokio::test]
async fn an_addition_is_answered_line_by_line() {
    let server = Server::start(Scripted {
        events: vec![progress(), AddEvent::Failed(ControlError::conflict("x"))],
        ..Scripted::default()
    });
    let answer = server
        .ask("POST", "/api/v1/library", r#"{"link":"magnet:?x"}"#)
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = std::str::from_utf8(answer.body()).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            json!({"progress": {"stage": "fetching_metadata", "peers": 2,
                "done_bytes": 16384, "total_bytes": 40000}}),
            json!({"problem": {"type": "urn:gostream:problem:conflict", "title": "In the way",
                "detail": "x", "status": 409}}),
        ]
    );
}

#[tokio::test]
async fn refusals_are_listed_and_lifted_by_their_hash() {
    let server = Server::start(Scripted::default());
    let json = |answer: &Response<Bytes>| serde_json::from_slice::<Value>(answer.body()).unwrap();
    let listed = server.ask("GET", "/api/v1/refused", "").await;
    let expected = json!({"hash": "0a".repeat(20), "since_unix": 7});
    assert_eq!(json(&listed), json!([expected]));
    let lifted = server.ask("DELETE", "/api/v1/refused/ff", "").await;
    assert_eq!(json(&lifted), json!({"hash": "ff", "since_unix": 7}));
    let problem = server.problem("DELETE", "/api/v1/refused", "").await;
    assert_eq!(problem.status, 405);
}

#[tokio::test]
async fn what_fails_before_the_first_line_has_a_status_of_its_own() {
    let server = Server::start(Scripted {
        events: vec![AddEvent::Failed(ControlError::bad_input("no magnet"))],
        ..Scripted::default()
    });
    let problem = server
        .problem("POST", "/api/v1/library", r#"{"link":"x"}"#)
        .await;
    assert_eq!(
        (problem.status, problem.detail.as_str()),
        (400, "no magnet")
    );
}

#[tokio::test]
async fn an_addition_that_says_nothing_is_a_failure() {
    let server = Server::start(Scripted::default());
    let problem = server
        .problem("POST", "/api/v1/library", r#"{"link":"x"}"#)
        .await;
    assert_eq!(problem.status, 500);
}

#[tokio::test]
async fn a_torrent_file_arrives_as_it_was_sent() {
    let server = Server::start(Scripted {
        events: vec![added()],
        ..Scripted::default()
    });
    let sent = AddRequest {
        link: "a.torrent".to_owned(),
        dir: Some("kids".to_owned()),
        name: None,
        torrent: Some(vec![0, 255, 10, 13]),
    };
    let body = serde_json::to_vec(&sent).unwrap();
    let answer = server.ask("POST", "/api/v1/library", body).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(*server.library.requests.lock().unwrap(), [sent]);
}

#[tokio::test]
async fn broken_requests_are_refused_and_reach_no_library() {
    let server = Server::start(Scripted::default());
    for body in [
        "",
        "not json",
        "{}",
        r#"{"link": 5}"#,
        r#"{"link": "x", "torrent_base64": "%%%"}"#,
        r#"{"link": "x", "colour": "red"}"#,
    ] {
        let problem = server.problem("POST", "/api/v1/library", body).await;
        assert_eq!(problem.status, 400, "{body}");
    }
    assert!(server.library.requests.lock().unwrap().is_empty());
}

#[test]
fn the_longest_torrent_fits_into_a_body() {
    let body_of = |len: usize| {
        let request = AddRequest {
            link: "l".repeat(4096),
            dir: Some("d".repeat(4096)),
            name: Some("n".repeat(4096)),
            torrent: Some(vec![7; len]),
        };
        serde_json::to_vec(&request).unwrap().len()
    };
    // All but the base64 has the same length whatever the file's.
    let besides = body_of(3) - 4;
    assert!(besides + TORRENT_LEN_MAX.div_ceil(3) * 4 <= BODY_LEN_MAX);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let server = Server::start(Scripted::default());
    let too_long = vec![b' '; BODY_LEN_MAX + 1];
    let problem = server.problem("POST", "/api/v1/library", too_long).await;
    assert_eq!(problem.status, 413);
    assert!(server.library.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn paths_with_blanks_slashes_and_percents_are_removed_as_meant() {
    let server = Server::start(Scripted::default());
    let path = "/api/v1/library/tv/A%20b%25%C3%A9/x.mkv";
    let answer = server.ask("DELETE", path, "").await;
    let removed: RemovedFile = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(removed.path, "tv/A b%é/x.mkv");

    let problem = server.problem("DELETE", "/api/v1/library/nope", "").await;
    assert_eq!(
        (problem.status, problem.detail.as_str()),
        (404, "nope: no such film")
    );
}

#[tokio::test]
async fn lists_and_failures_have_their_shapes() {
    let server = Server::start(Scripted::default());
    let answer = server.ask("GET", "/api/v1/library", "").await;
    let list: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(
        list,
        json!([{"path": "movies/A b.mkv", "size": 7, "hash": "00".repeat(20),
            "state": {"broken": "line 2"}}])
    );
    let problem = server.problem("GET", "/api/v1/status", "").await;
    assert_eq!(problem.status, 504);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let server = Server::start(Scripted::default());
    assert_eq!(server.problem("GET", "/api/v9/x", "").await.status, 404);
    assert_eq!(
        server.problem("PUT", "/api/v1/library", "").await.status,
        405
    );
    assert_eq!(
        server.problem("GET", "/api/v1/library/a", "").await.status,
        405
    );
}

#[tokio::test]
async fn only_the_owner_may_use_the_socket() {
    let server = Server::start(Scripted::default());
    let mode = fs::metadata(socket_in(&server.dir)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(server.dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_live_socket_is_refused_and_left_alone() {
    let server = Server::start(Scripted::default());
    let refused = ControlSocket::bind(&socket_in(&server.dir)).unwrap_err();
    assert!(matches!(refused, SocketError::InUse { .. }), "{refused}");
    assert_eq!(server.ask("GET", "/api/v1/library", "").await.status(), 200);
}

#[tokio::test]
async fn a_socket_that_nobody_answers_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = socket_in(&dir);
    // What a killed server leaves: the name without a listener.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(matches!(connect(&path), Err(SocketError::NoServer { .. })));
    let socket = ControlSocket::bind(&path).unwrap();
    connect(socket.path()).unwrap();
    drop(socket);
    assert!(!path.exists());
    assert!(matches!(connect(&path), Err(SocketError::NoServer { .. })));
}

#[tokio::test]
async fn a_file_of_that_name_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = socket_in(&dir);
    fs::write(&path, "precious").unwrap();
    let refused = ControlSocket::bind(&path).unwrap_err();
    assert!(
        matches!(refused, SocketError::NotASocket { .. }),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_directory_too_deep_for_a_socket_address_works() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(100)).join("e".repeat(100));
    fs::create_dir_all(&deep).unwrap();
    let path = deep.join("control.sock");
    let socket = ControlSocket::bind(&path).unwrap();
    connect(&path).unwrap();
    assert!(path.exists());
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn the_socket_is_gone_after_the_server_stopped() {
    let server = Server::start(Scripted::default());
    assert_eq!(server.ask("GET", "/api/v1/library", "").await.status(), 200);
    server.stop.send(()).unwrap();
    server.served.await.unwrap();
    assert!(!socket_in(&server.dir).exists());
}

#[tokio::test(start_paused = true)]
async fn an_addition_without_end_does_not_keep_the_server_from_stopping() {
    let server = Server::start(Scripted {
        events: vec![progress()],
        endless: true,
        ..Scripted::default()
    });
    let mut sender = sender(&socket_in(&server.dir)).await;
    let request = Request::post("/api/v1/library")
        .header("host", "gostream")
        .body(Full::new(r#"{"link":"x"}"#.into()))
        .unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    assert!(body.frame().await.is_some());
    server.stop.send(()).unwrap();
    server.served.await.unwrap();
}
