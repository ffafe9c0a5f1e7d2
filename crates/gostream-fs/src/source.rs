//! Where the bytes of a film come from: the traits that the binary implements over the engine.
//!
//! `ops/open.rs` calls [`MediaSource::open`], `ops/read.rs` calls [`MediaFile::read`], and the last RELEASE of
//! a handle drops the [`MediaFile`]. All three happen on the few threads that serve the kernel, so none of
//! them may wait for the network or for a lock that is held across such a wait.

use std::sync::Arc;

use gostream_library::Film;

use crate::failure::OpenError;
use crate::reply::ReadReply;

/// Opens films. Called from several threads at once.
pub trait MediaSource: Send + Sync + 'static {
    /// Opens `film`; `ino` is its inode number in the mount.
    ///
    /// Never waits on the network: a sleeping torrent is woken in the background, and the reads carry the
    /// deadline.
    ///
    /// # Errors
    /// [`OpenError`] when the file cannot be opened at all; the caller of `open(2)` sees its errno.
    fn open(&self, film: &Arc<Film>, ino: u64) -> Result<Box<dyn MediaFile>, OpenError>;
}

/// One open handle of a film. Dropping it closes the file.
pub trait MediaFile: Send + Sync {
    /// Reads `len` bytes at `offset` and answers through `reply`: now, or later from any thread.
    ///
    /// `len` is at least 1 and `offset + len` is never beyond the size of the stub that was opened. Called
    /// from several threads at once, in any order of offsets. Never blocks on the network.
    fn read(&self, offset: u64, len: u32, reply: ReadReply);
}
