//! A library in memory: two films, a side-car, and films that cannot be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gostream_http::{FilmError, FilmLibrary, Item, ItemKind, OpenFilm};

/// Length of the long film: several reads of the proxy, and not a multiple of them.
pub(crate) const LONG: u64 = 1_000_003;

/// The byte of every film at a place.
pub(crate) fn byte_at(offset: u64) -> u8 {
    (offset % 251) as u8
}

pub(crate) fn bytes_of(range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(byte_at).collect()
}

/// When everything was changed.
pub(crate) fn modified() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_900_000_000_500)
}

#[derive(Clone, Default)]
pub(crate) struct Library {
    open: Arc<AtomicUsize>,
    opened: Arc<AtomicUsize>,
}

impl Library {
    pub(crate) fn shared(&self) -> Arc<dyn FilmLibrary> {
        Arc::new(self.clone())
    }

    /// Films that are open now.
    pub(crate) fn open_now(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// Films that were ever opened.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(SeqCst)
    }
}

/// Path, and length of a file.
const TREE: [(&str, Option<u64>); 9] = [
    ("", None),
    ("movies", None),
    ("movies/Dead.mkv", Some(9)),
    ("movies/Long.mkv", Some(LONG)),
    ("movies/Long.srt", Some(40)),
    ("movies/Nasty & <b>\"#%?.mkv", Some(10)),
    ("movies/Empty.nfo", Some(0)),
    ("tv", None),
    ("tv/Gone.mkv", Some(5)),
];

fn item(path: &str, len: Option<u64>) -> Item {
    let name = path.rsplit('/').next().unwrap().to_owned();
    let kind = match len {
        None => ItemKind::Folder,
        Some(len) => ItemKind::File {
            len,
            tag: format!("tag-{len}"),
        },
    };
    Item {
        name,
        modified: modified(),
        kind,
    }
}

impl FilmLibrary for Library {
    fn find(&self, path: &str) -> Option<Item> {
        let (_, len) = TREE.iter().find(|(there, _)| *there == path)?;
        Some(item(path, *len))
    }

    fn children(&self, path: &str) -> Option<Vec<Item>> {
        self.find(path)?;
        let parent = |there: &str| {
            there
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder)
                .to_owned()
        };
        let below = TREE
            .iter()
            .filter(|(there, _)| !there.is_empty() && parent(there) == path);
        Some(below.map(|(there, len)| item(there, *len)).collect())
    }

    fn open(&self, path: &str) -> Result<(Item, Arc<dyn OpenFilm>), FilmError> {
        let item = self.find(path).ok_or(FilmError::NotFound)?;
        self.open.fetch_add(1, SeqCst);
        self.opened.fetch_add(1, SeqCst);
        let film = Film {
            fails: path.ends_with("Dead.mkv").then_some(FilmError::TimedOut),
            open: Arc::clone(&self.open),
        };
        Ok((item, Arc::new(film)))
    }
}

struct Film {
    fails: Option<FilmError>,
    open: Arc<AtomicUsize>,
}

impl OpenFilm for Film {
    fn read(&self, offset: u64, len: u32) -> BoxFuture<'static, Result<Bytes, FilmError>> {
        let result = self
            .fails
            .map_or_else(|| Ok(bytes_of(offset..offset + u64::from(len)).into()), Err);
        Box::pin(async { result })
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
    }
}
