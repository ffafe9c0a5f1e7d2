//! The searches for metadata, so that each torrent is searched for once.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A search for metadata that is under way.
pub(super) struct Search {
    /// Its end: true when the metadata was found.
    pub(super) end: watch::Receiver<Option<bool>>,
    /// Ends it.
    pub(super) stop: CancellationToken,
}
