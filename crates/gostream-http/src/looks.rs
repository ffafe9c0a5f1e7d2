//! Looking into a torrent: its peers, its readers, its trackers, and what is held of each file.
//!
//! The binary implements [`TorrentLooks`] beside [`crate::TorrentService`]. None of it wakes a torrent: of one that
//! sleeps there is what the disk has. The shapes are those of the versioned API; positions are bytes of a file.

use serde::Serialize;
use utoipa::ToSchema;

use crate::torrents::{Answer, TorrentId};

/// What can be seen of a torrent from inside.
pub trait TorrentLooks: Send + Sync + 'static {
    /// The connected peers.
    fn peers(&self, id: TorrentId) -> Answer<'_, Vec<PeerLook>>;

    /// Its trackers, tier after tier, secrets masked.
    fn trackers(&self, id: TorrentId) -> Answer<'_, Vec<TrackerLook>>;

    /// The open readers, and why they stood still.
    fn readers(&self, id: TorrentId) -> Answer<'_, Vec<ReaderLook>>;

    /// What is held of its files: `limit` of them after the first `offset`.
    fn holdings(&self, id: TorrentId, offset: usize, limit: usize) -> Answer<'_, HoldingsLook>;
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PeerLook {
    /// Address and port.
    pub address: String,
    /// Who named it; `incoming` when it dialled us.
    pub source: PeerSource,
    /// What it calls itself, or what its peer id says.
    pub client: Option<String>,
    /// How it is connected.
    pub transport: PeerTransport,
    /// What is said is encrypted.
    pub encrypted: bool,
    /// Bytes a second that it is believed to deliver.
    pub rate_bytes_per_second: u64,
    /// Its round trip.
    pub rtt_us: u64,
    /// Blocks that it owes us.
    pub outstanding_blocks: u32,
    /// Blocks that may be asked of it at a time.
    pub pipeline_blocks: u32,
    /// It serves us nothing at the moment.
    pub chokes_us: bool,
    /// It owed blocks and was silent.
    pub snubbed: bool,
    /// We serve it.
    pub served_by_us: bool,
    /// Bytes of verified pieces that it sent.
    pub good_bytes: u64,
    /// Bytes that it sent for nothing.
    pub wasted_bytes: u64,
    /// Bytes that we sent it.
    pub sent_bytes: u64,
}

/// Who named a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerSource {
    /// It dialled us.
    Incoming,
    /// It served this torrent well before.
    KnownGood,
    /// The magnet.
    Magnet,
    /// It said so itself on the local network.
    Lsd,
    /// One of the torrent's own trackers.
    Tracker,
    /// A tracker that the settings add.
    AddedTracker,
    /// Another peer.
    Pex,
    /// The DHT.
    Dht,
}

/// How a peer is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerTransport {
    /// TCP.
    Tcp,
    /// uTP (BEP 29).
    Utp,
    /// It is a web server (BEP 19).
    Http,
}

/// A tracker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrackerLook {
    /// Its URL; what may be a secret of the user is masked.
    pub url: String,
    /// Its tier, from 0.
    pub tier: usize,
    /// It answered last time.
    pub working: bool,
    /// Announces in a row that failed.
    pub failures: u32,
    /// Why the last one failed.
    pub error: Option<String>,
    /// What it wants the user to know.
    pub warning: Option<String>,
    /// Time to the next announce; none while one is under way.
    pub next_announce_seconds: Option<u64>,
    /// Peers that its last answer named.
    pub peers: usize,
    /// Peers that have all of it, by its account.
    pub seeders: Option<u32>,
    /// Peers that still download.
    pub leechers: Option<u32>,
}

/// An open reader.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReaderLook {
    /// Its number, for as long as it is open.
    pub id: u64,
    /// What it is taken for.
    pub class: ReaderKind,
    /// The file that it reads.
    pub file: Option<u32>,
    /// Where it is: an entry for each stream that goes on.
    pub places: Vec<Place>,
    /// Its last long waits, the oldest first, with the one that lasts.
    pub stalls: Vec<StallLook>,
}

/// What a reader is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReaderKind {
    /// It plays.
    Playback,
    /// It looks at a few places.
    Probe,
    /// It reads in sequence, faster than a film.
    Scan,
}

/// Where a stream of a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Place {
    /// The first byte that it has not read.
    pub at_bytes: u64,
    /// The first byte that is wanted for it.
    pub window_start_bytes: u64,
    /// The end of what is wanted for it.
    pub window_end_bytes: u64,
}

/// A long wait of a reader.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StallLook {
    /// All of it in a sentence.
    pub explanation: String,
    /// Where it waited.
    pub at_bytes: u64,
    /// How long ago it began.
    pub began_seconds_ago: f64,
    /// For how long.
    pub lasted_seconds: f64,
    /// It got its bytes in the end.
    pub served: bool,
    /// What it waited for, in order; the times sum up to the whole.
    pub causes: Vec<StallCause>,
}

/// What was waited for during a part of a stall.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StallCause {
    /// In words.
    pub explanation: String,
    /// The piece.
    pub piece: u32,
    /// The first block of it that was missing; none when its hash was awaited.
    pub block: Option<u32>,
    /// For how long.
    pub lasted_seconds: f64,
}

/// What is held of a torrent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldingsLook {
    /// Length of a piece; none before the metadata is known.
    pub piece_bytes: Option<u64>,
    /// Bytes of memory that the torrent may hold; 0 while it sleeps.
    pub lease_bytes: u64,
    /// Bytes in memory, with what is not verified yet.
    pub held_bytes: u64,
    /// Files of the torrent.
    pub total: usize,
    /// Those that were asked for.
    pub files: Vec<FileLook>,
}

/// What is held of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileLook {
    /// Its id.
    pub id: u32,
    /// Its path in the torrent.
    pub path: String,
    /// Its length.
    pub size_bytes: u64,
    /// Verified and in memory.
    pub memory: Vec<ByteRange>,
    /// In the warm cache on disk.
    pub disk: Vec<ByteRange>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ByteRange {
    /// Its first byte.
    pub start_bytes: u64,
    /// The first byte after it.
    pub end_bytes: u64,
}

impl From<std::ops::Range<u64>> for ByteRange {
    fn from(range: std::ops::Range<u64>) -> Self {
        Self {
            start_bytes: range.start,
            end_bytes: range.end,
        }
    }
}
