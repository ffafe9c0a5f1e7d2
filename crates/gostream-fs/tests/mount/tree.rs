//! What stat, ls and statfs say; and that nothing can be written.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::os::unix::fs::{DirEntryExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use gostream_fs::{FsConfig, FsMetrics, Node, TreeEntry};

use crate::rig::{Rig, dir, film, list, side_car, time};
use crate::source::{Answers, stub};

const SIZE: u64 = 20 * (1 << 30) + 77;

fn library() -> Vec<TreeEntry> {
    vec![
        dir("", 1),
        dir("movies", 1 << 63 | 5),
        dir("tv", 1 << 63 | 6),
        dir("tv/Show (2020)", 1 << 63 | 7),
        dir("tv/Show (2020)/Season.01", 1 << 63 | 8),
        film("movies/Film_0123abcd.mkv", 20, SIZE, Answers::Now),
        film(
            "tv/Show (2020)/Season.01/Show_S01E01_aa.mkv",
            21,
            1,
            Answers::Now,
        ),
    ]
}

#[test]
fn sizes_times_inodes_and_owners_are_those_of_the_tree() {
    let own = |config: &mut FsConfig| {
        config.uid = 1234;
        config.gid = 4321;
    };
    let rig = Rig::with(library(), own);
    let film = rig.path("movies/Film_0123abcd.mkv").metadata().unwrap();
    assert_eq!((film.len(), film.ino(), film.nlink()), (SIZE, 20, 1));
    assert_eq!(
        (film.mode(), film.uid(), film.gid()),
        (0o100_644, 1234, 4321)
    );
    assert_eq!(
        (film.blocks(), film.blksize()),
        (SIZE.div_ceil(512), 1 << 20)
    );
    assert_eq!(film.modified().unwrap(), time(1_700_000_020));
    assert_eq!((film.atime(), film.ctime()), (film.mtime(), film.mtime()));
    let tv = rig.path("tv").metadata().unwrap();
    assert_eq!((tv.mode(), tv.size(), tv.nlink()), (0o40_755, 4096, 3));
    assert_eq!(tv.ino(), 1 << 63 | 6);
    let root = rig.mounted().point().metadata().unwrap();
    assert_eq!((root.ino(), root.nlink()), (1, 4));
    assert_eq!(root.modified().unwrap(), time(1_600_000_001));
}

#[test]
fn directories_list_their_children_with_their_kinds() {
    let rig = Rig::new(library());
    assert_eq!(list(&rig.path("")), ["movies", "tv"]);
    assert_eq!(list(&rig.path("tv/Show (2020)")), ["Season.01"]);
    let entry = std::fs::read_dir(rig.path("movies"))
        .unwrap()
        .next()
        .unwrap();
    let entry = entry.unwrap();
    assert!(entry.file_type().unwrap().is_file());
    let missing = rig.path("movies/none.mkv").metadata().unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let file_as_dir = rig.path("movies/Film_0123abcd.mkv/x").metadata();
    assert_eq!(file_as_dir.unwrap_err().kind(), ErrorKind::NotADirectory);
    let long = rig.path(&"x".repeat(256)).metadata().unwrap_err();
    assert_eq!(long.kind(), ErrorKind::InvalidFilename);
}

#[test]
fn looking_around_never_opens_a_film() {
    let rig = Rig::new(library());
    for path in ["movies", "tv/Show (2020)/Season.01"] {
        for name in list(&rig.path(path)) {
            rig.path(path).join(name).metadata().unwrap();
        }
    }
    assert_eq!(rig.source.opened(), 0);
    assert!(FsMetrics::get(&rig.metrics.readdirs) > 0);
}

#[test]
fn statfs_shows_free_space() {
    let rig = Rig::new(library());
    let fs = rustix::fs::statvfs(rig.mounted().point()).unwrap();
    assert_eq!((fs.f_bsize, fs.f_frsize), (4096, 4096));
    assert_eq!(fs.f_blocks, 262_144_000);
    assert_eq!((fs.f_bfree, fs.f_bavail), (131_072_000, 131_072_000));
    assert_eq!((fs.f_files, fs.f_ffree, fs.f_namemax), (7, 500, 255));
}

#[test]
fn whatever_writes_is_told_that_the_file_system_is_read_only() {
    let rig = Rig::new(library());
    let film = rig.path("movies/Film_0123abcd.mkv");
    let new = rig.path("movies/new.mkv");
    let refused = |result: std::io::Result<()>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    };
    refused(std::fs::write(&new, "x"));
    refused(std::fs::write(&film, "x"));
    refused(
        std::fs::File::options()
            .append(true)
            .open(&film)
            .map(|_| ()),
    );
    refused(std::fs::remove_file(&film));
    refused(std::fs::rename(&film, &new));
    refused(std::fs::create_dir(&new));
    refused(std::fs::remove_dir(rig.path("tv")));
    refused(symlink("x", &new));
    refused(std::fs::hard_link(&film, &new));
    let mode = std::fs::Permissions::from_mode(0o600);
    refused(std::fs::set_permissions(&film, mode));
    refused(std::os::unix::fs::chown(&film, Some(1), None));
    assert_eq!(list(&rig.path("movies")), ["Film_0123abcd.mkv"]);
}

#[test]
fn side_cars_are_read_from_the_disk_as_they_are() {
    let disk = tempfile::tempdir().unwrap();
    let source = disk.path().join("Film.srt");
    std::fs::write(&source, "1\n00:00:01,000 --> 00:00:02,000\nhello\n").unwrap();
    let rig = Rig::new(vec![side_car("Film.srt", 9, &source)]);
    let shown = rig.path("Film.srt");
    assert_eq!(
        std::fs::read(&shown).unwrap(),
        std::fs::read(&source).unwrap()
    );
    // Same length, other words: seen by the next open.
    std::fs::write(&source, "1\n00:00:01,000 --> 00:00:02,000\nadieu\n").unwrap();
    assert_eq!(
        std::fs::read(&shown).unwrap(),
        std::fs::read(&source).unwrap()
    );
    std::fs::remove_file(&source).unwrap();
    // What is shown is not said to be absent: its disk may be gone for a while.
    let gone = std::fs::File::open(&shown).unwrap_err();
    assert_eq!(gone.raw_os_error(), Some(5), "EIO");
    assert_eq!(
        list(&rig.path("")),
        ["Film.srt"],
        "the tree is what is shown"
    );
    assert_eq!(rig.source.opened(), 0);
}

#[test]
fn a_link_or_a_pipe_in_place_of_a_side_car_is_not_opened() {
    let disk = tempfile::tempdir().unwrap();
    let source = disk.path().join("Film.nfo");
    std::fs::write(&source, "x").unwrap();
    let rig = Rig::new(vec![side_car("Film.nfo", 9, &source)]);
    std::fs::remove_file(&source).unwrap();
    symlink("/etc/passwd", &source).unwrap();
    assert!(std::fs::read(rig.path("Film.nfo")).is_err());
    std::fs::remove_file(&source).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &source,
        rustix::fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    assert!(std::fs::read(rig.path("Film.nfo")).is_err());
}

fn many(count: u64) -> Vec<TreeEntry> {
    let shared = stub(1, 5000, Answers::Now);
    let mut entries = vec![dir("movies", 2)];
    entries.extend((0..count).map(|n| TreeEntry {
        path: format!("movies/Film.Number.{n}_0123abcd.mkv"),
        ino: n + 10,
        mtime: time(1_700_000_000),
        stamp: gostream_library::Stamp::default(),
        node: Node::Media(shared.clone()),
    }));
    entries
}

fn every_file_is_there(path: &Path, count: usize) {
    let mut inodes = HashSet::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        assert!(inodes.insert(entry.ino()), "twice: {entry:?}");
    }
    assert_eq!(inodes.len(), count);
}

#[test]
fn two_thousand_files_are_listed_and_found() {
    let rig = Rig::new(many(2000));
    every_file_is_there(&rig.path("movies"), 2000);
    for entry in std::fs::read_dir(rig.path("movies")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().len(), 5000);
    }
}

#[test]
fn a_hundred_thousand_files_in_one_directory_are_listed_and_found() {
    let rig = Rig::new(many(100_000));
    every_file_is_there(&rig.path("movies"), 100_000);
    let one = rig.path("movies/Film.Number.99999_0123abcd.mkv");
    assert_eq!(one.metadata().unwrap().ino(), 100_009);
}
