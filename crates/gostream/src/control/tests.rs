//! The client against the real socket server with a scripted library, and
//! against peers that break off or speak nonsense.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use gostream_http::{
    AddEvent, AddProgress, AddRequest, AddStage, AddedFile, ApiParts, ControlError, ControlSocket,
    Events, FileState, LibraryControl, ListedFile, RefusedTorrent, RemovedFile, SocketError,
    Status,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
    sync::oneshot,
};

use super::ControlClient;

fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        pid: 1,
        uptime_seconds: 2,
        mount: "/m".to_owned(),
        library: "/l".to_owned(),
        torrent_port: 8091,
        forwarded_port: Some("port 41230 by PCP".to_owned()),
        forwarding_error: None,
        library_error: Some("no disk".to_owned()),
        films: 3,
        torrents_awake: 1,
        peers: 9,
        buffered_bytes: 1 << 40,
    }
}

fn file() -> ListedFile {
    ListedFile {
        path: "tv/Ä show/S01.mkv".to_owned(),
        size: 1 << 50,
        hash: "ab".repeat(20),
        state: FileState::Awake,
    }
}

fn progress(done_bytes: u64) -> AddEvent {
    AddEvent::Progress(AddProgress {
        stage: AddStage::FindingPeers,
        peers: 0,
        done_bytes,
        total_bytes: 0,
    })
}

fn request(link: &str) -> AddRequest {
    AddRequest {
        link: link.to_owned(),
        dir: None,
        name: None,
        torrent: None,
    }
}

/// Adds what the link says; `remove` says back what it was asked for.
#[derive(Default)]
struct Scripted {
    /// Told when an addition without end is given up.
    given_up: Mutex<Option<oneshot::Sender<()>>>,
}

impl LibraryControl for Scripted {
    fn add(&self, request: AddRequest) -> BoxStream<'static, AddEvent> {
        match request.link.as_str() {
            "good" => stream::iter([
                progress(1),
                progress(2),
                AddEvent::Added(vec![AddedFile {
                    path: "movies/A.mkv".to_owned(),
                    size: 1,
                }]),
            ])
            .boxed(),
            "late" => stream::iter([
                progress(1),
                AddEvent::Failed(ControlError::timed_out("no peer")),
            ])
            .boxed(),
            "endless" => {
                let told_when_dropped = self.given_up.lock().unwrap().take();
                stream::iter([progress(1)])
                    .chain(stream::pending())
                    .inspect(move |_| {
                        let _ = &told_when_dropped;
                    })
                    .boxed()
            }
            other => stream::iter([AddEvent::Failed(ControlError::bad_input(other))]).boxed(),
        }
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ListedFile>, ControlError>> {
        async { Ok(vec![file()]) }.boxed()
    }

    fn remove(&self, path: String) -> BoxFuture<'_, Result<RemovedFile, ControlError>> {
        async { Err(ControlError::conflict(path)) }.boxed()
    }

    fn refused(&self) -> BoxFuture<'_, Result<Vec<RefusedTorrent>, ControlError>> {
        async { Ok(vec![refusal()]) }.boxed()
    }

    fn lift(&self, hash: String) -> BoxFuture<'_, Result<RefusedTorrent, ControlError>> {
        async { Err(ControlError::not_found(hash)) }.boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, ControlError>> {
        async { Ok(status()) }.boxed()
    }
}

fn refusal() -> RefusedTorrent {
    RefusedTorrent {
        hash: "0a".repeat(20),
        title: Some("film".to_owned()),
        since_unix: 5,
    }
}

struct Server {
    _dir: TempDir,
    client: ControlClient,
}

fn serve(library: Scripted) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let socket = ControlSocket::bind(&path).unwrap();
    tokio::spawn(socket.serve(
        gostream_http::router(ApiParts {
            library: Arc::new(library),
            torrents: None,
            settings: None,
            state: None,
            events: Events::new(0),
        }),
        std::future::pending(),
    ));
    let client = ControlClient::find(&path).unwrap();
    Server { _dir: dir, client }
}

async fn events(client: &ControlClient, link: &str) -> Vec<AddEvent> {
    client.add(request(link)).collect().await
}

#[tokio::test]
async fn answers_come_through_as_they_were_given() {
    let server = serve(Scripted::default());
    let client = &server.client;
    assert_eq!(client.list().await.unwrap(), [file()]);
    assert_eq!(client.status().await.unwrap(), status());
    assert_eq!(client.refused().await.unwrap(), [refusal()]);
    let path = "tv/50% off & Ä ?#/../x.mkv";
    assert_eq!(
        client.remove(path.to_owned()).await.unwrap_err(),
        ControlError::conflict(path)
    );
    assert_eq!(
        client
            .lift("no/hash".to_owned())
            .await
            .unwrap_err()
            .to_string(),
        "there is nothing at /api/v1/refused/no/hash"
    );
    assert_eq!(
        client.lift("a b".to_owned()).await.unwrap_err(),
        ControlError::not_found("a b")
    );
}

#[tokio::test]
async fn an_addition_ends_with_its_result() {
    let server = serve(Scripted::default());
    let good = events(&server.client, "good").await;
    assert_eq!(good[..2], [progress(1), progress(2)]);
    assert!(matches!(&good[2..], [AddEvent::Added(files)] if files.len() == 1));
    assert_eq!(
        events(&server.client, "late").await,
        [
            progress(1),
            AddEvent::Failed(ControlError::timed_out("no peer"))
        ]
    );
    assert_eq!(
        events(&server.client, "nonsense").await,
        [AddEvent::Failed(ControlError::bad_input("nonsense"))]
    );
}

#[tokio::test]
async fn dropping_an_addition_gives_up_the_work() {
    let (tell, told) = oneshot::channel();
    let server = serve(Scripted {
        given_up: Mutex::new(Some(tell)),
    });
    let mut events = server.client.add(request("endless"));
    assert_eq!(events.next().await, Some(progress(1)));
    drop(events);
    // Never sent, only dropped, with the stream.
    assert!(told.await.is_err());
}

#[tokio::test]
async fn no_server_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/control.sock");
    let missing = ControlClient::find(&path).unwrap_err();
    assert!(matches!(missing, SocketError::NoServer { .. }));
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let no_socket = ControlClient::find(&file).unwrap_err();
    assert!(matches!(no_socket, SocketError::NoServer { .. }));
}

/// Answers one request with these bytes and closes.
fn answer_with(bytes: &'static [u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            // `find` connects and says nothing.
            if stream.read(&mut request).await.unwrap() > 0 {
                stream.write_all(bytes).await.unwrap();
            }
        }
    });
    (dir, path)
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure_and_never_an_end() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n{\"progress\":{\"stage\":\"writing\",\"peers\":0,\"done_bytes\":0,\"total_bytes\":0}}\n{\"added\":[";
    let (_dir, path) = answer_with(head);
    let client = ControlClient::find(&path).unwrap();
    let events = events(&client, "x").await;
    assert!(matches!(
        &events[..],
        [
            AddEvent::Progress(_),
            AddEvent::Failed(ControlError::Failed { .. })
        ]
    ));
}

#[tokio::test]
async fn nonsense_is_a_failure() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nyes\n"[..],
        b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno",
        b"SSH-2.0-x\r\n",
        b"",
    ] {
        let (_dir, path) = answer_with(bytes);
        let client = ControlClient::find(&path).unwrap();
        let failed = client.list().await.unwrap_err();
        assert!(matches!(failed, ControlError::Failed { .. }), "{failed}");
        let events = events(&client, "x").await;
        assert!(matches!(
            &events[..],
            [AddEvent::Failed(ControlError::Failed { .. })]
        ));
    }
}
