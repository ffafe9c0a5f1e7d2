//! Tests of the scan.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink, net::UnixListener},
    time::SystemTime,
};

use gostream_library::{Stub, TorrentHash, path as names, stub::STUB_BYTES_MAX};

use rustc_hash::FxHashMap;

use super::*;
use crate::found::{Known, Told};

fn stub(byte: u8) -> Stub {
    Stub::new("http://h", TorrentHash([byte; 20]), 1, 5, None, None).unwrap()
}

fn tree() -> (tempfile::TempDir, StubTree) {
    let folder = tempfile::tempdir().unwrap();
    let tree = StubTree::new(folder.path());
    (folder, tree)
}

fn shown(tree: &StubTree) -> Vec<String> {
    let found = tree.scan().unwrap();
    found
        .iter()
        .map(|f| match &f.kind {
            FoundKind::Dir => format!("{}/", f.path),
            FoundKind::Film(stub) => format!("{} = {}", f.path, stub.hash.0[0]),
            FoundKind::Broken(_) => format!("{} broken", f.path),
            FoundKind::SideCar { len } => format!("{} {len}", f.path),
        })
        .collect()
}

#[test]
fn the_whole_tree_is_found_in_order() {
    let (folder, tree) = tree();
    tree.write("tv/Show/Season.01/e.mkv", &stub(1)).unwrap();
    tree.write("movies/b.mkv", &stub(2)).unwrap();
    tree.write("movies/a.mkv", &stub(3)).unwrap();
    tree.write_sidecar("movies/a.srt", b"12345").unwrap();
    tree.write_sidecar(".plexmatch", b"").unwrap();
    let root = folder.path();
    fs::write(root.join("movies/broken.mkv"), "http://x\n0").unwrap();
    fs::write(root.join("movies/empty.mkv"), "").unwrap();
    fs::write(root.join("movies/upper.MKV"), "x").unwrap();
    fs::write(root.join("movies/film.mkv"), vec![0; STUB_BYTES_MAX + 1]).unwrap();
    assert_eq!(
        shown(&tree),
        [
            ".plexmatch 0",
            "movies/",
            "movies/a.mkv = 3",
            "movies/a.srt 5",
            "movies/b.mkv = 2",
            "movies/broken.mkv broken",
            "movies/empty.mkv broken",
            "movies/film.mkv 10241",
            "movies/upper.MKV 1",
            "tv/",
            "tv/Show/",
            "tv/Show/Season.01/",
            "tv/Show/Season.01/e.mkv = 1",
        ]
    );
}

#[test]
fn times_are_those_of_the_disk() {
    let (folder, tree) = tree();
    tree.write("movies/a.mkv", &stub(1)).unwrap();
    let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_500);
    for path in ["movies/a.mkv", "movies"] {
        fs::File::open(folder.path().join(path))
            .unwrap()
            .set_modified(time)
            .unwrap();
    }
    assert!(tree.scan().unwrap().iter().all(|f| f.mtime == time));
}

#[test]
fn links_are_followed_to_files_of_the_tree_only() {
    let (folder, tree) = tree();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("x.srt"), "secret").unwrap();
    tree.write("movies/a.mkv", &stub(1)).unwrap();
    symlink("a.mkv", folder.path().join("movies/b.mkv")).unwrap();
    symlink(
        outside.path().join("x.srt"),
        folder.path().join("movies/x.srt"),
    )
    .unwrap();
    symlink(outside.path(), folder.path().join("outside")).unwrap();
    symlink(".", folder.path().join("loop")).unwrap();
    symlink("nothing", folder.path().join("dangling")).unwrap();
    assert_eq!(
        shown(&tree),
        ["movies/", "movies/a.mkv = 1", "movies/b.mkv = 1"]
    );
}

#[test]
fn odd_names_and_special_files_are_left_out() {
    let (folder, tree) = tree();
    fs::write(folder.path().join(OsStr::from_bytes(b"bad\xff.mkv")), "").unwrap();
    fs::write(folder.path().join("line\nbreak.mkv"), "").unwrap();
    fs::write(folder.path().join("back\\slash.srt"), "").unwrap();
    let _socket = UnixListener::bind(folder.path().join("socket.srt")).unwrap();
    fs::create_dir_all(folder.path().join(vec!["d"; 20].join("/"))).unwrap();
    let found = shown(&tree);
    assert_eq!(found.len(), names::DEPTH_MAX);
    assert!(found.iter().all(|f| f.starts_with("d/")));
}

#[test]
fn temporary_files_are_hidden_and_those_of_the_dead_removed() {
    let (folder, tree) = tree();
    tree.write("movies/a.mkv", &stub(1)).unwrap();
    let dead = folder.path().join("movies/.gostream-tmp-1-2-abc");
    fs::write(&dead, "half a stub").unwrap();
    assert_eq!(shown(&tree), ["movies/", "movies/a.mkv = 1"]);
    assert!(!dead.exists());
}

#[test]
fn a_missing_root_is_an_error_and_never_an_empty_tree() {
    let folder = tempfile::tempdir().unwrap();
    let tree = StubTree::new(folder.path().join("unmounted"));
    assert!(matches!(tree.scan(), Err(TreeError::RootMissing { .. })));
    fs::write(folder.path().join("unmounted"), "").unwrap();
    assert!(matches!(tree.scan(), Err(TreeError::RootMissing { .. })));
}

#[test]
fn many_stubs_are_read_by_several_threads_in_order() {
    let (folder, tree) = tree();
    let bytes = stub(7).to_json_bytes().unwrap();
    for n in 0..1000 {
        fs::write(folder.path().join(format!("{n:04}.mkv")), &bytes).unwrap();
    }
    let found = tree.scan().unwrap();
    let expected: Vec<String> = (0..1000).map(|n| format!("{n:04}.mkv")).collect();
    assert_eq!(
        found.iter().map(|f| f.path.clone()).collect::<Vec<_>>(),
        expected
    );
    assert!(found.iter().all(|f| matches!(f.kind, FoundKind::Film(_))));
}

/// An earlier scan, as it was or made up.
struct Before(Vec<Found>);

impl Before {
    fn known(found: &Found) -> Known {
        Known {
            kind: match found.kind {
                FoundKind::Dir => KnownKind::Dir,
                FoundKind::Film(_) => KnownKind::Film,
                FoundKind::Broken(_) => KnownKind::Broken,
                FoundKind::SideCar { .. } => KnownKind::SideCar,
            },
            mtime: found.mtime,
            stamp: found.stamp,
        }
    }

    /// With the differences that a scan found.
    fn then(&self, scanned: &Scanned) -> Self {
        let mut all: BTreeMap<String, Found> = self
            .0
            .iter()
            .map(|found| (found.path.clone(), found.clone()))
            .collect();
        for gone in &scanned.gone {
            assert!(all.contains_key(gone), "{gone} was not there");
            all.retain(|path, _| path != gone && !path_is_in(path, gone));
        }
        for found in &scanned.found {
            all.insert(found.path.clone(), found.clone());
        }
        Self(all.into_values().collect())
    }
}

impl Earlier for Before {
    fn at(&self, path: &str) -> Option<Known> {
        let found = self.0.iter().find(|found| found.path == path);
        found.map(Self::known)
    }

    fn children(&self, folder: &str) -> FxHashMap<&str, Known> {
        let is_child =
            |found: &&Found| !found.path.is_empty() && names::split(&found.path).0 == folder;
        let children = self.0.iter().filter(is_child);
        let children = children.map(|found| (names::split(&found.path).1, Self::known(found)));
        children.collect()
    }
}

fn everything(tree: &StubTree) -> Before {
    let look = Look {
        earlier: None,
        changed: None,
        enter: &|_, _| {},
    };
    Before(tree.look(look).unwrap().found)
}

/// Looks again; what was found, and the folders that were looked into.
fn again(tree: &StubTree, before: &Before, changed: Option<&[&str]>) -> (Scanned, Vec<String>) {
    let all = |folders: &[&str]| {
        folders
            .iter()
            .map(|f| ((*f).to_owned(), Told::All))
            .collect()
    };
    told_again(tree, before, changed.map(all))
}

fn told_again(
    tree: &StubTree,
    before: &Before,
    changed: Option<HashMap<String, Told>>,
) -> (Scanned, Vec<String>) {
    let entered = RefCell::new(Vec::new());
    let scanned = tree.look(Look {
        earlier: Some(before),
        changed: changed.as_ref(),
        enter: &|folder, _| entered.borrow_mut().push(folder.to_owned()),
    });
    let mut entered = entered.into_inner();
    entered.sort();
    (scanned.unwrap(), entered)
}

/// All that is there after a scan.
fn paths(before: &Before, scanned: &Scanned) -> Vec<String> {
    let after = before.then(scanned).0;
    after.into_iter().map(|found| found.path).collect()
}

/// What a scan tells of, what is gone with a minus.
fn told(scanned: &Scanned) -> Vec<String> {
    let gone = scanned.gone.iter().map(|path| format!("-{path}"));
    let found = scanned.found.iter().map(|found| found.path.clone());
    found.chain(gone).collect()
}

#[test]
fn what_is_as_it_was_is_not_told_of() {
    let (folder, tree) = tree();
    tree.write("movies/a.mkv", &stub(1)).unwrap();
    tree.write_sidecar("movies/a.nfo", b"1").unwrap();
    tree.write("tv/Show/e.mkv", &stub(2)).unwrap();
    let before = everything(&tree);
    let (scanned, entered) = again(&tree, &before, None);
    assert_eq!(entered, ["", "movies", "tv", "tv/Show"]);
    assert!(told(&scanned).is_empty(), "{:?}", told(&scanned));
    let root = folder.path();
    fs::remove_dir_all(root.join("tv/Show")).unwrap();
    fs::remove_file(root.join("movies/a.nfo")).unwrap();
    fs::create_dir(root.join("movies/a.nfo")).unwrap();
    let (scanned, _) = again(&tree, &before, None);
    assert_eq!(told(&scanned), ["movies", "movies/a.nfo", "tv", "-tv/Show"]);
    assert_eq!(
        paths(&before, &scanned),
        ["", "movies", "movies/a.mkv", "movies/a.nfo", "tv"]
    );
}

#[test]
fn where_names_are_told_only_they_are_looked_at() {
    let (folder, tree) = tree();
    for name in ["a", "b", "c", "same"] {
        tree.write(&format!("movies/{name}.mkv"), &stub(1)).unwrap();
    }
    tree.write("movies/Box/x.mkv", &stub(2)).unwrap();
    let before = everything(&tree);
    let root = folder.path().join("movies");
    fs::remove_file(root.join("a.mkv")).unwrap();
    fs::remove_file(root.join("b.mkv")).unwrap();
    fs::rename(root.join("Box"), root.join("Other")).unwrap();
    fs::write(root.join("c.mkv"), "http://x\n0").unwrap();
    let told_of = ["a.mkv", "c.mkv", "same.mkv", "Box", "Other", "never.mkv"];
    let names = Told::Names(told_of.map(str::to_owned).into());
    let changed = HashMap::from([("movies".to_owned(), names.clone())]);
    let (scanned, entered) = told_again(&tree, &before, Some(changed));
    assert_eq!(entered, ["movies", "movies/Other"]);
    let mut told = told(&scanned);
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "-movies/Box",
            "-movies/a.mkv",
            "movies",
            "movies/Other",
            "movies/Other/x.mkv",
            "movies/c.mkv"
        ]
    );
    // Of a folder that is another one now, names say nothing.
    let elsewhere = on_another_device(before, "movies");
    let changed = HashMap::from([("movies".to_owned(), names)]);
    let (scanned, _) = told_again(&tree, &elsewhere, Some(changed));
    assert!(scanned.gone.contains(&"movies/b.mkv".to_owned()));
}

#[test]
fn of_a_folder_that_is_gone_its_parent_is_asked() {
    let (folder, tree) = tree();
    tree.write("tv/Show/Season.01/e.mkv", &stub(2)).unwrap();
    let before = everything(&tree);
    fs::remove_dir_all(folder.path().join("tv/Show")).unwrap();
    let (scanned, _) = again(&tree, &before, Some(&["tv/Show/Season.01"]));
    assert_eq!(told(&scanned), ["tv", "-tv/Show"]);
    let (scanned, _) = again(
        &tree,
        &before,
        Some(&["tv", "tv/Show/Season.01", "tv/Other"]),
    );
    assert_eq!(paths(&before, &scanned), ["", "tv"]);
    // A file has its name now.
    fs::write(folder.path().join("tv/Show"), "x").unwrap();
    let (scanned, _) = again(&tree, &before, Some(&["tv/Show"]));
    assert_eq!(told(&scanned), ["tv", "tv/Show"]);
}

#[test]
fn only_changed_and_new_folders_are_looked_into() {
    let (folder, tree) = tree();
    tree.write("movies/a.mkv", &stub(1)).unwrap();
    tree.write("tv/Show/e.mkv", &stub(2)).unwrap();
    let before = everything(&tree);
    tree.write("tv/New/Season.01/e.mkv", &stub(3)).unwrap();
    // Not told of: not seen.
    fs::remove_file(folder.path().join("movies/a.mkv")).unwrap();
    let (scanned, entered) = again(&tree, &before, Some(&["tv"]));
    assert_eq!(entered, ["tv", "tv/New", "tv/New/Season.01"]);
    assert_eq!(
        paths(&before, &scanned),
        [
            "",
            "movies",
            "movies/a.mkv",
            "tv",
            "tv/New",
            "tv/New/Season.01",
            "tv/New/Season.01/e.mkv",
            "tv/Show",
            "tv/Show/e.mkv"
        ]
    );
    let (scanned, _) = again(&tree, &before, None);
    assert!(scanned.gone.contains(&"movies/a.mkv".to_owned()));
}

#[test]
fn a_stub_that_is_the_same_file_is_not_read_again() {
    let (folder, tree) = tree();
    tree.write("movies/a.mkv", &stub(1)).unwrap();
    tree.write("movies/b.mkv", &stub(2)).unwrap();
    let before = everything(&tree);
    fs::write(folder.path().join("movies/b.mkv"), "http://x\n0").unwrap();
    let (scanned, _) = again(&tree, &before, None);
    assert_eq!(told(&scanned), ["movies/b.mkv"]);
    assert!(matches!(scanned.found[0].kind, FoundKind::Broken(_)));
}

#[test]
fn a_folder_that_was_moved_is_looked_into_under_its_new_name() {
    let (folder, tree) = tree();
    tree.write("tv/Show/Season.01/e.mkv", &stub(2)).unwrap();
    let before = everything(&tree);
    let root = folder.path();
    fs::rename(root.join("tv/Show"), root.join("tv/Other")).unwrap();
    let (scanned, entered) = again(&tree, &before, Some(&["tv"]));
    assert_eq!(entered, ["tv", "tv/Other", "tv/Other/Season.01"]);
    let stamp = |found: &Found| found.stamp;
    let now = scanned.found.iter().find(|f| f.path == "tv/Other");
    let was = before.at("tv/Show").map(|known| known.stamp);
    assert_eq!(now.map(stamp), was);
    assert_ne!(stamp(now.unwrap()).version, 0);
}

#[test]
fn a_change_in_a_folder_shows_its_new_time_without_a_look_at_its_parent() {
    let (folder, tree) = tree();
    tree.write("tv/Show/e.mkv", &stub(2)).unwrap();
    let before = everything(&tree);
    let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_500);
    let show = fs::File::open(folder.path().join("tv/Show")).unwrap();
    show.set_modified(time).unwrap();
    let (scanned, entered) = again(&tree, &before, Some(&["tv/Show"]));
    assert_eq!(entered, ["tv/Show"]);
    let now = scanned.found.iter().find(|f| f.path == "tv/Show");
    assert_eq!(now.unwrap().mtime, time);
}

/// As if everything in `folder` had been on another device.
fn on_another_device(mut before: Before, folder: &str) -> Before {
    for found in &mut before.0 {
        if found.path == folder || path_is_in(&found.path, folder) {
            found.stamp.device += 1;
        }
    }
    before
}

#[test]
fn a_folder_that_lost_its_device_and_its_films_is_kept() {
    let (folder, tree) = tree();
    tree.write("movies/a.mkv", &stub(1)).unwrap();
    tree.write("tv/Show/e.mkv", &stub(2)).unwrap();
    let before = on_another_device(everything(&tree), "tv");
    fs::remove_dir_all(folder.path().join("tv/Show")).unwrap();
    fs::create_dir(folder.path().join("tv/lost+found")).unwrap();
    for changed in [None, Some(&["", "tv"][..])] {
        let (scanned, _) = again(&tree, &before, changed);
        let expected = [
            "",
            "movies",
            "movies/a.mkv",
            "tv",
            "tv/Show",
            "tv/Show/e.mkv",
        ];
        assert_eq!(paths(&before, &scanned), expected);
        assert_eq!(scanned.kept.len(), 1);
        assert_eq!(scanned.kept[0].0, "tv");
    }
    // The same folder on the same device was emptied by somebody.
    let here = everything(&tree);
    fs::remove_dir(folder.path().join("tv/lost+found")).unwrap();
    let (scanned, _) = again(&tree, &here, None);
    assert_eq!(paths(&here, &scanned), ["", "movies", "movies/a.mkv", "tv"]);
    // Another disk with films is taken as it is.
    tree.write("tv/Other/e.mkv", &stub(3)).unwrap();
    let (scanned, _) = again(&tree, &before, None);
    assert!(scanned.kept.is_empty() && told(&scanned).contains(&"tv/Other/e.mkv".to_owned()));
}

#[test]
fn a_root_that_lost_its_device_and_its_films_is_an_error_unless_it_is_marked() {
    let (folder, tree) = tree();
    tree.write("movies/a.mkv", &stub(1)).unwrap();
    let before = on_another_device(everything(&tree), "");
    fs::remove_file(folder.path().join("movies/a.mkv")).unwrap();
    let look = Look {
        earlier: Some(&before),
        changed: None,
        enter: &|_, _| {},
    };
    assert!(matches!(tree.look(look), Err(TreeError::SourceGone { .. })));
    fs::write(folder.path().join(MARKER), "").unwrap();
    let after = |scanned: &Scanned| paths(&before, scanned);
    let marked = ["", MARKER, "movies"];
    assert_eq!(after(&tree.look(look).unwrap()), marked);
    fs::remove_file(folder.path().join(MARKER)).unwrap();
    tree.write("movies/b.mkv", &stub(2)).unwrap();
    let taken = ["", "movies", "movies/b.mkv"];
    assert_eq!(after(&tree.look(look).unwrap()), taken);
}
