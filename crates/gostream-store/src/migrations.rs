//! The schema, in numbered steps.
//!
//! `user_version` of the database is the number of the last step that was done. Each step runs in a
//! transaction with the new number, so that a power cut leaves a whole schema, old or new. Steps are only
//! ever added. A database with a number above ours is refused, and so is one of another program.

use std::path::Path;

use rusqlite::Connection;

use crate::error::StoreError;

/// Steps in order; number 1 comes first.
pub(crate) const STEPS: [&str; 5] = [
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_network.sql"),
    include_str!("../migrations/0003_library.sql"),
    include_str!("../migrations/0004_refused.sql"),
    include_str!("../migrations/0005_listed.sql"),
];

/// `GSTR`, set by the first step.
const APPLICATION_ID: i64 = 0x4753_5452;

/// Brings an open database to the newest schema.
pub(crate) fn run(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    run_steps(db, path, &STEPS)
}

/// The schema of a database that this program can use; 0 for a blank one.
pub(crate) fn version(db: &Connection, path: &Path) -> Result<i64, StoreError> {
    version_of(db, path, STEPS.len())
}

fn version_of(db: &Connection, path: &Path, known: usize) -> Result<i64, StoreError> {
    let number = |sql| {
        db.query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|e| StoreError::sql(path, "read the schema number", e))
    };
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let application = number("PRAGMA application_id")?;
    let blank = version == 0 && tables == 0 && application == 0;
    if !blank && (version <= 0 || application != APPLICATION_ID) {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    let known = i64::try_from(known).unwrap_or(i64::MAX);
    if version > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: version,
            known,
        });
    }
    Ok(version)
}

fn run_steps(db: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), StoreError> {
    let mut version = version_of(db, path, steps.len())?;
    for (to, sql) in (1i64..).zip(steps) {
        if to <= version {
            continue;
        }
        step(db, to, sql).map_err(|source| StoreError::Migration {
            path: path.to_owned(),
            from: version,
            to,
            source,
        })?;
        version = to;
    }
    Ok(())
}

fn step(db: &mut Connection, to: i64, sql: &str) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "user_version", to)?;
    transaction.commit()
}

#[cfg(test)]
#[path = "migrations_tests.rs"]
mod tests;
