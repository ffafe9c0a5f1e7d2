//! The simulator: the real [`Swarm`](gostorm_core::Swarm) in a world whose clock, network, peers and
//! players are scripted.
//!
//! Virtual time jumps from event to event, so a minute of streaming costs milliseconds. Everything
//! random comes from one seed: the same seed makes the same run on every machine, which the hash of
//! the trace proves. [`world::World`] drives the state machine exactly as the shell does; a block is
//! a digest that is right or wrong, so a wrong byte that is served is seen at once.
//!
//! [`scenario::vopr`] turns a seed into a topology with faults, checks safety all the way, then mends
//! the network and checks that the readers get on. `cargo run -p gostorm-sim --bin replay` shows a run.

pub mod events;
pub mod lab;
pub mod leech;
pub mod link;
pub mod oracle;
pub mod peer;
pub mod player;
pub mod rng;
pub mod scenario;
pub mod search;
pub mod world;
