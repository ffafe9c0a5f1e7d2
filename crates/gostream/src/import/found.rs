//! What an import found: nothing of it is written yet.

use gostream_library::InodeMap;
use gostream_store::{ListedTorrent, PlaybackPosition, Refusal, ViewedMark};

/// All that was found, nothing of it written yet.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) torrents: Vec<ListedTorrent>,
    pub(super) viewed: Vec<ViewedMark>,
    pub(super) positions: Vec<PlaybackPosition>,
    pub(super) settings: Vec<Setting>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) inode_map: Option<InodeMap>,
    /// What the user should know, a sentence each.
    pub(super) notes: Vec<String>,
}

/// A setting that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    /// It is this key with this value (JSON) here.
    Here(&'static str, String),
    /// Its name, and why it has no place here.
    Nowhere(String, &'static str),
}
