//! GoStream: a torrent looks like a file on a disk.
//!
//! The library half of the binary: settings, command line, doctor and the
//! client of a running server. `main.rs` hands the command line the one thing
//! it cannot know, the application itself ([`cli::App`]).

mod app;
pub mod cli;
mod clock;
pub mod config;
pub mod control;
mod demo;
pub mod doctor;
mod import;
mod librarian;
pub mod link;
mod logging;
pub mod paths;
mod program;
pub mod samba;
mod warm;

pub use program::Gostream;
