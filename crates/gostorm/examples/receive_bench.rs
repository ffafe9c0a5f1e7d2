//! What receiving costs: CPU seconds per GB of blocks that come from a thread over loopback.
//!
//! Run with `cargo run --release -p gostorm --example receive_bench [GiB]`. It compares, in turns, the bare floor (a
//! blocking `read` of each block into memory of the same size and reuse) with a peer task that hands its events to a
//! driver, which keeps the blocks for a while as the piece cache does. The sender's own CPU time is not counted.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::collections::VecDeque;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gostorm::peer::{self, PeerConfig, PeerEvent, PeerWhat};
use gostorm::pool::{BlockBuf, Pool};
use gostorm_wire::{BLOCK_LEN, BlockSpan, PieceIndex, encode_piece_header};
use tokio::sync::mpsc;

const BLOCK: usize = BLOCK_LEN as usize;
const HEADER: usize = 13;
/// Blocks that are kept after they came, as a read-ahead window does: 64 MiB, more than any processor cache.
const KEPT: usize = 4096;
/// Blocks that the sender gives to one `write`.
const BATCH: usize = 16;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Measured {
    blocks: usize,
    cpu: Duration,
    wall: Duration,
}

fn main() -> Outcome<()> {
    let gib: usize = std::env::args().nth(1).map_or(Ok(4), |text| text.parse())?;
    let blocks = (gib << 30) / BLOCK / BATCH * BATCH;
    for _ in 0..3 {
        report("floor: read into one buffer a block", &floor(blocks)?);
        let current = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        report("peer task, one thread", &current.block_on(task(blocks))?);
        let many = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let spawned = many.spawn(task(blocks));
        report("peer task, two threads", &many.block_on(spawned)??);
    }
    Ok(())
}

fn report(what: &str, measured: &Measured) {
    let gb = measured.blocks as f64 * BLOCK as f64 / 1e9;
    println!(
        "{what:36} {:.3} CPU s/GB  {:6.0} MB/s",
        measured.cpu.as_secs_f64() / gb,
        gb * 1e3 / measured.wall.as_secs_f64(),
    );
}

/// The CPU time of all threads of this process, ended ones excepted.
fn cpu_of_all_threads() -> Outcome<Duration> {
    let mut total = Duration::ZERO;
    for task in std::fs::read_dir("/proc/self/task")? {
        total += cpu_in(&task?.path().join("schedstat"))?;
    }
    Ok(total)
}

fn cpu_in(schedstat: &std::path::Path) -> Outcome<Duration> {
    let text = std::fs::read_to_string(schedstat)?;
    let nanoseconds = text.split_whitespace().next().ok_or("empty schedstat")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// Sends `blocks` piece messages to whoever connects, and says what CPU time that took.
fn sender(
    blocks: usize,
    end: Receiver<()>,
) -> Outcome<(SocketAddr, JoinHandle<Outcome<Duration>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut batch = Vec::new();
        for number in 0..BATCH {
            let span = BlockSpan {
                piece: PieceIndex(0),
                begin: u32::try_from(number)? * BLOCK_LEN,
                len: BLOCK_LEN,
            };
            let mut header = bytes::BytesMut::new();
            encode_piece_header(span, &mut header);
            batch.extend_from_slice(&header);
            batch.resize(batch.len() + BLOCK, 0x5a);
        }
        for _ in 0..blocks / BATCH {
            stream.write_all(&batch)?;
        }
        let cpu = cpu_in(std::path::Path::new("/proc/thread-self/schedstat"))?;
        // This thread has to be listed still when the other end counts.
        let _ = end.recv();
        Ok(cpu)
    });
    Ok((address, thread))
}

fn finish(
    blocks: usize,
    before: Duration,
    started: Instant,
    sender: JoinHandle<Outcome<Duration>>,
    end: std::sync::mpsc::Sender<()>,
) -> Outcome<Measured> {
    let wall = started.elapsed();
    let all = cpu_of_all_threads()?.saturating_sub(before);
    drop(end);
    let sender = sender.join().map_err(|_| "the sender panicked")??;
    Ok(Measured {
        blocks,
        cpu: all.saturating_sub(sender),
        wall,
    })
}

fn floor(blocks: usize) -> Outcome<Measured> {
    let before = cpu_of_all_threads()?;
    let (end, ended) = std::sync::mpsc::channel();
    let (address, sender) = sender(blocks, ended)?;
    let mut stream = TcpStream::connect(address)?;
    let mut memory = vec![1; KEPT * (BLOCK + HEADER)];
    let started = Instant::now();
    for number in 0..blocks {
        let at = number % KEPT * (BLOCK + HEADER);
        stream.read_exact(&mut memory[at..at + BLOCK + HEADER])?;
    }
    finish(blocks, before, started, sender, end)
}

async fn task(blocks: usize) -> Outcome<Measured> {
    let before = cpu_of_all_threads()?;
    let (end, ended) = std::sync::mpsc::channel();
    let (address, sender) = sender(blocks, ended)?;
    let stream = tokio::net::TcpStream::connect(address).await?;
    let pool = Pool::new(2 * KEPT as u64 * u64::from(BLOCK_LEN));
    let (events, mut inbox) = mpsc::channel::<PeerEvent>(256);
    let started = Instant::now();
    let _handle = peer::spawn(1, stream, pool, events, PeerConfig::default());
    let mut kept: VecDeque<BlockBuf> = VecDeque::new();
    let mut batch = Vec::new();
    let mut seen = 0;
    while seen < blocks {
        if inbox.recv_many(&mut batch, 64).await == 0 {
            return Err("the peer task ended early".into());
        }
        for event in batch.drain(..) {
            match event.what {
                PeerWhat::Block { data, .. } => {
                    seen += 1;
                    kept.push_back(data);
                    if kept.len() > KEPT {
                        kept.pop_front();
                    }
                }
                PeerWhat::Message(_) | PeerWhat::Uploaded(_) => {}
                PeerWhat::Closed(reason) => return Err(reason.into()),
            }
        }
    }
    finish(blocks, before, started, sender, end)
}
