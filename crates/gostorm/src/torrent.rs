//! One awake torrent: the driver task that owns its state machine, peers and waiting reads.
//!
//! `drive` is the loop: await one event (`Driver::next_event`, the only await), apply it and what else
//! is already there (`Driver::apply`, which never awaits), then one turn of the scheduler for the whole
//! batch. The files: `driver` the loop's two halves, `links` the peers and errands that both phases use, `trackers` what is kept of each tracker,
//! `search` the phase before the info dict is known, `running` the phase with a swarm, `reads` those that
//! wait, `doubts` who was served what may be wrong, `errand` what is done beside the driver (dial, announce, load).

mod doubts;
mod driver;
mod errand;
mod links;
mod metadata;
mod meter;
mod reads;
mod running;
mod search;
mod tidings;
mod trackers;
mod web_seeds;

pub(crate) use self::driver::drive;
