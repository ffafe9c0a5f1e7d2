//! The built program against real things: a mount, seeders, a tracker, ffprobe.
//!
//! One file for each group of promises. `./test --quick` leaves this binary out; without the
//! tools that `./test` installs its tests fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../harness/mod.rs"]
#[allow(dead_code, reason = "each of the binaries uses a part")]
mod harness;

mod bad_input;
mod bad_torrents;
mod demo;
mod faults;
mod film;
mod library;
mod memory;
mod responsive;
mod uploads;
