//! Adds, lists and removes films: [`LibraryControl`] over engine, database and stub tree.
//!
//! Used by the control socket of a running server and, without one, by the command line in its own process;
//! both go the same way. `add` turns a link into stubs, `editor` makes the changes that come through the mount,
//! `fetch` gets a .torrent from its URL, `shelf` makes the tree that the mount shows from the stubs on disk,
//! `watcher` has it look again when others changed them, `subtitles` copies those of a torrent beside its films.

mod add;
mod desk;
mod editor;
pub(crate) mod fetch;
mod files;
mod inotify;
mod shelf;
mod subtitles;
mod watcher;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use gostorm::Engine;
use gostorm_wire::InfoHash;
use gostream_fs::{LibraryEditor, NodeKind};
use gostream_http::{
    AddEvent, AddRequest, ControlError, FileState, LibraryControl, ListedFile, RefusedTorrent,
    RemovedFile, Status,
};
use gostream_store::Store;
use tokio_util::task::TaskTracker;

use self::desk::{Desk, on_disk};
use self::editor::Editor;
pub(crate) use self::files::torrent_files;
pub(crate) use self::shelf::Shelf;
pub(crate) use self::watcher::Watcher;
use crate::warm::Warm;

/// How long a command without a server waits for subtitles that are still on their way.
const SUBTITLES_WAIT: Duration = Duration::from_secs(20);

/// Where a server shows the library.
#[derive(Debug)]
struct Serving {
    mount: PathBuf,
    library: PathBuf,
}

/// The librarian.
pub(crate) struct Librarian {
    desk: Arc<Desk>,
    serving: OnceLock<Serving>,
    start: Instant,
}

impl Librarian {
    pub(crate) fn new(
        engine: Engine,
        store: Arc<Store>,
        shelf: Arc<Shelf>,
        warm: Arc<Warm>,
        url: &str,
    ) -> Self {
        let desk = Desk {
            engine,
            store,
            shelf,
            warm,
            url: url.to_owned(),
            later: TaskTracker::new(),
        };
        Self {
            desk: Arc::new(desk),
            serving: OnceLock::new(),
            start: Instant::now(),
        }
    }

    /// Who changes the library for the mount.
    pub(crate) fn editor(&self) -> Arc<dyn LibraryEditor> {
        Arc::new(Editor::new(Arc::clone(&self.desk)))
    }

    /// The library is mounted from now on.
    pub(crate) fn serving(&self, mount: &Path, library: &Path) {
        // A server mounts once.
        let _ = self.serving.set(Serving {
            mount: mount.to_owned(),
            library: library.to_owned(),
        });
    }

    /// Waits a moment for what goes on after the answer.
    pub(crate) async fn finish(&self) {
        self.desk.later.close();
        if tokio::time::timeout(SUBTITLES_WAIT, self.desk.later.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                "subtitles did not come in time; add the torrent again later to have them"
            );
        }
    }

    fn list_films(&self) -> Result<Vec<ListedFile>, ControlError> {
        let (tree, broken) = self.desk.shelf.contents()?;
        let mut films = Vec::new();
        let mut awake = rustc_hash::FxHashMap::default();
        for node in tree.iter() {
            let NodeKind::Media(stub) = node.kind() else {
                continue;
            };
            let is_awake = *awake
                .entry(stub.hash)
                .or_insert_with(|| self.desk.engine.is_awake(InfoHash(stub.hash.0)));
            let state = if is_awake {
                FileState::Awake
            } else {
                FileState::Asleep
            };
            films.push(ListedFile {
                path: node.path(),
                size: stub.size,
                hash: stub.hash.to_string(),
                state,
            });
        }
        films.extend(broken.iter().map(|(path, why)| ListedFile {
            path: path.clone(),
            size: 0,
            hash: String::new(),
            state: FileState::Broken(why.clone()),
        }));
        films.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(films)
    }
}

impl LibraryControl for Librarian {
    fn add(&self, request: AddRequest) -> BoxStream<'static, AddEvent> {
        add::start(Arc::clone(&self.desk), request)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ListedFile>, ControlError>> {
        Box::pin(async move { self.list_films() })
    }

    fn remove(&self, path: String) -> BoxFuture<'_, Result<RemovedFile, ControlError>> {
        let desk = Arc::clone(&self.desk);
        Box::pin(on_disk(move || desk.remove(&path)))
    }

    fn refused(&self) -> BoxFuture<'_, Result<Vec<RefusedTorrent>, ControlError>> {
        let desk = Arc::clone(&self.desk);
        Box::pin(on_disk(move || desk.refused()))
    }

    fn lift(&self, hash: String) -> BoxFuture<'_, Result<RefusedTorrent, ControlError>> {
        let desk = Arc::clone(&self.desk);
        Box::pin(on_disk(move || desk.lift(&hash)))
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, ControlError>> {
        Box::pin(async move {
            let (tree, _) = self.desk.shelf.contents()?;
            let show = |path: Option<&PathBuf>| {
                path.map(|path| path.display().to_string())
                    .unwrap_or_default()
            };
            let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            let serving = self.serving.get();
            let nat = self.desk.engine.nat().borrow().clone();
            Ok(Status {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                uptime_seconds: self.start.elapsed().as_secs(),
                mount: show(serving.map(|serving| &serving.mount)),
                library: show(serving.map(|serving| &serving.library)),
                torrent_port: self.desk.engine.port(),
                forwarded_port: nat.forwarded.map(|port| port.to_string()),
                forwarding_error: nat.error,
                library_error: self.desk.shelf.trouble(),
                films: u64::from(tree.media_count()),
                torrents_awake: count(self.desk.engine.awake_count()),
                peers: count(self.desk.engine.peer_count()),
                buffered_bytes: self.desk.engine.memory().0,
            })
        })
    }
}
