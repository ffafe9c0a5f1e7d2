//! How a torrent leaves the list, and how its words change.
//!
//! Nothing that the library needs is lost by it: a film stays in its folder, keeps its readers and its record, and only
//! the list does not show it until somebody adds it again or the server starts anew.

use gostorm_wire::InfoHash;
use gostream_http::{Labels, TorrentError};
use gostream_library::TorrentHash;
use gostream_store::ListedTorrent;

use super::contents::files_as_data;
use super::known::filled;
use super::library;
use super::shared::{Shared, failed};
use crate::clock::now_unix;

impl Shared {
    /// Takes a torrent from the list, with its streams.
    pub(super) fn remove(&self, hash: TorrentHash) -> Result<(), TorrentError> {
        self.end_search(hash);
        self.preloads.stop(hash);
        self.streams.close(hash);
        self.table.lock().remove(hash);
        let listed = self.parts.store.listed().remove(&hash);
        listed.map_err(|error| failed(&error))?;
        if library::needs(&self.parts.shown.tree(), hash) {
            self.table.lock().hide(hash);
            tracing::info!(torrent = %hash, "a torrent was taken from the API's list; its film stays in the library");
            return Ok(());
        }
        self.parts.engine.forget(InfoHash(hash.0));
        if let Some(contents) = self.contents(hash)? {
            for file in &*contents.files {
                self.parts.warm.forget(hash, file.id);
            }
        }
        self.forget_record(hash);
        tracing::info!(torrent = %hash, "a torrent was removed by an API client");
        Ok(())
    }

    /// Ends the streams of clients and lets the torrent sleep at once when nobody else reads it. One that was not
    /// saved is not known any more.
    pub(super) fn unload(&self, hash: TorrentHash) -> Result<(), TorrentError> {
        self.end_search(hash);
        self.preloads.stop(hash);
        self.streams.close(hash);
        let entry = self.table.lock().remove(hash);
        if entry.is_some_and(|entry| !entry.save) {
            self.forget_record(hash);
        }
        self.parts.engine.let_sleep(InfoHash(hash.0));
        Ok(())
    }

    pub(super) fn wipe(&self) -> Result<(), TorrentError> {
        let titles = self.titles(false)?;
        titles.iter().try_for_each(|title| self.remove(title.hash))
    }

    /// Changes the words of a torrent: poster and category also to nothing, the title then to the torrent's own name,
    /// the client's data only to something.
    pub(super) fn relabel(&self, hash: TorrentHash, new: Labels) -> Result<(), TorrentError> {
        if let Some(entry) = self.table.lock().touch(std::time::Instant::now(), hash) {
            entry.labels = changed(new, &entry.labels);
            return Ok(());
        }
        let listed = self.parts.store.listed().get(&hash);
        let (known, added_unix) = match listed.map_err(|error| failed(&error))? {
            Some(listed) => (listed.data, listed.added_at_unix),
            None if self.knows(hash)? => (String::new(), now_unix()),
            None => return Ok(()),
        };
        let known = Labels {
            data: known,
            ..Labels::default()
        };
        self.put(hash, changed(new, &known), added_unix)
    }

    /// Writes a torrent into the list that stays.
    pub(super) fn save(&self, hash: TorrentHash) -> Result<(), TorrentError> {
        let entry = self.table.lock().get(hash).cloned();
        let listed = self.parts.store.listed().get(&hash);
        let listed = listed.map_err(|error| failed(&error))?;
        let (mut labels, mut added_unix) = match (entry, &listed) {
            (Some(entry), _) => (entry.labels, entry.added_unix),
            (None, Some(_)) => return Ok(()),
            (None, None) => (Labels::default(), now_unix()),
        };
        if let Some(listed) = listed {
            added_unix = listed.added_at_unix;
            labels = filled(labels, words(listed));
        }
        if let Some(contents) = self.contents(hash)? {
            let ours = Labels {
                title: contents.name.clone(),
                data: files_as_data(&contents.files),
                ..Labels::default()
            };
            labels = filled(labels, ours);
        }
        self.put(hash, labels, added_unix)?;
        self.table.lock().remove(hash);
        Ok(())
    }

    pub(super) fn put(
        &self,
        hash: TorrentHash,
        labels: Labels,
        added_at_unix: i64,
    ) -> Result<(), TorrentError> {
        let torrent = ListedTorrent {
            hash,
            title: labels.title,
            poster: labels.poster,
            category: labels.category,
            data: labels.data,
            added_at_unix,
        };
        let put = self.parts.store.listed().put(torrent);
        put.map_err(|error| TorrentError::Full(error.to_string()))
    }

    /// Lets go of what is kept of a torrent that nobody lists and no film needs.
    pub(super) fn forget_record(&self, hash: TorrentHash) {
        if library::needs(&self.parts.shown.tree(), hash) {
            return;
        }
        self.contents.lock().remove(hash);
        if let Err(error) = self.parts.store.torrents().remove_unlisted(&hash) {
            tracing::error!(torrent = %hash, %error, "the database keeps a torrent that nobody needs");
        }
    }
}

/// The words in the list.
pub(super) fn words(listed: ListedTorrent) -> Labels {
    Labels {
        title: listed.title,
        poster: listed.poster,
        category: listed.category,
        data: listed.data,
    }
}

fn changed(new: Labels, known: &Labels) -> Labels {
    Labels {
        data: if new.data.is_empty() {
            known.data.clone()
        } else {
            new.data
        },
        ..new
    }
}
