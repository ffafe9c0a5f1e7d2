//! Why the engine, or a search for metadata, cannot do it.

use gostorm_wire::MetainfoError;

use crate::listen::ListenError;

/// Why the engine cannot do it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The peer port cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system refuses a thread.
    #[error("cannot start the hash threads: {0}")]
    Threads(#[source] std::io::Error),
    /// The torrent's driver takes no more streams.
    #[error("the torrent has too much to do")]
    Overloaded,
    /// The engine stops.
    #[error("the engine is shutting down")]
    ShuttingDown,
}

/// Why an info dict could not be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ResolveError {
    /// It has the right hash and is no valid dict.
    #[error("the torrent's metadata is invalid: {0}")]
    Invalid(MetainfoError),
    /// The engine stops, or the torrent has too much to do.
    #[error("the engine is shutting down")]
    Ended,
}
