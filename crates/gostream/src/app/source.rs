//! Films for the file system: [`MediaSource`] over the engine.
//!
//! Opening returns at once; a read goes to the warm cache or straight to the stream, with its reply (`film`).
//! `streams` tells a handle that looks from one that plays. Which file of the torrent a stub means is decided when the
//! info dict is known.

mod figures;
mod film;
mod streams;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use gostorm::{Engine, EngineError, FileChoice, OnDoubt, OpenRequest};
use gostorm_wire::{InfoHash, Magnet};
use gostream_fs::{EventSender, MediaFile, MediaSource, NodeRef, OpenError, Publisher};
use gostream_library::{Film, TorrentHash, match_file};
use gostream_store::WarmCache;
use gostream_store::warm::{Title, TitleKey};

pub(super) use self::figures::{ReadFigures, Times};
use self::film::{OpenFilm, Swarm, Warm};
pub(super) use self::streams::PLAYS_FROM;
use super::playback::{Opened, Positions, Registry, Via};
use crate::librarian::torrent_files;

/// The adapter.
pub(super) struct EngineSource {
    engine: Engine,
    /// Asked before the swarm, where there is one.
    warm: Option<Arc<WarmCache>>,
    /// Knows the name of an inode; set once mounted, before the first open can come.
    names: OnceLock<Publisher>,
    /// Knows every handle.
    open: Arc<Registry>,
    /// Knows where films were left.
    positions: Arc<Positions>,
    figures: Arc<ReadFigures>,
    /// Tells the kernel, from a thread of its own, which pages to forget; set with `names`.
    events: OnceLock<EventSender>,
}

impl EngineSource {
    pub(super) fn new(
        engine: Engine,
        warm: Option<Arc<WarmCache>>,
        open: Arc<Registry>,
        positions: Arc<Positions>,
    ) -> Self {
        Self {
            engine,
            warm,
            open,
            positions,
            figures: Arc::default(),
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

    /// How reads went.
    pub(super) fn figures(&self) -> Arc<ReadFigures> {
        Arc::clone(&self.figures)
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
        self.node(ino, |node| node.name().to_owned())
    }

    /// What the tree says of an inode; nothing if it does not know it.
    fn node(&self, ino: u64, say: impl FnOnce(NodeRef<'_>) -> String) -> String {
        let tree = self.names.get().map(Publisher::tree);
        tree.as_ref()
            .and_then(|tree| tree.get(ino))
            .map(say)
            .unwrap_or_default()
    }

    fn open_film(
        &self,
        film: &Arc<Film>,
        ino: u64,
        via: Via,
    ) -> Result<Box<dyn MediaFile>, OpenError> {
        let swarm = Swarm {
            engine: self.engine.clone(),
            request: request_of(film),
            choice: self.choice(ino, film),
            on_doubt: self.on_doubt(ino),
        };
        let warm = self.warm(film);
        let opened = Opened {
            ino,
            path: self.node(ino, |node| node.path()),
            hash: film.hash,
            index: film.index,
            size: film.size,
            imdb: film.imdb.clone(),
            via,
        };
        self.opened(swarm, warm, opened)
    }

    fn opened(
        &self,
        swarm: Swarm,
        warm: Option<(Arc<WarmCache>, Arc<Title>)>,
        opened: Opened,
    ) -> Result<Box<dyn MediaFile>, OpenError> {
        let warm = warm.map(|(cache, title)| Warm { cache, title });
        let entry = self.open.open(opened);
        let positions = Arc::clone(&self.positions);
        match OpenFilm::new(swarm, warm, entry, Arc::clone(&self.figures), positions) {
            Ok(film) => Ok(Box::new(film)),
            Err(EngineError::Overloaded) => Err(OpenError::Busy),
            Err(EngineError::ShuttingDown) => Err(OpenError::ShuttingDown),
            Err(EngineError::Listen(_) | EngineError::Threads(_)) => Err(OpenError::Io),
        }
    }
}

/// The same films, opened for a web port.
pub(super) struct WebSource(pub(super) Arc<EngineSource>);

impl MediaSource for WebSource {
    fn open(&self, film: &Arc<Film>, ino: u64) -> Result<Box<dyn MediaFile>, OpenError> {
        self.0.open_film(film, ino, Via::Http)
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
        let kept = warm.and_then(|(index, len)| self.kept(TitleKey { hash, index }, len));
        let swarm = Swarm {
            engine: self.engine.clone(),
            request,
            choice,
            on_doubt: None,
        };
        self.opened(swarm, kept, Opened::without_stub(hash, warm))
    }
}

impl MediaSource for EngineSource {
    fn open(&self, film: &Arc<Film>, ino: u64) -> Result<Box<dyn MediaFile>, OpenError> {
        self.open_film(film, ino, Via::Mount)
    }
}
