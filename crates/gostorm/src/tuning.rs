//! The settings that a running engine takes over: [`Engine::retune`](crate::Engine::retune).
//!
//! They are a part of [`Config`], and stay there for the start. Whoever needs one looks it up when it acts, so that a
//! change is seen by the next read, dial, close or announce.

use std::time::Duration;

use gostorm_core::Policy;

use crate::blocklist::BlocklistConfig;
use crate::config::{Config, Timeouts};
use crate::tracker::Retrackers;

/// What can be changed while the engine runs; the fields are those of [`Config`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Pieces are let go when it shrinks. Never below three pieces of a torrent that is awake.
    pub budget_bytes: u64,
    /// Peers that are too many are let go at once.
    pub connections_per_torrent: usize,
    /// Peers that are too many are let go at once.
    pub connections_max: usize,
    /// Dials under way go on; there are no further ones until they are few enough.
    pub half_open_max: usize,
    /// Torrents on their way go on; no further one wakes until they are few enough.
    pub wakes_max: usize,
    /// For connections that are made from then on.
    pub timeouts: Timeouts,
    /// For reads that reach their torrent from then on.
    pub read_deadline: Duration,
    /// At once, also for torrents that move bytes.
    pub download_limit: Option<u64>,
    /// At once, also for torrents that move bytes.
    pub upload_limit: Option<u64>,
    /// At once, also for torrents that move bytes.
    pub download_limit_per_torrent: Option<u64>,
    /// At once, also for torrents that move bytes.
    pub upload_limit_per_torrent: Option<u64>,
    /// Counted from the last close, also where that has been already.
    pub sleep_after: Duration,
    /// For streams that are opened from then on.
    pub policy: Policy,
    /// A list that is in use stays so until another has been read, or none is wanted any more.
    pub blocklist: Option<BlocklistConfig>,
    /// For torrents that wake from then on.
    pub retrackers: Retrackers,
}

impl Config {
    /// The part that can be changed later.
    #[must_use]
    pub fn tuning(&self) -> Tuning {
        Tuning {
            budget_bytes: self.budget_bytes,
            connections_per_torrent: self.connections_per_torrent,
            connections_max: self.connections_max,
            half_open_max: self.half_open_max,
            wakes_max: self.wakes_max,
            timeouts: self.timeouts,
            read_deadline: self.read_deadline,
            download_limit: self.download_limit,
            upload_limit: self.upload_limit,
            download_limit_per_torrent: self.download_limit_per_torrent,
            upload_limit_per_torrent: self.upload_limit_per_torrent,
            sleep_after: self.sleep_after,
            policy: self.policy,
            blocklist: self.blocklist.clone(),
            retrackers: self.retrackers.clone().cleaned(),
        }
    }
}
