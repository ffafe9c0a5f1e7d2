//! The fuzz corpus, replayed and mutated without a fuzzer.
//!
//! `fuzz/corpus/<target>/` holds every case of the tables, and what fuzzing
//! found. `UPDATE_CORPUS=1` writes the tables' cases there.

use std::fs;
use std::path::{Path, PathBuf};

use gostorm_wire::fuzzing::{TARGETS, Target};
use proptest::prelude::*;

use crate::cases;

fn directory(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target)
}

/// The files of a target's corpus, in the order of their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(directory(target)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let content = fs::read(&path).unwrap();
        (path, content)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn the_corpus_replays_without_a_panic() {
    for (name, body) in TARGETS {
        let files = corpus(name);
        assert!(files.len() >= 5, "{name}: the corpus is missing");
        for (path, content) in files {
            // The path is shown when the body panics.
            eprintln!("{}", path.display());
            body(&content);
        }
    }
}

#[test]
fn the_corpus_holds_every_case() {
    let update = std::env::var_os("UPDATE_CORPUS").is_some();
    for table in cases::tables() {
        let directory = directory(table.target);
        for (name, input) in &table.cases {
            let path = directory.join(name);
            if update {
                fs::create_dir_all(&directory).unwrap();
                fs::write(&path, input).unwrap();
            }
            let held = fs::read(&path).unwrap_or_default();
            assert!(
                held == *input,
                "{}: UPDATE_CORPUS=1 writes it",
                path.display()
            );
        }
    }
}

#[test]
fn every_target_has_a_table() {
    let tables: Vec<&str> = cases::tables().iter().map(|table| table.target).collect();
    assert_eq!(tables.len(), TARGETS.len());
    assert!(TARGETS.iter().all(|(name, _)| tables.contains(name)));
}

/// One small change to a text.
#[derive(Clone, Debug)]
enum Edit {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Cut(prop::sample::Index),
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    use prop::sample::Index;
    let interesting = prop::sample::select(vec![
        b"e".to_vec(),
        b"d".to_vec(),
        b"l".to_vec(),
        b"i-1e".to_vec(),
        b"i18446744073709551616e".to_vec(),
        b"0:".to_vec(),
        b"4294967295:".to_vec(),
        b"%".to_vec(),
        b"&".to_vec(),
        vec![0xFF; 4],
        vec![0; 4],
    ]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any::<Index>(), interesting).prop_map(|(at, text)| Edit::Insert(at, text)),
        (any::<Index>(), 1..9_usize).prop_map(|(at, len)| Edit::Remove(at, len)),
        any::<Index>().prop_map(Edit::Cut),
        (any::<Index>(), any::<Index>(), 1..40_usize).prop_map(|(a, b, len)| Edit::Copy(a, b, len)),
    ]
}

fn apply(text: &mut Vec<u8>, edit: Edit) {
    if text.is_empty() {
        return;
    }
    match edit {
        Edit::Set(at, byte) => {
            let at = at.index(text.len());
            text[at] = byte;
        }
        Edit::Insert(at, new) => {
            let at = at.index(text.len());
            text.splice(at..at, new);
        }
        Edit::Remove(at, len) => {
            let at = at.index(text.len());
            let end = (at + len).min(text.len());
            text.drain(at..end);
        }
        Edit::Cut(at) => text.truncate(at.index(text.len())),
        Edit::Copy(from, to, len) => {
            let from = from.index(text.len());
            let part = text[from..(from + len).min(text.len())].to_vec();
            let to = to.index(text.len());
            text.splice(to..to, part);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_case_breaks_an_invariant(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec(edit(), 1..6),
    ) {
        // Cases of some kilobytes only: the long ones would take all the time.
        let tables = cases::tables();
        let inputs: Vec<(&str, &Vec<u8>)> = tables
            .iter()
            .flat_map(|table| table.cases.iter().map(|(_, input)| (table.target, input)))
            .filter(|(_, input)| input.len() < 4096)
            .collect();
        let (target, input) = inputs[which.index(inputs.len())];
        let mut input = input.clone();
        for edit in edits {
            apply(&mut input, edit);
        }
        body(target)(&input);
    }
}

fn body(target: &str) -> fn(&[u8]) {
    let found: Option<&Target> = TARGETS.iter().find(|(name, _)| *name == target);
    found.unwrap().1
}
