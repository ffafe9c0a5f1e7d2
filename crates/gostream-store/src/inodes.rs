//! Inode numbers, given once and kept for ever.
//!
//! A number belongs to a path and what lies there: a folder, a film (`<hash>:<index>`) or another file. The
//! first to ask for a free proposal ([`gostream_library::inode`]) gets it; who comes second gets the next
//! proposal for its own key, which depends on no neighbour. Rows are never deleted, so a title that is removed
//! and added again has its old number; another film at the same path has another number, as a client's cache
//! needs. A rename moves the rows, so that the number goes along.
//!
//! The tree of the mount asks for a whole scan at once.

use std::collections::HashMap;

use gostream_library::{TorrentHash, inode};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{db::Store, error::StoreError};

/// From this many keys on, the table is read once instead of being asked for each (fewer in tests, which
/// compare both ways).
const BULK: usize = if cfg!(test) { 6 } else { 500 };

/// From this many keys on, the pages that change outgrow the usual cache and would be written out twice.
const LARGE: usize = if cfg!(test) { 9 } else { 5000 };
/// Page cache for that, for the time of the transaction: 32 MiB. (Negative: KiB instead of pages.)
const LARGE_CACHE_KIB: i64 = -32 * 1024;
/// SQLite's own page cache: 2 MiB.
const CACHE_KIB: i64 = -2000;

/// What a number is for. Paths are relative to the root, without a slash at either end; the empty one is
/// the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeKey {
    path: String,
    /// `dir`, `file` or `<hash>:<index>`.
    what: String,
    proposal: u64,
}

impl InodeKey {
    /// A folder.
    pub fn directory(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            what: "dir".to_owned(),
            proposal: inode::directory(path),
        }
    }

    /// A film that a stub at `path` stands for.
    pub fn film(path: &str, hash: &TorrentHash, index: u32) -> Self {
        Self {
            path: path.to_owned(),
            what: format!("{hash}:{index}"),
            proposal: inode::file(hash, index),
        }
    }

    /// A side-car, or a stub that cannot be read.
    pub fn file(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            what: "file".to_owned(),
            proposal: inode::sidecar(path),
        }
    }

    /// The proposals in the order in which they are tried.
    fn proposals(&self) -> impl Iterator<Item = u64> {
        let first = self.proposal;
        // The path is last: it is the only part that may hold any character.
        let name = format!("{}:/{}", self.what, self.path);
        std::iter::once(first)
            .chain((1..=u32::MAX).map(move |n| inode::next_proposal(first, &name, n)))
    }
}

/// The table of inode numbers; get it from [`Store::inodes`].
#[derive(Debug, Clone, Copy)]
pub struct Inodes<'a> {
    store: &'a Store,
}

impl Store {
    /// The inode numbers.
    pub fn inodes(&self) -> Inodes<'_> {
        Inodes { store: self }
    }
}

impl Inodes<'_> {
    /// The numbers of `keys`, in their order, given in one transaction where there is none yet. Distinct keys
    /// get distinct numbers; the root has 1; 0 is never given.
    pub fn assign(&self, keys: Vec<InodeKey>) -> Result<Vec<u64>, StoreError> {
        if keys.len() < LARGE {
            return self
                .store
                .write("give inode numbers", move |db| assign(db, &keys));
        }
        let numbers = self.store.write("give inode numbers", move |db| {
            db.pragma_update(None, "cache_size", LARGE_CACHE_KIB)?;
            let numbers = assign(db, &keys);
            db.pragma_update(None, "cache_size", CACHE_KIB)?;
            numbers
        });
        self.store
            .write_later("free memory", |db| db.execute_batch("PRAGMA shrink_memory"));
        numbers
    }

    /// Moves the numbers of a file or folder, and of all that lies in it, to a new path. A number that the new
    /// path had before goes to the old one. Paths must not lie inside each other.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let inside = |a: &str, b: &str| {
            a.is_empty() || b.strip_prefix(a).is_some_and(|rest| rest.starts_with('/'))
        };
        if from == to {
            return Ok(());
        }
        if inside(from, to) || inside(to, from) {
            return Err(StoreError::BadRename {
                from: from.to_owned(),
                to: to.to_owned(),
            });
        }
        let (from, to) = (from.to_owned(), to.to_owned());
        self.store
            .write("move inode numbers", move |db| rename(db, &from, &to))
    }
}

fn assign(db: &Connection, keys: &[InodeKey]) -> rusqlite::Result<Vec<u64>> {
    let complete = keys.len() >= BULK;
    let mut known = if complete {
        load(db, keys)?
    } else {
        HashMap::new()
    };
    let mut select = db.prepare_cached("SELECT inode FROM inodes WHERE path = ?1 AND what = ?2")?;
    let mut insert = db.prepare_cached(
        "INSERT INTO inodes (inode, path, what) VALUES (?1, ?2, ?3) ON CONFLICT (inode) DO NOTHING",
    )?;
    let mut numbers = Vec::with_capacity(keys.len());
    for key in keys {
        if key.path.is_empty() {
            numbers.push(inode::ROOT_INODE);
            continue;
        }
        let mut found = known.get(&(key.path.as_str(), key.what.as_str())).copied();
        if found.is_none() && !complete {
            found = select
                .query_row([&key.path, &key.what], |row| row.get::<_, i64>(0))
                .optional()?
                .map(i64::cast_unsigned);
        }
        let mut proposals = key.proposals();
        let number = loop {
            // 2^32 proposals in a row cannot all be taken: the table would not fit on any disk.
            let Some(number) = found.or_else(|| proposals.next()) else {
                return Err(rusqlite::Error::QueryReturnedNoRows);
            };
            if found.is_some()
                || insert.execute(params![number.cast_signed(), key.path, key.what])? == 1
            {
                break number;
            }
        };
        known.insert((&key.path, &key.what), number);
        numbers.push(number);
    }
    Ok(numbers)
}

/// The numbers that the table holds for `keys`, read in one pass.
fn load<'a>(
    db: &Connection,
    keys: &'a [InodeKey],
) -> rusqlite::Result<HashMap<(&'a str, &'a str), u64>> {
    let mut wanted: HashMap<&'a str, Vec<&'a InodeKey>> = HashMap::with_capacity(keys.len());
    for key in keys {
        wanted.entry(&key.path).or_default().push(key);
    }
    let mut found = HashMap::with_capacity(keys.len());
    let mut query = db.prepare("SELECT path, what, inode FROM inodes")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let what = row.get_ref(1)?.as_str()?;
        let here = wanted.get(row.get_ref(0)?.as_str()?).into_iter().flatten();
        for key in here.filter(|key| key.what == what) {
            let number: i64 = row.get(2)?;
            found.insert(
                (key.path.as_str(), key.what.as_str()),
                number.cast_unsigned(),
            );
        }
    }
    Ok(found)
}

fn rename(db: &Connection, from: &str, to: &str) -> rusqlite::Result<()> {
    // '0' is the character after '/': the range holds exactly the paths inside.
    let mut select = db.prepare_cached(
        "SELECT inode, path, what FROM inodes WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')",
    )?;
    let rows = select.query_map([from], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let moving: Vec<(i64, String, String)> = rows.collect::<rusqlite::Result<_>>()?;
    let mut at = db.prepare_cached("SELECT inode FROM inodes WHERE path = ?1 AND what = ?2")?;
    let mut put = db.prepare_cached("UPDATE inodes SET path = ?2 WHERE inode = ?1")?;
    for (number, old, what) in moving {
        let new = format!("{to}{}", &old[from.len()..]);
        let there: Option<i64> = at.query_row([&new, &what], |row| row.get(0)).optional()?;
        if let Some(there) = there {
            // A path that no file can have, until the place is free.
            put.execute(params![there, format!("\u{1}{there}")])?;
        }
        put.execute(params![number, new])?;
        if let Some(there) = there {
            put.execute(params![there, old])?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "inodes_tests.rs"]
mod tests;
