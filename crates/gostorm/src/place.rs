//! Where an open file's bytes lie: set once by the driver when the info dict is known, read by the stream
//! at every read without a lock.

use std::sync::{Arc, OnceLock};

use crate::cache::PieceCache;

/// Where a file's bytes lie, once that is known.
#[derive(Debug)]
pub(crate) struct Located {
    /// First byte of the file in the torrent.
    pub(crate) offset: u64,
    /// Bytes in the file.
    pub(crate) len: u64,
    pub(crate) piece_len: u32,
    pub(crate) cache: Arc<PieceCache>,
}

/// What the stream and its driver both see.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) located: OnceLock<Located>,
}
