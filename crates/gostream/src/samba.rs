//! Samba: the share that fits the mount, and what is wrong with one that is
//! there.
//!
//! Called by `gostream samba-config`. One table ([`rules`]) says how a share
//! of the mount must be set; what is printed is made from it, and an existing
//! smb.conf is judged by it, so that the two never disagree. Nothing is
//! changed and neither the mount nor a server is touched.

mod check;
mod document;
mod rules;
mod share;
mod syntax;

pub use check::check;
pub use share::{Share, ShareError};
