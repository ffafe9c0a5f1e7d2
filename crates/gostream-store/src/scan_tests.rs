//! Tests of the scan.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt as _, fs::symlink, net::UnixListener},
};

use gostream_library::TorrentHash;

use super::*;

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
            FoundKind::Stub(stub) => format!("{} = {}", f.path, stub.hash.0[0]),
            FoundKind::BrokenStub(_) => format!("{} broken", f.path),
            FoundKind::Unreadable(_) => format!("{} unreadable", f.path),
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
    assert!(found.iter().all(|f| matches!(f.kind, FoundKind::Stub(_))));
}
