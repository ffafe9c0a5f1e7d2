//! What happens to torrents, told to whoever listens: [`Engine::happenings`](crate::Engine::happenings).
//!
//! Nobody waits for a listener: one that is slow loses the oldest and is told how many.

use std::sync::Arc;

use gostorm_core::Stall;
use gostorm_wire::InfoHash;

/// Happenings that may wait for a listener.
pub(crate) const HAPPENINGS_MAX: usize = 1_024;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A torrent woke.
    Awake(InfoHash),
    /// It sleeps: its driver has ended.
    Asleep(InfoHash),
    /// Its info dict was found.
    Resolved(InfoHash),
    /// One of its readers stood still for a second or more.
    Stalled(InfoHash, Arc<Stall>),
    /// A blocklist of so many ranges is in use.
    ListInUse(usize),
}
