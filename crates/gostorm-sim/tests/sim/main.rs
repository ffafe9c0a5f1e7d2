//! Scenarios of the simulator: one file each.
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod families;
mod faults;
mod healthy;
mod kit;
mod magnet;
mod memory;
mod responsive;
mod seeds;
mod uploads;
