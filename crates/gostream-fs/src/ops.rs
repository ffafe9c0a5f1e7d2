//! One file for each group of operations. Called by `fuse.rs`, which only dispatches.
//!
//! Each takes [`crate::shared::Shared`] and the kernel's reply, and answers before it returns, save a read of
//! a film, whose reply travels on.

pub(crate) mod attr;
pub(crate) mod dir;
pub(crate) mod lookup;
pub(crate) mod open;
pub(crate) mod read;
pub(crate) mod statfs;
