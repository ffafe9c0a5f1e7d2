//! The FUSE file system: a torrent's file looks like a file on a disk.
//!
//! The binary builds a complete [`Tree`], calls [`mount()`] with it and with a [`Backing`] (its adapters
//! over engine and stub tree), and keeps the [`Mounted`] for as long as the mount shall live. A changed library is
//! shown by [`Mounted::publish`]; bytes that turn out to be wrong are dropped from the kernel's cache by
//! [`EventSender::invalidate`].
//!
//! What always holds:
//! - lookup, getattr and readdir are answered from the tree in memory: never from the source, disk or network;
//! - a read leaves the request thread with its [`ReadReply`]; no thread waits for it;
//! - an answer is the whole of what was asked for, or EIO: never a short read before the end, never zeros;
//! - what changes the library (unlink, rename, mkdir, rmdir, side-cars) is done by a [`LibraryEditor`] on a thread of its
//!   own, and shown before it is answered; everything else that writes is answered EROFS.
//!
//! One read: `fuse.rs` → `ops/read.rs` → [`MediaFile::read`] → … → [`ReadReply::data`].

mod attach;
mod backing;
mod config;
mod drafts;
mod edit;
mod editor;
mod errno;
mod events;
mod failure;
mod fuse;
mod handles;
mod inspector;
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
pub use backing::Backing;
pub use config::{ConfigError, FsConfig};
pub use editor::{EditError, LibraryEditor, Made, Seen, WrittenSideCar};
pub use events::{EventSender, Published};
pub use failure::{OpenError, ReadFailure};
pub use inspector::{Activity, FilmState, InspectReply, LibraryInspector};
pub use metrics::FsMetrics;
pub use mount::{MountError, Mounted, Publisher, UnmountError, Unmounted, mount};
pub use mountinfo::mounts_about;
pub use ops::open::open_side_car;
pub use reply::ReadReply;
pub use session::SessionEnd;
pub use source::{MediaFile, MediaSource};
pub use tree::{Node, NodeKind, NodeRef, ROOT_INO, Tree, TreeChange, TreeEntry, TreeError};
