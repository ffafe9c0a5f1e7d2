//! A new tree in place of the old one: seen at once, and open files live on.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::thread;
use std::time::Duration;

use gostream_fs::{FsConfig, Tree, TreeEntry};

use crate::rig::{Rig, dir, film, list, time};
use crate::source::{Answers, pattern};

const SIZE: u64 = 3_000_000;

/// The kernel may keep everything for an hour: what is seen nevertheless, it was told.
pub(crate) fn long_memory(config: &mut FsConfig) {
    config.attr_timeout = Duration::from_secs(3600);
    config.entry_timeout = Duration::from_secs(3600);
    config.negative_timeout = Duration::from_secs(3600);
}

fn a() -> TreeEntry {
    film("movies/a.mkv", 10, SIZE, Answers::Now)
}

fn b() -> TreeEntry {
    film("movies/b.mkv", 11, SIZE, Answers::Now)
}

fn movies(mtime: u64) -> TreeEntry {
    TreeEntry {
        mtime: time(mtime),
        ..dir("movies", 2)
    }
}

#[test]
fn added_files_are_seen_at_once_even_where_their_absence_was_cached() {
    let rig = Rig::with(vec![movies(100), a()], long_memory);
    assert_eq!(list(&rig.path("movies")), ["a.mkv"]);
    assert!(!rig.path("movies/b.mkv").exists());
    rig.publish(vec![movies(200), a(), b()]);
    assert_eq!(rig.path("movies/b.mkv").metadata().unwrap().len(), SIZE);
    assert_eq!(list(&rig.path("movies")), ["a.mkv", "b.mkv"]);
    assert_eq!(
        rig.path("movies").metadata().unwrap().modified().unwrap(),
        time(200)
    );
}

#[test]
fn removed_files_and_directories_are_gone_at_once() {
    let gone = |rig: &Rig, path: &str| {
        let error = rig.path(path).metadata().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{path}");
    };
    let show = |path: &str, ino| dir(path, ino);
    let rig = Rig::with(
        vec![
            movies(100),
            a(),
            b(),
            show("tv", 3),
            show("tv/s", 4),
            film("tv/s/e.mkv", 12, SIZE, Answers::Now),
        ],
        long_memory,
    );
    for path in ["movies/b.mkv", "tv/s/e.mkv"] {
        rig.path(path).metadata().unwrap();
    }
    rig.publish(vec![movies(200), a()]);
    for path in ["movies/b.mkv", "tv", "tv/s", "tv/s/e.mkv"] {
        gone(&rig, path);
    }
    assert_eq!(list(&rig.path("")), ["movies"]);
    assert_eq!(list(&rig.path("movies")), ["a.mkv"]);
    // And back again, under the same numbers.
    rig.publish(vec![movies(300), a(), b(), show("tv", 3)]);
    assert_eq!(list(&rig.path("")), ["movies", "tv"]);
    assert_eq!(rig.path("movies/b.mkv").metadata().unwrap().nlink(), 1);
}

#[test]
fn an_open_file_that_was_removed_reads_on_until_it_is_closed() {
    let rig = Rig::with(vec![movies(100), a()], long_memory);
    let file = File::open(rig.path("movies/a.mkv")).unwrap();
    rig.publish(vec![movies(200)]);
    assert!(!rig.path("movies/a.mkv").exists());
    let mut bytes = vec![0; 100_000];
    file.read_exact_at(&mut bytes, 2_000_000).unwrap();
    assert!(bytes == pattern(10, 2_000_000, 100_000));
    let shown = file.metadata().unwrap();
    assert_eq!((shown.len(), shown.ino(), shown.nlink()), (SIZE, 10, 0));
}

#[test]
fn a_moved_file_keeps_its_inode_and_its_handles() {
    let rig = Rig::with(vec![movies(100), dir("tv", 3), a()], long_memory);
    let file = File::open(rig.path("movies/a.mkv")).unwrap();
    let moved = TreeEntry {
        path: "tv/renamed.mkv".to_owned(),
        ..a()
    };
    rig.publish(vec![movies(200), dir("tv", 3), moved]);
    assert!(!rig.path("movies/a.mkv").exists());
    assert_eq!(rig.path("tv/renamed.mkv").metadata().unwrap().ino(), 10);
    assert_eq!(file.metadata().unwrap().nlink(), 1);
    file.read_exact_at(&mut [0; 10], 5).unwrap();
}

#[test]
fn another_film_under_the_same_name_shows_its_own_size_and_bytes() {
    let rig = Rig::with(vec![movies(100), a()], long_memory);
    let path = rig.path("movies/a.mkv");
    assert_eq!(std::fs::read(&path).unwrap().len(), 3_000_000);
    // Same inode number, other stub: what an upgrade in place would be.
    let other = TreeEntry {
        ino: 10,
        ..film("movies/a.mkv", 77, 2_000_000, Answers::Now)
    };
    rig.publish(vec![movies(200), other]);
    assert_eq!(path.metadata().unwrap().len(), 2_000_000);
    // The pages are dropped by a thread of their own.
    while std::fs::read(&path).unwrap() != pattern(77, 0, 2_000_000) {
        thread::yield_now();
    }
    // And another inode under the same name.
    rig.publish(vec![movies(300), film("movies/a.mkv", 13, 5, Answers::Now)]);
    assert_eq!(std::fs::read(&path).unwrap(), pattern(13, 0, 5));
}

#[test]
fn a_listing_that_is_under_way_survives_a_publish() {
    let entries = |from: u64, to: u64| {
        let mut entries = vec![movies(from)];
        entries.extend((from..to).map(|n| TreeEntry {
            path: format!("movies/{n}.mkv"),
            ino: n + 100,
            ..a()
        }));
        entries
    };
    let rig = Rig::with(entries(1, 3000), long_memory);
    let mut listing = std::fs::read_dir(rig.path("movies")).unwrap();
    let mut names: Vec<String> = Vec::new();
    let mut take = |count: usize| {
        for entry in listing.by_ref().take(count) {
            names.push(entry.unwrap().file_name().into_string().unwrap());
        }
    };
    take(50);
    rig.publish(entries(1000, 4000));
    take(usize::MAX);
    for stays in 1000..3000 {
        let name = format!("{stays}.mkv");
        assert_eq!(names.iter().filter(|n| **n == name).count(), 1, "{name}");
    }
}

#[test]
fn trees_may_be_published_from_many_threads_and_the_last_is_shown() {
    let rig = Rig::with(vec![movies(100), a()], long_memory);
    thread::scope(|scope| {
        for _ in 0..4 {
            let publisher = rig.mounted().publisher();
            scope.spawn(move || {
                for _ in 0..20 {
                    let with_b = Tree::build(vec![movies(100), a(), b()]).unwrap();
                    publisher.publish(with_b);
                    let without = Tree::build(vec![movies(100), a()]).unwrap();
                    publisher.publish(without).wait();
                }
            });
        }
    });
    rig.path("movies/a.mkv").metadata().unwrap();
    rig.publish(vec![movies(500), b()]);
    assert_eq!(list(&rig.path("movies")), ["b.mkv"]);
    assert!(!rig.path("movies/a.mkv").exists());
}

#[test]
fn publishing_does_not_wait_for_a_read_that_hangs() {
    let hangs = || film("movies/h.mkv", 14, SIZE, Answers::Never);
    let rig = Rig::with(vec![movies(100), hangs()], long_memory);
    let file = File::open(rig.path("movies/h.mkv")).unwrap();
    let reader = thread::spawn(move || file.read_exact_at(&mut [0; 10], 0));
    rig.source.wait_for_hanging(1);
    // The pages thread waits for the page under the read; the tree thread does not.
    rig.mounted().events().invalidate(14, 0, 0);
    rig.publish(vec![movies(200), hangs(), b()]);
    assert_eq!(list(&rig.path("movies")), ["b.mkv", "h.mkv"]);
    rig.publish(vec![movies(300), b()]);
    assert_eq!(list(&rig.path("movies")), ["b.mkv"]);
    while !reader.is_finished() {
        rig.source.release();
        thread::yield_now();
    }
    reader.join().unwrap().unwrap();
}
