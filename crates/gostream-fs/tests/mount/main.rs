//! The file system under a real kernel: every test mounts in a directory of its own and takes it off again.
//!
//! Needs `/dev/fuse` and either root or `fusermount3`. The films come from [`source::PatternSource`].

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changes;
mod editor;
mod lifecycle;
mod publishing;
mod reads;
mod rig;
mod side_cars;
mod source;
mod stale;
mod tree;
mod users;
mod xattr;
