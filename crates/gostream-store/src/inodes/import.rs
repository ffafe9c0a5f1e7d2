//! Takes over the numbers that an earlier program gave.
//!
//! Done once, before the first number is given by us. What the map has no path for, or a path outside of the library,
//! keeps its number at no path, where [`Inodes::holders`] finds it when the title is seen.

use std::{collections::HashMap, path::Path};

use gostream_library::{InodeMap, TorrentHash, path as names};
use rusqlite::{Connection, params};

use super::{Inodes, nowhere};
use crate::error::StoreError;

impl Inodes<'_> {
    /// Whether no number was ever given.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        self.store.read("look up inode numbers", |db| {
            db.query_row("SELECT NOT EXISTS (SELECT 1 FROM inodes)", [], |row| {
                row.get(0)
            })
        })
    }

    /// Takes the numbers of `map` over for the library at `root`; how many. Does nothing when there are numbers.
    pub fn import(&self, map: InodeMap, root: &Path) -> Result<usize, StoreError> {
        if !self.is_empty()? {
            return Ok(0);
        }
        let root = root.to_string_lossy().trim_end_matches('/').to_owned();
        self.store
            .write("take over inode numbers", move |db| import(db, &map, &root))
    }
}

fn import(db: &Connection, map: &InodeMap, root: &str) -> rusqlite::Result<usize> {
    let mut insert = db.prepare(
        "INSERT INTO inodes (inode, path, what) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    let mut count = 0;
    for (path, number) in &map.folders {
        // Relative to the library in one half of the map's program, the full path in the other.
        let inside = path.strip_prefix(root).unwrap_or(path).trim_matches('/');
        if names::check(inside).is_ok() {
            count += insert.execute(params![number.cast_signed(), inside, "dir"])?;
        }
    }
    let mut paths: HashMap<(TorrentHash, u32), &str> = HashMap::new();
    for (path, hash, index) in &map.stubs {
        let inside = path.strip_prefix(root).map(|path| path.trim_matches('/'));
        if let Some(inside) = inside.filter(|inside| names::check(inside).is_ok()) {
            paths.entry((*hash, *index)).or_insert(inside);
        }
    }
    for (hash, index, number) in &map.films {
        let number = number.cast_signed();
        let path = paths.get(&(*hash, *index));
        let path = path.map_or_else(|| nowhere(number), |path| (*path).to_owned());
        count += insert.execute(params![number, path, format!("{hash}:{index}")])?;
    }
    Ok(count)
}
