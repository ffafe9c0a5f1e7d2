//! Tests of removing and moving.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gostream_library::{Stub, TorrentHash};

use super::*;

fn tree(files: &[&str]) -> (tempfile::TempDir, StubTree) {
    let folder = tempfile::tempdir().unwrap();
    let tree = StubTree::new(folder.path());
    for file in files {
        if has_stub_name(file) {
            let stub = Stub::new("http://h", TorrentHash([1; 20]), 1, 5, None, None).unwrap();
            tree.write(file, &stub).unwrap();
        } else {
            tree.write_sidecar(file, b"text").unwrap();
        }
    }
    (folder, tree)
}

fn left(tree: &StubTree) -> Vec<String> {
    tree.scan().unwrap().into_iter().map(|f| f.path).collect()
}

#[test]
fn removing_the_last_episode_takes_side_cars_and_empty_folders() {
    let (_folder, tree) = tree(&[
        "tv/Show/Season.01/e1_00.mkv",
        "tv/Show/Season.01/e1_00.en.srt",
        "tv/Show/Season.02/e2_00.mkv",
    ]);
    let gone = tree.remove("tv/Show/Season.01/e1_00.mkv").unwrap();
    assert_eq!(
        gone,
        [
            "tv/Show/Season.01/e1_00.mkv",
            "tv/Show/Season.01/e1_00.en.srt",
            "tv/Show/Season.01"
        ]
    );
    let gone = tree.remove("tv/Show/Season.02/e2_00.mkv").unwrap();
    assert_eq!(gone.last().unwrap(), "tv/Show");
    assert_eq!(left(&tree), ["tv"]);
}

#[test]
fn removing_a_film_leaves_what_belongs_to_others() {
    let (_folder, tree) = tree(&[
        "movies/a.mkv",
        "movies/a.srt",
        "movies/a.b.mkv",
        "movies/a.b.srt",
        "movies/ab.srt",
        "movies/a-poster.jpg",
    ]);
    assert_eq!(
        tree.remove("movies/a.mkv").unwrap(),
        ["movies/a.mkv", "movies/a.srt"]
    );
    assert_eq!(
        left(&tree),
        [
            "movies",
            "movies/a-poster.jpg",
            "movies/a.b.mkv",
            "movies/a.b.srt",
            "movies/ab.srt"
        ]
    );
}

#[test]
fn a_folder_of_the_users_own_things_stays() {
    let (_folder, tree) = tree(&["tv/Show/e.mkv", "tv/Show/notes.txt"]);
    assert_eq!(tree.remove("tv/Show/e.mkv").unwrap(), ["tv/Show/e.mkv"]);
    assert_eq!(left(&tree), ["tv", "tv/Show", "tv/Show/notes.txt"]);
}

#[test]
fn what_is_not_there_no_file_or_a_real_film_is_not_removed() {
    let (folder, tree) = tree(&["movies/a.mkv"]);
    assert!(matches!(
        tree.remove("movies/b.mkv"),
        Err(TreeError::NotFound { .. })
    ));
    assert!(matches!(
        tree.remove("movies"),
        Err(TreeError::NotAFile { .. })
    ));
    assert!(matches!(
        tree.unlink("movies"),
        Err(TreeError::NotAFile { .. })
    ));
    assert!(matches!(tree.remove("../x"), Err(TreeError::BadPath(_))));
    let film = folder.path().join("movies/film.mkv");
    fs::write(&film, vec![0; 20_000]).unwrap();
    assert!(matches!(
        tree.remove("movies/film.mkv"),
        Err(TreeError::RealFilm { .. })
    ));
    assert!(film.exists());
}

#[test]
fn unlink_removes_one_file_and_no_folder() {
    let (_folder, tree) = tree(&["tv/Show/e.mkv", "tv/Show/e.srt"]);
    tree.unlink("tv/Show/e.mkv").unwrap();
    tree.unlink("tv/Show/e.srt").unwrap();
    assert_eq!(left(&tree), ["tv", "tv/Show"]);
    tree.remove_folder("tv/Show").unwrap();
    assert!(matches!(
        tree.remove_folder("tv/Show"),
        Err(TreeError::NotFound { .. })
    ));
}

#[test]
fn a_stub_is_never_renamed_over_or_into_something_else() {
    let (_folder, tree) = tree(&["a.mkv", "b.mkv", "c.srt", "d.srt"]);
    assert!(matches!(
        tree.rename("a.mkv", "b.mkv"),
        Err(TreeError::Exists { .. })
    ));
    assert!(matches!(
        tree.rename("a.mkv", "a.txt"),
        Err(TreeError::NotAStubName { .. })
    ));
    assert!(matches!(
        tree.rename("c.srt", "c.mkv"),
        Err(TreeError::StubName { .. })
    ));
    assert!(matches!(
        tree.rename("x.mkv", "y.mkv"),
        Err(TreeError::NotFound { .. })
    ));
    tree.rename("a.mkv", "a.mkv").unwrap();
    tree.rename("a.mkv", "e.mkv").unwrap();
    tree.rename("c.srt", "d.srt").unwrap();
    assert_eq!(left(&tree), ["b.mkv", "d.srt", "e.mkv"]);
}

#[test]
fn folders_are_made_and_moved_with_all_in_them() {
    let (_folder, tree) = tree(&["tv/Show/Season.01/e.mkv"]);
    tree.make_folder("kids").unwrap();
    assert!(matches!(
        tree.make_folder("kids"),
        Err(TreeError::Exists { .. })
    ));
    assert!(tree.make_folder("no/such").is_err());
    tree.rename("tv/Show", "kids/Show").unwrap();
    assert!(tree.rename("kids", "kids/Show/x").is_err());
    assert!(tree.remove_folder("kids").is_err());
    assert_eq!(
        left(&tree),
        [
            "kids",
            "kids/Show",
            "kids/Show/Season.01",
            "kids/Show/Season.01/e.mkv",
            "tv"
        ]
    );
}
