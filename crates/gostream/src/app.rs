//! Where the parts meet: settings → engine, store, library, mount, control socket → a running server.
//!
//! `parts` builds what every way of running needs; `serve` adds the mount and the socket and waits for the
//! end; `store` and `source` are the adapters through which the engine sees the database, and the file
//! system the engine. Called by `program` and by the demonstration.

mod backup;
mod bans;
mod blocklist;
mod descriptors;
mod films;
mod forwarding;
mod happenings;
mod inode_map;
mod inspector;
mod kept;
mod library_folder;
mod monitor;
mod notify;
mod parts;
mod peer_bans;
mod playback;
mod profiler;
mod serve;
mod settings;
mod source;
mod store;
mod torrents;
mod web;

pub(crate) use self::backup::{backup, restore};
pub(crate) use self::kept::Reached;
pub(crate) use self::parts::{Parts, listen_addresses};
pub(crate) use self::peer_bans::run as bans;
pub(crate) use self::serve::{Server, run as serve, wait_for_signal};
