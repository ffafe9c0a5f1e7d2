//! The library for the web ports: [`FilmLibrary`] over the tree that the mount shows and the source of its bytes.
//!
//! A film is opened and read as the mount does it, so both have the same readers, cache and budget. Side-cars
//! are read from the disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gostream_fs::{
    MediaFile, MediaSource, NodeKind, NodeRef, OpenError, Publisher, ReadFailure, ReadReply,
};
use gostream_http::{FilmError, FilmLibrary, Item, ItemKind, OpenFilm};
use tokio::sync::oneshot;

/// The adapter.
pub(super) struct MountedFilms {
    source: Arc<dyn MediaSource>,
    shown: Publisher,
}

impl MountedFilms {
    pub(super) const fn new(source: Arc<dyn MediaSource>, shown: Publisher) -> Self {
        Self { source, shown }
    }
}

impl FilmLibrary for MountedFilms {
    fn find(&self, path: &str) -> Option<Item> {
        self.shown.tree().find(path).map(item)
    }

    fn children(&self, path: &str) -> Option<Vec<Item>> {
        let tree = self.shown.tree();
        let folder = tree.find(path).filter(|node| node.is_dir())?;
        let mut items: Vec<Item> = folder.children_after(0).map(item).collect();
        items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Some(items)
    }

    fn open(&self, path: &str) -> Result<(Item, Arc<dyn OpenFilm>), FilmError> {
        let tree = self.shown.tree();
        let node = tree.find(path).ok_or(FilmError::NotFound)?;
        let film: Arc<dyn OpenFilm> = match node.kind() {
            NodeKind::Dir { .. } => return Err(FilmError::IsFolder),
            NodeKind::Media(stub) => Film::open(&*self.source, stub, node.ino())?,
            NodeKind::SideCar { source, .. } => {
                let file = gostream_fs::open_side_car(source).map_err(|_| FilmError::Io)?;
                Arc::new(SideCar(Arc::new(file)))
            }
        };
        Ok((item(node), film))
    }
}

fn item(node: NodeRef<'_>) -> Item {
    let kind = match node.kind() {
        NodeKind::Dir { .. } => ItemKind::Folder,
        NodeKind::Media(stub) => ItemKind::File {
            len: stub.size,
            tag: format!("{}-{}-{:x}", stub.hash, stub.index, stub.size),
        },
        NodeKind::SideCar { len, .. } => {
            let since = node.mtime().duration_since(UNIX_EPOCH).unwrap_or_default();
            ItemKind::File {
                len,
                tag: format!("{len:x}-{:x}", since.as_nanos()),
            }
        }
    };
    Item {
        name: node.name().to_owned(),
        modified: node.mtime(),
        kind,
    }
}

/// A file of a torrent.
pub(super) struct Film {
    file: Box<dyn MediaFile>,
    ino: u64,
}

impl Film {
    /// Opens a film of the library.
    pub(super) fn open(
        source: &dyn MediaSource,
        stub: &Arc<gostream_library::Film>,
        ino: u64,
    ) -> Result<Arc<dyn OpenFilm>, FilmError> {
        let file = source.open(stub, ino).map_err(of_open)?;
        Ok(Arc::new(Self { file, ino }))
    }

    /// A file that no stub stands for.
    pub(super) fn of_file(file: Box<dyn MediaFile>) -> Arc<dyn OpenFilm> {
        Arc::new(Self { file, ino: 0 })
    }
}

impl OpenFilm for Film {
    fn read(&self, offset: u64, len: u32) -> BoxFuture<'static, Result<Bytes, FilmError>> {
        let (answer, answered) = oneshot::channel();
        let reply = ReadReply::to_program(self.ino, offset, len, move |result| {
            // A client that is gone takes no bytes.
            let _ = answer.send(result.map(Bytes::copy_from_slice));
        });
        self.file.read(offset, len, reply);
        Box::pin(async move {
            match answered.await {
                Ok(result) => result.map_err(of_read),
                // Not reached: every reply calls back.
                Err(_) => Err(FilmError::Io),
            }
        })
    }
}

struct SideCar(Arc<File>);

impl OpenFilm for SideCar {
    fn read(&self, offset: u64, len: u32) -> BoxFuture<'static, Result<Bytes, FilmError>> {
        let file = Arc::clone(&self.0);
        Box::pin(async move {
            let read = move || -> io::Result<Bytes> {
                let mut bytes = vec![0; len as usize];
                // A file that became shorter is an error: the length has been told.
                file.read_exact_at(&mut bytes, offset)?;
                Ok(bytes.into())
            };
            match tokio::task::spawn_blocking(read).await {
                Ok(Ok(bytes)) => Ok(bytes),
                Ok(Err(_)) | Err(_) => Err(FilmError::Io),
            }
        })
    }
}

/// What the client sees of it.
pub(super) const fn of_open(error: OpenError) -> FilmError {
    match error {
        OpenError::NotFound => FilmError::NotFound,
        OpenError::Busy => FilmError::Busy,
        OpenError::ShuttingDown => FilmError::ShuttingDown,
        OpenError::Io => FilmError::Io,
    }
}

const fn of_read(failure: ReadFailure) -> FilmError {
    match failure {
        ReadFailure::TimedOut => FilmError::TimedOut,
        ReadFailure::Unavailable => FilmError::Unavailable,
        ReadFailure::ShuttingDown => FilmError::ShuttingDown,
        ReadFailure::Io => FilmError::Io,
    }
}
