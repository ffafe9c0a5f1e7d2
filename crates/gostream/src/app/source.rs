//! Films for the file system: [`MediaSource`] over the engine.
//!
//! Opening returns at once; a read goes to the warm cache or straight to the stream, with its reply (`film`).
//! `streams` tells a handle that looks from one that plays. Which file of the torrent a stub means is decided when the
//! info dict is known.

mod film;
mod streams;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use gostorm::{Engine, EngineError, FileChoice, OnDoubt, OpenRequest};
use gostorm_wire::{InfoHash, Magnet};
use gostream_fs::{EventSender, MediaFile, MediaSource, OpenError, Publisher};
use gostream_library::{Film, TorrentHash, match_file};
use gostream_store::WarmCache;
use gostream_store::warm::{Title, TitleKey};

use self::film::{OpenFilm, Swarm, Warm};
use crate::librarian::torrent_files;

/// The adapter.
pub(super) struct EngineSource {
    engine: Engine,
    /// Asked before the swarm, where there is one.
    warm: Option<Arc<WarmCache>>,
    /// Knows the name of an inode; set once mounted, before the first open can come.
    names: OnceLock<Publisher>,
    /// Tells the kernel, from a thread of its own, which pages to forget; set with `names`.
    events: OnceLock<EventSender>,
}

impl EngineSource {
    pub(super) const fn new(engine: Engine, warm: Option<Arc<WarmCache>>) -> Self {
        Self {
            engine,
            warm,
            names: OnceLock::new(),
            events: OnceLock::new(),
        }
    }

    /// The mount is there. A second one of the same source does not exist.
    pub(super) fn set_mount(&self, publisher: Publisher, events: EventSender) {
        let _ = self.names.set(publisher);
        let _ = self.events.set(events);
    }

    /// What the kernel has of this file may be wrong: it shall ask again. Also when the film was closed since, for
    /// the kernel keeps its pages.
    fn on_doubt(&self, ino: u64) -> Option<OnDoubt> {
        let events = self.events.get()?.clone();
        Some(Arc::new(move |range: Range<u64>| {
            events.invalidate(ino, range.start, range.end - range.start);
        }))
    }

    pub(super) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Which file of its torrent a stub means.
    pub(super) fn choice(&self, ino: u64, film: &Arc<Film>) -> FileChoice {
        let (name, wanted) = (self.name_of(ino), Arc::clone(film));
        Arc::new(move |info| match_file(&name, &wanted, &torrent_files(info)))
    }

    /// The warm cache, where there is one, and what it has of a film.
    pub(super) fn warm(&self, film: &Film) -> Option<(Arc<WarmCache>, Arc<Title>)> {
        let key = TitleKey {
            hash: film.hash,
            index: film.index,
        };
        self.kept(key, film.size)
    }

    fn kept(&self, key: TitleKey, len: u64) -> Option<(Arc<WarmCache>, Arc<Title>)> {
        let cache = self.warm.as_ref()?;
        Some((Arc::clone(cache), cache.title(key, len)))
    }

    fn name_of(&self, ino: u64) -> String {
        let tree = self.names.get().map(Publisher::tree);
        tree.as_ref()
            .and_then(|tree| tree.get(ino))
            .map(|node| node.name().to_owned())
            .unwrap_or_default()
    }
}

/// How to find the torrent of a film: the magnet of its stub helps when the store knows nothing.
fn request_of(film: &Film) -> OpenRequest {
    let info_hash = InfoHash(film.hash.0);
    let magnet = film.magnet().and_then(|text| text.parse::<Magnet>().ok());
    let magnet = magnet
        .filter(|magnet| magnet.info_hash == info_hash)
        .unwrap_or_else(|| Magnet::from(info_hash));
    OpenRequest::from(&magnet)
}

impl EngineSource {
    /// Opens a file of a torrent that no stub stands for. `warm` is its id and its length, when it may have a place in
    /// the warm cache.
    pub(super) fn open_file(
        &self,
        request: OpenRequest,
        choice: FileChoice,
        warm: Option<(u32, u64)>,
    ) -> Result<Box<dyn MediaFile>, OpenError> {
        let hash = TorrentHash(request.info_hash.0);
        let warm = warm.and_then(|(index, len)| self.kept(TitleKey { hash, index }, len));
        let swarm = Swarm {
            engine: self.engine.clone(),
            request,
            choice,
            on_doubt: None,
        };
        opened(swarm, warm.map(|(cache, title)| Warm { cache, title }))
    }
}

impl MediaSource for EngineSource {
    fn open(&self, film: &Arc<Film>, ino: u64) -> Result<Box<dyn MediaFile>, OpenError> {
        let swarm = Swarm {
            engine: self.engine.clone(),
            request: request_of(film),
            choice: self.choice(ino, film),
            on_doubt: self.on_doubt(ino),
        };
        let warm = self.warm(film);
        opened(swarm, warm.map(|(cache, title)| Warm { cache, title }))
    }
}

fn opened(swarm: Swarm, warm: Option<Warm>) -> Result<Box<dyn MediaFile>, OpenError> {
    match OpenFilm::new(swarm, warm) {
        Ok(film) => Ok(Box::new(film)),
        Err(EngineError::Overloaded) => Err(OpenError::Busy),
        Err(EngineError::ShuttingDown) => Err(OpenError::ShuttingDown),
        Err(EngineError::Listen(_) | EngineError::Threads(_)) => Err(OpenError::Io),
    }
}
