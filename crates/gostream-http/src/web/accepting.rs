//! What is done when a connection cannot be accepted.

use std::{io, time::Duration};

use tokio::time::Instant;

/// How long to wait when the system has nothing to accept with: connections must end first.
const PAUSE: Duration = Duration::from_millis(100);

/// How often that is told.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The errors of one port or socket.
#[derive(Debug, Default)]
pub(crate) struct AcceptErrors {
    told: Option<Instant>,
}

impl AcceptErrors {
    /// Returns when it makes sense to try again.
    pub(crate) async fn met(&mut self, error: &io::Error) {
        let of_client = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted
        );
        if of_client {
            return;
        }
        let now = Instant::now();
        if self.told.is_none_or(|told| now - told >= TOLD_EVERY) {
            self.told = Some(now);
            tracing::warn!(%error, "connections cannot be accepted; clients wait until others end");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
