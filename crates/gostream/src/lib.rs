//! GoStream: a torrent looks like a file on a disk.
//!
//! The library half of the binary: settings, command line, doctor and the
//! client of a running server. `main.rs` hands the command line the one thing
//! it cannot know, the application itself ([`cli::App`]).

pub mod cli;
pub mod config;
pub mod control;
pub mod doctor;
pub mod link;
pub mod paths;
