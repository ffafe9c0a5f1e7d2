//! [`TorrentService`]: each call is a few steps of the other files.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gostorm_wire::InfoHash;
use gostream_http::{
    Activity, Answer, FilmError, HeldPiece, Labels, NewTorrent, OpenFilm, OpenedBy, Phase,
    PieceMap, ReaderPlace, TorrentError, TorrentId, TorrentService, TorrentView, ViewedFile,
};
use gostream_library::TorrentHash;
use gostream_store::ViewedMark;

use super::known::Title;
use super::shared::{Shared, Torrents, failed};
use crate::clock::now_unix;

impl Torrents {
    /// How a torrent stands that is known as `title`.
    async fn view(&self, title: Title) -> TorrentView {
        let hash = title.hash;
        let state = self.shared.parts.engine.peek(InfoHash(hash.0)).await;
        if state.is_none() {
            self.shared.preloads.forget(hash);
        }
        let preload = self.shared.preloads.progress(hash);
        let resolved = title.contents.is_some();
        let phase = match &state {
            Some(_) if preload.is_some_and(|preload| preload.runs) => Phase::Preloading,
            Some(state) if state.resolved || resolved => Phase::Working,
            Some(_) => Phase::Resolving,
            None if title.resolving => Phase::Resolving,
            None => Phase::Asleep,
        };
        let activity = state.map(|state| Activity {
            held: state.stats.held_bytes,
            preload: preload.map_or((0, 0), |preload| (preload.done, preload.wanted)),
            download_rate: state.rates.download,
            upload_rate: state.rates.upload,
            downloaded: state.stats.downloaded_bytes,
            wasted: state.stats.wasted_bytes,
            uploaded: state.stats.uploaded_bytes,
            peers_known: state.stats.candidates,
            peers_dialling: state.stats.dialing,
            peers: state.stats.peers,
            seeds: state.stats.seeds,
            pieces_good: state.stats.verified_pieces,
            pieces_bad: state.stats.hash_failures,
            plays: state.stats.playbacks > 0,
        });
        title.view(phase, activity.unwrap_or_default())
    }

    async fn list_views(&self, awake_only: bool) -> Result<Vec<TorrentView>, TorrentError> {
        let titles = self
            .on_disk(move |shared| shared.titles(awake_only))
            .await?;
        let mut views = Vec::with_capacity(titles.len());
        for title in titles {
            // What sleeps needs no question to the engine.
            if title.awake || title.resolving {
                views.push(self.view(title).await);
            } else {
                views.push(title.view(Phase::Asleep, Activity::default()));
            }
        }
        views.sort_by(|a, b| {
            let key = |view: &TorrentView| (view.added_unix, view.labels.title.clone());
            key(b).cmp(&key(a))
        });
        Ok(views)
    }
}

impl TorrentService for Torrents {
    fn add(&self, new: NewTorrent) -> Answer<'_, TorrentView> {
        Box::pin(async move {
            let hash = self.take_in(new).await?.hash;
            self.view_of(hash).await
        })
    }

    fn list(&self, awake_only: bool) -> Answer<'_, Vec<TorrentView>> {
        Box::pin(self.list_views(awake_only))
    }

    fn get(&self, id: TorrentId) -> Answer<'_, Option<TorrentView>> {
        Box::pin(async move {
            let title = self.on_disk(move |shared| shared.title(of(id))).await?;
            Ok(match title {
                Some(title) => Some(self.view(title).await),
                None => None,
            })
        })
    }

    fn relabel(&self, id: TorrentId, labels: Labels) -> Answer<'_, ()> {
        Box::pin(self.on_disk(move |shared| shared.relabel(of(id), labels)))
    }

    fn remove(&self, id: TorrentId) -> Answer<'_, ()> {
        Box::pin(self.on_disk(move |shared| shared.remove(of(id))))
    }

    fn unload(&self, id: TorrentId) -> Answer<'_, ()> {
        Box::pin(self.on_disk(move |shared| shared.unload(of(id))))
    }

    fn wipe(&self) -> Answer<'_, ()> {
        Box::pin(self.on_disk(Shared::wipe))
    }

    fn load(&self, new: NewTorrent) -> Answer<'_, TorrentView> {
        Box::pin(async move {
            let hash = self.take_in(new).await?.ready().await?;
            self.view_of(hash).await
        })
    }

    fn open(
        &self,
        id: TorrentId,
        file: u32,
        by: OpenedBy,
    ) -> BoxFuture<'_, Result<Arc<dyn OpenFilm>, FilmError>> {
        Box::pin(self.open_file(of(id), file, by))
    }

    fn preload(&self, id: TorrentId, file: u32, offset: Option<u64>) -> Answer<'_, ()> {
        Box::pin(self.preload_file(of(id), file, offset))
    }

    fn pieces(&self, id: TorrentId) -> Answer<'_, Option<PieceMap>> {
        Box::pin(async move {
            let hash = InfoHash(of(id).0);
            let held = self.shared.parts.engine.holdings(hash).await;
            Ok(held.map(|held| piece_map(&held)))
        })
    }

    fn viewed(&self, id: Option<TorrentId>) -> Answer<'_, Vec<ViewedFile>> {
        Box::pin(self.on_disk(move |shared| {
            let marks = shared.parts.store.viewed();
            let marks = match id {
                Some(id) => marks.of(&of(id)),
                None => marks.list(),
            };
            let marks = marks.map_err(|error| failed(&error))?;
            let files = marks.iter().map(|mark| ViewedFile {
                id: TorrentId(mark.hash.0),
                file: mark.file_index,
                seconds: mark.timecode_seconds,
            });
            Ok(files.collect())
        }))
    }

    fn mark_viewed(&self, file: ViewedFile) -> Answer<'_, ()> {
        Box::pin(self.on_disk(move |shared| {
            let mark = ViewedMark {
                hash: of(file.id),
                file_index: file.file,
                timecode_seconds: file.seconds,
                viewed_at_unix: now_unix(),
            };
            let marks = shared.parts.store.viewed();
            marks.set(mark).map_err(|error| failed(&error))
        }))
    }

    fn unmark_viewed(&self, id: TorrentId, file: Option<u32>) -> Answer<'_, ()> {
        Box::pin(self.on_disk(move |shared| {
            let marks = shared.parts.store.viewed();
            let removed = match file {
                Some(file) => marks.remove(&of(id), file).map(drop),
                None => marks.remove_all(&of(id)).map(drop),
            };
            removed.map_err(|error| failed(&error))
        }))
    }

    fn sleep_after_seconds(&self) -> u64 {
        self.shared.parts.engine.tuning().sleep_after.as_secs()
    }

    fn shut_down(&self) {
        self.shared.parts.stop.cancel();
    }
}

impl Torrents {
    async fn view_of(&self, hash: TorrentHash) -> Result<TorrentView, TorrentError> {
        let title = self.on_disk(move |shared| shared.title(hash)).await?;
        Ok(self.view(title.ok_or(TorrentError::NotFound)?).await)
    }
}

fn piece_map(held: &gostorm::Holdings) -> PieceMap {
    let piece_of = |offset: u64| {
        let piece = offset / u64::from(held.piece_len.max(1));
        u32::try_from(piece).unwrap_or(u32::MAX)
    };
    let readers = held.readers.iter().map(|reader| ReaderPlace {
        first: piece_of(reader.window.start),
        last: piece_of(reader.window.end.saturating_sub(1).max(reader.window.start)),
        at: piece_of(reader.at),
    });
    let pieces = held.pieces.iter().map(|piece| HeldPiece {
        number: piece.piece.0,
        len: piece.len,
        filled: piece.filled,
        verified: piece.verified,
    });
    PieceMap {
        capacity: held.lease,
        filled: held
            .pieces
            .iter()
            .map(|piece| u64::from(piece.filled))
            .sum(),
        piece_len: held.piece_len.into(),
        piece_count: held.piece_count.into(),
        pieces: pieces.collect(),
        readers: readers.collect(),
    }
}

/// The torrent that an id means.
pub(super) const fn of(id: TorrentId) -> TorrentHash {
    TorrentHash(id.0)
}
