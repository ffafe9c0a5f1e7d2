//! The figures of a run, taken at any time.

use super::World;
use super::report::{Report, TorrentReport};

impl World {
    /// What came of the run so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let torrents = self.torrents.iter().map(|one| TorrentReport {
            stats: one.swarm.stats(),
            banned: one.banned.len(),
            dials: one.dials,
            announces: one.announces,
        });
        Report {
            ended: self.now,
            inputs: self.inputs,
            outputs: self.trace.outputs(),
            trace_hash: self.trace.hash(),
            held_max: self.held_max,
            snubbed_by_naps: self.snubbed_by_naps,
            torrents: torrents.collect(),
            players: self.player_reports(),
        }
    }
}
