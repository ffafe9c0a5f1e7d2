//! The built program on the network: other people's clients, trackers, gateways and namespaces.
//!
//! One file for each group of promises. `./test --quick` leaves this binary out; without the
//! tools that `./test` installs its tests fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../harness/mod.rs"]
#[allow(dead_code, reason = "each of the binaries uses a part")]
mod harness;

mod clients;
mod discovery;
mod events;
mod leak;
mod nat;
mod trackers;
mod transports;
mod v2;
mod web;
mod webseed;
