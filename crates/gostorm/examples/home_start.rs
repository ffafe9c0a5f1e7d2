//! Cold starts on the home swarm with real sockets: what a player waits for.
//!
//! `cargo run --release -p gostorm --example home_start -- [STARTS] [MiB of a piece] [again|responsive]`. Forty scripted peers on
//! 127.0.x.y and an HTTP tracker that answers in 20 ms (`gostorm_sim::lab`); a film of 1.5 GB at 41 Mbit/s. Each
//! start is a new engine that knows the info dict and no peer; `again` measures its second session, in which it knows the
//! peers, and `responsive` that with the policy of this name. Reads go through `Stream`, as the file system's do.
//! Seconds, medians and worst: the first 64 KiB; head, last MiB and 4 s of film; standing still in 10 s of play;
//! the first MiB after a seek to 70 %, and 4 s of film there.
#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gostorm::{
    Config, Engine, FetchedList, KnownPeer, OpenRequest, Policy, ReadError, StoreFailure,
    StoredTorrent, Stream, TorrentStore,
};
use gostorm_sim::lab::{Content, LabPeer, LabTracker, home};
use gostorm_wire::InfoHash;
use parking_lot::Mutex;
use tokio::sync::oneshot;

const MIB: u64 = 1 << 20;
/// Bytes of the film.
const FILM: u64 = 1_536 * MIB;
/// Bytes a second: 41 Mbit/s.
const RATE: u64 = 5_125_000;
/// Four seconds of film.
const BUFFER: u64 = 4 * RATE;
/// How long the film is played.
const PLAY: Duration = Duration::from_secs(10);
/// One read of a player.
const READ: u64 = 256 << 10;

/// Knows one torrent, and what is learnt of its peers.
struct OneTorrent(Mutex<StoredTorrent>);

impl TorrentStore for OneTorrent {
    fn load(&self, _: InfoHash) -> Result<Option<StoredTorrent>, StoreFailure> {
        Ok(Some(self.0.lock().clone()))
    }
    fn save_info(&self, _: InfoHash, _: &[u8]) -> Result<(), StoreFailure> {
        Ok(())
    }
    fn save_layers(&self, _: InfoHash, _: &[u8]) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn save_known_good(&self, _: InfoHash, peers: &[KnownPeer]) -> Result<(), StoreFailure> {
        self.0.lock().known_good = peers.to_vec();
        Ok(())
    }
    fn load_dht(&self) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(None)
    }
    fn save_dht(&self, _: &[u8]) -> Result<(), StoreFailure> {
        Ok(())
    }
    fn banned(&self) -> Result<Vec<IpAddr>, StoreFailure> {
        Ok(Vec::new())
    }
    fn ban(&self, _: IpAddr, _: &str) -> Result<(), StoreFailure> {
        Ok(())
    }
    fn fetched_list(&self) -> Result<Option<FetchedList>, StoreFailure> {
        Ok(None)
    }
    fn save_fetched_list(&self, _: &FetchedList) -> Result<(), StoreFailure> {
        Ok(())
    }
}

/// Reads a range in order, one read after the other.
async fn read(stream: &Stream, range: std::ops::Range<u64>) -> Result<(), ReadError> {
    let mut at = range.start;
    while at < range.end {
        let len = u32::try_from(READ.min(range.end - at)).unwrap_or(0);
        let (tell, told) = oneshot::channel();
        stream.read(at, len, move |result| {
            // The start may have been given up.
            let _ = tell.send(result.map(|_| ()));
        });
        told.await.unwrap_or(Err(ReadError::Unavailable))?;
        at += u64::from(len);
    }
    Ok(())
}

/// Plays from `from`, of which `BUFFER` is there: the time for which the picture stands still.
async fn play(stream: &Stream, from: u64) -> Result<f64, ReadError> {
    let start = Instant::now();
    let mut stood = 0.0;
    let mut have = from + BUFFER;
    while start.elapsed() < PLAY {
        let shown = start.elapsed().as_secs_f64() - stood;
        #[expect(clippy::cast_precision_loss, reason = "a film is far below 2^52 bytes")]
        let ahead = (have - from) as f64 / RATE as f64 - shown;
        if ahead < 0.0 {
            stood -= ahead;
        }
        if ahead > 4.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        } else {
            read(stream, have..have + READ).await?;
            have += READ;
        }
    }
    Ok(stood)
}

/// One session, from the open to the close: the figures in seconds.
async fn session(
    engine: &Engine,
    content: &Content,
) -> Result<[f64; 5], Box<dyn std::error::Error>> {
    let request = OpenRequest::from(content.info_hash());
    let opened = Instant::now();
    let stream = engine.open_doubtful(request, Arc::new(|_| Some(0)), Arc::new(|_| ()))?;
    let since = |moment: Instant| moment.elapsed().as_secs_f64();
    read(&stream, 0..64 << 10).await?;
    let first = since(opened);
    read(&stream, FILM - MIB..FILM).await?;
    read(&stream, 64 << 10..BUFFER).await?;
    let buffered = since(opened);
    let stood = play(&stream, 0).await?;
    let (sought, seek) = (FILM / 10 * 7, Instant::now());
    read(&stream, sought..sought + MIB).await?;
    let there = since(seek);
    read(&stream, sought + MIB..sought + BUFFER).await?;
    let goes_on = since(seek);
    Ok([first, buffered, stood, there, goes_on])
}

/// A new swarm and a new engine: its first session, or the second where the swarm is known.
async fn start(
    content: &Content,
    policy: Policy,
    again: bool,
) -> Result<[f64; 5], Box<dyn std::error::Error>> {
    let peers: Vec<LabPeer> = {
        let content = Arc::new(content.clone());
        let start = |script| LabPeer::start(&content, script);
        home().into_iter().map(start).collect::<Result<_, _>>()?
    };
    let addrs = peers.iter().map(LabPeer::addr).collect();
    let tracker = LabTracker::start(addrs, Duration::from_millis(20)).await?;
    let stored = StoredTorrent {
        info: Some(content.info()),
        trackers: vec![vec![tracker.url()]],
        ..StoredTorrent::default()
    };
    let config = Config {
        sleep_after: Duration::ZERO,
        policy,
        ..Config::default()
    };
    let engine = Engine::start(config, Arc::new(OneTorrent(Mutex::new(stored))))?;
    let mut figures = session(&engine, content).await?;
    if again {
        while engine.awake_count() > 0 || engine.peer_count() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        figures = session(&engine, content).await?;
    }
    engine.shutdown().await;
    Ok(figures)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |at: usize| std::env::args().nth(at).and_then(|text| text.parse().ok());
    let (policy, again) = match std::env::args().nth(3).as_deref() {
        None => (Policy::Verified, false),
        Some("again") => (Policy::Verified, true),
        Some("responsive") => (Policy::Responsive, true),
        Some(other) => return Err(format!("{other}: again, responsive, or nothing").into()),
    };
    let starts: u32 = argument(1).unwrap_or(10);
    let content = Content::new(7, FILM, argument(2).unwrap_or(4) << 20)?;
    let mut columns: [Vec<f64>; 5] = Default::default();
    for _ in 0..starts {
        let figures = start(&content, policy, again).await?;
        println!("{figures:.2?}");
        columns
            .iter_mut()
            .zip(figures)
            .for_each(|(column, figure)| column.push(figure));
    }
    let names = [
        "first 64 KiB",
        "head, tail, 4 s of film",
        "stood still in 10 s",
        "seek: first MiB",
        "seek: 4 s of film",
    ];
    for (name, mut column) in names.into_iter().zip(columns) {
        column.sort_by(f64::total_cmp);
        let median = column.get(column.len() / 2).copied().unwrap_or(f64::NAN);
        let worst = column.last().copied().unwrap_or(f64::NAN);
        println!("{name:<26} median {median:.2} s  worst {worst:.2} s");
    }
    Ok(())
}
