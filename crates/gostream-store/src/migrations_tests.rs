//! Tests of the steps, and of databases as each earlier version left them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gostream_library::TorrentHash;

use super::*;
use crate::db::Store;

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

/// Databases of every version, with rows in every table: text, as SQLite dumps them. A new step brings its own.
const FIXTURES: [&str; 5] = [
    include_str!("../fixtures/schema-1.sql"),
    include_str!("../fixtures/schema-2.sql"),
    include_str!("../fixtures/schema-3.sql"),
    include_str!("../fixtures/schema-4.sql"),
    include_str!("../fixtures/schema-5.sql"),
];

fn tables(db: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut query = db.prepare(sql).unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn columns(db: &Connection, table: &str) -> Vec<String> {
    let query = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
    query.column_names().map(str::to_owned).collect()
}

/// Every row of a table as text, in order.
fn rows(db: &Connection, table: &str, columns: &[String]) -> Vec<String> {
    let quoted: Vec<String> = columns
        .iter()
        .map(|name| format!("quote({name})"))
        .collect();
    let sql = format!(
        "SELECT concat_ws(', ', {}) AS r FROM {table} ORDER BY r",
        quoted.join(", ")
    );
    let mut query = db.prepare(&sql).unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_database_of_every_older_version_is_migrated_and_keeps_every_row() {
    assert_eq!(FIXTURES.len(), STEPS.len(), "a step without a fixture");
    let mut newest = Connection::open_in_memory().unwrap();
    run_all(&mut newest, &STEPS).unwrap();
    for (number, fixture) in (1i64..).zip(FIXTURES) {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch(fixture).unwrap();
        assert_eq!(version(&db), number);
        let before: Vec<_> = tables(&db)
            .into_iter()
            .map(|table| {
                let columns = columns(&db, &table);
                let rows = rows(&db, &table, &columns);
                assert!(
                    !rows.is_empty(),
                    "the fixture of {number} has nothing in {table}"
                );
                (table, columns, rows)
            })
            .collect();
        run_all(&mut db, &STEPS).unwrap();
        assert_eq!(schema(&db), schema(&newest), "from {number}");
        for (table, columns, kept) in before {
            assert_eq!(rows(&db, &table, &columns), kept, "{table} from {number}");
        }
    }
}

#[test]
fn the_repositories_read_what_every_older_version_wrote() {
    for (number, fixture) in (1..).zip(FIXTURES) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gostream.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch(fixture)
            .unwrap();
        let store = Store::open(&path).unwrap();
        let hash = TorrentHash(std::array::from_fn(|n| u8::try_from(n).unwrap()));
        let torrent = store.torrents().get(&hash).unwrap().unwrap();
        assert_eq!(torrent.name, "Copper Lanterns (2031)");
        assert_eq!(
            torrent.info_dict.as_deref(),
            Some(&b"d6:lengthi9e4:name1:ae"[..])
        );
        assert_eq!(torrent.trackers.len(), 2);
        assert_eq!(torrent.hash_v2.is_some(), number >= 2);
        let peers = store.known_peers().get(&hash).unwrap();
        assert_eq!(
            (peers.len(), peers[0].trusted, peers[0].rate_bytes_per_s),
            (2, true, 5_000_000_000)
        );
        assert_eq!(store.bans().list().unwrap().len(), 1);
        assert!(!store.inodes().is_empty().unwrap());
        assert_eq!(
            store.piece_layers().get(&hash).unwrap().is_some(),
            number >= 2
        );
        assert_eq!(store.library_root().get().unwrap().is_some(), number >= 3);
        assert_eq!(
            store.refusals().list().unwrap().len(),
            if number >= 4 { 2 } else { 0 }
        );
        let listed = usize::from(number >= 5);
        assert_eq!(store.listed().list().unwrap().len(), listed);
        assert_eq!(store.viewed().list().unwrap().len(), listed);
        assert_eq!(
            store.positions().get(&hash, 1).unwrap().is_some(),
            listed == 1
        );
    }
}
