//! The corpus of the archive reader: every kind of entry that is taken or refused, and what fuzzing found.
//!
//! `UPDATE_CORPUS=1` writes the cases to `fuzz/corpus/backup`. The database of a case is only its first bytes: what a
//! whole one is like is for the tests of backups to say.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf};

use tar::{Builder, EntryType, Header};

use super::{
    BackupError,
    format::{DATABASE, Digest, END, HEAD},
    fuzzing, unpack,
};

const FIRST: &str = r#"{"format":1,"version":"0.1.0","made_at":7}"#;
const STUB: (&str, &[u8]) = ("library/movies/A.mkv", b"{}");
const BEGUN: (&str, &[u8]) = (DATABASE, b"SQLite format 3\0");

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/backup")
}

fn header(kind: EntryType, len: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(len);
    header.set_mode(0o600);
    header.set_mtime(7);
    header
}

/// An archive of a first entry, files and a last entry that fits.
fn archive(first: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    let mut digest = Digest::new();
    let mut add = |name: &str, bytes: &[u8]| {
        let len = u64::try_from(bytes.len()).unwrap();
        digest.begin(name, len);
        digest.update(bytes);
        let mut header = header(EntryType::Regular, len);
        // Names as a hostile writer puts them, which the crate would refuse to write.
        if name.len() <= 100 {
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, bytes).unwrap();
        } else {
            tar.append_data(&mut header, name, bytes).unwrap();
        }
    };
    add(HEAD, first.as_bytes());
    for (name, bytes) in files {
        add(name, bytes);
    }
    let end = format!(
        r#"{{"files":{},"sha256":"{}"}}"#,
        files.len(),
        digest.finish()
    );
    let mut last = header(EntryType::Regular, u64::try_from(end.len()).unwrap());
    tar.append_data(&mut last, END, end.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

/// One that goes on, after its first entry, with an entry of this kind.
fn with_entry(kind: EntryType, name: &str, len: u64) -> Vec<u8> {
    let mut bytes = archive(FIRST, &[]);
    let mut entry = header(kind, len);
    entry.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    entry.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
    entry.set_cksum();
    bytes.splice(1024..1024, entry.as_bytes().iter().copied());
    bytes
}

/// Each with words of what is said of it.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let deep = format!("library/tv/{}/E.nfo", "s".repeat(120));
    let whole = archive(
        FIRST,
        &[BEGUN, ("config.json", b"{}"), STUB, (&deep, b"<x/>")],
    );
    let named = |name: &str| archive(FIRST, &[BEGUN, (name, b"x")]);
    vec![
        ("empty", Vec::new(), "is no backup"),
        ("cut", whole[..2300].to_vec(), "is damaged"),
        ("whole", whole, "its database"),
        ("no_database", archive(FIRST, &[STUB]), "no database"),
        (
            "newer",
            archive(r#"{"format":2,"version":"9","made_at":7}"#, &[]),
            "newer",
        ),
        ("no_head", archive("[]", &[]), "is no backup"),
        ("twice", archive(FIRST, &[STUB, STUB]), "twice"),
        ("absolute", named("/etc/passwd"), "does not belong"),
        ("upwards", named("library/../../A.mkv"), "damaged"),
        ("foreign", named("library/movies/A.exe"), "does not belong"),
        (
            "stub_too_long",
            archive(FIRST, &[("library/A.mkv", &[b'x'; 70_000])]),
            "are the most",
        ),
        (
            "link",
            with_entry(EntryType::Symlink, "library/A.mkv", 0),
            "is no file",
        ),
        (
            "folder",
            with_entry(EntryType::Directory, "library/movies", 0),
            "is no file",
        ),
        (
            "pax",
            with_entry(EntryType::XHeader, "library/A.mkv", 0),
            "is no file",
        ),
        (
            "sparse",
            with_entry(EntryType::GNUSparse, DATABASE, 0),
            "is",
        ),
        (
            "huge",
            with_entry(EntryType::Regular, "config.json", 1 << 40),
            "are the most",
        ),
        (
            "long_name_cut",
            with_entry(EntryType::GNULongName, "x", 1 << 30),
            "are the most",
        ),
    ]
}

#[test]
fn every_case_is_refused_by_what_is_wrong_with_it() {
    for (name, bytes, said) in cases() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar");
        fs::write(&path, bytes).unwrap();
        let into = folder.path().join("out");
        fs::create_dir(&into).unwrap();
        let error: BackupError = unpack(&path, &into).unwrap_err();
        assert!(error.to_string().contains(said), "{name}: {error}");
    }
}

#[test]
fn the_corpus_holds_every_case_and_replays_without_a_panic() {
    let update = std::env::var_os("UPDATE_CORPUS").is_some();
    for (name, bytes, _) in cases() {
        let path = corpus().join(name);
        if update {
            fs::create_dir_all(corpus()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        let held = fs::read(&path).unwrap_or_default();
        assert!(
            held == bytes,
            "{}: UPDATE_CORPUS=1 writes it",
            path.display()
        );
    }
    for entry in fs::read_dir(corpus()).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display());
        fuzzing::backup(&fs::read(path).unwrap());
    }
}
