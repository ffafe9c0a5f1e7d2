//! How a film can fail: what the source says when it cannot open or read. Made in the binary and the engine,
//! counted in `reply.rs`, turned into an errno in `errno.rs` and nowhere else.

/// Why a film cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The torrent or its file is not there (any more).
    #[error("the film is not in the library")]
    NotFound,
    /// The source cannot take another reader now.
    #[error("the source cannot take another reader")]
    Busy,
    /// The process is on its way out.
    #[error("shutting down")]
    ShuttingDown,
    /// Anything else.
    #[error("the film cannot be opened")]
    Io,
}

/// Why a read was not served. The reader sees EIO in every case; the reasons are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadFailure {
    /// The deadline of the read passed.
    #[error("the deadline passed")]
    TimedOut,
    /// Nobody has the bytes.
    #[error("no peer has the bytes")]
    Unavailable,
    /// The process is on its way out, or the torrent was removed.
    #[error("shutting down")]
    ShuttingDown,
    /// Anything else.
    #[error("input/output error")]
    Io,
}
