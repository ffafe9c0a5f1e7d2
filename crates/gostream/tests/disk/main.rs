//! The built program as a disk: media servers, Samba, players and people who tidy up, on the real mount.
//!
//! One file for each group of promises. `./test --quick` leaves this binary out; without the
//! tools that `./test` installs its tests fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../harness/mod.rs"]
#[allow(dead_code, reason = "each of the binaries uses a part")]
mod harness;

mod api;
mod backup;
mod conformance;
mod ending;
mod events;
mod faults;
mod identity;
mod import;
mod logs;
mod monitor;
mod ops;
mod playback;
mod profile;
mod programs;
mod proxy;
mod samba;
mod secrets;
mod service;
mod settings;
mod source_disk;
mod start;
mod state_damage;
mod state_faults;
mod state_kept;
mod tree;
mod vanished;
mod versioned;
mod warm;
mod warm_faults;
