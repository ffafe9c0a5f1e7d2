//! A seeder on loopback: sockets around `conversation`.
//!
//! Started by the demonstration, on a thread of its own with its own runtime, so that its work can be told from
//! GoStream's. Listens on 127.0.0.1 at a free port. Dropping it closes all connections and ends the thread.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use gostorm_wire::{
    BlockSpan, FrameLimits, HANDSHAKE_LEN, Handshake, Message, PeerId, Step, encode_piece_header,
    next_frame,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::conversation::{Conversation, Refusal};
use super::figures::thread_cpu;
use super::share::Share;

/// Connections at a time; more are closed at once. GoStream opens one.
const CONNECTIONS_MAX: usize = 16;
/// How long a peer may take for its handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A silent connection is told that we are alive; others give up after two minutes (BEP 3).
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Answers are sent when they have this many bytes, or when all that came is answered.
const SEND_LEN: usize = 256 * 1024;
/// Room for what comes: some hundred requests.
const RECEIVE_LEN: usize = 16 * 1024;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ending {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no handshake came in time")]
    Silent,
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<gostorm_wire::Violation> for Ending {
    fn from(violation: gostorm_wire::Violation) -> Self {
        Self::Refused(violation.into())
    }
}

/// What the seeder has done so far.
#[derive(Debug, Default)]
struct Meter {
    sent: AtomicU64,
    cpu_ns: AtomicU64,
}

/// A running seeder.
pub(super) struct Seeder {
    address: SocketAddr,
    meter: Arc<Meter>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Seeder {
    /// Starts to share.
    pub(super) fn start(share: Arc<Share>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let meter = Arc::new(Meter::default());
        let stop = CancellationToken::new();
        let (work, until) = (Arc::clone(&meter), stop.clone());
        let thread = std::thread::Builder::new()
            .name("demo-seeder".to_owned())
            .spawn(move || {
                let work = until.run_until_cancelled(accept(listener, share, work));
                if let Some(Err(error)) = runtime.block_on(work) {
                    tracing::error!(%error, "the seeder of the demonstration cannot listen");
                }
            })?;
        Ok(Self {
            address,
            meter,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes of film sent to all peers.
    pub(super) fn sent(&self) -> u64 {
        self.meter.sent.load(Ordering::Relaxed)
    }

    /// Processor time used.
    pub(super) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.meter.cpu_ns.load(Ordering::Relaxed))
    }
}

impl Drop for Seeder {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the seeder of the demonstration panicked");
        }
    }
}

async fn accept(
    listener: std::net::TcpListener,
    share: Arc<Share>,
    meter: Arc<Meter>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut peers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, remote) = accepted?;
                if peers.len() >= CONNECTIONS_MAX {
                    continue;
                }
                let (share, meter) = (Arc::clone(&share), Arc::clone(&meter));
                peers.spawn(async move {
                    if let Err(why) = serve(stream, &share, &meter).await {
                        tracing::debug!(%remote, %why, "a peer of the demonstration's seeder left");
                    }
                });
            }
            // Their ends are logged where they happen.
            Some(_) = peers.join_next() => {}
        }
    }
}

/// Serves one peer until it goes or breaks the rules.
async fn serve(mut stream: TcpStream, share: &Share, meter: &Meter) -> Result<(), Ending> {
    stream.set_nodelay(true)?;
    let mut hello = [0; HANDSHAKE_LEN];
    tokio::time::timeout(HANDSHAKE_MAX, stream.read_exact(&mut hello))
        .await
        .map_err(|_| Ending::Silent)??;
    let theirs = Handshake::decode(&hello)?;
    let mut out = BytesMut::with_capacity(SEND_LEN);
    let me = PeerId::new(rand::random());
    let mut peer = Conversation::open(&share.metainfo, me, &theirs, &mut out)?;
    let mut received = BytesMut::with_capacity(RECEIVE_LEN);
    loop {
        let more = answer(&mut peer, share, meter, &mut received, &mut out)?;
        stream.write_all(&out).await?;
        out.clear();
        if more {
            continue;
        }
        received.reserve(RECEIVE_LEN);
        match tokio::time::timeout(KEEP_ALIVE, stream.read_buf(&mut received)).await {
            Ok(read) => {
                if read? == 0 {
                    return Ok(());
                }
            }
            Err(_) => Message::KeepAlive.encode(&mut out),
        }
    }
}

/// Answers what was received, until there is much to send; true if more is left to be answered.
fn answer(
    peer: &mut Conversation<'_>,
    share: &Share,
    meter: &Meter,
    received: &mut BytesMut,
    out: &mut BytesMut,
) -> Result<bool, Ending> {
    let limits = FrameLimits::default();
    let mut blocks = 0;
    let more = loop {
        if out.len() >= SEND_LEN {
            break true;
        }
        match next_frame(received, &limits)? {
            Step::Incomplete { .. } => break false,
            Step::Block { span, .. } => return Err(Refusal::Unasked(span).into()),
            Step::Message { message, consumed } => {
                received.advance(consumed);
                if let Some(span) = peer.hear(message, out)? {
                    put_block(share, span, out)?;
                    blocks += u64::from(span.len);
                }
            }
        }
    };
    if blocks > 0 {
        meter.sent.fetch_add(blocks, Ordering::Relaxed);
    }
    let cpu = u64::try_from(thread_cpu().as_nanos()).unwrap_or(u64::MAX);
    meter.cpu_ns.store(cpu, Ordering::Relaxed);
    Ok(more)
}

/// Appends a `piece` message; the span is known to exist.
fn put_block(share: &Share, span: BlockSpan, out: &mut BytesMut) -> io::Result<()> {
    encode_piece_header(span, out);
    let begin = out.len();
    // A block has at most 16 KiB.
    out.resize(begin + usize::try_from(span.len).unwrap_or(0), 0);
    let piece_length = u64::from(share.metainfo.info.piece_length());
    let offset = u64::from(span.piece.0) * piece_length + u64::from(span.begin);
    share.file.read_exact_at(&mut out[begin..], offset)
}

#[cfg(test)]
mod tests;
