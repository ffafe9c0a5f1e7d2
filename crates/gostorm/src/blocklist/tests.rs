//! The keeper against a real server on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;

use gostorm_core::KnownPeer;
use gostorm_wire::InfoHash;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::store::{StoreFailure, StoredTorrent};

const DAY: Duration = Duration::from_secs(86_400);
const LOOK: Duration = Duration::from_secs(10);
const FIRST: &str = "Org:192.0.2.0-192.0.2.255\n";
const SECOND: &str = "Org:203.0.113.0-203.0.113.255\n";

#[derive(Default)]
struct Notes(Mutex<Option<FetchedList>>);

impl TorrentStore for Notes {
    fn load(&self, _: InfoHash) -> Result<Option<StoredTorrent>, StoreFailure> {
        Ok(None)
    }
    fn save_info(&self, _: InfoHash, _: &[u8]) -> Result<(), StoreFailure> {
        Ok(())
    }
    fn save_layers(&self, _: InfoHash, _: &[u8]) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn save_known_good(&self, _: InfoHash, _: &[KnownPeer]) -> Result<(), StoreFailure> {
        Ok(())
    }
    fn banned(&self) -> Result<Vec<IpAddr>, StoreFailure> {
        Ok(Vec::new())
    }
    fn ban(&self, _: IpAddr, _: &str) -> Result<(), StoreFailure> {
        Ok(())
    }
    fn load_dht(&self) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(None)
    }
    fn save_dht(&self, _: &[u8]) -> Result<(), StoreFailure> {
        Ok(())
    }
    fn fetched_list(&self) -> Result<Option<FetchedList>, StoreFailure> {
        Ok(self.0.lock().clone())
    }
    fn save_fetched_list(&self, list: &FetchedList) -> Result<(), StoreFailure> {
        *self.0.lock() = Some(list.clone());
        Ok(())
    }
}

/// A server that gives each answer once, and what it was asked.
struct Server {
    url: Url,
    asked: mpsc::UnboundedReceiver<String>,
    answers: mpsc::UnboundedSender<Vec<u8>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/list.gz", listener.local_addr().unwrap());
        let (answers, mut to_give) = mpsc::unbounded_channel::<Vec<u8>>();
        let (tell, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(answer) = to_give.recv().await {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                tell.send(String::from_utf8(request).unwrap()).unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        Self {
            url: url.parse().unwrap(),
            asked,
            answers,
        }
    }

    /// The next request is answered so.
    fn will_say(&self, status: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
        );
        self.answers.send([head.as_bytes(), body].concat()).unwrap();
    }

    async fn was_asked(&mut self) -> String {
        self.asked.recv().await.unwrap().to_ascii_lowercase()
    }
}

/// A filter to which somebody will give a list.
fn awaiting() -> Arc<Filter> {
    let filter = Arc::new(Filter::default());
    filter.await_list(Some(false));
    filter
}

struct Stand {
    folder: TempDir,
    notes: Arc<Notes>,
}

impl Stand {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            notes: Arc::default(),
        }
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("blocklist")
    }

    fn keeper(&self) -> Keeper {
        Keeper {
            filter: awaiting(),
            store: Arc::<Notes>::clone(&self.notes),
            stop: CancellationToken::new(),
            happenings: tokio::sync::broadcast::Sender::new(8),
        }
    }

    fn file(&self) -> BlocklistSource {
        BlocklistSource::File {
            path: self.kept(),
            look: LOOK,
        }
    }

    /// Starts the task, as a process does.
    fn start(&self, url: &Url) -> (Arc<Filter>, CancellationToken) {
        let keeper = self.keeper();
        let (filter, stop) = (Arc::clone(&keeper.filter), keeper.stop.clone());
        let source = BlocklistSource::Url {
            url: url.clone(),
            kept: self.kept(),
            refresh: DAY,
        };
        tokio::spawn(keep(keeper, source));
        (filter, stop)
    }
}

fn blocks(filter: &Filter, ip: &str) -> bool {
    filter.blocks(ip.parse().unwrap())
}

async fn changed(filter: &Filter, times: u64) {
    let mut changes = filter.changes();
    changes.wait_for(|changes| *changes >= times).await.unwrap();
}

#[tokio::test]
async fn a_list_is_fetched_kept_and_there_at_the_next_start() {
    let mut server = Server::start().await;
    let stand = Stand::new();
    server.will_say("200 OK", "ETag: \"1\"\r\n", FIRST.as_bytes());
    let (filter, stop) = stand.start(&server.url);
    changed(&filter, 1).await;
    assert!(blocks(&filter, "192.0.2.1") && !blocks(&filter, "203.0.113.1"));
    assert_eq!(std::fs::read(stand.kept()).unwrap(), FIRST.as_bytes());
    assert!(!server.was_asked().await.contains("if-none-match"));
    while stand.notes.0.lock().is_none() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    // The second start has the list before it is ready, and asks nobody: it is a few seconds old.
    let (filter, stop) = stand.start(&server.url);
    filter.ready().await;
    assert!(blocks(&filter, "192.0.2.1"));
    stop.cancel();
    // A day later it asks whether there is another.
    if let Some(last) = stand.notes.0.lock().as_mut() {
        last.checked_unix -= 2 * DAY.as_secs();
    }
    server.will_say("200 OK", "", SECOND.as_bytes());
    let (filter, _stop) = stand.start(&server.url);
    changed(&filter, 2).await;
    assert!(!blocks(&filter, "192.0.2.1") && blocks(&filter, "203.0.113.1"));
    assert!(server.was_asked().await.contains("if-none-match: \"1\""));
    assert!(server.asked.is_empty(), "the second start asked nobody");
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let mut server = Server::start().await;
    let stand = Stand::new();
    let keeper = stand.keeper();
    let fetcher = Fetcher::new(server.url.clone(), stand.kept());
    let validators = "ETag: W/\"x\"\r\nLast-Modified: Mon, 02 Jan 2023 03:04:05 GMT\r\n";
    server.will_say("200 OK", validators, FIRST.as_bytes());
    let last = keeper.fetch(&fetcher, None).await.unwrap();
    server.will_say("304 Not Modified", "", b"");
    let again = keeper.fetch(&fetcher, Some(&last)).await.unwrap();
    assert_eq!(
        (&again.etag, &again.last_modified),
        (&last.etag, &last.last_modified)
    );
    server.was_asked().await;
    let asked = server.was_asked().await;
    assert!(asked.contains("if-none-match: w/\"x\"\r\n"));
    assert!(asked.contains("if-modified-since: mon, 02 jan 2023 03:04:05 gmt\r\n"));
    assert_eq!(*keeper.filter.changes().borrow(), 1);
}

#[tokio::test]
async fn a_broken_list_never_takes_the_place_of_a_good_one() {
    let server = Server::start().await;
    let stand = Stand::new();
    let keeper = stand.keeper();
    let fetcher = Fetcher::new(server.url.clone(), stand.kept());
    server.will_say("200 OK", "", FIRST.as_bytes());
    keeper.fetch(&fetcher, None).await.unwrap();
    let noted = stand.notes.0.lock().clone();
    let cut_off = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    for (status, headers, body) in [
        ("200 OK", "", &b""[..]),
        ("200 OK", "", b"# nothing\n"),
        ("200 OK", "", b"<html>\n<p>203.0.113.1"),
        ("200 OK", "", &cut_off),
        ("404 Not Found", "", SECOND.as_bytes()),
        ("500 Oops", "", SECOND.as_bytes()),
        ("204 No Content", "", b""),
        ("304 Not Modified", "", b""),
    ] {
        server.will_say(status, headers, body);
        let error = keeper.fetch(&fetcher, None).await.unwrap_err();
        assert!(!error.to_string().is_empty());
        assert!(blocks(&keeper.filter, "192.0.2.1"), "{status} {body:?}");
        assert_eq!(std::fs::read(stand.kept()).unwrap(), FIRST.as_bytes());
        assert_eq!(*stand.notes.0.lock(), noted);
    }
    // Fewer bytes than were promised.
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n203.0.113.0/24\n";
    server.answers.send(short.to_vec()).unwrap();
    let error = keeper.fetch(&fetcher, None).await.unwrap_err();
    assert!(matches!(error, FetchError::Http(_)), "{error}");
    fetcher.discard().await;
    let left: Vec<_> = std::fs::read_dir(stand.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left of the broken ones");
}

#[tokio::test]
async fn a_file_of_the_user_is_read_at_the_start() {
    let stand = Stand::new();
    std::fs::write(stand.kept(), SECOND).unwrap();
    let keeper = stand.keeper();
    let filter = Arc::clone(&keeper.filter);
    tokio::spawn(keep(keeper, stand.file()));
    filter.ready().await;
    assert!(blocks(&filter, "203.0.113.1"));
}

#[tokio::test(start_paused = true)]
async fn a_file_of_the_user_is_read_again_when_it_changes() {
    let stand = Stand::new();
    let keeper = stand.keeper();
    let filter = Arc::clone(&keeper.filter);
    tokio::spawn(keep(keeper, stand.file()));
    filter.ready().await;
    assert_eq!(filter.state().ranges, None, "there is no file");
    std::fs::write(stand.kept(), FIRST).unwrap();
    changed(&filter, 1).await;
    assert!(blocks(&filter, "192.0.2.1"));
    std::fs::write(stand.kept(), SECOND).unwrap();
    changed(&filter, 2).await;
    assert!(blocks(&filter, "203.0.113.1") && !blocks(&filter, "192.0.2.1"));
}

#[test]
fn the_next_fetch_is_a_day_after_the_last_whatever_the_clock_says() {
    let now = 1_700_000_000;
    assert!(until_due(now, now, DAY) >= DAY);
    assert!(until_due(now, now, DAY) <= DAY + DAY / 48);
    assert_eq!(until_due(now - 2 * 86_400, now, DAY), Duration::ZERO);
    let future = until_due(now + 900_000, now, DAY);
    assert!(
        future <= DAY + DAY / 48,
        "a wrong clock costs a day at most"
    );
}
