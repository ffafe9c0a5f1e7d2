//! Is the library's folder the one that it was, and may it be empty?
//!
//! A disk that is not mounted leaves an empty folder at its mount point. While a server runs, the folder's device
//! and inode number tell (`gostream_store::scan`); over a restart, the file system's id does, which is kept in the
//! database when there are films. A library that holds no film although one at the same path did, on another
//! file system or in another folder, is refused, unless the marker says that it is right.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use gostream_fs::Tree;
use gostream_http::ControlError;
use gostream_store::{LibraryRoot, MARKER, Store};

/// Refuses to begin with a library that lost its disk.
pub(super) fn check_start(store: &Store, root: &Path, has_films: bool) -> Result<(), ControlError> {
    if has_films || root.join(MARKER).exists() {
        return Ok(());
    }
    let failed = |error: &dyn std::fmt::Display| ControlError::failed(error.to_string());
    let Some(kept) = store.library_root().get().map_err(|error| failed(&error))? else {
        return Ok(());
    };
    let now = LibraryRoot::of(root).map_err(|error| failed(&error))?;
    if kept == now || kept.path != now.path {
        return Ok(());
    }
    Err(ControlError::failed(format!(
        "the library folder {} holds no film and is not the folder that held films before: mount its disk. If it is \
         meant to be empty, make a file {MARKER} in it",
        root.display()
    )))
}

/// Remembers the root of a library that holds films.
pub(super) fn keep(store: &Store, root: &Path, tree: &Tree) {
    if tree.media_count() == 0 {
        return;
    }
    let kept = LibraryRoot::of(root).map(|now| {
        if store.library_root().get()?.as_ref() == Some(&now) {
            return Ok(());
        }
        store.library_root().set(now)
    });
    match kept {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "where the library lies is not remembered"),
        Err(error) => tracing::warn!(%error, "where the library lies is not remembered"),
    }
}

/// Whether the root is the one that was kept.
pub(super) fn is_kept(store: &Store, root: &Path) -> bool {
    let kept = store.library_root().get().ok().flatten();
    kept.is_some() && kept == LibraryRoot::of(root).ok()
}

/// Whether the root on disk is the folder that a tree was made from.
pub(super) fn is_shown(root: &Path, tree: &Tree) -> bool {
    let shown = tree.root().stamp();
    std::fs::metadata(root).is_ok_and(|now| now.dev() == shown.device && now.ino() == shown.inode)
}
