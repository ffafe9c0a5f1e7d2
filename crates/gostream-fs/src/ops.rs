//! One file for each group of operations. Called by `fuse.rs`, which only dispatches.
//!
//! Each takes [`crate::shared::Shared`] and the kernel's reply, and answers before it returns, save a read of
//! a film and what changes the library, whose replies travel on.

pub(crate) mod attr;
pub(crate) mod change;
pub(crate) mod dir;
pub(crate) mod lookup;
pub(crate) mod open;
pub(crate) mod read;
pub(crate) mod statfs;
pub(crate) mod write;
pub(crate) mod xattr;
