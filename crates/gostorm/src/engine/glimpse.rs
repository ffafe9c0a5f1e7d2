//! Looking at a torrent without touching it: what a film is asked for as extended attributes, and what is held.

use gostorm_wire::InfoHash;
use tokio::sync::oneshot;

use super::Engine;
use crate::handle::{Command, Glimpse, Holdings};
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

    /// What an awake torrent holds, and where it is read; `None` when it sleeps. Wakes nothing.
    pub async fn holdings(&self, info_hash: InfoHash) -> Option<Holdings> {
        let handle = self.shared.awake.lock().get(info_hash).cloned()?;
        let (reply, holdings) = oneshot::channel();
        handle.commands.try_send(Command::Survey { reply }).ok()?;
        holdings.await.ok()
    }

    /// Lets an awake torrent sleep as soon as nobody uses it, and not only a while later.
    pub fn let_sleep(&self, info_hash: InfoHash) {
        if let Some(handle) = self.shared.awake.lock().get(info_hash) {
            handle.ask_to_sleep();
        }
    }
}
