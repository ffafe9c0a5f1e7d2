//! Looking at a film without touching it: what it is asked for as extended attributes.

use gostorm_wire::InfoHash;

use super::Engine;
use crate::handle::{Command, Glimpse};
use crate::read::FileChoice;

impl Engine {
    /// Tells how one file of a torrent stands: `None` when it sleeps, now; else from its driver, soon. Wakes
    /// nothing and waits for nothing. `tell` is dropped when the torrent ends before, or has too much to do.
    pub fn glimpse(
        &self,
        info_hash: InfoHash,
        choice: FileChoice,
        tell: impl FnOnce(Option<Glimpse>) + Send + 'static,
    ) {
        let handle = self.shared.awake.lock().get(info_hash).cloned();
        let Some(handle) = handle else {
            return tell(None);
        };
        let tell = Box::new(|glimpse| tell(Some(glimpse)));
        if handle
            .commands
            .try_send(Command::Glimpse { choice, tell })
            .is_err()
        {
            tracing::debug!(torrent = %info_hash, "too busy to be looked at");
        }
    }
}
