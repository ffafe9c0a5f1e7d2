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

fn run_steps(db: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), StoreError> {
    let number = |db: &Connection, sql| {
        db.query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|e| StoreError::sql(path, "read the schema number", e))
    };
    let mut version = number(db, "PRAGMA user_version")?;
    let tables = number(db, "SELECT count(*) FROM sqlite_schema")?;
    let application = number(db, "PRAGMA application_id")?;
    let blank = version == 0 && tables == 0 && application == 0;
    if !blank && (version <= 0 || application != APPLICATION_ID) {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: version,
            known,
        });
    }
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const PLACE: &str = "test.db";

    fn run_all(db: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
        run_steps(db, Path::new(PLACE), steps)
    }

    fn schema(db: &Connection) -> Vec<String> {
        let mut query = db
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn version(db: &Connection) -> i64 {
        db.query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn every_older_schema_becomes_the_newest() {
        let mut newest = Connection::open_in_memory().unwrap();
        run_all(&mut newest, &STEPS).unwrap();
        for older in 0..=STEPS.len() {
            let mut db = Connection::open_in_memory().unwrap();
            run_all(&mut db, &STEPS[..older]).unwrap();
            run_all(&mut db, &STEPS).unwrap();
            assert_eq!(schema(&db), schema(&newest), "from {older}");
            assert_eq!(version(&db), i64::try_from(STEPS.len()).unwrap());
        }
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_alone() {
        let mut db = Connection::open_in_memory().unwrap();
        run_all(&mut db, &STEPS).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        let error = run_all(&mut db, &STEPS).unwrap_err();
        assert!(
            matches!(error, StoreError::Newer { found: 99, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("newer GoStream") && error.to_string().contains(PLACE));
        assert_eq!(version(&db), 99);
    }

    #[test]
    fn a_step_that_fails_in_the_middle_leaves_the_schema_before_it() {
        let steps = [
            STEPS[0],
            "CREATE TABLE half (a); CREATE TABLE nonsense nonsense;",
        ];
        let mut db = Connection::open_in_memory().unwrap();
        let error = run_all(&mut db, &steps).unwrap_err();
        assert!(
            matches!(error, StoreError::Migration { from: 1, to: 2, .. }),
            "{error}"
        );
        assert_eq!(version(&db), 1);
        assert!(!schema(&db).iter().any(|sql| sql.contains("half")));
        run_all(&mut db, &[STEPS[0], "CREATE TABLE whole (a);"]).unwrap();
        assert_eq!(version(&db), 2);
    }

    #[test]
    fn a_database_of_another_program_is_refused() {
        for setup in [
            "CREATE TABLE theirs (a)",
            "PRAGMA user_version = 1",
            "PRAGMA application_id = 7",
        ] {
            let mut db = Connection::open_in_memory().unwrap();
            db.execute_batch(setup).unwrap();
            let error = run_all(&mut db, &STEPS).unwrap_err();
            assert!(
                matches!(error, StoreError::Foreign { .. }),
                "{setup}: {error}"
            );
        }
    }
}
