//! The FUSE file system: a torrent's file looks like a file on a disk.
//!
//! The binary builds a complete [`Tree`], calls [`mount()`] with it and with a [`MediaSource`] (its adapter
//! over the engine), and keeps the [`Mounted`] for as long as the mount shall live. A changed library is
//! shown by [`Mounted::publish`]; bytes that turn out to be wrong are dropped from the kernel's cache by
//! [`EventSender::invalidate`].
//!
//! What always holds:
//! - lookup, getattr and readdir are answered from the tree in memory: never from the source, disk or network;
//! - a read leaves the request thread with its [`ReadReply`]; no thread waits for it;
//! - an answer is the whole of what was asked for, or EIO: never a short read before the end, never zeros;
//! - what writes is answered EROFS.
//!
//! One read: `fuse.rs` → `ops/read.rs` → [`MediaFile::read`] → … → [`ReadReply::data`].

mod attach;
mod config;
mod errno;
mod events;
mod failure;
mod fuse;
mod handles;
pub mod kernel;
mod metrics;
mod mount;
mod mountinfo;
mod ops;
mod read_ahead;
mod reply;
mod session;
mod shared;
mod source;
pub mod stale;
mod tree;

pub use attach::AttachError;
pub use config::{ConfigError, FsConfig};
pub use events::{EventSender, Published};
pub use failure::{OpenError, ReadFailure};
pub use metrics::FsMetrics;
pub use mount::{MountError, Mounted, Publisher, UnmountError, Unmounted, mount};
pub use reply::ReadReply;
pub use session::SessionEnd;
pub use source::{MediaFile, MediaSource};
pub use tree::{Node, NodeKind, NodeRef, ROOT_INO, Tree, TreeEntry, TreeError};
