//! Tells by its shape what a document is, and has it read.

use gostream_library::TorrentHash;

use super::found::Found;
use super::node::Document;
use super::{blacklist, settings, torrents, viewed};

/// Adds what the document holds to `found`.
///
/// # Errors
/// What is wrong with it and where.
pub(super) fn read(document: &Document, found: &mut Found) -> Result<(), String> {
    document.parse(|root| {
        if root.is_array() {
            let elements = root.elements()?;
            if elements.iter().any(|element| element.get("file_index").is_some()) {
                return viewed::from_answer(&elements, found);
            }
            return torrents::read(&elements, found);
        }
        let members = root.members()?;
        let has = |name: &str| root.get(name).is_some();
        if let Some(sets) = root.get("BitTorr") {
            settings::read(&sets, found)
        } else if has("CacheSize") || has("RetrackersMode") {
            settings::read(&root, found)
        } else if has("hashes") || has("titles") {
            blacklist::read(&root, found)
        } else if members.iter().all(|(name, _)| name.parse::<TorrentHash>().is_ok()) {
            viewed::from_file(&members, found)
        } else {
            Err(root.mistake(
                "is none of the files that can be imported: a list of torrents, viewed.json, settings.json or \
                 blacklist.json",
            ))
        }
    })
}
