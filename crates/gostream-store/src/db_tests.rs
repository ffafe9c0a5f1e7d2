//! Tests of opening, writing and closing the database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, sync::mpsc::channel};

use super::*;

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/gostream.db");
    (folder, path)
}

fn add_number(store: &Store, number: i64) -> Result<(), StoreError> {
    store.write("add", move |db| {
        db.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)", [])?;
        db.execute("INSERT INTO t VALUES (?1)", [number])?;
        Ok(())
    })
}

fn numbers(store: &Store) -> Vec<i64> {
    store
        .read("list", |db| {
            let mut query = db.prepare("SELECT n FROM t ORDER BY n")?;
            query.query_map([], |row| row.get(0))?.collect()
        })
        .unwrap()
}

#[test]
fn the_journal_is_a_wal_and_the_reader_cannot_write() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    let mode: String = store
        .read("ask", |db| {
            db.query_row("PRAGMA journal_mode", [], |row| row.get(0))
        })
        .unwrap();
    assert_eq!(mode, "wal");
    assert!(
        store
            .read("cheat", |db| db.execute("CREATE TABLE t (n)", []))
            .is_err()
    );
}

#[test]
fn a_failed_write_is_rolled_back_whole() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    add_number(&store, 1).unwrap();
    let result: Result<(), StoreError> = store.write("half", |db| {
        db.execute("INSERT INTO t VALUES (2)", [])?;
        db.execute("INSERT INTO nowhere VALUES (3)", []).map(|_| ())
    });
    let message = result.unwrap_err().to_string();
    assert!(
        message.contains("cannot half in the database") && message.contains("nowhere"),
        "{message}"
    );
    assert_eq!(numbers(&store), [1]);
}

#[test]
fn dropping_the_last_store_waits_for_queued_writes() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    add_number(&store, 0).unwrap();
    let clone = store.clone();
    for number in 1..=50i64 {
        let queued = clone.write_later("add", move |db| {
            db.execute("INSERT INTO t VALUES (?1)", [number])
                .map(|_| ())
        });
        assert!(queued);
    }
    drop(store);
    drop(clone);
    let store = Store::open(&path).unwrap();
    assert_eq!(numbers(&store), (0..=50).collect::<Vec<_>>());
}

#[test]
fn a_full_queue_drops_what_nobody_waits_for_and_says_so() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    let (release, wait) = channel::<()>();
    let (started, running) = channel::<()>();
    assert!(store.write_later("block", move |_| {
        started.send(()).unwrap();
        wait.recv().unwrap();
        Ok(())
    }));
    running.recv().unwrap();
    let queued = (0..QUEUE_MAX + 10)
        .filter(|_| store.write_later("wait", |_| Ok(())))
        .count();
    assert_eq!(queued, QUEUE_MAX);
    release.send(()).unwrap();
    store.flush().unwrap();
}

#[test]
fn many_threads_write_and_read_at_once() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    add_number(&store, -1).unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..10 {
                    add_number(store, number).unwrap();
                    assert!(numbers(store).contains(&number));
                }
            });
        }
    });
    assert_eq!(numbers(&store).len(), 81);
}

#[test]
fn a_file_that_is_no_database_is_named_and_left_alone() {
    let (_folder, path) = place();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let garbage = b"this is not a database, but it may be dear to someone. ".repeat(100);
    fs::write(&path, &garbage).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("gostream.db"));
    assert_eq!(fs::read(&path).unwrap(), garbage);
}

#[test]
fn a_damaged_table_is_an_error_and_no_panic() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    let fill = |db: &Transaction<'_>| {
        db.execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
             INSERT INTO bans SELECT 'address ' || i, 'why', i FROM n",
        )
    };
    store.write("fill", fill).unwrap();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let pages = bytes.len() / 4096;
    for page in 8..pages {
        bytes[page * 4096..page * 4096 + 512].fill(0xa5);
    }
    fs::write(&path, &bytes).unwrap();
    let store = Store::open(&path).unwrap();
    let error = store.bans().list().unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[test]
fn a_database_held_by_another_program_is_reported() {
    let (_folder, path) = place();
    drop(Store::open(&path).unwrap());
    let holder = Connection::open(&path).unwrap();
    holder
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let error = Store::open_with(&path, Duration::ZERO).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("in use by another program"));
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    Store::open(&path).unwrap();
}

#[test]
fn a_place_that_cannot_be_a_database_is_an_error() {
    let (folder, _) = place();
    fs::write(folder.path().join("file"), b"").unwrap();
    let error = Store::open(&folder.path().join("file/gostream.db")).unwrap_err();
    assert!(matches!(error, StoreError::Folder { .. }), "{error}");
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Sql { .. }), "{error}");
}

#[test]
fn a_newer_database_is_refused_on_disk_too() {
    let (_folder, path) = place();
    drop(Store::open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 1000).unwrap();
    drop(db);
    assert!(matches!(
        Store::open(&path),
        Err(StoreError::Newer { found: 1000, .. })
    ));
}

/// What a killed process leaves: the database and its journal, copied while it is open.
#[test]
fn committed_writes_survive_a_kill() {
    let (folder, path) = place();
    let store = Store::open(&path).unwrap();
    for number in 0..20 {
        add_number(&store, number).unwrap();
    }
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let after = Store::open(&copy).unwrap();
    assert_eq!(numbers(&after), (0..20).collect::<Vec<_>>());
}
