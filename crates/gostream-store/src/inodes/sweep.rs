//! Keeps the table of inode numbers from growing for ever.
//!
//! Run once at each start of a server, when the whole library was found. A number that is not among those shown
//! is marked as gone, and of those the ones that went first are forgotten when more than [`GONE_MIN`] and more
//! than twice as many as are there are kept. A title that comes back after that gets its first proposal, which
//! is the same number in all but rare cases. A library in which nothing was found changes nothing.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::Inodes;
use crate::error::StoreError;

/// So many numbers of things that are gone are always kept.
const GONE_MIN: usize = if cfg!(test) { 4 } else { 50_000 };

impl Inodes<'_> {
    /// Marks what is not among `shown` (all numbers of the library) as gone since `now_unix`, or longer if it was
    /// so marked before, and forgets the excess. How many were forgotten.
    pub fn sweep(&self, shown: HashSet<u64>, now_unix: i64) -> Result<usize, StoreError> {
        if shown.is_empty() {
            return Ok(0);
        }
        self.store.write("tidy up inode numbers", move |db| {
            sweep(db, &shown, now_unix)
        })
    }
}

fn sweep(db: &Connection, shown: &HashSet<u64>, now_unix: i64) -> rusqlite::Result<usize> {
    let mut gone: Vec<(i64, i64)> = Vec::new();
    let (mut went, mut came) = (Vec::new(), Vec::new());
    {
        let mut all = db.prepare("SELECT inode, gone_since FROM inodes")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let (number, since): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
            match (shown.contains(&number.cast_unsigned()), since) {
                (true, Some(_)) => came.push(number),
                (true, None) => {}
                (false, None) => {
                    went.push(number);
                    gone.push((now_unix, number));
                }
                (false, Some(since)) => gone.push((since, number)),
            }
        }
    }
    let mut mark = db.prepare("UPDATE inodes SET gone_since = ?2 WHERE inode = ?1")?;
    for number in went {
        mark.execute(params![number, now_unix])?;
    }
    for number in came {
        mark.execute(params![number, None::<i64>])?;
    }
    let excess = gone.len().saturating_sub(GONE_MIN.max(2 * shown.len()));
    if excess == 0 {
        return Ok(0);
    }
    gone.sort_unstable();
    let mut forget = db.prepare("DELETE FROM inodes WHERE inode = ?1")?;
    for (_, number) in &gone[..excess] {
        forget.execute([number])?;
    }
    Ok(excess)
}
