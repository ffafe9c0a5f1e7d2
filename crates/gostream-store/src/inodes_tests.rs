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

#[test]
fn numbers_that_change_places_are_moved_at_once() {
    let (_folder, store) = store();
    let keys = |a: &str, b: &str| vec![InodeKey::film(a, &HASH, 1), InodeKey::film(b, &HASH, 1)];
    let numbers = store.inodes().assign(keys("a.mkv", "b.mkv")).unwrap();
    let gone = one(&store, InodeKey::film("c.mkv", &HASH, 1));
    let moved = |number: u64, to: &str| Moved {
        number,
        to: to.to_owned(),
    };
    let swap = vec![moved(numbers[0], "b.mkv"), moved(numbers[1], "a.mkv")];
    store.inodes().settle(swap, Vec::new()).unwrap();
    assert_eq!(
        store.inodes().assign(keys("b.mkv", "a.mkv")).unwrap(),
        numbers
    );
    // Onto the path of something that is gone, whose number is given to nobody else.
    let more = vec![InodeKey::film("d.mkv", &HASH, 1)];
    let new = store
        .inodes()
        .settle(vec![moved(numbers[0], "c.mkv")], more)
        .unwrap();
    assert_eq!(one(&store, InodeKey::film("c.mkv", &HASH, 1)), numbers[0]);
    assert!(!numbers.contains(&new[0]) && new[0] != gone);
}

#[test]
fn the_path_that_holds_the_number_of_a_film_is_told() {
    let (_folder, store) = store();
    let number = one(&store, InodeKey::film("a.mkv", &HASH, 1));
    let holder = |key| store.inodes().holders(&[key]).unwrap().remove(0);
    let found = holder(InodeKey::film("b.mkv", &HASH, 1)).unwrap();
    assert_eq!((found.number, found.path.as_str()), (number, "a.mkv"));
    assert_eq!(holder(InodeKey::film("a.mkv", &HASH, 1)), None);
    assert_eq!(holder(InodeKey::film("b.mkv", &HASH, 2)), None);
    let known = store
        .inodes()
        .find(&[
            InodeKey::film("a.mkv", &HASH, 1),
            InodeKey::directory(""),
            InodeKey::film("b.mkv", &HASH, 1),
        ])
        .unwrap();
    assert_eq!(known, [Some(number), Some(1), None]);
}

#[test]
fn what_is_gone_for_longest_is_forgotten_when_it_is_far_too_much() {
    let (_folder, store) = store();
    let key = |n: usize| InodeKey::file(&format!("{n:02}"));
    let numbers = store.inodes().assign((0..20).map(key).collect()).unwrap();
    let sweep = |shown: &[u64], now| {
        let shown = shown.iter().copied().collect();
        store.inodes().sweep(shown, now).unwrap()
    };
    let count = || {
        let known = store.inodes().find(&(0..20).map(key).collect::<Vec<_>>());
        known.unwrap().iter().flatten().count()
    };
    // Nothing was found: the source is not there.
    assert_eq!(sweep(&[], 1), 0);
    assert_eq!(sweep(&numbers[..15], 2), 0);
    assert_eq!(sweep(&numbers[..10], 3), 0);
    // The last three were there again.
    assert_eq!(sweep(&[&numbers[..10], &numbers[17..]].concat(), 4), 0);
    assert_eq!(count(), 20);
    // At most twice as many as are there: of 16 that are gone, ten stay.
    assert_eq!(sweep(&numbers[..5], 5), 5);
    assert_eq!(sweep(&numbers[..4], 6), 3);
    let left = store
        .inodes()
        .find(&(0..20).map(key).collect::<Vec<_>>())
        .unwrap();
    // Gone since 2: 15 and 16. Then 10 to 14, since 3, but for the last.
    let forgotten: Vec<usize> = (0..20).filter(|n| left[*n].is_none()).collect();
    assert_eq!(forgotten.len(), 8);
    assert!(forgotten.contains(&15) && forgotten.contains(&16) && !forgotten.contains(&19));
    assert_eq!(one(&store, key(15)), numbers[15]);
}

#[test]
fn the_numbers_of_an_earlier_program_are_taken_over_once() {
    let (_folder, store) = store();
    let other = TorrentHash([0xcd; 20]);
    let third = TorrentHash([0xef; 20]);
    let proposal = inode::file(&third, 2);
    let map = gostream_library::InodeMap {
        films: vec![(HASH, 1, 77), (other, 1, 78), (third, 2, proposal)],
        folders: vec![
            ("/tv".to_owned(), 1 << 63 | 5),
            ("/lib/movies".to_owned(), 1 << 63 | 6),
            ("/lib".to_owned(), 9),
            ("/tv/../x".to_owned(), 10),
        ],
        stubs: vec![
            ("/lib/movies/a.mkv".to_owned(), HASH, 1),
            ("/elsewhere/b.mkv".to_owned(), other, 1),
        ],
    };
    let root = std::path::Path::new("/lib/");
    assert_eq!(store.inodes().import(map.clone(), root).unwrap(), 5);
    assert_eq!(one(&store, InodeKey::directory("tv")), 1 << 63 | 5);
    assert_eq!(one(&store, InodeKey::directory("movies")), 1 << 63 | 6);
    assert_eq!(one(&store, InodeKey::film("movies/a.mkv", &HASH, 1)), 77);
    // A film without a path is found by its number.
    let key = InodeKey::film("movies/c.mkv", &third, 2);
    let holder = store.inodes().holders(&[key]).unwrap().remove(0).unwrap();
    assert_eq!(holder.number, proposal);
    assert_eq!(store.inodes().import(map, root).unwrap(), 0);
}

#[test]
fn numbers_outlive_the_upgrade_of_a_database_of_any_schema() {
    let steps = crate::migrations::STEPS;
    for older in 1..=steps.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gostream.db");
        let db = Connection::open(&path).unwrap();
        for step in &steps[..older] {
            db.execute_batch(step).unwrap();
        }
        db.pragma_update(None, "user_version", i64::try_from(older).unwrap())
            .unwrap();
        for (number, path, what) in [
            (70, "movies/a.mkv", format!("{HASH}:1")),
            (-70, "movies", "dir".to_owned()),
            (71, "movies/a.srt", "file".to_owned()),
        ] {
            let row = params![number, path, what];
            db.execute(
                "INSERT INTO inodes (inode, path, what) VALUES (?1, ?2, ?3)",
                row,
            )
            .unwrap();
        }
        drop(db);
        let store = Store::open(&path).unwrap();
        let keys = vec![
            InodeKey::film("movies/a.mkv", &HASH, 1),
            InodeKey::directory("movies"),
            InodeKey::file("movies/a.srt"),
        ];
        let numbers = store.inodes().assign(keys).unwrap();
        assert_eq!(
            numbers,
            [70, (-70_i64).cast_unsigned(), 71],
            "schema {older}"
        );
    }
}

/// What the table should hold: exactly the documented rules, without SQL.
#[derive(Default)]
struct Model {
    rows: BTreeMap<(String, What), u64>,
}

impl Model {
    fn assign(&mut self, key: &InodeKey) -> u64 {
        if key.path.is_empty() {
            return 1;
        }
        let place = (key.path.to_string(), key.what);
        let used: BTreeSet<u64> = self.rows.values().copied().collect();
        *self
            .rows
            .entry(place)
            .or_insert_with(|| key.proposals().find(|n| !used.contains(n)).unwrap())
    }

    fn rename(&mut self, from: &str, to: &str) {
        let below = format!("{from}/");
        let moving: Vec<(String, What)> = self
            .rows
            .keys()
            .filter(|(path, _)| path == from || path.starts_with(&below))
            .cloned()
            .collect();
        for old in moving {
            let new = (format!("{to}{}", &old.0[from.len()..]), old.1);
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
