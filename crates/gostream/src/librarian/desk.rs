//! What the librarian's work needs, and the steps that more than one kind of work takes.

use std::sync::Arc;

use gostorm::Engine;
use gostream_fs::NodeKind;
use gostream_http::{ControlError, RemovedFile};
use gostream_store::{Store, TreeError};
use tokio_util::task::TaskTracker;

use super::shelf::Shelf;

/// What the work needs, shared with the tasks that do it.
pub(super) struct Desk {
    pub(super) engine: Engine,
    pub(super) store: Arc<Store>,
    pub(super) shelf: Arc<Shelf>,
    /// Base URL written into stubs.
    pub(super) url: String,
    /// Work that goes on after an answer was given.
    pub(super) later: TaskTracker,
}

impl Desk {
    /// Removes a stub; forgets its torrent when no other stub needs it.
    pub(super) fn remove(&self, path: &str) -> Result<RemovedFile, ControlError> {
        let hash = match self.shelf.stubs().read(path) {
            Ok(stub) => Some(stub.hash),
            // A broken stub can go as well.
            Err(TreeError::Broken { .. }) => None,
            Err(error) => return Err(tree_error(&error)),
        };
        self.shelf
            .stubs()
            .remove(path)
            .map_err(|error| tree_error(&error))?;
        self.shelf.refresh()?;
        let Some(hash) = hash else {
            return Ok(RemovedFile {
                path: path.to_owned(),
                torrent_removed: false,
            });
        };
        let (tree, _) = self.shelf.contents()?;
        let needed = tree
            .iter()
            .any(|node| matches!(node.kind(), NodeKind::Media(stub) if stub.hash == hash));
        let torrent_removed = !needed
            && self
                .store
                .torrents()
                .remove(&hash)
                .map_err(|error| ControlError::failed(error.to_string()))?;
        Ok(RemovedFile {
            path: path.to_owned(),
            torrent_removed,
        })
    }
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
        TreeError::RootMissing { .. } | TreeError::Broken { .. } | TreeError::Io { .. } => {
            ControlError::failed(text)
        }
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
