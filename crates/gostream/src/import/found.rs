//! What an import found: nothing of it is written yet.

use gostream_http::TakeOver;
use gostream_library::InodeMap;
use serde_json::Value;

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) brought: TakeOver,
    pub(super) settings: Vec<Setting>,
    pub(super) inode_map: Option<InodeMap>,
    /// What the user should know, a sentence each.
    pub(super) notes: Vec<String>,
}

impl Found {
    /// Whether there is nothing to be written but settings.
    pub(super) fn is_empty(&self) -> bool {
        self.brought == TakeOver::default() && self.inode_map.is_none()
    }
}

/// A setting that was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Setting {
    /// It is a key of ours.
    Here {
        /// What it is called there.
        theirs: String,
        key: &'static str,
        value: Value,
    },
    /// It has no place here.
    Nowhere { theirs: String, why: &'static str },
}
