//! A web server that has the film, for web seeds (BEP 19): it serves ranges, or misbehaves as it is told.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::content::Content;

/// The longest request that is read.
const REQUEST_MAX: usize = 16 * 1024;
/// Bytes of a body that are written at a time.
const STEP: u64 = 16 * 1024;

/// How a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// As it should.
    Serve,
    /// At so many bytes per second.
    Slow(u64),
    /// Takes requests and says nothing.
    Silent,
    /// Sends the head of the answer, and nothing more.
    Stuck,
    /// Closes the connection after so many bytes of a body.
    Cut(u64),
    /// With this status and these further header lines, each with its line end.
    Status(u16, String),
    /// With all of the file, whatever part was asked for.
    Whole,
    /// With the part behind the one that was asked for.
    Shifted,
    /// As if the file had so many bytes.
    Length(u64),
    /// With wrong bytes.
    Corrupt,
    /// With a head of so many bytes.
    LongHead(usize),
}

/// What a server has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Connections in all.
    pub connections: u64,
    /// Those that are open.
    pub open: u64,
    /// Requests in all.
    pub requests: u64,
    /// Bytes of bodies that were written.
    pub bytes: u64,
    /// The last paths that were asked for, with their ranges.
    pub asked: Vec<(String, Range<u64>)>,
}

#[derive(Debug)]
struct Shared {
    content: Arc<Content>,
    conduct: Mutex<Conduct>,
    served: watch::Sender<Served>,
}

/// A web server of the lab. Dropping it closes its sockets.
#[derive(Debug)]
pub struct LabWebServer {
    addr: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl LabWebServer {
    /// Starts a server on this address that has the film under every path.
    ///
    /// # Errors
    /// When the socket cannot be had.
    pub async fn start(ip: Ipv4Addr, content: &Arc<Content>, conduct: Conduct) -> io::Result<Self> {
        let listener = TcpListener::bind((ip, 0)).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            content: Arc::clone(content),
            conduct: Mutex::new(conduct),
            served: watch::Sender::new(Served::default()),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            addr,
            shared,
            _tasks: tasks,
        })
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.addr)
    }

    /// Answers otherwise from now on, also on connections that are open.
    pub fn set(&self, conduct: Conduct) {
        *lock(&self.shared.conduct) = conduct;
    }

    /// What it has done.
    #[must_use]
    pub fn served(&self) -> Served {
        self.shared.served.borrow().clone()
    }

    /// Waits until it has done what is wanted.
    ///
    /// # Errors
    /// What it had done when the time was over.
    pub async fn until(
        &self,
        within: Duration,
        mut what: impl FnMut(&Served) -> bool,
    ) -> Result<Served, Served> {
        let mut watch = self.shared.served.subscribe();
        match timeout(within, watch.wait_for(|served| what(served))).await {
            Ok(Ok(served)) => Ok(served.clone()),
            Ok(Err(_)) | Err(_) => Err(self.served()),
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            shared.served.send_modify(|served| {
                served.connections += 1;
                served.open += 1;
            });
            // A client that leaves has its reasons.
            let _ = converse(stream, &shared).await;
            shared.served.send_modify(|served| served.open -= 1);
        });
    }
}

/// One connection: request after request, until either side closes it.
async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = request.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
            if request.len() > REQUEST_MAX || stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&request[..end]).into_owned();
        request.drain(..end);
        if !answer(&mut stream, shared, &head).await? {
            return Ok(());
        }
    }
}

/// True when the connection goes on.
async fn answer(stream: &mut TcpStream, shared: &Shared, head: &str) -> io::Result<bool> {
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let len = shared.content.len();
    let range = range_of(head, len).unwrap_or(0..len);
    shared.served.send_modify(|served| {
        served.requests += 1;
        if served.asked.len() == 100 {
            served.asked.remove(0);
        }
        served.asked.push((path.to_owned(), range.clone()));
    });
    let conduct = lock(&shared.conduct).clone();
    let (mut sent, mut total, mut status, mut more) = (range, len, 206, String::new());
    match &conduct {
        Conduct::Silent => return until_closed(stream).await,
        Conduct::Status(other, lines) => {
            let head = format!("HTTP/1.1 {other} Lab\r\n{lines}Content-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            return Ok(true);
        }
        Conduct::Whole => (sent, status) = (0..len, 200),
        Conduct::Shifted => sent = sent.start + 1..sent.end + 1,
        Conduct::Length(other) => total = *other,
        Conduct::LongHead(bytes) => more = format!("X-Long: {}\r\n", "x".repeat(*bytes)),
        Conduct::Serve | Conduct::Slow(_) | Conduct::Stuck | Conduct::Cut(_) | Conduct::Corrupt => {
        }
    }
    let head = format!(
        "HTTP/1.1 {status} Lab\r\nContent-Range: bytes {}-{}/{total}\r\nContent-Length: {}\r\n{more}\r\n",
        sent.start,
        sent.end - 1,
        sent.end - sent.start,
    );
    stream.write_all(head.as_bytes()).await?;
    if conduct == Conduct::Stuck {
        return until_closed(stream).await;
    }
    send_body(stream, shared, &conduct, sent).await
}

async fn send_body(
    stream: &mut TcpStream,
    shared: &Shared,
    conduct: &Conduct,
    range: Range<u64>,
) -> io::Result<bool> {
    let mut end = range.end;
    if let Conduct::Cut(bytes) = conduct {
        end = end.min(range.start + bytes);
    }
    let mut at = range.start;
    while at < end {
        let step = STEP.min(end - at);
        let mut bytes = shared.content.bytes(at, usize::try_from(step).unwrap_or(0));
        if *conduct == Conduct::Corrupt {
            bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
        }
        if let Conduct::Slow(rate) = conduct {
            sleep(Duration::from_micros(step * 1_000_000 / rate.max(&1))).await;
        }
        stream.write_all(&bytes).await?;
        at += step;
        shared.served.send_modify(|served| served.bytes += step);
    }
    Ok(end == range.end)
}

async fn until_closed(stream: &mut TcpStream) -> io::Result<bool> {
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(false)
}

/// The header `Range`, of one range with both ends.
fn range_of(head: &str, len: u64) -> Option<Range<u64>> {
    let line = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("range:"))?;
    let (first, last) = line.split_once("bytes=")?.1.trim().split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && first < len).then(|| first..(last + 1).min(len))
}

/// Whoever panicked with the lock has failed the test already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
