//! The tree against a naive model, its refusals, and what differs between two trees.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use gostream_library::{Stub, TorrentHash};
use proptest::prelude::*;

use super::diff::{Change, changes};
use super::*;

fn entry(path: &str, ino: u64, node: Node) -> TreeEntry {
    TreeEntry {
        path: path.to_owned(),
        ino,
        mtime: UNIX_EPOCH + Duration::from_secs(ino),
        stamp: gostream_library::Stamp::default(),
        node,
    }
}

fn dir(path: &str, ino: u64) -> TreeEntry {
    entry(path, ino, Node::Dir)
}

fn film(path: &str, ino: u64, size: u64) -> TreeEntry {
    let hash = TorrentHash([7; 20]);
    let stub = Stub::new("http://127.0.0.1:8090", hash, 1, size, None, None).unwrap();
    entry(path, ino, Node::Media(Arc::new(Film::from(&stub))))
}

fn names(tree: &Tree, ino: u64) -> Vec<&str> {
    let mut names: Vec<&str> = tree
        .get(ino)
        .unwrap()
        .children_after(0)
        .map(NodeRef::name)
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn entries_may_come_in_any_order() {
    let tree = Tree::build(vec![
        film("tv/Show/a.mkv", 5, 10),
        dir("tv/Show", 4),
        film("b.mkv", 3, 20),
        dir("tv", 2),
    ])
    .unwrap();
    assert_eq!(names(&tree, ROOT_INO), ["b.mkv", "tv"]);
    assert_eq!(names(&tree, 4), ["a.mkv"]);
    assert_eq!(tree.find("tv/Show/a.mkv").unwrap().ino(), 5);
    assert_eq!(tree.get(5).unwrap().path(), "tv/Show/a.mkv");
    assert_eq!(tree.get(4).unwrap().parent().ino(), 2);
    assert_eq!(tree.media_count(), 2);
    assert!(tree.find("tv/none").is_none());
    assert!(tree.lookup(5, "x").is_none(), "a file has no children");
}

#[test]
fn the_root_has_the_time_of_its_newest_child_unless_given() {
    let tree = Tree::build(vec![dir("a", 10), dir("b", 99), dir("b/c", 500)]).unwrap();
    assert_eq!(tree.root().mtime(), UNIX_EPOCH + Duration::from_secs(99));
    let root = TreeEntry {
        mtime: UNIX_EPOCH + Duration::from_secs(7),
        ..dir("", 1)
    };
    let tree = Tree::build(vec![dir("a", 10), root]).unwrap();
    assert_eq!(tree.root().mtime(), UNIX_EPOCH + Duration::from_secs(7));
}

#[test]
fn times_are_never_zero_or_before_1970() {
    let early = TreeEntry {
        mtime: UNIX_EPOCH - Duration::from_secs(100),
        ..dir("a", 2)
    };
    let tree = Tree::build(vec![early]).unwrap();
    let shown = tree.get(2).unwrap().mtime();
    assert_eq!(shown, UNIX_EPOCH + Duration::from_secs(1));
}

#[test]
fn a_list_that_is_no_tree_is_refused_with_its_path() {
    let refused = |entries: Vec<TreeEntry>| Tree::build(entries).unwrap_err();
    let bad_path = |path: &str| matches!(refused(vec![dir(path, 2)]), TreeError::BadPath { .. });
    for path in ["/a", "a/", "a//b", "..", "a/../b", ".", "a\0b"] {
        assert!(bad_path(path), "{path:?}");
    }
    assert!(bad_path(&"x".repeat(256)));
    let twice = refused(vec![dir("a", 2), dir("a", 3)]);
    assert_eq!(twice, TreeError::DuplicatePath { path: "a".into() });
    let same_ino = refused(vec![dir("a", 2), dir("b", 2)]);
    assert!(matches!(same_ino, TreeError::DuplicateInode { ino: 2, .. }));
    for ino in [0, 1] {
        let bad = refused(vec![dir("a", ino)]);
        assert!(matches!(bad, TreeError::BadInode { .. }));
    }
    let orphan = refused(vec![film("a/b.mkv", 2, 1)]);
    assert!(matches!(orphan, TreeError::NoDirectory { path } if path == "a/b.mkv"));
    let in_file = refused(vec![film("a.mkv", 2, 1), dir("a.mkv/b", 3)]);
    assert!(matches!(in_file, TreeError::NoDirectory { .. }));
    let root_file = refused(vec![film("", 1, 1)]);
    assert_eq!(root_file, TreeError::RootNotDirectory);
}

#[test]
fn a_hundred_thousand_entries_take_at_most_200_bytes_each_and_their_names() {
    let mut entries = vec![dir("movies", 2)];
    entries.extend((0..100_000).map(|n| film(&format!("movies/Film.{n}_0123abcd.mkv"), n + 10, 1)));
    let names: usize = entries.iter().map(|entry| entry.path.len()).sum();
    let count = entries.len();
    let tree = Tree::build(entries).unwrap();
    assert_eq!(tree.len(), count + 1);
    assert!(tree.memory() <= count * 200 + names, "{}", tree.memory());
    assert_eq!(tree.get(2).unwrap().children_after(0).count(), 100_000);
    let node = tree.find("movies/Film.77777_0123abcd.mkv").unwrap();
    assert_eq!(node.ino(), 77_787);
}

/// Two names with the same hash, found by trying some billions.
const TWINS: [&str; 2] = ["59t9IK0tqmC", "6ep2MSYESXA"];

#[test]
fn names_with_the_same_hash_are_all_found_and_listed_whichever_goes_first() {
    assert_eq!(name_hash(TWINS[0]), name_hash(TWINS[1]));
    let entries = vec![dir("tv", 2), dir(TWINS[0], 3), dir(TWINS[1], 4)];
    let tree = Tree::build(entries).unwrap();
    for (name, ino) in TWINS.into_iter().zip(3..) {
        assert_eq!(tree.root().child(name).unwrap().ino(), ino);
    }
    let cookies = |tree: &Tree| {
        let children = tree.root().children_after(0);
        children.map(NodeRef::cookie).collect::<Vec<u64>>()
    };
    let wanted = name_hash(TWINS[0]);
    assert!(cookies(&tree).ends_with(&[wanted, wanted + 1]));
    for (gone, stays) in [(3, 1), (4, 0)] {
        let left = tree.edited([TreeChange::Remove { ino: gone }]).unwrap();
        assert_eq!(cookies(&left).last(), Some(&wanted));
        assert!(left.root().child(TWINS[stays]).is_some());
        assert!(left.root().child(TWINS[1 - stays]).is_none());
    }
}

fn told(old: &Tree, new: &Tree) -> Vec<String> {
    changes(old, new)
        .into_iter()
        .map(|change| match change {
            Change::Removed(node) => format!("- {}", node.path()),
            Change::Moved(node) => format!("< {}", node.path()),
            Change::Added(node) => format!("+ {}", node.path()),
            Change::Content(node) => format!("! {}", node.path()),
            Change::Attributes(node) => format!("* {}", node.path()),
        })
        .collect()
}

#[test]
fn equal_trees_differ_in_nothing() {
    let build = || Tree::build(vec![dir("a", 2), film("a/x.mkv", 3, 5)]).unwrap();
    assert!(told(&build(), &build()).is_empty());
}

#[test]
fn a_removed_directory_goes_after_what_is_in_it() {
    let old = Tree::build(vec![
        dir("tv", 2),
        dir("tv/s", 3),
        film("tv/s/x.mkv", 4, 5),
        dir("m", 9),
    ])
    .unwrap();
    let new = Tree::build(vec![dir("m", 9)]).unwrap();
    let told = told(&old, &new);
    assert_eq!(told[..3], ["- tv/s/x.mkv", "- tv/s", "- tv"]);
    assert!(told[3..].iter().all(|line| line == "* "), "{told:?}");
}

#[test]
fn what_moved_was_added_or_changed_is_told_with_its_directory() {
    let old = Tree::build(vec![
        dir("a", 2),
        dir("b", 3),
        film("a/moves.mkv", 4, 5),
        film("a/grows.mkv", 5, 5),
    ])
    .unwrap();
    let new = Tree::build(vec![
        dir("a", 2),
        dir("b", 3),
        film("b/moves.mkv", 4, 5),
        film("a/grows.mkv", 5, 6),
        film("a/new.mkv", 6, 5),
    ])
    .unwrap();
    let mut told = told(&old, &new);
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "! a/grows.mkv",
            "* a",
            "* b",
            "+ a/new.mkv",
            "+ b/moves.mkv",
            "< a/moves.mkv"
        ]
    );
}

/// A model: path → whether it is a directory. Made so that every parent exists.
fn model() -> impl Strategy<Value = BTreeMap<String, bool>> {
    let step = (any::<prop::sample::Index>(), "[a-c]{1,2}", any::<bool>());
    prop::collection::vec(step, 0..60).prop_map(|steps| {
        let mut model = BTreeMap::new();
        for (at, name, is_dir) in steps {
            let mut dirs: Vec<String> = vec![String::new()];
            dirs.extend(
                model
                    .iter()
                    .filter(|(_, d)| **d)
                    .map(|(p, _): (&String, _)| p.clone()),
            );
            let parent = &dirs[at.index(dirs.len())];
            let path = if parent.is_empty() {
                name
            } else {
                format!("{parent}/{name}")
            };
            model.entry(path).or_insert(is_dir);
        }
        model
    })
}

fn build(model: &BTreeMap<String, bool>) -> Tree {
    let entries = model
        .iter()
        .zip(2..)
        .map(|((path, is_dir), ino)| match is_dir {
            true => dir(path, ino),
            false => film(path, ino, ino),
        });
    // Any order will do: the last comes first.
    let mut entries: Vec<TreeEntry> = entries.collect();
    entries.reverse();
    Tree::build(entries).unwrap()
}

fn children<'a>(model: &'a BTreeMap<String, bool>, parent: &str) -> Vec<&'a str> {
    model
        .keys()
        .filter_map(|path| {
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
            (dir == parent).then_some(name)
        })
        .collect()
}

/// One step of a life: what it does is decided by what is there.
#[derive(Clone, Debug)]
enum Step {
    Put(prop::sample::Index, String, u8),
    Renew(prop::sample::Index),
    Remove(prop::sample::Index),
    Move(prop::sample::Index, prop::sample::Index, String),
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        3 => (at(), "[a-d]{1,2}", 0_u8..3).prop_map(|(at, name, kind)| Step::Put(at, name, kind)),
        1 => at().prop_map(Step::Renew),
        2 => at().prop_map(Step::Remove),
        2 => (at(), at(), "[a-d]{1,2}").prop_map(|(at, to, name)| Step::Move(at, to, name)),
    ]
}

/// What a library holds: path → entry. A fresh tree is laid out from it.
#[derive(Default)]
struct Library(BTreeMap<String, TreeEntry>);

impl Library {
    fn entry(&self, path: &str, ino: u64, kind: u8) -> TreeEntry {
        let node = match kind {
            0 => return dir(path, ino),
            1 => return film(path, ino, ino),
            _ => Node::SideCar {
                len: ino,
                source: PathBuf::from("/library").join(path),
            },
        };
        entry(path, ino, node)
    }

    fn folder(&self, at: prop::sample::Index) -> String {
        let is_dir = |(_, entry): &(&String, &TreeEntry)| matches!(entry.node, Node::Dir);
        let folders = self.0.iter().filter(is_dir).map(|(path, _)| path.clone());
        let folders: Vec<String> = folders.chain([String::new()]).collect();
        folders[at.index(folders.len())].clone()
    }

    /// Takes a step; the change that a tree must make to follow, if there is one to make.
    fn take(&mut self, step: &Step, next: u64) -> Option<TreeChange> {
        let paths: Vec<String> = self.0.keys().cloned().collect();
        let any = |at: &prop::sample::Index| Some(paths.get(at.index(paths.len().max(1)))?.clone());
        match step {
            Step::Put(at, name, kind) => {
                let path = gostream_library::path::join(&self.folder(*at), name);
                let made = self.entry(&path, next, *kind);
                if self.0.contains_key(&path) {
                    return None;
                }
                self.0.insert(path, made.clone());
                Some(TreeChange::Put(made))
            }
            Step::Renew(at) => {
                let entry = self.0.get_mut(&any(at)?)?;
                entry.mtime = UNIX_EPOCH + Duration::from_secs(next);
                Some(TreeChange::Put(entry.clone()))
            }
            Step::Remove(at) => {
                let path = any(at)?;
                let inside = format!("{path}/");
                if paths.iter().any(|other| other.starts_with(&inside)) {
                    return None;
                }
                let ino = self.0.remove(&path)?.ino;
                Some(TreeChange::Remove { ino })
            }
            Step::Move(at, to, name) => {
                let (from, folder) = (any(at)?, self.folder(*to));
                let to = gostream_library::path::join(&folder, name);
                let inside = format!("{from}/");
                if self.0.contains_key(&to) || format!("{folder}/").starts_with(&inside) {
                    return None;
                }
                let ino = self.0[&from].ino;
                let moving = |path: &String| *path == from || path.starts_with(&inside);
                for path in paths.iter().filter(|path| moving(path)) {
                    let mut entry = self.0.remove(path)?;
                    entry.path = format!("{to}{}", &path[from.len()..]);
                    if let Node::SideCar { source, .. } = &mut entry.node {
                        *source = PathBuf::from("/library").join(&entry.path);
                    }
                    self.0.insert(entry.path.clone(), entry);
                }
                Some(TreeChange::Move { ino, to })
            }
        }
    }

    fn laid_out(&self) -> Tree {
        let root = TreeEntry {
            mtime: UNIX_EPOCH + Duration::from_secs(1),
            ..dir("", ROOT_INO)
        };
        Tree::build(self.0.values().cloned().chain([root]).collect()).unwrap()
    }
}

/// All that a tree says.
fn said(tree: &Tree) -> Vec<String> {
    let mut said = vec![format!("{} {}", tree.len(), tree.media_count())];
    for node in tree.root().with_all_in_it() {
        assert_eq!(tree.get(node.ino()).unwrap().path(), node.path());
        assert_eq!(tree.find(&node.path()).unwrap().ino(), node.ino());
        let (ino, cookie, mtime) = (node.ino(), node.cookie(), node.mtime());
        said.push(format!(
            "{} {ino} {cookie} {mtime:?} {:?}",
            node.path(),
            node.kind()
        ));
    }
    said
}

proptest! {
    #[test]
    fn lookup_and_listing_agree_with_the_model(model in model(), page in 1_usize..5) {
        let tree = build(&model);
        prop_assert_eq!(tree.len(), model.len() + 1);
        let mut dirs: Vec<(&str, u64)> = vec![("", ROOT_INO)];
        for ((path, is_dir), ino) in model.iter().zip(2..) {
            let node = tree.find(path).unwrap();
            prop_assert_eq!(node.ino(), ino);
            prop_assert_eq!(node.is_dir(), *is_dir);
            prop_assert_eq!(node.path(), path.as_str());
            if *is_dir {
                dirs.push((path, ino));
            }
        }
        for (path, ino) in dirs {
            let dir = tree.get(ino).unwrap();
            let mut listed = Vec::new();
            let mut at = 0;
            loop {
                let part: Vec<_> = dir.children_after(at).take(page).collect();
                let Some(last) = part.last() else { break };
                prop_assert!(last.cookie() > at && last.cookie() >= COOKIE_FIRST);
                at = last.cookie();
                listed.extend(part.iter().map(|node| node.name()));
            }
            listed.sort_unstable();
            prop_assert_eq!(&listed, &children(&model, path));
            prop_assert!(tree.lookup(ino, "zz").is_none());
            let subdirs = listed.iter().filter(|name| dir.child(name).unwrap().is_dir()).count();
            match dir.kind() {
                NodeKind::Dir { count, dirs } => {
                    prop_assert_eq!(count as usize, listed.len());
                    prop_assert_eq!(dirs as usize, subdirs);
                }
                NodeKind::Media(_) | NodeKind::SideCar { .. } => prop_assert!(false),
            }
        }
    }

    #[test]
    fn a_listing_over_a_publish_shows_what_stays_exactly_once(
        before in model(),
        after in model(),
        cut in 0_usize..20,
    ) {
        let (old, new) = (build(&before), build(&after));
        let seen: Vec<_> = old.root().children_after(0).take(cut).collect();
        let at = seen.last().map_or(0, |node| node.cookie());
        let mut names: Vec<&str> = seen.iter().map(|node| node.name()).collect();
        names.extend(new.root().children_after(at).map(|node| node.name()));
        for stays in children(&before, "") {
            if after.contains_key(stays) {
                prop_assert_eq!(names.iter().filter(|name| **name == stays).count(), 1);
            }
        }
    }

    #[test]
    fn a_tree_that_was_changed_is_the_one_that_is_laid_out_anew(
        steps in prop::collection::vec(step(), 1..80),
        together in 1_usize..6,
    ) {
        let mut library = Library::default();
        let mut tree = Tree::empty();
        for (steps, round) in steps.chunks(together).zip(1_u64..) {
            let first = 10 * round;
            let changes: Vec<_> = steps
                .iter()
                .zip(first..)
                .filter_map(|(step, next)| library.take(step, next))
                .collect();
            let was = said(&tree);
            let edited = tree.edited(changes).unwrap();
            let fresh = library.laid_out();
            prop_assert_eq!(said(&edited), said(&fresh));
            // The old one stays as it was, and the kernel is told the same.
            prop_assert_eq!(said(&tree), was);
            let sorted = |mut told: Vec<String>| { told.sort_unstable(); told };
            prop_assert_eq!(sorted(told(&tree, &edited)), sorted(told(&tree, &fresh)));
            tree = edited;
        }
    }
}
