//! Where films were left: written when a player closes and once a minute while it plays, read when a film is opened
//! again, so that the swarm is asked for that place before the player seeks there.

use std::collections::HashMap;
use std::sync::Arc;

use gostream_library::TorrentHash;
use gostream_store::{PlaybackPosition, Store};
use parking_lot::Mutex;

use super::registry::Shown;
use crate::clock::now_unix;

/// A place that is older says nothing of where one goes on.
const OLD_SECONDS: i64 = 60 * 24 * 3600;
/// Nearer to the start it is the start.
const FROM: u64 = 32 << 20;
/// A film that was played so far, in hundredths, was seen.
const SEEN_PERCENT: u64 = 97;
/// What is not further than this from what was written is not written again.
const STEP: u64 = 4 << 20;
/// Films of which is remembered what was written.
const WRITTEN_MAX: usize = 1000;

/// See the module.
pub(crate) struct Positions {
    store: Arc<Store>,
    runtime: tokio::runtime::Handle,
    /// What was written last.
    written: Mutex<HashMap<(TorrentHash, u32), u64>>,
}

impl Positions {
    /// Must be called within a tokio runtime.
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            runtime: tokio::runtime::Handle::current(),
            written: Mutex::default(),
        }
    }

    /// Keeps where these films are, those that are played. Does not wait for the disk.
    pub(crate) fn save<'a>(&self, films: impl IntoIterator<Item = &'a Shown>) {
        for film in films
            .into_iter()
            .filter(|film| film.plays && film.opened.index > 0)
        {
            let key = (film.opened.hash, film.opened.index);
            if !self.moved(key, film.position) {
                continue;
            }
            let position = PlaybackPosition {
                hash: film.opened.hash,
                file_index: film.opened.index,
                offset_bytes: film.position,
                seconds: None,
                saved_at_unix: now_unix(),
            };
            if !self.store.positions().put_later(position) {
                tracing::debug!(
                    path = film.opened.path,
                    "the database is too busy to keep where it was left"
                );
                self.written.lock().remove(&key);
            }
        }
    }

    /// Whether it is worth a write; noted as written if so.
    fn moved(&self, key: (TorrentHash, u32), position: u64) -> bool {
        let mut written = self.written.lock();
        if written
            .get(&key)
            .is_some_and(|last| last.abs_diff(position) < STEP)
        {
            return false;
        }
        if written.len() >= WRITTEN_MAX {
            written.clear();
        }
        written.insert(key, position);
        true
    }

    /// Tells where a film of `size` bytes was left, if one would go on there. Does not wait for the disk.
    pub(crate) fn find(
        self: &Arc<Self>,
        hash: TorrentHash,
        index: u32,
        size: u64,
        tell: impl FnOnce(u64) + Send + 'static,
    ) {
        let positions = Arc::clone(self);
        self.runtime.spawn_blocking(move || {
            if let Some(offset) = positions.of(hash, index, size) {
                tell(offset);
            }
        });
    }

    fn of(&self, hash: TorrentHash, index: u32, size: u64) -> Option<u64> {
        let position = self.store.positions().get(&hash, index);
        let position = position
            .inspect_err(|error| tracing::debug!(%error, "where a film was left cannot be read"))
            .ok()??;
        let offset = position.offset_bytes;
        let fresh = now_unix() - position.saved_at_unix < OLD_SECONDS;
        (fresh && goes_on(offset, size)).then_some(offset)
    }
}

/// Whether who left a film here would go on here.
const fn goes_on(offset: u64, size: u64) -> bool {
    offset >= FROM && offset < size / 100 * SEEN_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_and_what_was_seen_are_no_place_to_go_on() {
        let size = 10 << 30;
        assert!(!goes_on(0, size) && !goes_on(20 << 20, size));
        assert!(goes_on(5 << 30, size));
        assert!(!goes_on(size, size) && !goes_on(size - (100 << 20), size));
    }
}
