//! How a torrent comes in: read, listed, its metadata found in the background, saved when that is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gostorm::OpenRequest;
use gostorm_wire::{InfoHash, Magnet};
use gostream_http::{Labels, NewTorrent, TorrentError};
use gostream_library::TorrentHash;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::contents::Contents;
use super::known::filled;
use super::leaving::words;
use super::searches::Search;
use super::shared::{Shared, Torrents, failed};
use super::source::{self, Brought};
use crate::clock::now_unix;

/// How long metadata may take beyond what an idle torrent stays awake.
const SEARCH_MAX: Duration = Duration::from_secs(60);

/// Searches for metadata at a time.
const SEARCHES_MAX: usize = 64;

/// A torrent that is known now.
pub(super) struct TakenIn {
    pub(super) hash: TorrentHash,
    /// The end of the search for its metadata: true when it was found. None when its files are known.
    search: Option<watch::Receiver<Option<bool>>>,
}

impl TakenIn {
    /// Waits until its files are known.
    pub(super) async fn ready(self) -> Result<TorrentHash, TorrentError> {
        let Some(mut search) = self.search else {
            return Ok(self.hash);
        };
        match search.wait_for(Option::is_some).await.map(|end| *end) {
            Ok(Some(true)) => Ok(self.hash),
            Ok(Some(false) | None) | Err(_) => Err(TorrentError::TimedOut),
        }
    }
}

impl Torrents {
    /// Lists what a client brings, and starts to look for its metadata.
    pub(super) async fn take_in(&self, new: NewTorrent) -> Result<TakenIn, TorrentError> {
        let NewTorrent {
            source,
            labels,
            save,
        } = new;
        let brought = source::read(source, self.shared.settings.local_links).await?;
        let request = request_of(&brought);
        let hash = brought.hash();
        let has_files = self
            .on_disk(move |shared| shared.enter(&brought, labels, save))
            .await?;
        if has_files {
            // A client that adds a torrent will soon play it: its peers are found meanwhile.
            self.wake(request);
            return Ok(TakenIn { hash, search: None });
        }
        let search = self.search(hash, request)?;
        Ok(TakenIn {
            hash,
            search: Some(search),
        })
    }

    fn wake(&self, request: OpenRequest) {
        let mut resolution = self.shared.parts.engine.resolve(request);
        tokio::spawn(async move {
            // Its files are known: this says so as soon as it is awake.
            let _ = tokio::time::timeout(SEARCH_MAX, resolution.info()).await;
        });
    }

    /// Looks for the metadata of a torrent; one search for each, however many ask.
    fn search(
        &self,
        hash: TorrentHash,
        request: OpenRequest,
    ) -> Result<watch::Receiver<Option<bool>>, TorrentError> {
        let mut searches = self.shared.searches.lock();
        searches.retain(|_, search| search.end.borrow().is_none());
        if let Some(search) = searches.get(&hash) {
            return Ok(search.end.clone());
        }
        if searches.len() >= SEARCHES_MAX {
            let text = "too many searches are under way";
            return Err(TorrentError::Full(text.to_owned()));
        }
        let (tell, end) = watch::channel(None);
        let stop = CancellationToken::new();
        let search = Search {
            end: end.clone(),
            stop: stop.clone(),
        };
        searches.insert(hash, search);
        drop(searches);
        self.set_resolving(hash, true);
        let torrents = self.clone();
        tokio::spawn(async move {
            let found = torrents.find(hash, request, &stop).await;
            torrents.set_resolving(hash, false);
            if let Err(error) = &found {
                tracing::info!(torrent = %hash, %error, "a torrent is given up that an API client brought");
            }
            tell.send_replace(Some(found.is_ok()));
        });
        Ok(end)
    }

    fn set_resolving(&self, hash: TorrentHash, resolving: bool) {
        if let Some(entry) = self.shared.table.lock().touch(Instant::now(), hash) {
            entry.resolving = resolving;
        }
    }

    async fn find(
        &self,
        hash: TorrentHash,
        request: OpenRequest,
        stop: &CancellationToken,
    ) -> Result<(), TorrentError> {
        let mut resolution = self.shared.parts.engine.resolve(request);
        let patience = SEARCH_MAX + self.shared.parts.engine.tuning().sleep_after;
        let info = tokio::select! {
            info = resolution.info() => info.map_err(|error| failed(&error)),
            () = tokio::time::sleep(patience) => Err(TorrentError::TimedOut),
            () = stop.cancelled() => return Err(failed(&"it was taken from the list")),
        };
        self.on_disk(move |shared| match info {
            Ok(info) => shared.found(hash, info.to_vec()),
            Err(error) => {
                shared.give_up(hash);
                Err(error)
            }
        })
        .await
    }
}

impl Shared {
    /// Nobody waits for its metadata any longer.
    pub(super) fn end_search(&self, hash: TorrentHash) {
        if let Some(search) = self.searches.lock().remove(&hash) {
            search.stop.cancel();
        }
    }

    /// Lists a torrent; whether its files are known.
    fn enter(&self, brought: &Brought, labels: Labels, save: bool) -> Result<bool, TorrentError> {
        self.sweep();
        let hash = brought.hash();
        self.table.lock().show(hash);
        let known = self.knows(hash)?;
        if !known && !self.table.lock().has_room() {
            let text = "too many torrents are listed that were not saved";
            return Err(TorrentError::Full(text.to_owned()));
        }
        let torrents = self.parts.store.torrents();
        torrents
            .upsert(brought.record())
            .map_err(|error| failed(&error))?;
        if let Some(metainfo) = &brought.metainfo {
            let contents = Arc::new(Contents::new(&metainfo.info));
            self.contents.lock().put(hash, &contents);
            if !metainfo.layers.is_empty() {
                let layers = self.parts.store.piece_layers();
                let saved = layers.save(&hash, metainfo.layers.encode());
                saved.map_err(|error| failed(&error))?;
            }
        }
        self.note(hash, known, labels, brought.title(), save)?;
        let has_files = self.contents(hash)?.is_some();
        let wanted = self.table.lock().get(hash).is_some_and(|entry| entry.save);
        if has_files && (save || wanted) {
            self.save(hash)?;
        }
        Ok(has_files)
    }

    fn note(
        &self,
        hash: TorrentHash,
        known: bool,
        labels: Labels,
        title: String,
        save: bool,
    ) -> Result<(), TorrentError> {
        {
            let mut table = self.table.lock();
            let now = Instant::now();
            if let Some(entry) = table.touch(now, hash) {
                entry.labels = filled(labels, entry.labels.clone());
                entry.save |= save;
                return Ok(());
            }
            if !known {
                let named = Labels {
                    title,
                    ..Labels::default()
                };
                table.put(now, hash, filled(labels, named), now_unix(), save);
                return Ok(());
            }
        }
        // It is saved, or of the library: new words are kept with it.
        let listed = self.parts.store.listed().get(&hash);
        match listed.map_err(|error| failed(&error))? {
            Some(listed) if labels != Labels::default() => {
                let added = listed.added_at_unix;
                self.put(hash, filled(labels, words(listed)), added)
            }
            None if save => self.put(hash, labels, now_unix()),
            Some(_) | None => Ok(()),
        }
    }

    /// The metadata is here.
    fn found(&self, hash: TorrentHash, info: Vec<u8>) -> Result<(), TorrentError> {
        let contents = Contents::of_info_dict(info).map(Arc::new);
        let contents = contents.ok_or_else(|| failed(&"the metadata is broken"))?;
        self.contents.lock().put(hash, &contents);
        let save = self.table.lock().get(hash).is_some_and(|entry| entry.save);
        if save { self.save(hash) } else { Ok(()) }
    }

    /// The metadata was not found: who is saved stays, the others go.
    fn give_up(&self, hash: TorrentHash) {
        if self.table.lock().remove(hash).is_some() {
            self.forget_record(hash);
        }
    }
}

fn request_of(brought: &Brought) -> OpenRequest {
    let mut request = OpenRequest::from(&brought.magnet);
    if let Some(metainfo) = &brought.metainfo {
        request.trackers.clone_from(&metainfo.trackers);
    }
    request
}

/// How the engine finds a torrent that the database knows.
pub(super) fn request_by_hash(hash: TorrentHash) -> OpenRequest {
    OpenRequest::from(&Magnet::from(InfoHash(hash.0)))
}
