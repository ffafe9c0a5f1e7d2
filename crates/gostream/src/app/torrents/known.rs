//! What is known of a torrent, from everywhere: the table, the list in the database, the library, the info dict.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use gostorm_wire::InfoHash;
use gostream_http::{Activity, FileView, Labels, Phase, TorrentError, TorrentId, TorrentView};
use gostream_library::TorrentHash;
use gostream_store::ListedTorrent;

use super::contents::Contents;
use super::library::{self, LibraryTitle};
use super::shared::{Shared, failed};

/// A torrent that is known.
#[derive(Debug)]
pub(super) struct Title {
    pub(super) hash: TorrentHash,
    labels: Labels,
    added_unix: i64,
    /// Its metadata is looked for.
    pub(super) resolving: bool,
    /// It was awake a moment ago.
    pub(super) awake: bool,
    /// Its files, where they were asked for and are known.
    pub(super) contents: Option<Arc<Contents>>,
    /// The films of the library that it has.
    films: Vec<FileView>,
}

impl Title {
    pub(super) fn view(self, phase: Phase, activity: Activity) -> TorrentView {
        let Self {
            hash,
            mut labels,
            contents,
            films,
            ..
        } = self;
        let name = contents.as_ref().map(|contents| contents.name.clone());
        if labels.title.is_empty() {
            labels.title = name.clone().unwrap_or_default();
        }
        let of_films = films.iter().map(|film| film.len).sum::<u64>();
        TorrentView {
            id: TorrentId(hash.0),
            labels,
            added_unix: self.added_unix,
            name,
            phase,
            len: contents.as_ref().map_or_else(
                || Some(of_films).filter(|len| *len > 0),
                |contents| Some(contents.len),
            ),
            files: contents.map(|contents| Arc::clone(&contents.files)),
            activity,
        }
    }
}

impl Shared {
    /// One torrent, with its files; none when it is not known.
    pub(super) fn title(&self, hash: TorrentHash) -> Result<Option<Title>, TorrentError> {
        let listed = self.parts.store.listed().get(&hash);
        let listed = listed.map_err(|error| failed(&error))?;
        let shown = library::title(&self.parts.shown.tree(), hash);
        let Some(mut title) = self.compose(hash, listed, shown) else {
            return Ok(None);
        };
        title.contents = self.contents(hash)?;
        Ok(Some(title))
    }

    /// All torrents, or those that are awake. The files of those that sleep are not looked up.
    pub(super) fn titles(&self, awake_only: bool) -> Result<Vec<Title>, TorrentError> {
        self.sweep();
        let listed = self.parts.store.listed().list();
        let listed = listed.map_err(|error| failed(&error))?;
        let mut shown = library::titles(&self.parts.shown.tree());
        let mut hashes: BTreeSet<TorrentHash> = self.table.lock().hashes().collect();
        hashes.extend(shown.keys());
        let mut titles = Vec::new();
        for listed in listed {
            let hash = listed.hash;
            hashes.remove(&hash);
            titles.extend(self.compose(hash, Some(listed), shown.remove(&hash)));
        }
        for hash in hashes {
            titles.extend(self.compose(hash, None, shown.remove(&hash)));
        }
        titles.retain(|title| !awake_only || title.awake || title.resolving);
        for title in titles.iter_mut().filter(|title| title.awake) {
            title.contents = self.contents(title.hash)?;
        }
        Ok(titles)
    }

    fn compose(
        &self,
        hash: TorrentHash,
        listed: Option<ListedTorrent>,
        shown: Option<LibraryTitle>,
    ) -> Option<Title> {
        let (entry, hidden) = {
            let table = self.table.lock();
            (table.get(hash).cloned(), table.is_hidden(hash))
        };
        let listed = listed.map(|listed| {
            let labels = Labels {
                title: listed.title,
                poster: listed.poster,
                category: listed.category,
                data: listed.data,
            };
            (labels, listed.added_at_unix)
        });
        let resolving = entry.as_ref().is_some_and(|entry| entry.resolving);
        let by_client = entry
            .map(|entry| (entry.labels, entry.added_unix))
            .or(listed);
        let shown = shown.filter(|_| !hidden || by_client.is_some());
        let (words, films) = match shown {
            Some(shown) => (Some((shown.labels, shown.added_unix)), shown.films),
            None => (None, Vec::new()),
        };
        let (labels, added_unix) = match (by_client, words) {
            (Some((theirs, added)), Some((ours, _))) => (filled(theirs, ours), added),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        Some(Title {
            hash,
            labels,
            added_unix,
            resolving,
            awake: self.parts.engine.is_awake(InfoHash(hash.0)),
            contents: None,
            films,
        })
    }

    /// The files of a torrent, if its info dict was ever had.
    pub(super) fn contents(
        &self,
        hash: TorrentHash,
    ) -> Result<Option<Arc<Contents>>, TorrentError> {
        if let Some(contents) = self.contents.lock().get(hash) {
            return Ok(Some(contents));
        }
        let record = self.parts.store.torrents().get(&hash);
        let record = record.map_err(|error| failed(&error))?;
        let dict = record.and_then(|record| record.info_dict);
        let Some(contents) = dict.and_then(Contents::of_info_dict).map(Arc::new) else {
            return Ok(None);
        };
        self.contents.lock().put(hash, &contents);
        Ok(Some(contents))
    }

    /// Whether a client or the library knows it.
    pub(super) fn knows(&self, hash: TorrentHash) -> Result<bool, TorrentError> {
        Ok(self.table.lock().get(hash).is_some() || self.is_saved(hash)? || self.shows(hash))
    }

    /// Whether it is in the list for good.
    pub(super) fn is_saved(&self, hash: TorrentHash) -> Result<bool, TorrentError> {
        let listed = self.parts.store.listed().contains(&hash);
        listed.map_err(|error| failed(&error))
    }

    /// Whether a film of the library has it in the list.
    fn shows(&self, hash: TorrentHash) -> bool {
        !self.table.lock().is_hidden(hash) && library::needs(&self.parts.shown.tree(), hash)
    }

    /// What nobody saved and nobody has used for long is forgotten.
    pub(super) fn sweep(&self) {
        let engine = &self.parts.engine;
        let stale = self
            .table
            .lock()
            .sweep(Instant::now(), |hash| engine.is_awake(InfoHash(hash.0)));
        for hash in stale {
            self.forget_record(hash);
        }
    }
}

/// The words of a client, and where it has none those of another.
pub(super) fn filled(theirs: Labels, other: Labels) -> Labels {
    let or = |theirs: String, other: String| if theirs.is_empty() { other } else { theirs };
    Labels {
        title: or(theirs.title, other.title),
        poster: or(theirs.poster, other.poster),
        category: or(theirs.category, other.category),
        data: or(theirs.data, other.data),
    }
}
