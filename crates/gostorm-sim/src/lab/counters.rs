//! What a scripted peer has seen and done, to be looked at or awaited.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// The counters of one peer over all its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections on which both handshakes were done, in all.
    pub connections: u64,
    /// Those of them that are open.
    pub open: u64,
    /// TCP connections accepted, with or without a handshake.
    pub accepted: u64,
    /// Requests that came.
    pub requests: u64,
    /// Requests for a block that this peer had sent before, or that waits to be sent.
    pub duplicate_requests: u64,
    /// Cancels that came.
    pub cancels: u64,
    /// Blocks that were taken back by a cancel before they were sent.
    pub cancelled_blocks: u64,
    /// Blocks sent.
    pub blocks: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Blocks sent with a wrong byte.
    pub corrupted: u64,
    /// Requests refused (BEP 6).
    pub rejects: u64,
    /// Requests of ours that were refused, and blocks of the other side that came.
    pub refused: u64,
    /// `interested` messages that came.
    pub interested: u64,
    /// Parts of the info dict that were asked of us.
    pub metadata_requests: u64,
    /// Parts of the info dict that we were given, with the right size.
    pub metadata_parts: u64,
    /// The port that the other side said last that it listens at (BEP 10); 0: none.
    pub told_port: u16,
}

/// What was awaited did not happen in time.
#[derive(Clone, Copy, Debug)]
pub struct TooLate {
    /// How it stood when the time was over.
    pub last: Counters,
}

impl std::fmt::Display for TooLate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it did not happen in time: {:?}", self.last)
    }
}

impl std::error::Error for TooLate {}

/// The counters and who waits for them.
#[derive(Debug)]
pub(super) struct Board(watch::Sender<Counters>);

impl Board {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Counters::default()))
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        self.0.send_modify(change);
    }

    pub(super) fn now(&self) -> Counters {
        *self.0.borrow()
    }

    /// Waits until `what` holds.
    pub(super) async fn until(
        &self,
        within: Duration,
        mut what: impl FnMut(&Counters) -> bool,
    ) -> Result<Counters, TooLate> {
        let mut watch = self.0.subscribe();
        let met = timeout(within, watch.wait_for(|counters| what(counters))).await;
        match met {
            Ok(Ok(counters)) => Ok(*counters),
            // The sender is ours and lives as long as `self`.
            Ok(Err(_)) | Err(_) => Err(TooLate { last: self.now() }),
        }
    }
}
