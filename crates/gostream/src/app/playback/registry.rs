//! Every film that is open, through the mount or a web port: one entry a handle, from its open to its close.
//!
//! Reads write to a few atomics of their handle; the table's lock is a leaf, taken at opens and closes and by who looks.
//! Bounded by the handles that mount and web ports allow, and by [`HANDLES_MAX`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use gostream_library::TorrentHash;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Handles that are listed; any further one can be read all the same.
const HANDLES_MAX: usize = 70_000;
/// A stream that has read so much in sequence tells where a film is; less is a look at its index.
const TELLS_FROM: u64 = 1 << 20;
/// A handle has never been read.
const NEVER: u64 = u64::MAX;

/// By what way a film was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// The mount.
    Mount,
    /// A web port.
    Http,
}

/// What was opened.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) ino: u64,
    /// In the mount.
    pub(crate) path: String,
    pub(crate) hash: TorrentHash,
    /// File id of the API; 0: unknown.
    pub(crate) index: u32,
    /// 0: unknown.
    pub(crate) size: u64,
    pub(crate) imdb: Option<Box<str>>,
    pub(crate) via: Via,
}

impl Opened {
    /// A file of a torrent that no stub stands for: it has no name, and a number that no inode has.
    pub(crate) fn without_stub(hash: TorrentHash, file: Option<(u32, u64)>) -> Self {
        let (index, size) = file.unwrap_or_default();
        let [a, b, c, d, e, f, ..] = hash.0;
        let number = u64::from_be_bytes([0xff, 0xff, a, b, c, d, e, f]);
        Self {
            ino: number ^ u64::from(index),
            path: String::new(),
            hash,
            index,
            size,
            imdb: None,
            via: Via::Http,
        }
    }
}

/// What can be told to an open film.
pub(crate) trait Watched: Send + Sync {
    /// Somebody watches it, or nobody does any longer.
    fn confirm(self: Arc<Self>, confirmed: bool);
}

/// An open handle.
pub(crate) struct Handle {
    opened: Opened,
    since: Instant,
    /// The byte after the last one that was read in sequence.
    position: AtomicU64,
    /// Milliseconds after `since`.
    last_read: AtomicU64,
    plays: AtomicBool,
    film: Mutex<Option<Weak<dyn Watched>>>,
    registry: Weak<Registry>,
    number: u64,
}

impl Handle {
    /// The handle reads `range`, the last of `run` bytes in sequence.
    pub(crate) fn reads(&self, range: &Range<u64>, run: u64, plays: bool) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(NEVER - 1);
        self.last_read.store(now, Relaxed);
        if plays {
            self.plays.store(true, Relaxed);
        }
        if run >= TELLS_FROM || self.position.load(Relaxed) == 0 {
            self.position.store(range.end, Relaxed);
        }
    }

    /// Torrent, file id of the API and size.
    pub(crate) fn file(&self) -> (TorrentHash, u32, u64) {
        (self.opened.hash, self.opened.index, self.opened.size)
    }

    fn last_read(&self) -> Option<Instant> {
        let millis = self.last_read.load(Relaxed);
        (millis != NEVER).then(|| self.since + Duration::from_millis(millis))
    }

    fn tell(&self, confirmed: bool) {
        let film = self.film.lock().as_ref().and_then(Weak::upgrade);
        if let Some(film) = film {
            film.confirm(confirmed);
        }
    }

    fn shown(&self, confirmed: bool) -> Shown {
        Shown {
            opened: self.opened.clone(),
            since: self.since,
            last_read: self.last_read(),
            position: self.position.load(Relaxed),
            plays: self.plays.load(Relaxed),
            confirmed,
        }
    }
}

/// A handle, or all handles of a film, as they stand.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) opened: Opened,
    pub(crate) since: Instant,
    pub(crate) last_read: Option<Instant>,
    pub(crate) position: u64,
    pub(crate) plays: bool,
    pub(crate) confirmed: bool,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Registry {
    handles: Mutex<BTreeMap<u64, Arc<Handle>>>,
    confirmed: Mutex<BTreeSet<u64>>,
    next: AtomicU64,
    opened: Notify,
    /// Called with each handle that closes.
    on_close: Mutex<Option<OnClose>>,
    /// Called with each film that is confirmed, or released.
    on_confirm: OnceLock<OnConfirm>,
}

type OnConfirm = Box<dyn Fn(u64, bool) + Send + Sync>;
type OnClose = Box<dyn Fn(&Shown) + Send + Sync>;

/// A place in the registry, given back when it is dropped.
pub(crate) struct Entry(Arc<Handle>);

impl Entry {
    pub(crate) fn handle(&self) -> &Handle {
        &self.0
    }

    /// Who is told when somebody watches; told now, if somebody does.
    pub(crate) fn set_film(&self, film: Weak<dyn Watched>) {
        *self.0.film.lock() = Some(film);
        let registry = self.0.registry.upgrade();
        if registry.is_some_and(|registry| registry.is_confirmed(self.0.opened.ino)) {
            self.0.tell(true);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(registry) = self.0.registry.upgrade() {
            registry.close(&self.0);
        }
    }
}

impl Registry {
    /// A handle opened.
    pub(crate) fn open(self: &Arc<Self>, opened: Opened) -> Entry {
        let number = self.next.fetch_add(1, Relaxed);
        let handle = Arc::new(Handle {
            opened,
            since: Instant::now(),
            position: AtomicU64::new(0),
            last_read: AtomicU64::new(NEVER),
            plays: AtomicBool::new(false),
            film: Mutex::new(None),
            registry: Arc::downgrade(self),
            number,
        });
        let mut handles = self.handles.lock();
        if handles.len() < HANDLES_MAX {
            handles.insert(number, Arc::clone(&handle));
        }
        drop(handles);
        self.opened.notify_one();
        Entry(handle)
    }

    fn close(&self, handle: &Handle) {
        self.handles.lock().remove(&handle.number);
        if let Some(on_close) = &*self.on_close.lock() {
            on_close(&handle.shown(false));
        }
    }

    /// Who hears of each handle that closes. Called with no other lock held; it must not wait.
    pub(crate) fn set_on_close(&self, call: impl Fn(&Shown) + Send + Sync + 'static) {
        *self.on_close.lock() = Some(Box::new(call));
    }

    /// Waits until handles opened since the last call.
    pub(crate) async fn changed(&self) {
        self.opened.notified().await;
    }

    /// Every handle, the one that opened last first.
    pub(crate) fn list(&self) -> Vec<Shown> {
        let handles: Vec<Arc<Handle>> = self.handles.lock().values().rev().cloned().collect();
        let confirmed = self.confirmed.lock().clone();
        let shown = handles.iter();
        shown
            .map(|handle| handle.shown(confirmed.contains(&handle.opened.ino)))
            .collect()
    }

    /// Every film that is open, the one that was opened last first: its newest handle, with the last read of all.
    pub(crate) fn films(&self) -> Vec<Shown> {
        let mut films: Vec<Shown> = Vec::new();
        let mut places: BTreeMap<u64, usize> = BTreeMap::new();
        for handle in self.list() {
            let Some(film) = places
                .get(&handle.opened.ino)
                .and_then(|at| films.get_mut(*at))
            else {
                places.insert(handle.opened.ino, films.len());
                films.push(handle);
                continue;
            };
            if handle.last_read > film.last_read {
                film.last_read = handle.last_read;
                film.position = handle.position;
            }
            film.plays |= handle.plays;
        }
        films
    }

    /// The films that are played.
    pub(crate) fn playing(&self) -> Vec<Shown> {
        let mut films = self.films();
        films.retain(|film| film.plays);
        films
    }

    /// Has `listener` told of each film that is confirmed (true) or released. The first one that is set stays.
    pub(crate) fn on_confirm(&self, listener: impl Fn(u64, bool) + Send + Sync + 'static) {
        // A second one is not taken.
        let _ = self.on_confirm.set(Box::new(listener));
    }

    /// Somebody watches a film, or nobody does any longer: its handles are told, and those that will be opened.
    pub(crate) fn confirm(&self, ino: u64, confirmed: bool) {
        let changed = if confirmed {
            self.confirmed.lock().insert(ino)
        } else {
            self.confirmed.lock().remove(&ino)
        };
        if let Some(listener) = self.on_confirm.get().filter(|_| changed) {
            listener(ino, confirmed);
        }
        let handles: Vec<Arc<Handle>> = {
            let handles = self.handles.lock();
            let of_film = handles.values().filter(|handle| handle.opened.ino == ino);
            of_film.cloned().collect()
        };
        handles.iter().for_each(|handle| handle.tell(confirmed));
    }

    pub(crate) fn is_confirmed(&self, ino: u64) -> bool {
        self.confirmed.lock().contains(&ino)
    }

    /// Films that somebody watches.
    pub(crate) fn confirmed_count(&self) -> usize {
        self.confirmed.lock().len()
    }

    /// The path of an open film, for the log.
    pub(crate) fn path(&self, ino: u64) -> String {
        let handles = self.handles.lock();
        let mut of_film = handles.values().filter(|handle| handle.opened.ino == ino);
        of_film
            .next()
            .map(|handle| handle.opened.path.clone())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(ino: u64) -> Opened {
        Opened {
            ino,
            path: format!("movies/{ino}.mkv"),
            hash: TorrentHash([7; 20]),
            index: 1,
            size: 1 << 30,
            imdb: None,
            via: Via::Mount,
        }
    }

    #[derive(Default)]
    struct Heard(Mutex<Vec<bool>>);

    impl Watched for Heard {
        fn confirm(self: Arc<Self>, confirmed: bool) {
            self.0.lock().push(confirmed);
        }
    }

    fn with_film(registry: &Arc<Registry>, ino: u64) -> (Entry, Arc<Heard>) {
        let heard = Arc::<Heard>::default();
        let entry = registry.open(opened(ino));
        let film: Arc<dyn Watched> = Arc::<Heard>::clone(&heard);
        entry.set_film(Arc::downgrade(&film));
        (entry, heard)
    }

    #[test]
    fn a_film_is_told_once_for_each_handle_and_also_those_that_open_later() {
        let registry = Arc::new(Registry::default());
        let (_first, first) = with_film(&registry, 1);
        let (_other, other) = with_film(&registry, 2);
        registry.confirm(1, true);
        let (_later, later) = with_film(&registry, 1);
        registry.confirm(1, false);
        let (_last, last) = with_film(&registry, 1);
        assert_eq!(*first.0.lock(), [true, false]);
        assert_eq!(*later.0.lock(), [true, false]);
        assert!(other.0.lock().is_empty() && last.0.lock().is_empty());
    }

    #[test]
    fn handles_of_one_film_are_one_film_until_the_last_is_closed() {
        let registry = Arc::new(Registry::default());
        let first = registry.open(opened(1));
        let second = registry.open(opened(1));
        let other = registry.open(opened(2));
        first.handle().reads(&(0..4096), 4096, false);
        first.handle().reads(&(8 << 20..9 << 20), 9 << 20, true);
        first.handle().reads(&(900 << 20..901 << 20), 4096, true);
        let films = registry.films();
        assert_eq!(
            films.iter().map(|film| film.opened.ino).collect::<Vec<_>>(),
            [2, 1]
        );
        assert_eq!(
            films[1].position,
            9 << 20,
            "a look at the index is no position"
        );
        assert!(films[1].plays && films[0].last_read.is_none());
        drop((first, other));
        assert_eq!(registry.films().len(), 1);
        drop(second);
        assert_eq!(registry.list().len(), 0);
    }

    #[test]
    fn who_asked_hears_of_each_close() {
        let registry = Arc::new(Registry::default());
        let closed = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&closed);
        registry.set_on_close(move |handle| told.lock().push((handle.opened.ino, handle.position)));
        let handle = registry.open(opened(3));
        handle.handle().reads(&(0..7 << 20), 7 << 20, true);
        drop(handle);
        assert_eq!(*closed.lock(), [(3, 7 << 20)]);
    }
}
