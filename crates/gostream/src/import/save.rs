//! Writes what was found, or says what that would do. What is here already stays as it is.

use std::path::Path;

use gostream_http::{BroughtTorrent, TakeOver, TakenOver};
use gostream_library::InodeMap;

use super::found::Found;
use crate::app::Reached;
use crate::cli::Failure;

/// The most bytes of torrents that are sent at a time, and the most of anything else: what a server takes over in a
/// moment.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_ITEMS: usize = 10_000;

/// Writes all of it; what came of it, a line each.
pub(super) fn all(
    reached: &Reached,
    library: &Path,
    found: Found,
    dry_run: bool,
) -> Result<Vec<String>, Failure> {
    let there = Counts::of(&found.brought);
    let mut new = TakenOver::default();
    for batch in batches(found.brought) {
        let batch = TakeOver { dry_run, ..batch };
        let taken = reached.ask(|state| state.take_over(batch))??;
        new.torrents += taken.torrents;
        new.completed += taken.completed;
        new.viewed += taken.viewed;
        new.positions += taken.positions;
        new.refused += taken.refused;
    }
    let mut lines = there.lines(&new, dry_run);
    if let Some(map) = found.inode_map {
        lines.push(inodes(reached, map, library, dry_run)?);
    }
    Ok(lines)
}

struct Counts {
    torrents: usize,
    viewed: usize,
    positions: usize,
    refused: usize,
}

impl Counts {
    fn of(brought: &TakeOver) -> Self {
        Self {
            torrents: brought.torrents.len(),
            viewed: brought.viewed.len(),
            positions: brought.positions.len(),
            refused: brought.refused.len(),
        }
    }

    fn lines(&self, new: &TakenOver, dry_run: bool) -> Vec<String> {
        let (imported, were) = if dry_run {
            ("to import", "are")
        } else {
            ("imported", "were")
        };
        let line = |what: &str, there: usize, new: u64| {
            let known = u64::try_from(there).unwrap_or(u64::MAX).saturating_sub(new);
            (there > 0).then(|| format!("{what}: {new} {imported}, {known} {were} here already"))
        };
        let completed = (new.completed > 0).then(|| {
            let count = new.completed;
            format!("of these, {count} whose metadata was not known here are complete now")
        });
        [
            line("torrents", self.torrents, new.torrents),
            completed,
            line("viewed marks", self.viewed, new.viewed),
            line("playback positions", self.positions, new.positions),
            line("refused torrents", self.refused, new.refused),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// In parts that a request may have; each is taken over whole or not at all.
fn batches(brought: TakeOver) -> Vec<TakeOver> {
    let mut batches = Vec::new();
    let mut bytes = 0;
    let mut torrents = Vec::new();
    for torrent in brought.torrents {
        let len = len(&torrent);
        if !torrents.is_empty() && bytes + len > BATCH_BYTES {
            batches.push(TakeOver {
                torrents: std::mem::take(&mut torrents),
                ..TakeOver::default()
            });
            bytes = 0;
        }
        bytes += len;
        torrents.push(torrent);
    }
    batches.push(TakeOver {
        torrents,
        ..TakeOver::default()
    });
    for viewed in brought.viewed.chunks(BATCH_ITEMS) {
        batches.push(TakeOver {
            viewed: viewed.to_vec(),
            ..TakeOver::default()
        });
    }
    for positions in brought.positions.chunks(BATCH_ITEMS) {
        batches.push(TakeOver {
            positions: positions.to_vec(),
            ..TakeOver::default()
        });
    }
    for refused in brought.refused.chunks(BATCH_ITEMS) {
        batches.push(TakeOver {
            refused: refused.to_vec(),
            ..TakeOver::default()
        });
    }
    batches.retain(|batch| *batch != TakeOver::default());
    batches
}

/// About how long a torrent is in a request.
fn len(torrent: &BroughtTorrent) -> usize {
    let texts = [
        &torrent.title,
        &torrent.poster,
        &torrent.category,
        &torrent.data,
    ];
    let texts: usize = texts.iter().map(|text| text.len()).sum();
    let urls: usize = torrent.trackers.iter().flatten().map(String::len).sum();
    let info = torrent.info.as_ref().map_or(0, Vec::len);
    texts + urls + info / 3 * 4 + 200
}

fn inodes(
    reached: &Reached,
    map: InodeMap,
    library: &Path,
    dry_run: bool,
) -> Result<String, Failure> {
    let Some(store) = reached.store() else {
        return Ok(
            "inode numbers: none imported, since a GoStream runs, which has given its own"
                .to_owned(),
        );
    };
    let failed = |error: gostream_store::StoreError| Failure::Failed(error.to_string());
    let count = map.films.len() + map.folders.len();
    if dry_run && store.inodes().is_empty().map_err(failed)? {
        return Ok(format!("inode numbers: {count} to import"));
    }
    let taken = if dry_run {
        0
    } else {
        store.inodes().import(map, library).map_err(failed)?
    };
    Ok(match taken {
        0 => "inode numbers: none imported, there are some already".to_owned(),
        count => format!("inode numbers: {count} imported"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_sent_in_parts_and_nothing_is_left_out() {
        let torrent = |number: usize| BroughtTorrent {
            hash: number.to_string(),
            data: "x".repeat(BATCH_BYTES / 3),
            ..BroughtTorrent::default()
        };
        let brought = TakeOver {
            torrents: (0..5).map(torrent).collect(),
            ..TakeOver::default()
        };
        let parts = batches(brought.clone());
        assert_eq!(parts.len(), 3);
        let joined: Vec<_> = parts.into_iter().flat_map(|part| part.torrents).collect();
        assert_eq!(joined, brought.torrents);
        assert!(batches(TakeOver::default()).is_empty());
    }
}
