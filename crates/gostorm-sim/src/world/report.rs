//! What came of a run.

use gostorm_core::{Stats, Time};

use crate::player::PlayerReport;

/// What came of one torrent.
#[derive(Clone, Debug, PartialEq)]
pub struct TorrentReport {
    /// The swarm's counters.
    pub stats: Stats,
    /// Peers banned.
    pub banned: usize,
    /// Dials made.
    pub dials: u64,
    /// Announces made.
    pub announces: u64,
}

impl TorrentReport {
    /// Bytes of no use for each useful one: (duplicate + failed) / useful.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes of a run are far below 2^52"
    )]
    pub fn waste(&self) -> f64 {
        let wasted = self.stats.wasted_bytes;
        let useful = self.stats.downloaded_bytes.saturating_sub(wasted);
        wasted as f64 / useful.max(1) as f64
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The virtual time at the end.
    pub ended: Time,
    /// Inputs given to all swarms.
    pub inputs: u64,
    /// Outputs of all swarms.
    pub outputs: u64,
    /// The hash of all outputs and their times.
    pub trace_hash: u64,
    /// The most bytes reserved at a time.
    pub held_max: u64,
    /// Peers that were snubbed because the driver had taken a nap.
    pub snubbed_by_naps: u64,
    /// The torrents.
    pub torrents: Vec<TorrentReport>,
    /// The players.
    pub players: Vec<PlayerReport>,
}
