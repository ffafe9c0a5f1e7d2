//! Tests of inode numbers: examples, and random histories against a model.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const HASH: TorrentHash = TorrentHash([0xab; 20]);

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("gostream.db")).unwrap();
    (folder, store)
}

fn one(store: &Store, key: InodeKey) -> u64 {
    store.inodes().assign(vec![key]).unwrap()[0]
}

#[test]
fn the_first_to_ask_gets_the_proposal() {
    let (_folder, store) = store();
    assert_eq!(
        one(&store, InodeKey::film("movies/a.mkv", &HASH, 3)),
        inode::file(&HASH, 3)
    );
    assert_eq!(
        one(&store, InodeKey::directory("tv")),
        inode::directory("tv")
    );
    assert_eq!(
        one(&store, InodeKey::file("movies/a.srt")),
        inode::sidecar("movies/a.srt")
    );
    assert_eq!(one(&store, InodeKey::directory("")), inode::ROOT_INODE);
}

#[test]
fn two_stubs_of_one_film_get_two_numbers_and_keep_them() {
    let (folder, store) = store();
    let keys = || {
        vec![
            InodeKey::film("movies/a.mkv", &HASH, 3),
            InodeKey::film("kids/a.mkv", &HASH, 3),
        ]
    };
    let numbers = store.inodes().assign(keys()).unwrap();
    assert_eq!(numbers[0], inode::file(&HASH, 3));
    assert_ne!(numbers[0], numbers[1]);
    drop(store);
    // The other order, later, one of them gone in between: the table rules.
    let store = Store::open(&folder.path().join("gostream.db")).unwrap();
    let [a, b] = <[InodeKey; 2]>::try_from(keys()).unwrap();
    assert_eq!(one(&store, b.clone()), numbers[1]);
    assert_eq!(
        store.inodes().assign(vec![b, a]).unwrap(),
        [numbers[1], numbers[0]]
    );
}

#[test]
fn another_film_at_the_same_path_gets_another_number() {
    let (_folder, store) = store();
    let first = one(&store, InodeKey::film("movies/a.mkv", &HASH, 1));
    let second = one(
        &store,
        InodeKey::film("movies/a.mkv", &TorrentHash([1; 20]), 1),
    );
    let broken = one(&store, InodeKey::file("movies/a.mkv"));
    assert_eq!(BTreeSet::from([first, second, broken]).len(), 3);
    assert_eq!(one(&store, InodeKey::film("movies/a.mkv", &HASH, 1)), first);
}

#[test]
fn a_renamed_folder_takes_the_numbers_of_all_in_it() {
    let (_folder, store) = store();
    let keys = |show: &str| {
        vec![
            InodeKey::directory(&format!("tv/{show}")),
            InodeKey::directory(&format!("tv/{show}/Season.01")),
            InodeKey::film(&format!("tv/{show}/Season.01/e.mkv"), &HASH, 1),
        ]
    };
    let numbers = store.inodes().assign(keys("Old")).unwrap();
    let neighbour = one(&store, InodeKey::directory("tv/Old (2031)"));
    store.inodes().rename("tv/Old", "tv/New").unwrap();
    assert_eq!(store.inodes().assign(keys("New")).unwrap(), numbers);
    assert_eq!(one(&store, InodeKey::directory("tv/Old (2031)")), neighbour);
    // A new folder under the old name is another folder.
    assert!(!numbers.contains(&one(&store, InodeKey::directory("tv/Old"))));
}

#[test]
fn a_rename_back_and_forth_loses_no_number() {
    let (_folder, store) = store();
    let a = one(&store, InodeKey::film("a.mkv", &HASH, 1));
    let b = one(&store, InodeKey::film("b.mkv", &HASH, 1));
    store.inodes().rename("a.mkv", "b.mkv").unwrap();
    assert_eq!(one(&store, InodeKey::film("b.mkv", &HASH, 1)), a);
    store.inodes().rename("b.mkv", "a.mkv").unwrap();
    assert_eq!(one(&store, InodeKey::film("a.mkv", &HASH, 1)), a);
    assert_eq!(one(&store, InodeKey::film("b.mkv", &HASH, 1)), b);
}

#[test]
fn a_folder_is_not_moved_into_itself() {
    let (_folder, store) = store();
    for (from, to) in [("tv", "tv/a"), ("tv/a", "tv"), ("", "tv")] {
        assert!(matches!(
            store.inodes().rename(from, to),
            Err(StoreError::BadRename { .. })
        ));
    }
    store.inodes().rename("tv", "tv").unwrap();
    store.inodes().rename("tv", "tv2").unwrap();
}

/// What the table should hold: exactly the documented rules, without SQL.
#[derive(Default)]
struct Model {
    rows: BTreeMap<(String, String), u64>,
}

impl Model {
    fn assign(&mut self, key: &InodeKey) -> u64 {
        if key.path.is_empty() {
            return 1;
        }
        let place = (key.path.clone(), key.what.clone());
        let used: BTreeSet<u64> = self.rows.values().copied().collect();
        *self
            .rows
            .entry(place)
            .or_insert_with(|| key.proposals().find(|n| !used.contains(n)).unwrap())
    }

    fn rename(&mut self, from: &str, to: &str) {
        let below = format!("{from}/");
        let moving: Vec<(String, String)> = self
            .rows
            .keys()
            .filter(|(path, _)| path == from || path.starts_with(&below))
            .cloned()
            .collect();
        for old in moving {
            let new = (format!("{to}{}", &old.0[from.len()..]), old.1.clone());
            let number = self.rows.remove(&old).unwrap();
            if let Some(there) = self.rows.insert(new, number) {
                self.rows.insert(old, there);
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Assign(Vec<InodeKey>),
    Rename(&'static str, &'static str),
    Reopen,
}

const PATHS: [&str; 9] = ["", "a", "b", "a/x", "a/y", "b/x", "a!", "a/x/z", "a0"];

/// Keys of few paths, whose first proposals collide with each other and with later proposals.
fn key() -> impl Strategy<Value = InodeKey> {
    let path = prop::sample::select(PATHS.to_vec());
    (path, 0u8..4, 0u8..4).prop_map(|(path, what, proposal)| {
        let mut key = match what {
            0 => InodeKey::directory(path),
            1 => InodeKey::file(path),
            n => InodeKey::film(path, &TorrentHash([n; 20]), 1),
        };
        match proposal {
            0 => {}
            1 => key.proposal = 2,
            2 => key.proposal = inode::next_proposal(2, "dir:/a", 1),
            _ => key.proposal = u64::MAX,
        }
        key
    })
}

fn step() -> impl Strategy<Value = Step> {
    let path = || prop::sample::select(PATHS.to_vec());
    prop_oneof![
        6 => prop::collection::vec(key(), 0..12).prop_map(Step::Assign),
        3 => (path(), path()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_history_gives_what_the_model_gives(steps in prop::collection::vec(step(), 1..14)) {
        let (folder, mut store) = store();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Assign(keys) => {
                    let expected: Vec<u64> = keys.iter().map(|key| model.assign(key)).collect();
                    prop_assert_eq!(store.inodes().assign(keys).unwrap(), expected);
                }
                Step::Rename(from, to) => {
                    if store.inodes().rename(from, to).is_ok() && from != to {
                        model.rename(from, to);
                    }
                }
                Step::Reopen => {
                    drop(store);
                    store = Store::open(&folder.path().join("gostream.db")).unwrap();
                }
            }
            let numbers: BTreeSet<u64> = model.rows.values().copied().collect();
            prop_assert_eq!(numbers.len(), model.rows.len());
            prop_assert!(!numbers.contains(&0) && !numbers.contains(&1));
        }
    }
}
