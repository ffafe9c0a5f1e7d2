//! An HTTP tracker (BEP 3, 23) that answers as it is told and remembers who reported.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gostorm_wire::bencode::{put_bytes, put_int};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The longest request that is read.
const REQUEST_MAX: usize = 8 * 1024;
/// The interval that clients are told, seconds.
const INTERVAL: u32 = 1_800;

/// How a tracker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackerMode {
    /// With its peers.
    Answer,
    /// With a `failure reason`.
    Refuse(String),
    /// With this HTTP status and a page.
    Status(u16),
    /// Never.
    Silent,
}

/// What a tracker has heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Announces in all.
    pub announces: u64,
    /// Those that said `started`.
    pub started: u64,
    /// Those that said `stopped`.
    pub stopped: u64,
    /// Those that said `completed`.
    pub completed: u64,
    /// Those that said `left=0`.
    pub left_nothing: u64,
    /// The bytes that the last one said were uploaded.
    pub uploaded: u64,
    /// The port of the last one.
    pub port: u16,
}

#[derive(Debug)]
struct Shared {
    peers: Mutex<Vec<SocketAddr>>,
    mode: Mutex<TrackerMode>,
    delay: Duration,
    heard: watch::Sender<Heard>,
}

/// A tracker of the lab. Dropping it closes its sockets.
#[derive(Debug)]
pub struct LabTracker {
    addr: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl LabTracker {
    /// Starts a tracker that names `peers` to everyone, `delay` after it was asked.
    ///
    /// # Errors
    /// When the socket cannot be had.
    pub async fn start(peers: Vec<SocketAddr>, delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            peers: Mutex::new(peers),
            mode: Mutex::new(TrackerMode::Answer),
            delay,
            heard: watch::Sender::new(Heard::default()),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            addr,
            shared,
            _tasks: tasks,
        })
    }

    /// Its announce URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/announce", self.addr)
    }

    /// Answers otherwise from now on.
    pub fn set_mode(&self, mode: TrackerMode) {
        *lock(&self.shared.mode) = mode;
    }

    /// Names other peers from now on.
    pub fn set_peers(&self, peers: Vec<SocketAddr>) {
        *lock(&self.shared.peers) = peers;
    }

    /// What it has heard.
    #[must_use]
    pub fn heard(&self) -> Heard {
        *self.shared.heard.borrow()
    }

    /// Waits until it has heard what is wanted.
    ///
    /// # Errors
    /// What it had heard when the time was over.
    pub async fn until(
        &self,
        within: Duration,
        mut what: impl FnMut(&Heard) -> bool,
    ) -> Result<Heard, Heard> {
        let mut watch = self.shared.heard.subscribe();
        match timeout(within, watch.wait_for(|heard| what(heard))).await {
            Ok(Ok(heard)) => Ok(*heard),
            Ok(Err(_)) | Err(_) => Err(self.heard()),
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut questions = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        while questions.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        questions.spawn(async move {
            // A client that leaves has its reasons.
            let _ = answer(stream, &shared).await;
        });
    }
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > REQUEST_MAX || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let line = String::from_utf8_lossy(&request);
    let target = line.split_whitespace().nth(1).unwrap_or_default();
    let Some(query) = target.strip_prefix("/announce?") else {
        // It cannot be scraped.
        return stream
            .write_all(b"HTTP/1.1 404 Lab\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
    };
    shared.hear(query);
    sleep(shared.delay).await;
    let mode = lock(&shared.mode).clone();
    let (status, body) = match mode {
        TrackerMode::Answer => (200, shared.peers_answer()),
        TrackerMode::Refuse(reason) => {
            let mut body = b"d".to_vec();
            put_bytes(&mut body, b"failure reason");
            put_bytes(&mut body, reason.as_bytes());
            body.push(b'e');
            (200, body)
        }
        TrackerMode::Status(status) => (status, b"<html>no</html>".to_vec()),
        TrackerMode::Silent => {
            // Until the client gives up.
            while stream.read_buf(&mut request).await? > 0 {
                request.clear();
            }
            return Ok(());
        }
    };
    let head = format!(
        "HTTP/1.1 {status} Lab\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}

impl Shared {
    fn hear(&self, query: &str) {
        let value = |key: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value)
        };
        let event = value("event").unwrap_or_default();
        self.heard.send_modify(|heard| {
            heard.announces += 1;
            heard.started += u64::from(event == "started");
            heard.stopped += u64::from(event == "stopped");
            heard.completed += u64::from(event == "completed");
            heard.left_nothing += u64::from(value("left") == Some("0"));
            heard.uploaded = value("uploaded")
                .and_then(|bytes| bytes.parse().ok())
                .unwrap_or(0);
            heard.port = value("port")
                .and_then(|port| port.parse().ok())
                .unwrap_or(0);
        });
    }

    /// The compact form (BEP 23).
    fn peers_answer(&self) -> Vec<u8> {
        let mut compact = Vec::new();
        for addr in lock(&self.peers).iter() {
            if let IpAddr::V4(ip) = addr.ip() {
                compact.extend_from_slice(&ip.octets());
                compact.extend_from_slice(&addr.port().to_be_bytes());
            }
        }
        let mut body = b"d".to_vec();
        put_bytes(&mut body, b"interval");
        put_int(&mut body, INTERVAL);
        put_bytes(&mut body, b"peers");
        put_bytes(&mut body, &compact);
        body.push(b'e');
        body
    }
}

/// Whoever panicked with the lock has failed the test already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
