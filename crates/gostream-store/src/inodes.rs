//! Inode numbers, given once and kept for ever.
//!
//! A number belongs to a path and what lies there: a folder, a film (`<hash>:<index>`) or another file. The
//! first to ask for a free proposal ([`gostream_library::inode`]) gets it; who comes second gets the next
//! proposal for its own key, which depends on no neighbour. Rows outlive what they are for, so a title that is removed
//! and added again has its old number; another film at the same path has another number, as a client's cache
//! needs. A rename moves the rows, so that the number goes along, and so does a title that is found at another
//! path than where it was ([`Inodes::holders`]).
//!
//! The tree of the mount asks for a whole scan at once ([`Inodes::find`], then [`Inodes::settle`]). What is
//! gone for longest is forgotten when there is far more of it than of what is there (`sweep`).

mod import;
mod sweep;

use std::{collections::HashMap, fmt};

use gostream_library::{TorrentHash, inode};
use rusqlite::{Connection, OptionalExtension as _, Statement, params};

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
    path: Box<str>,
    what: What,
    proposal: u64,
}

/// The kind of thing. Written as `dir`, `file` or `<hash>:<index>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A folder.
    Dir,
    /// A side-car, or a stub that cannot be read.
    File,
    /// A film.
    Film(TorrentHash, u32),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir => f.write_str("dir"),
            Self::File => f.write_str("file"),
            Self::Film(hash, index) => write!(f, "{hash}:{index}"),
        }
    }
}

impl What {
    /// The kind that is written so; none for what no version wrote.
    fn read(text: &str) -> Option<Self> {
        match text {
            "dir" => Some(Self::Dir),
            "file" => Some(Self::File),
            film => {
                let (hash, index) = film.split_once(':')?;
                Some(Self::Film(hash.parse().ok()?, index.parse().ok()?))
            }
        }
    }
}

impl InodeKey {
    /// A folder.
    pub fn directory(path: &str) -> Self {
        Self::new(path, What::Dir)
    }

    /// A film that a stub at `path` stands for.
    pub fn film(path: &str, hash: &TorrentHash, index: u32) -> Self {
        Self::new(path, What::Film(*hash, index))
    }

    /// A side-car, or a stub that cannot be read.
    pub fn file(path: &str) -> Self {
        Self::new(path, What::File)
    }

    /// Any of them.
    pub fn new(path: &str, what: What) -> Self {
        Self {
            path: path.into(),
            what,
            proposal: match &what {
                What::Dir => inode::directory(path),
                What::File => inode::sidecar(path),
                What::Film(hash, index) => inode::file(hash, *index),
            },
        }
    }

    /// The proposals in the order in which they are tried.
    fn proposals(&self) -> impl Iterator<Item = u64> {
        let (first, what) = (self.proposal, self.what);
        let path = &self.path;
        std::iter::once(first).chain((1..=u32::MAX).map(move |n| {
            // The path is last: it is the only part that may hold any character.
            inode::next_proposal(first, &format!("{what}:/{path}"), n)
        }))
    }
}

/// A number, and the path that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The number.
    pub number: u64,
    /// The path.
    pub path: String,
}

/// A number whose file or folder lies at another path now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The number.
    pub number: u64,
    /// Where it belongs from now on.
    pub to: String,
}

const SELECT: &str = "SELECT inode FROM inodes WHERE path = ?1 AND what = ?2";

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

    /// Tells every number that was ever given and not forgotten, with what it is for, in no order.
    pub fn walk(&self, mut tell: impl FnMut(&str, What, u64)) -> Result<(), StoreError> {
        self.store.read("read inode numbers", |db| {
            let mut query = db.prepare("SELECT path, what, inode FROM inodes")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let number: i64 = row.get(2)?;
                if let Some(what) = What::read(row.get_ref(1)?.as_str()?) {
                    tell(row.get_ref(0)?.as_str()?, what, number.cast_unsigned());
                }
            }
            Ok(())
        })
    }

    /// The numbers that the table has for `keys`, in their order; for few keys. The root has 1.
    pub fn find(&self, keys: &[InodeKey]) -> Result<Vec<Option<u64>>, StoreError> {
        self.store.read("look up inode numbers", |db| {
            let mut select = db.prepare_cached(SELECT)?;
            let numbers = keys.iter().map(|key| {
                if key.path.is_empty() {
                    return Ok(Some(inode::ROOT_INODE));
                }
                lookup(&mut select, key)
            });
            numbers.collect()
        })
    }

    /// For each of `keys`: the path elsewhere that holds its first proposal for the same thing. A film that is
    /// not at that path any more was moved, or removed there and added again: its number is to go along.
    pub fn holders(&self, keys: &[InodeKey]) -> Result<Vec<Option<Holder>>, StoreError> {
        self.store.read("look up inode numbers", |db| {
            let mut select = db.prepare_cached(
                "SELECT path FROM inodes WHERE inode = ?1 AND what = ?2 AND path <> ?3",
            )?;
            let mut holders = Vec::with_capacity(keys.len());
            for key in keys {
                let number = key.proposal;
                let path = select
                    .query_row(
                        params![number.cast_signed(), key.what.to_string(), key.path],
                        |row| row.get(0),
                    )
                    .optional()?;
                holders.push(path.map(|path| Holder { number, path }));
            }
            Ok(holders)
        })
    }

    /// Moves numbers to new paths and gives new ones to `keys`, in one transaction; the numbers of `keys`.
    pub fn settle(&self, moved: Vec<Moved>, keys: Vec<InodeKey>) -> Result<Vec<u64>, StoreError> {
        if !moved.is_empty() {
            self.store
                .write("move inode numbers", move |db| move_numbers(db, &moved))?;
        }
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.assign(keys)
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
    let mut select = db.prepare_cached(SELECT)?;
    let mut insert = db.prepare_cached(
        "INSERT INTO inodes (inode, path, what) VALUES (?1, ?2, ?3) ON CONFLICT (inode) DO NOTHING",
    )?;
    let mut numbers = Vec::with_capacity(keys.len());
    for key in keys {
        if key.path.is_empty() {
            numbers.push(inode::ROOT_INODE);
            continue;
        }
        let mut found = known.get(&(&*key.path, key.what)).copied();
        if found.is_none() && !complete {
            found = lookup(&mut select, key)?;
        }
        let mut proposals = key.proposals();
        let number = loop {
            // 2^32 proposals in a row cannot all be taken: the table would not fit on any disk.
            let Some(number) = found.or_else(|| proposals.next()) else {
                return Err(rusqlite::Error::QueryReturnedNoRows);
            };
            if found.is_some()
                || insert.execute(params![
                    number.cast_signed(),
                    key.path,
                    key.what.to_string()
                ])? == 1
            {
                break number;
            }
        };
        known.insert((&*key.path, key.what), number);
        numbers.push(number);
    }
    Ok(numbers)
}

fn lookup(select: &mut Statement<'_>, key: &InodeKey) -> rusqlite::Result<Option<u64>> {
    let number = select
        .query_row(params![key.path, key.what.to_string()], |row| {
            row.get::<_, i64>(0)
        })
        .optional()?;
    Ok(number.map(i64::cast_unsigned))
}

/// Moves each number, whatever the others do: two may change places.
fn move_numbers(db: &Connection, moved: &[Moved]) -> rusqlite::Result<()> {
    let mut away = db.prepare_cached("UPDATE inodes SET path = ?2 WHERE inode = ?1")?;
    for one in moved {
        let number = one.number.cast_signed();
        away.execute(params![number, nowhere(number)])?;
    }
    // What held the place before is of something that is gone: the number stays given, its path is lost.
    let mut clear = db.prepare_cached(
        "UPDATE inodes SET path = char(1) || inode WHERE path = ?2 AND inode <> ?1
         AND what = (SELECT what FROM inodes WHERE inode = ?1)",
    )?;
    for one in moved {
        let number = one.number.cast_signed();
        clear.execute(params![number, one.to])?;
        away.execute(params![number, one.to])?;
    }
    Ok(())
}

/// A path that no file can have.
fn nowhere(number: i64) -> String {
    format!("\u{1}{number}")
}

/// The numbers that the table holds for `keys`, read in one pass.
fn load<'a>(
    db: &Connection,
    keys: &'a [InodeKey],
) -> rusqlite::Result<HashMap<(&'a str, What), u64>> {
    let mut wanted: Vec<&'a InodeKey> = keys.iter().collect();
    wanted.sort_unstable();
    let mut found = HashMap::new();
    let mut query = db.prepare("SELECT path, what, inode FROM inodes")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let Some(what) = What::read(row.get_ref(1)?.as_str()?) else {
            continue;
        };
        let here = (row.get_ref(0)?.as_str()?, what);
        let at = wanted.binary_search_by(|key| (&*key.path, key.what).cmp(&here));
        if let Ok(at) = at {
            let number: i64 = row.get(2)?;
            found.insert((&*wanted[at].path, what), number.cast_unsigned());
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
            put.execute(params![there, nowhere(there)])?;
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
