//! One torrent's driver: its swarm, its store, its clock and its mailbox.

use gostorm_core::{Config, Swarm, Time};

use super::exposed::Exposed;
use super::spec::TorrentSpec;
use super::store::Store;
use crate::rng::mix;

/// A torrent's driver.
pub(super) struct Torrent {
    pub(super) spec: TorrentSpec,
    pub(super) swarm: Swarm,
    pub(super) store: Store,
    pub(super) exposed: Exposed,
    pub(super) wake_at: Time,
    pub(super) wake_number: u64,
    /// It took an input since its last turn.
    pub(super) dirty: bool,
    /// The newest lease, until the driver takes it.
    pub(super) mailbox: Option<u64>,
    pub(super) asleep: bool,
    pub(super) tracker_fails: u32,
    pub(super) banned: Vec<std::net::IpAddr>,
    pub(super) announces: u64,
    pub(super) dials: u64,
    /// Wake-ups in a row that were due at once.
    pub(super) spins: u32,
}

impl Torrent {
    #[expect(
        clippy::panic,
        reason = "a scenario with impossible lengths is a mistake of its author"
    )]
    pub(super) fn new(spec: TorrentSpec, seed: u64) -> Self {
        let layout = match spec.layout() {
            Ok(layout) => layout,
            Err(error) => panic!("{error}"),
        };
        let config = Config {
            connections_max: spec.connections_max,
            tiers: vec![usize::from(spec.tracker_fails.is_some())],
            own_trackers: usize::from(spec.tracker_fails.is_some()),
            private: false,
            banned: Vec::new(),
        };
        Self {
            store: Store::default(),
            exposed: Exposed::default(),
            swarm: Swarm::new(config, layout, mix(seed)),
            wake_at: Time::NEVER,
            wake_number: 0,
            dirty: true,
            mailbox: None,
            asleep: false,
            tracker_fails: spec.tracker_fails.unwrap_or(0),
            banned: Vec::new(),
            announces: 0,
            dials: 0,
            spins: 0,
            spec,
        }
    }

    pub(super) fn woke(&mut self) {
        self.dirty = true;
        self.wake_at = Time::NEVER;
    }
}
