//! The words of a read: which file is meant, how it is answered, why it has no bytes.
//!
//! Shared by the stream that asks and the driver that answers.

use std::sync::Arc;

use gostorm_wire::Info;

/// Says which file of a torrent is meant, once its info dict is known; `None`: it has no such file.
pub type FileChoice = Arc<dyn Fn(&Info) -> Option<usize> + Send + Sync>;

/// Why a read has no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Its deadline passed.
    #[error("no peer delivered the bytes in time")]
    TimedOut,
    /// The torrent cannot serve it: no such file, beyond its end, or its driver has ended.
    #[error("the torrent cannot serve this range")]
    Unavailable,
    /// The process ends.
    #[error("the engine is shutting down")]
    ShuttingDown,
    /// More reads wait than the engine takes.
    #[error("too many reads wait")]
    Overloaded,
}

/// How a read is answered.
pub(crate) type Reply = Box<dyn FnOnce(Result<&[u8], ReadError>) + Send>;
