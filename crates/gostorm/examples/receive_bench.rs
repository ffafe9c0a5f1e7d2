//! What receiving costs: CPU seconds per GB of blocks that come from a thread over loopback.
//!
//! Run with `cargo run --release -p gostorm --example receive_bench [GiB]`. It compares, in turns, the bare floor (a
//! blocking `read` of each block into memory of the same size and reuse) with a peer task that hands its events to a
//! driver, which keeps the blocks for a while as the piece cache does; the same on a connection that is encrypted with
//! RC4; and what a handshake of encryption costs one side. The sender's own CPU time is not counted.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::collections::VecDeque;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gostorm::listen::{Accept, Incoming, Listener, Welcome};
use gostorm::net::Net;
use gostorm::peer::{self, PeerConfig, PeerEvent, PeerWhat};
use gostorm::pool::{BlockBuf, Pool};
use gostorm::transport::Transport;
use gostorm::{Encryption, Methods};
use gostorm_wire::mse::{Cipher, Event, Initiator, Noise, Responder};
use gostorm_wire::{
    BLOCK_LEN, BlockSpan, Handshake, InfoHash, PeerId, PieceIndex, Reserved, encode_piece_header,
};
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
        report("peer task, RC4", &current.block_on(encrypted_task(blocks))?);
    }
    println!("encryption handshake, one side: {:.0} us", handshake_us()?);
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
        let (stream, _) = listener.accept()?;
        send(stream, None, blocks, &end)
    });
    Ok((address, thread))
}

/// Sends them, encrypted if so wanted, and waits for the end.
fn send(
    mut stream: TcpStream,
    mut cipher: Option<Cipher>,
    blocks: usize,
    end: &Receiver<()>,
) -> Outcome<Duration> {
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
    let mut sealed = batch.clone();
    for _ in 0..blocks / BATCH {
        if let Some(cipher) = &mut cipher {
            sealed.copy_from_slice(&batch);
            cipher.apply(&mut sealed);
        }
        stream.write_all(&sealed)?;
    }
    let cpu = cpu_in(std::path::Path::new("/proc/thread-self/schedstat"))?;
    // This thread has to be listed still when the other end counts.
    let _ = end.recv();
    Ok(cpu)
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
    let started = Instant::now();
    let stream = tokio::net::TcpStream::connect(address).await?;
    take(stream.into(), blocks).await?;
    finish(blocks, before, started, sender, end)
}

/// One torrent that is awake.
struct OneTorrent(mpsc::Sender<Incoming>);

const OURS: Handshake = Handshake {
    reserved: Reserved {
        fast: true,
        extended: true,
        dht: false,
        v2: false,
    },
    info_hash: InfoHash([1; 20]),
    peer_id: PeerId([2; 20]),
};

impl Accept for OneTorrent {
    fn accepts(&self, _: InfoHash) -> Option<Welcome> {
        Some(Welcome {
            twin: None,
            ours: OURS,
            to: self.0.clone(),
        })
    }

    fn meant_by(&self, _: &[u8; 20]) -> Option<InfoHash> {
        Some(OURS.info_hash)
    }
}

fn noise(secret: u8) -> Noise {
    Noise {
        secret: [secret; 20],
        pad: Vec::new(),
        second_pad_len: 0,
    }
}

/// Dials, shakes hands and sends, as a thread of its own.
fn encrypted_sender(
    to: SocketAddr,
    blocks: usize,
    end: Receiver<()>,
) -> JoinHandle<Outcome<Duration>> {
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(to)?;
        let mut theirs = OURS;
        theirs.peer_id = PeerId([3; 20]);
        let mut machine = Initiator::new(OURS.info_hash, Methods::Rc4, &theirs.encode(), noise(5));
        let mut bytes = [0; 1024];
        let established = loop {
            match machine.advance()? {
                Event::Wait => {
                    let count = stream.read(&mut bytes)?;
                    machine.feed(&bytes[..count]);
                }
                Event::Send(said) => stream.write_all(&said)?,
                Event::Find(_) => {}
                Event::Done(established) => break established,
            }
        };
        let ciphers = established.ciphers.ok_or("not encrypted")?;
        send(stream, Some(ciphers.outgoing), blocks, &end)
    })
}

async fn encrypted_task(blocks: usize) -> Outcome<Measured> {
    let before = cpu_of_all_threads()?;
    let (end, ended) = std::sync::mpsc::channel();
    let (to, mut incoming) = mpsc::channel(1);
    let at = [SocketAddr::from(([127, 0, 0, 1], 0))];
    let accept = std::sync::Arc::new(OneTorrent(to));
    let listener = Listener::bind(&Net::new(), &at, accept, Encryption::default(), None)?;
    let sender = encrypted_sender(listener.addresses()[0], blocks, ended);
    let stream = incoming.recv().await.ok_or("nobody came")?.stream;
    let started = Instant::now();
    take(stream, blocks).await?;
    finish(blocks, before, started, sender, end)
}

/// Microseconds of CPU that a handshake costs one side.
fn handshake_us() -> Outcome<f64> {
    const TIMES: u32 = 1000;
    let before = cpu_of_all_threads()?;
    for time in 0..TIMES {
        let secret = time.to_le_bytes()[0] | 1;
        let mut a = Initiator::new(OURS.info_hash, Methods::Rc4, &[0; 68], noise(secret));
        let mut b = Responder::new(Methods::Rc4, noise(secret ^ 0x80));
        let (mut a_is_done, mut b_is_done) = (false, false);
        while !(a_is_done && b_is_done) {
            match a.advance() {
                Ok(Event::Send(bytes)) => b.feed(&bytes),
                Ok(Event::Done(_)) => a_is_done = true,
                Ok(Event::Wait | Event::Find(_)) => {}
                Err(violation) => return Err(violation.into()),
            }
            match b.advance() {
                Ok(Event::Send(bytes)) => a.feed(&bytes),
                Ok(Event::Find(_)) => b.found(OURS.info_hash),
                Ok(Event::Done(_)) => b_is_done = true,
                Ok(Event::Wait) => {}
                Err(violation) => return Err(violation.into()),
            }
        }
    }
    let cpu = cpu_of_all_threads()?.saturating_sub(before);
    Ok(cpu.as_secs_f64() * 1e6 / f64::from(2 * TIMES))
}

/// Receives all blocks as a driver does.
async fn take(stream: Transport, blocks: usize) -> Outcome<()> {
    let pool = Pool::new(2 * KEPT as u64 * u64::from(BLOCK_LEN));
    let (events, mut inbox) = mpsc::channel::<PeerEvent>(256);
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
    Ok(())
}
