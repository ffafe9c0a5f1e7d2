//! A copy of the database as it was at one moment, while others may write it.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::BackupError;
use crate::{error::StoreError, migrations};

/// How long a foreign lock is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Writes a whole, compact copy of the database to `copy`, an empty file. It has no journal beside it.
pub(super) fn take(database: &Path, copy: &Path) -> Result<(), BackupError> {
    if !database.is_file() {
        return Err(BackupError::NoDatabase {
            path: database.to_owned(),
        });
    }
    // Not read-only: who opens a journal of a killed process has to recover it.
    let db = open(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    migrations::version(&db, database)?;
    let to = copy.to_string_lossy();
    db.execute("VACUUM INTO ?1", [&to])
        .map_err(|e| StoreError::sql(database, "make a copy", e))?;
    Ok(())
}

/// Checks that a file is a whole database which this program can use. Changes nothing.
pub(super) fn check(database: &Path) -> Result<(), StoreError> {
    let db = open(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    migrations::version(&db, database)?;
    let found: String = db
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|e| StoreError::sql(database, "check", e))?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        path: database.to_owned(),
        detail: found,
    })
}

fn open(database: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    let set_up = || {
        let db = Connection::open_with_flags(database, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        Ok(db)
    };
    set_up().map_err(|e| StoreError::sql(database, "open", e))
}
