//! The pure domain of the library: no file, socket or clock is touched here.
//!
//! A *stub* is the small file that stands for a file of a torrent. This crate knows what is written in it
//! ([`stub`]), what it is called ([`name`], [`release`]), which files of a torrent get one ([`plan`]), how
//! the API numbers those files ([`file_id`]), where a path may lie ([`path`]), which inode number is proposed
//! for it ([`inode`], [`inode_map`]), and by what a title is known ([`title`]); and it reads the databases of TorrServer
//! ([`bolt`]). Every other crate of the library
//! side builds on these.
//!
//! All input is treated as hostile: it is checked once here and has a type that cannot be wrong later.

pub mod bolt;
pub mod file_id;
pub mod film;
pub mod hash;
pub mod inode;
pub mod inode_map;
pub mod media;
pub mod name;
pub mod path;
pub mod plan;
pub mod release;
pub mod sidecar;
pub mod stamp;
pub mod stub;
pub mod title;

pub use file_id::{FileIds, TorrentFile, match_file};
pub use film::{Film, Tails};
pub use hash::{HashError, TorrentHash};
pub use inode_map::{InodeMap, InodeMapError};
pub use path::PathError;
pub use plan::{PlanError, PlanOptions, PlannedStub, plan_stubs};
pub use sidecar::PlannedSidecar;
pub use stamp::Stamp;
pub use stub::{Stub, StubError};
pub use title::Title;
