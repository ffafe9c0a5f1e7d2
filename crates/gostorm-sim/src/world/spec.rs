//! What a world is made of.

use std::time::Duration;

use gostorm_core::{FileSpan, Layout, LayoutError, Policy};

use crate::link::LinkSpec;
use crate::peer::PeerSpec;
use crate::player::PlayerSpec;

/// One torrent and its swarm.
#[derive(Clone, Debug)]
pub struct TorrentSpec {
    /// Bytes in a piece.
    pub piece_len: u32,
    /// Bytes of each file.
    pub files: Vec<u64>,
    /// Those who share it. Number `n` of torrent `t` has the address 10.`t`.x.y.
    pub peers: Vec<PeerSpec>,
    /// Connections at most.
    pub connections_max: usize,
    /// Failures of the tracker before it answers; `None` when there is no tracker and the addresses
    /// are known from the start.
    pub tracker_fails: Option<u32>,
}

impl TorrentSpec {
    /// One file of `len` bytes, shared by `peers`, found by a tracker that answers.
    #[must_use]
    pub fn film(piece_len: u32, len: u64, peers: Vec<PeerSpec>) -> Self {
        Self {
            piece_len,
            files: vec![len],
            peers,
            connections_max: 25,
            tracker_fails: Some(0),
        }
    }

    pub(super) fn layout(&self) -> Result<Layout, LayoutError> {
        let mut offset = 0;
        let mut files = Vec::new();
        for len in &self.files {
            files.push(FileSpan { offset, len: *len });
            offset += len;
        }
        Layout::new(self.piece_len, offset, files)
    }
}

/// A time in which the driver and its players do nothing, while the peers and the lines go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nap {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
    /// The machine's clock stands still meanwhile, as Linux' monotonic clock does in suspend; a
    /// driver that is only starved of the processor finds that its clock has jumped ahead.
    pub stands_still: bool,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    /// Bytes that the process may hold.
    pub budget: u64,
    /// Our own line, which all that comes in shares; `None` when it is never the bottleneck.
    pub access: Option<LinkSpec>,
    /// The driver takes what has come once in this time.
    pub quantum: Duration,
    /// Bytes hashed per second.
    pub hash_rate: u64,
    /// From the arbiter to the other torrents' drivers.
    pub lease_delay: Duration,
    /// A read fails after this.
    pub read_deadline: Duration,
    /// What the players accept.
    pub policy: Policy,
    /// So many scans run at a time: a further one opens its file when one has ended. All at their own
    /// time when there is none.
    pub scanners: Option<usize>,
    /// A torrent whose players have all closed sleeps after this; never when there is none.
    pub sleeps_after: Option<Duration>,
    /// When the driver does nothing, in order and apart from each other.
    pub naps: Vec<Nap>,
    /// The torrents.
    pub torrents: Vec<TorrentSpec>,
    /// The players.
    pub players: Vec<PlayerSpec>,
}

impl WorldSpec {
    /// One torrent and its players, with 256 MiB and no bottleneck of our own.
    #[must_use]
    pub fn new(torrent: TorrentSpec, players: Vec<PlayerSpec>) -> Self {
        Self {
            budget: 256 << 20,
            access: None,
            quantum: Duration::from_micros(200),
            hash_rate: 800_000_000,
            lease_delay: Duration::ZERO,
            read_deadline: Duration::from_secs(25),
            policy: Policy::Verified,
            scanners: None,
            sleeps_after: None,
            naps: Vec::new(),
            torrents: vec![torrent],
            players,
        }
    }
}
