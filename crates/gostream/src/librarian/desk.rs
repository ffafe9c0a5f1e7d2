//! What the librarian's work needs, and the steps that more than one kind of work takes.

use std::sync::Arc;

use gostorm::Engine;
use gostorm_wire::InfoHash;
use gostream_fs::{NodeKind, NodeRef, Tree};
use gostream_http::{ControlError, RefusedTorrent, RemovedFile};
use gostream_library::{HashError, Title, TorrentHash, title};
use gostream_store::{Refusal, Store, TreeError};
use tokio_util::task::TaskTracker;

use super::shelf::Shelf;
use crate::clock::now_unix;
use crate::warm::Warm;

/// What the work needs, shared with the tasks that do it.
pub(super) struct Desk {
    pub(super) engine: Engine,
    pub(super) store: Arc<Store>,
    pub(super) shelf: Arc<Shelf>,
    pub(super) warm: Arc<Warm>,
    /// Base URL written into stubs.
    pub(super) url: String,
    /// Work that goes on after an answer was given.
    pub(super) later: TaskTracker,
}

impl Desk {
    /// Removes a stub with its side-cars. Its readers are closed first, it is remembered that it is not wanted,
    /// and its torrent is forgotten when no other stub needs it.
    pub(super) fn remove(&self, path: &str) -> Result<RemovedFile, ControlError> {
        self.shelf.check_source()?;
        let title = match self.shelf.stubs().read(path) {
            Ok(stub) => Some((stub.hash, stub.index)),
            // A broken stub can go as well.
            Err(TreeError::Broken { .. }) => None,
            Err(error) => return Err(tree_error(&error)),
        };
        // Nothing is remembered of a removal that cannot be: the film stays.
        let may = self.shelf.stubs().may_unlink(path);
        may.map_err(|error| tree_error(&error))?;
        self.shelf.close_readers(path);
        let (tree, _) = self.shelf.contents()?;
        let remove = || {
            let removed = self.shelf.stubs().remove(path);
            removed.map_err(|error| tree_error(&error))
        };
        let torrent_removed = match title {
            Some(title) => self.part_with(path, title, &tree, remove)?,
            None => remove().map(|_| false)?,
        };
        tracing::info!(path, "a film was removed by command");
        self.shelf.refresh()?;
        Ok(RemovedFile {
            path: path.to_owned(),
            torrent_removed,
        })
    }

    /// Has the stub at `path`, of that file of a torrent, removed; remembers that, deletes what is kept of the
    /// file, and forgets the torrent unless another film of `tree` needs it; whether it was forgotten. Only the
    /// removal itself can fail.
    pub(super) fn part_with<T, E>(
        &self,
        path: &str,
        (hash, index): (TorrentHash, u32),
        tree: &Tree,
        remove: impl FnOnce() -> Result<T, E>,
    ) -> Result<bool, E> {
        // Before the stub goes: a removal that is cut short here is made again, one that is not remembered
        // may be undone by a job.
        self.refuse(path, hash, tree);
        remove()?;
        let mut indices = tree.iter().filter_map(|node| match node.kind() {
            NodeKind::Media(stub) if stub.hash == hash && node.path() != path => Some(stub.index),
            NodeKind::Media(_) | NodeKind::Dir { .. } | NodeKind::SideCar { .. } => None,
        });
        let first = indices.next();
        if first.is_none_or(|first| first != index && !indices.any(|other| other == index)) {
            self.warm.forget(hash, index);
        }
        Ok(first.is_none() && self.forget(hash))
    }

    /// Remembers that a torrent is not wanted, so that no job brings it back; and the whole title when the stub
    /// at `path` is a film's or the last of its show in `tree`.
    fn refuse(&self, path: &str, hash: TorrentHash, tree: &Tree) {
        let removed = title::of(path);
        let whole = !removed.is_episode || !has_another(path, &removed, tree);
        let refusal = Refusal {
            hash,
            title: Some(removed.name).filter(|name| whole && !name.is_empty()),
            since_unix: now_unix(),
        };
        if let Err(error) = self.store.refusals().add(refusal) {
            tracing::error!(path, torrent = %hash, %error, "a removal will not be remembered");
        }
    }

    /// What is not wanted any more, the latest first.
    pub(super) fn refused(&self) -> Result<Vec<RefusedTorrent>, ControlError> {
        let refusals = self.store.refusals().list();
        let refusals = refusals.map_err(|error| ControlError::failed(error.to_string()))?;
        let shown = refusals.into_iter().map(|refusal| RefusedTorrent {
            hash: refusal.hash.to_string(),
            title: refusal.title,
            since_unix: refusal.since_unix,
        });
        Ok(shown.collect())
    }

    /// Lifts the refusal of a torrent, and that of its title. It is not added again by that: a job may do so.
    pub(super) fn lift(&self, hash: &str) -> Result<RefusedTorrent, ControlError> {
        let hash: TorrentHash = hash
            .parse()
            .map_err(|error: HashError| ControlError::bad_input(error.to_string()))?;
        let shown = hash.to_string();
        let refused = self.refused()?.into_iter().find(|one| one.hash == shown);
        let refused = refused.ok_or_else(|| {
            ControlError::not_found(format!("{shown}: no such torrent is refused"))
        })?;
        let titles = refused.title.iter().cloned().collect();
        let lifted = self.store.refusals().lift(&hash, titles);
        lifted.map_err(|error| ControlError::failed(error.to_string()))?;
        tracing::info!(torrent = %hash, title = refused.title, "a refusal was lifted by command");
        Ok(refused)
    }

    /// Ends a torrent and forgets what was kept of it, unless a client of the API lists it; whether there was
    /// anything in the database.
    fn forget(&self, hash: TorrentHash) -> bool {
        if self
            .store
            .listed()
            .contains(&hash)
            .is_ok_and(|listed| listed)
        {
            return false;
        }
        self.engine.forget(InfoHash(hash.0));
        match self.store.torrents().remove_unlisted(&hash) {
            Ok(removed) => removed,
            Err(error) => {
                tracing::error!(torrent = %hash, %error, "the database keeps a torrent that nobody needs");
                false
            }
        }
    }
}

/// Whether `tree` has a film of that title besides the one at `path`. Those in the same folder are asked first:
/// when a season is removed, all but the last find their answer there.
fn has_another(path: &str, title: &Title, tree: &Tree) -> bool {
    let is_another = |node: NodeRef<'_>| {
        let film = matches!(node.kind(), NodeKind::Media(_)).then(|| node.path());
        film.is_some_and(|other| other != path && title::of(&other) == *title)
    };
    let beside = tree.find(path).map(NodeRef::parent);
    beside.is_some_and(|folder| folder.children_after(0).any(is_another))
        || tree.iter().any(is_another)
}

/// What an error of the stub tree means to the user.
pub(super) fn tree_error(error: &TreeError) -> ControlError {
    let text = error.to_string();
    match error {
        TreeError::NotFound { .. } => ControlError::not_found(text),
        TreeError::BadPath(_)
        | TreeError::Outside { .. }
        | TreeError::NotAFile { .. }
        | TreeError::NotAStubName { .. }
        | TreeError::StubName { .. } => ControlError::bad_input(text),
        TreeError::OtherTorrent { .. } | TreeError::RealFilm { .. } | TreeError::Exists { .. } => {
            ControlError::conflict(text)
        }
        TreeError::RootMissing { .. }
        | TreeError::SourceGone { .. }
        | TreeError::Broken { .. }
        | TreeError::Io { .. } => ControlError::failed(text),
    }
}

/// Runs work that waits for a disk on a thread that may.
pub(super) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ControlError> + Send + 'static,
) -> Result<T, ControlError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(ControlError::failed(panic.to_string())))
}
