//! Looking at all torrents that are awake, and keeping one of them so.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use gostorm_wire::InfoHash;
use tokio::sync::oneshot;

use super::Engine;
use crate::handle::{Command, Handle, TorrentState};
use crate::totals::Totals;

impl Engine {
    /// How every awake torrent stands, in order of their hashes. Wakes nothing; a torrent that does not answer within
    /// `limit` is left out.
    pub async fn survey(&self, limit: Duration) -> Vec<(InfoHash, TorrentState)> {
        let mut torrents = self.shared.awake.lock().list();
        torrents.sort_unstable_by_key(|(torrent, _)| *torrent);
        let asked = torrents.into_iter().filter_map(|(torrent, handle)| {
            let (reply, state) = oneshot::channel();
            handle.commands.try_send(Command::Inspect { reply }).ok()?;
            Some(async move {
                let state = tokio::time::timeout(limit, state).await;
                Some((torrent, state.ok()?.ok()?))
            })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// What all torrents did since the start. Of those that are awake: up to when they were last looked at.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.shared.totals.now()
    }

    /// Keeps an awake torrent awake until the hold is dropped; `None` when it sleeps.
    #[must_use]
    pub fn hold(&self, torrent: InfoHash) -> Option<Hold> {
        let awake = self.shared.awake.lock();
        let handle = awake.get(torrent)?;
        if handle.commands.is_closed() {
            return None;
        }
        // Under the lock, as for every user: going to sleep cannot come between.
        handle.join();
        Some(Hold(Arc::clone(handle)))
    }
}

/// A torrent that stays awake although nobody may have it open.
#[derive(Debug)]
pub struct Hold(Arc<Handle>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.leave();
    }
}
