//! The files that clients of the API read, so that they end when their torrent is taken away.
//!
//! Where a client stopped is kept, for its next preload.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gostream_http::{FilmError, OpenFilm};
use gostream_library::TorrentHash;
use gostream_store::{PlaybackPosition, Store};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio_util::sync::CancellationToken;

use crate::clock::now_unix;

/// The end of a file, where players look for the index: reading there is no playing.
const TAIL_LEN: u64 = 16 << 20;
/// Who read less has not played.
const PLAYED_MIN: u64 = 1 << 20;

/// The open files, by torrent.
#[derive(Default)]
pub(super) struct Streams {
    open: Mutex<FxHashMap<TorrentHash, Vec<Weak<Tie>>>>,
}

/// A file that is open until its client or its torrent goes.
struct Tie {
    film: Mutex<Option<Arc<dyn OpenFilm>>>,
    ended: CancellationToken,
}

impl Streams {
    /// Keeps a file that was opened.
    pub(super) fn tie(
        &self,
        hash: TorrentHash,
        film: Arc<dyn OpenFilm>,
        place: Option<Place>,
    ) -> Arc<dyn OpenFilm> {
        let tie = Arc::new(Tie {
            film: Mutex::new(Some(film)),
            ended: CancellationToken::new(),
        });
        let mut open = self.open.lock();
        // What was closed goes now, so that the table has no more than what is open.
        open.retain(|_, ties| {
            ties.retain(|tie| tie.strong_count() > 0);
            !ties.is_empty()
        });
        open.entry(hash).or_default().push(Arc::downgrade(&tie));
        Arc::new(Tied { tie, place })
    }

    /// Ends the streams of a torrent: their readers close now, whatever their clients do.
    pub(super) fn close(&self, hash: TorrentHash) {
        let ties = self.open.lock().remove(&hash).unwrap_or_default();
        for tie in ties.iter().filter_map(Weak::upgrade) {
            let film = tie.film.lock().take();
            drop(film);
            tie.ended.cancel();
        }
    }
}

/// What a client reads.
struct Tied {
    tie: Arc<Tie>,
    /// Where its client is; nothing for what fetches ahead of one.
    place: Option<Place>,
}

impl OpenFilm for Tied {
    fn read(&self, offset: u64, len: u32) -> BoxFuture<'static, Result<Bytes, FilmError>> {
        if let Some(place) = &self.place {
            place.note(offset, len);
        }
        let film = self.tie.film.lock().clone();
        let ended = self.tie.ended.clone();
        Box::pin(async move {
            let film = film.ok_or(FilmError::Unavailable)?;
            let read = film.read(offset, len);
            // The reader must not stay open for the sake of this read.
            drop(film);
            tokio::select! {
                bytes = read => bytes,
                () = ended.cancelled() => Err(FilmError::Unavailable),
            }
        })
    }
}

/// Where a client is in a file; kept when it goes.
pub(super) struct Place {
    store: Arc<Store>,
    hash: TorrentHash,
    file: u32,
    len: u64,
    at: AtomicU64,
    read: AtomicU64,
}

impl Place {
    pub(super) fn new(store: Arc<Store>, hash: TorrentHash, file: u32, len: u64) -> Self {
        Self {
            store,
            hash,
            file,
            len,
            at: AtomicU64::new(0),
            read: AtomicU64::new(0),
        }
    }

    fn note(&self, offset: u64, len: u32) {
        if self.len <= 2 * TAIL_LEN || offset < self.len - TAIL_LEN {
            self.at.store(offset, Ordering::Relaxed);
            self.read.fetch_add(u64::from(len), Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.read.load(Ordering::Relaxed) < PLAYED_MIN {
            return;
        }
        let position = PlaybackPosition {
            hash: self.hash,
            file_index: self.file,
            offset_bytes: self.at.load(Ordering::Relaxed),
            seconds: None,
            saved_at_unix: now_unix(),
        };
        if !self.store.positions().put_later(position) {
            tracing::debug!("where a client stopped is not kept: the database is busy");
        }
    }
}
