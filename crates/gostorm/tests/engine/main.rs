//! The engine on real sockets, among the scripted peers of `gostorm_sim::lab`.
//!
//! One binary, so that it is linked once. `stand` puts engine, store and swarm together; each other
//! file is one kind of behaviour. Nothing here measures time: what must happen is awaited with a
//! generous deadline, and what must not is checked after something that comes later.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod binding;
mod blocking;
mod broken;
mod budget;
mod closing;
mod crowd;
mod dht;
mod faults;
mod forwarding;
mod gateway;
mod hostile;
mod incoming;
mod reading;
mod resolving;
mod responsive;
mod resting;
mod retune;
mod sleeping;
mod stand;
mod takers;
mod trackers;
mod watched;
mod web_seeds;
