//! The words of a read: which file is meant, how it is answered, why it has no bytes.
//!
//! Shared by the stream that asks and the driver that answers.

use std::ops::{Deref, Range};
use std::sync::Arc;

use gostorm_wire::Info;

/// Says which file of a torrent is meant, once its info dict is known; `None`: it has no such file.
pub type FileChoice = Arc<dyn Fn(&Info) -> Option<usize> + Send + Sync>;

/// Is told that these bytes of the file may have been wrong when they were read, so that whoever keeps a copy forgets
/// it; also after the stream was closed. Called by the torrent's driver: it must not block.
pub type OnDoubt = Arc<dyn Fn(Range<u64>) + Send + Sync>;

/// The bytes of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Their piece was verified before they were served. Others must not be kept: they may turn out wrong.
    pub verified: bool,
    /// They were not in memory when they were asked for.
    pub waited: bool,
}

impl Served<'_> {
    /// What a read of nothing gets.
    pub(crate) const NOTHING: Self = Self {
        bytes: &[],
        verified: true,
        waited: false,
    };
}

impl Deref for Served<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

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

/// How a read is answered: exactly once. One that is dropped unanswered, in a queue whose driver has ended
/// or by a driver that panics, fails.
pub(crate) struct Reply(Option<Call>);

type Call = Box<dyn FnOnce(Result<Served<'_>, ReadError>) + Send>;

impl Reply {
    pub(crate) fn new(call: impl FnOnce(Result<Served<'_>, ReadError>) + Send + 'static) -> Self {
        Self(Some(Box::new(call)))
    }

    /// Answers.
    pub(crate) fn send(mut self, result: Result<Served<'_>, ReadError>) {
        if let Some(call) = self.0.take() {
            call(result);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call(Err(ReadError::Unavailable));
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_reply_is_called_once_whether_it_is_sent_or_dropped() {
        let (sender, answers) = channel();
        let reply = |number: u8| {
            let sender = sender.clone();
            Reply::new(move |result| {
                let bytes = result.map(|served| served.bytes.to_vec());
                sender.send((number, bytes)).unwrap();
            })
        };
        reply(1).send(Ok(Served {
            bytes: b"bytes",
            verified: true,
            waited: false,
        }));
        drop(reply(2));
        drop(sender);
        let answers: Vec<_> = answers.into_iter().collect();
        let expected = [(1, Ok(b"bytes".to_vec())), (2, Err(ReadError::Unavailable))];
        assert_eq!(answers, expected);
    }
}
