//! What stands behind a mount: where films come from, who changes the library, and who knows what films do. Made by the binary.

use std::sync::Arc;

use crate::editor::LibraryEditor;
use crate::inspector::LibraryInspector;
use crate::source::MediaSource;

/// The binary's side of a mount.
#[derive(Clone)]
pub struct Backing {
    /// Opens films.
    pub source: Arc<dyn MediaSource>,
    /// Changes the library; without one the mount is read-only.
    pub editor: Option<Arc<dyn LibraryEditor>>,
    /// Says what films are doing; without one the extended attributes do not.
    pub inspector: Option<Arc<dyn LibraryInspector>>,
}

impl<S: MediaSource> From<Arc<S>> for Backing {
    /// A read-only mount.
    fn from(source: Arc<S>) -> Self {
        Self {
            source,
            editor: None,
            inspector: None,
        }
    }
}
