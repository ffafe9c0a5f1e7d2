//! Databases that bbolt made, whole and damaged, and what fuzzing found.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use gostream_library::bolt::{BoltError, Bucket, read};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bolt");
    fs::read(folder.join(name)).unwrap()
}

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/bolt");
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A bucket as `make.go` lists it.
fn listed(bucket: &Bucket<'_>) -> Value {
    let name = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
    let hex = |value: &[u8]| -> String { value.iter().map(|byte| format!("{byte:02x}")).collect() };
    let values = bucket.values.iter();
    let values = values.map(|(key, value)| (name(key), json!(hex(value))));
    let buckets = bucket.buckets.iter();
    let buckets = buckets.map(|(key, inner)| (name(key), listed(inner)));
    Value::Object(values.chain(buckets).collect::<Map<_, _>>())
}

#[test]
fn a_database_of_every_shape_of_page_is_read_as_bbolt_itself_reads_it() {
    let bytes = fixture("shapes.db");
    let wanted: Value = serde_json::from_slice(&fixture("shapes.json")).unwrap();
    assert_eq!(listed(&read(&bytes).unwrap()), wanted);
    assert!(wanted["many"].as_object().unwrap().len() > 100);
}

#[test]
fn the_databases_of_torrserver_have_their_buckets() {
    let bytes = fixture("config.db");
    let root = read(&bytes).unwrap();
    let names: Vec<&[u8]> = root.buckets.keys().copied().collect();
    assert_eq!(names, [&b"Settings"[..], b"Torrents", b"Viewed"]);
    assert_eq!(root.buckets[&b"Torrents"[..]].values.len(), 2);
    let bytes = fixture("torrserver.db");
    let torrents = &read(&bytes).unwrap().buckets[&b"Torrents"[..]];
    let (_, one) = torrents.buckets.first_key_value().unwrap();
    assert_eq!(one.values[&b"Name"[..]], b"Amber Lighthouse");
}

/// A transaction that was cut short has damaged the page that it wrote last: the one before is in force.
#[test]
fn the_meta_page_that_is_whole_is_enough_and_the_newer_one_rules() {
    let whole = fixture("shapes.db");
    for offset in [0, 1024] {
        let mut bytes = whole.clone();
        bytes[offset + 16..offset + 60].fill(0x55);
        read(&bytes).unwrap();
        bytes[1024 - offset + 40] ^= 1;
        assert!(read(&bytes).is_err());
    }
    let page_of_newer = if whole[16 + 48] > whole[1024 + 16 + 48] {
        0
    } else {
        1024
    };
    let mut older = whole.clone();
    older[page_of_newer + 20] ^= 1;
    assert_ne!(read(&older).ok(), read(&whole).ok());
}

#[test]
fn what_is_no_database_or_is_cut_is_told_from_one_that_is_damaged() {
    for bytes in [&b""[..], b"SQLite format 3\0", &[0; 4096]] {
        assert_eq!(read(bytes), Err(BoltError::NotBolt));
    }
    let whole = fixture("config.db");
    let cut = read(&whole[..8192]).unwrap_err().to_string();
    assert!(cut.contains("lies outside of the file"), "{cut}");
    let mut turned = whole.clone();
    turned[20] ^= 1;
    turned[4096 + 20] ^= 1;
    let error = read(&turned).unwrap_err().to_string();
    assert!(error.contains("does not fit its checksum"), "{error}");
}

#[test]
fn the_corpus_replays_without_a_panic() {
    let files = corpus();
    assert!(files.len() >= 5, "the corpus is missing");
    for path in files {
        eprintln!("{}", path.display());
        let _ = read(&fs::read(path).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// The meta pages stay as they are, so that the damage is met in the tree.
    #[test]
    fn damage_anywhere_gives_a_tree_or_an_error(
        edits in prop::collection::vec((2048..65536_usize, any::<u8>()), 1..30),
        elements in prop::collection::vec((2..64_usize, 0..80_usize, any::<u8>()), 0..20),
    ) {
        let mut bytes = fixture("shapes.db");
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        for (page, at, byte) in elements {
            bytes[page * 1024 + at] = byte;
        }
        let _ = read(&bytes);
    }
}
