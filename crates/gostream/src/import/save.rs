//! Writes what was found. What is here already stays as it is.

use std::collections::HashSet;
use std::path::Path;

use gostream_store::{Store, StoreError, TorrentRecord};

use super::found::Found;

/// Writes all of it; what came of it, a line each.
pub(super) fn all(store: &Store, library: &Path, found: Found) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    let mut tell = |what: &str, found: usize, new: usize| {
        if found > 0 {
            let known = found - new;
            lines.push(format!("{what}: {new} imported, {known} were here already"));
        }
    };
    let count = found.torrents.len();
    tell("torrents", count, torrents(store, found.torrents)?);
    let known: HashSet<_> = store
        .viewed()
        .list()?
        .iter()
        .map(|mark| (mark.hash, mark.file_index))
        .collect();
    let mut new = 0;
    let count = found.viewed.len();
    for mark in found.viewed {
        if !known.contains(&(mark.hash, mark.file_index)) {
            store.viewed().set(mark)?;
            new += 1;
        }
    }
    tell("viewed marks", count, new);
    let mut new = 0;
    let count = found.positions.len();
    for position in found.positions {
        if store
            .positions()
            .get(&position.hash, position.file_index)?
            .is_none()
        {
            store.positions().put(position)?;
            new += 1;
        }
    }
    tell("playback positions", count, new);
    let known: HashSet<_> = store
        .refusals()
        .list()?
        .iter()
        .map(|refusal| refusal.hash)
        .collect();
    let mut new = 0;
    let count = found.refusals.len();
    for refusal in found.refusals {
        if !known.contains(&refusal.hash) {
            store.refusals().add(refusal)?;
            new += 1;
        }
    }
    tell("refused torrents", count, new);
    if let Some(map) = found.inode_map {
        let taken = store.inodes().import(map, library)?;
        lines.push(match taken {
            0 => "inode numbers: none imported, there are some already".to_owned(),
            count => format!("inode numbers: {count} imported"),
        });
    }
    store.flush()?;
    lines.extend(found.notes);
    if lines.is_empty() {
        lines.push("there was nothing to import".to_owned());
    }
    Ok(lines)
}

/// Lists those that are not; how many.
fn torrents(
    store: &Store,
    torrents: Vec<gostream_store::ListedTorrent>,
) -> Result<usize, StoreError> {
    let mut new = 0;
    for torrent in torrents {
        if store.listed().contains(&torrent.hash)? {
            continue;
        }
        store.torrents().upsert(TorrentRecord {
            hash: torrent.hash,
            hash_v2: None,
            name: String::new(),
            info_dict: None,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            peer_hints: Vec::new(),
            added_at_unix: torrent.added_at_unix,
        })?;
        store.listed().put(torrent)?;
        new += 1;
    }
    Ok(new)
}
