//! blacklist.json of the earlier GoStream: `{"hashes": {hash: title}, "titles": [normalised title]}`.
//!
//! A torrent becomes a refusal, of its whole title where that is in the list of titles. That program put "movies" there
//! for every film; the folder is no title.

use std::collections::HashSet;

use gostream_http::BroughtRefusal;
use gostream_library::{HashError, TorrentHash, title};

use super::found::Found;
use super::node::Node;

/// Names of folders that were taken for titles.
const FOLDERS: [&str; 2] = ["movies", "tv"];

/// Adds the refusals.
pub(super) fn read(root: &Node<'_>, found: &mut Found) -> Result<(), String> {
    let mut titles = HashSet::new();
    if let Some(list) = root.get("titles") {
        for entry in list.elements()? {
            titles.insert(entry.as_text()?);
        }
    }
    for folder in FOLDERS {
        titles.remove(folder);
    }
    let mut with_torrent = HashSet::new();
    if let Some(hashes) = root.get("hashes") {
        for (name, title) in hashes.members()? {
            let hash: TorrentHash = name
                .parse()
                .map_err(|error: HashError| title.mistake(&error.to_string()))?;
            let text = title.as_text()?;
            // As it is known here, and as that program wrote it.
            let ours = title::of(&format!("movies/{text}.mkv")).name;
            let theirs = title::normalised(&text);
            let whole = !ours.is_empty() && (titles.contains(&ours) || titles.contains(&theirs));
            with_torrent.extend([ours.clone(), theirs]);
            found.brought.refused.push(BroughtRefusal {
                hash: hash.to_string(),
                title: whole.then_some(ours),
            });
        }
    }
    let without = titles.difference(&with_torrent).count();
    if without > 0 {
        found.notes.push(format!(
            "{without} titles of the blacklist have no torrent there and were not taken over: only torrents can be refused"
        ));
    }
    Ok(())
}
