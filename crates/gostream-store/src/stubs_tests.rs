//! Tests of reading and writing single stubs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{os::unix::fs::symlink, time::SystemTime};

use gostream_library::TorrentHash;

use super::*;

fn tree() -> (tempfile::TempDir, StubTree) {
    let folder = tempfile::tempdir().unwrap();
    let tree = StubTree::new(folder.path());
    (folder, tree)
}

fn stub(byte: u8, index: u32) -> Stub {
    Stub::new(
        "http://127.0.0.1:8090",
        TorrentHash([byte; 20]),
        index,
        1 << 30,
        None,
        None,
    )
    .unwrap()
}

#[test]
fn a_stub_is_written_with_its_folders_and_read_back() {
    let (_folder, tree) = tree();
    let path = "tv/Show (2031)/Season.01/Show_S01E01_0f1e2d3c.mkv";
    assert_eq!(tree.write(path, &stub(1, 3)).unwrap(), Written::Created);
    assert_eq!(tree.read(path).unwrap(), stub(1, 3));
}

#[test]
fn writing_the_same_again_leaves_the_file_and_its_time() {
    let (folder, tree) = tree();
    tree.write("movies/a.mkv", &stub(1, 3)).unwrap();
    let file = File::options()
        .write(true)
        .open(folder.path().join("movies/a.mkv"))
        .unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    file.set_modified(long_ago).unwrap();
    assert_eq!(
        tree.write("movies/a.mkv", &stub(1, 3)).unwrap(),
        Written::Unchanged
    );
    assert_eq!(file.metadata().unwrap().modified().unwrap(), long_ago);
    assert_eq!(
        tree.write("movies/a.mkv", &stub(1, 4)).unwrap(),
        Written::Replaced
    );
    assert_eq!(tree.read("movies/a.mkv").unwrap().index, 4);
}

#[test]
fn unknown_keys_survive_a_rewrite() {
    let (folder, tree) = tree();
    let mut old = stub(1, 3);
    old.extra.insert("note".to_owned(), "mine".into());
    fs::write(folder.path().join("a.mkv"), old.to_json_bytes().unwrap()).unwrap();
    tree.write("a.mkv", &stub(1, 5)).unwrap();
    assert_eq!(tree.read("a.mkv").unwrap().extra["note"], "mine");
}

#[test]
fn a_stub_of_another_torrent_and_a_real_film_are_never_overwritten() {
    let (folder, tree) = tree();
    tree.write("a.mkv", &stub(1, 3)).unwrap();
    let error = tree.write("a.mkv", &stub(2, 3)).unwrap_err();
    assert!(
        matches!(
            error,
            TreeError::OtherTorrent {
                found: TorrentHash([1, ..]),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(tree.read("a.mkv").unwrap(), stub(1, 3));
    let film = vec![0x1a; STUB_BYTES_MAX + 1];
    fs::write(folder.path().join("film.mkv"), &film).unwrap();
    assert!(matches!(
        tree.write("film.mkv", &stub(1, 3)),
        Err(TreeError::RealFilm { .. })
    ));
    assert_eq!(fs::read(folder.path().join("film.mkv")).unwrap(), film);
    fs::create_dir(folder.path().join("dir.mkv")).unwrap();
    assert!(matches!(
        tree.write("dir.mkv", &stub(1, 3)),
        Err(TreeError::NotAFile { .. })
    ));
}

#[test]
fn a_broken_stub_is_reported_and_may_be_replaced() {
    let (folder, tree) = tree();
    fs::write(folder.path().join("a.mkv"), "http://h/stream?link=x\n0\n").unwrap();
    assert!(matches!(tree.read("a.mkv"), Err(TreeError::Broken { .. })));
    assert_eq!(tree.write("a.mkv", &stub(1, 3)).unwrap(), Written::Replaced);
}

#[test]
fn names_decide_what_may_be_written() {
    let (_folder, tree) = tree();
    for bad in ["a.MKV", "a.mp4", "a", ".mkv", "d/.mkv"] {
        assert!(
            matches!(
                tree.write(bad, &stub(1, 1)),
                Err(TreeError::NotAStubName { .. })
            ),
            "{bad}"
        );
    }
    assert!(matches!(
        tree.write_sidecar("a.mkv", b"x"),
        Err(TreeError::StubName { .. })
    ));
    tree.write_sidecar("movies/a.en.srt", b"one").unwrap();
    tree.write_sidecar("movies/a.en.srt", b"two").unwrap();
    assert_eq!(
        fs::read(tree.existing("movies/a.en.srt").unwrap()).unwrap(),
        b"two"
    );
    assert!(matches!(
        tree.write_sidecar("movies", b"x"),
        Err(TreeError::NotAFile { .. })
    ));
}

#[test]
fn nothing_outside_the_tree_is_touched() {
    let (folder, tree) = tree();
    let outside = tempfile::tempdir().unwrap();
    fs::write(
        outside.path().join("secret.mkv"),
        stub(1, 1).to_json_bytes().unwrap(),
    )
    .unwrap();
    symlink(outside.path(), folder.path().join("link")).unwrap();
    symlink(
        outside.path().join("secret.mkv"),
        folder.path().join("leak.mkv"),
    )
    .unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    for path in ["../a.mkv", "/a.mkv", "movies/../../a.mkv", ""] {
        assert!(tree.write(path, &stub(1, 1)).is_err(), "{path}");
    }
    assert!(matches!(
        tree.write("link/b.mkv", &stub(1, 1)),
        Err(TreeError::Outside { .. })
    ));
    assert!(matches!(
        tree.write("link/deep/b.mkv", &stub(1, 1)),
        Err(TreeError::Outside { .. })
    ));
    assert!(tree.write("dangling/b.mkv", &stub(1, 1)).is_err());
    assert!(matches!(
        tree.read("link/secret.mkv"),
        Err(TreeError::Outside { .. })
    ));
    assert!(matches!(
        tree.read("leak.mkv"),
        Err(TreeError::Outside { .. })
    ));
    assert!(matches!(
        tree.remove("link/secret.mkv"),
        Err(TreeError::Outside { .. })
    ));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_missing_root_is_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let tree = StubTree::new(folder.path().join("unmounted"));
    assert!(matches!(
        tree.write("a.mkv", &stub(1, 1)),
        Err(TreeError::RootMissing { .. })
    ));
    assert!(matches!(
        tree.read("a.mkv"),
        Err(TreeError::RootMissing { .. })
    ));
    assert!(!folder.path().join("unmounted").exists());
}

#[test]
fn of_many_writers_of_one_path_one_torrent_wins() {
    let (_folder, tree) = tree();
    let wins = std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=8u8)
            .map(|byte| {
                let tree = tree.clone();
                scope.spawn(move || tree.write("movies/a.mkv", &stub(byte, 1)).is_ok())
            })
            .collect();
        writers
            .into_iter()
            .filter_map(|w| w.join().ok())
            .filter(|won| *won)
            .count()
    });
    assert_eq!(wins, 1);
    assert!(tree.read("movies/a.mkv").is_ok());
}
