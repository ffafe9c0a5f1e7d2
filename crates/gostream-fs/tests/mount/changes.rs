//! unlink, rename, mkdir and rmdir through the kernel: what POSIX says, and what a library says beyond it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use gostream_fs::{EditError, Tree, TreeEntry};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::editor::{FIRST_MADE, FIRST_TIME, NotedEditor};
use crate::publishing::long_memory;
use crate::rig::{Rig, dir, film, list, side_car, time};
use crate::source::{Answers, pattern};

const SIZE: u64 = 3_000_000;

fn library() -> Vec<TreeEntry> {
    let this_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mount/changes.rs");
    vec![
        dir("movies", 2),
        dir("movies/sub", 3),
        dir("tv", 4),
        film("movies/a.mkv", 10, SIZE, Answers::Now),
        film("movies/b.mkv", 11, SIZE, Answers::Now),
        film("movies/sub/c.mkv", 12, SIZE, Answers::Never),
        side_car("movies/a.nfo", 20, &this_file),
        side_car("movies/b.nfo", 21, &this_file),
        side_car("movies/real.mkv", 22, &this_file),
    ]
}

/// A mount that can be changed, and whose kernel believes what it knows for an hour: what is right
/// nevertheless, it learnt from the change itself.
fn rig() -> (Rig, Arc<NotedEditor>) {
    let editor = NotedEditor::new();
    let rig = Rig::edited(library(), Some(editor.clone()), long_memory);
    (rig, editor)
}

fn errno<T>(result: io::Result<T>) -> Option<Errno> {
    let error = result.err()?;
    error.raw_os_error().map(Errno::from_raw_os_error)
}

fn code<T>(result: Result<T, Errno>) -> Option<Errno> {
    result.err()
}

#[test]
fn a_film_that_is_unlinked_is_gone_and_its_directory_has_another_time() {
    let (rig, editor) = rig();
    let movies = rig.path("movies");
    assert_eq!(
        movies.metadata().unwrap().modified().unwrap(),
        time(1_600_000_002)
    );
    fs::remove_file(rig.path("movies/a.mkv")).unwrap();
    assert_eq!(editor.done(), ["unlink movies/a.mkv of film 10"]);
    assert_eq!(
        errno(rig.path("movies/a.mkv").metadata()),
        Some(Errno::NOENT)
    );
    assert!(!list(&movies).contains(&"a.mkv".to_owned()));
    assert_eq!(
        movies.metadata().unwrap().modified().unwrap(),
        time(FIRST_TIME)
    );
    assert_eq!(
        errno(fs::remove_file(rig.path("movies/a.mkv"))),
        Some(Errno::NOENT)
    );
}

#[test]
fn an_unlink_ends_waiting_reads_and_fails_later_ones() {
    let (rig, _) = rig();
    let open = Arc::new(File::open(rig.path("movies/sub/c.mkv")).unwrap());
    let waiting = {
        let open = Arc::clone(&open);
        thread::spawn(move || errno(open.read_at(&mut [0; 4096], 0)))
    };
    rig.source.wait_for_hanging(1);
    fs::remove_file(rig.path("movies/sub/c.mkv")).unwrap();
    assert_eq!(waiting.join().unwrap(), Some(Errno::IO));
    assert_eq!(
        errno(open.read_at(&mut [0; 4096], 1 << 20)),
        Some(Errno::IO)
    );
    // The film behind the handle closes, though the handle stays.
    rig.source.wait_until_closed();
    assert_eq!(open.metadata().unwrap().nlink(), 0);
    // Its late answer finds nobody.
    rig.source.release();
}

#[test]
fn an_unlink_that_the_disk_refuses_costs_no_reader_the_film() {
    let (rig, editor) = rig();
    editor.refuse("may unlink movies/a.mkv", EditError::ReadOnly);
    let open = File::open(rig.path("movies/a.mkv")).unwrap();
    assert_eq!(
        errno(fs::remove_file(rig.path("movies/a.mkv"))),
        Some(Errno::ROFS)
    );
    let mut bytes = [0; 100];
    open.read_exact_at(&mut bytes, 1000).unwrap();
    assert_eq!(bytes[..], pattern(10, 1000, 100));
    assert_eq!(editor.done(), [""; 0]);
}

#[test]
fn what_fails_on_the_disk_stays_in_the_tree() {
    let (rig, editor) = rig();
    editor.refuse("unlink movies/a.mkv of film 10", EditError::Io);
    editor.refuse("rename movies/b.mkv to tv/b.mkv", EditError::NoSpace);
    editor.refuse("mkdir tv/new", EditError::NoSpace);
    editor.refuse("rmdir tv", EditError::NotEmpty);
    let before = list(&rig.path("movies"));
    assert_eq!(
        errno(fs::remove_file(rig.path("movies/a.mkv"))),
        Some(Errno::IO)
    );
    let moved = fs::rename(rig.path("movies/b.mkv"), rig.path("tv/b.mkv"));
    assert_eq!(errno(moved), Some(Errno::NOSPC));
    assert_eq!(
        errno(fs::create_dir(rig.path("tv/new"))),
        Some(Errno::NOSPC)
    );
    assert_eq!(errno(fs::remove_dir(rig.path("tv"))), Some(Errno::NOTEMPTY));
    assert_eq!(list(&rig.path("movies")), before);
    assert_eq!(list(&rig.path("tv")), [""; 0]);
}

#[test]
fn a_film_that_is_renamed_keeps_its_inode_and_its_readers() {
    let (rig, editor) = rig();
    let open = File::open(rig.path("movies/a.mkv")).unwrap();
    fs::rename(rig.path("movies/a.mkv"), rig.path("tv/z.mkv")).unwrap();
    assert_eq!(editor.done(), ["rename movies/a.mkv to tv/z.mkv"]);
    assert_eq!(rig.path("tv/z.mkv").metadata().unwrap().ino(), 10);
    assert_eq!(
        errno(rig.path("movies/a.mkv").metadata()),
        Some(Errno::NOENT)
    );
    assert_eq!(list(&rig.path("tv")), ["z.mkv"]);
    let mut bytes = [0; 100];
    open.read_exact_at(&mut bytes, 2_000_000).unwrap();
    assert_eq!(bytes[..], pattern(10, 2_000_000, 100));
    let again = fs::read(rig.path("tv/z.mkv")).unwrap();
    assert_eq!(again, pattern(10, 0, usize::try_from(SIZE).unwrap()));
}

#[test]
fn a_directory_that_is_renamed_takes_everything_along() {
    let (rig, editor) = rig();
    fs::rename(rig.path("movies"), rig.path("tv/films")).unwrap();
    assert_eq!(editor.done(), ["rename movies to tv/films"]);
    let films = rig.path("tv/films").metadata().unwrap();
    assert_eq!((films.ino(), films.nlink()), (2, 3));
    assert_eq!(rig.path("tv").metadata().unwrap().nlink(), 3);
    assert_eq!(rig.path("tv/films/sub/c.mkv").metadata().unwrap().ino(), 12);
    assert_eq!(list(rig.mounted().point()), ["tv"]);
}

#[test]
fn rename_refuses_what_posix_says() {
    let (rig, editor) = rig();
    let rename = |from: &str, to: &str| errno(fs::rename(rig.path(from), rig.path(to)));
    assert_eq!(
        rename("movies/none.mkv", "movies/x.mkv"),
        Some(Errno::NOENT)
    );
    assert_eq!(rename("movies/a.mkv", "none/x.mkv"), Some(Errno::NOENT));
    assert_eq!(rename("movies", "movies/sub/movies"), Some(Errno::INVAL));
    assert_eq!(rename("movies/a.mkv", "movies/sub"), Some(Errno::ISDIR));
    assert_eq!(rename("tv", "movies/a.nfo"), Some(Errno::NOTDIR));
    assert_eq!(rename("tv", "movies"), Some(Errno::NOTEMPTY));
    assert_eq!(
        rename("movies/a.mkv", &format!("movies/{}.mkv", "x".repeat(252))),
        Some(Errno::NAMETOOLONG)
    );
    assert_eq!(
        rename("movies/a.mkv", "movies/a\u{1}.mkv"),
        Some(Errno::INVAL)
    );
    assert_eq!(
        rename("movies/a.mkv", "movies/a.mkv"),
        None,
        "the same name"
    );
    assert_eq!(editor.done(), [""; 0]);
    let flagged = |flags, to: &str| {
        let (from, to) = (rig.path("movies/a.mkv"), rig.path(to));
        code(renameat_with(CWD, from, CWD, to, flags))
    };
    assert_eq!(
        flagged(RenameFlags::NOREPLACE, "movies/b.mkv"),
        Some(Errno::EXIST)
    );
    assert_eq!(
        flagged(RenameFlags::EXCHANGE, "movies/b.mkv"),
        Some(Errno::INVAL)
    );
    assert_eq!(flagged(RenameFlags::NOREPLACE, "movies/free.mkv"), None);
}

#[test]
fn an_empty_directory_may_be_replaced_by_another() {
    let (rig, editor) = rig();
    fs::create_dir(rig.path("new")).unwrap();
    fs::rename(rig.path("new"), rig.path("tv")).unwrap();
    assert_eq!(editor.done(), ["mkdir new", "rename new to tv"]);
    assert_eq!(rig.path("tv").metadata().unwrap().ino(), FIRST_MADE);
    assert_eq!(list(rig.mounted().point()), ["movies", "tv"]);
}

#[test]
fn a_film_is_never_replaced_and_never_becomes_something_else() {
    let (rig, editor) = rig();
    let rename = |from: &str, to: &str| errno(fs::rename(rig.path(from), rig.path(to)));
    assert_eq!(rename("movies/a.mkv", "movies/b.mkv"), Some(Errno::EXIST));
    assert_eq!(
        rename("movies/a.mkv", "movies/real.mkv"),
        Some(Errno::EXIST)
    );
    assert_eq!(rename("movies/a.mkv", "movies/a.txt"), Some(Errno::PERM));
    assert_eq!(rename("movies/a.nfo", "movies/x.mkv"), Some(Errno::PERM));
    assert_eq!(
        rename("movies/a.mkv", "movies/.gostream-tmp-1.mkv"),
        Some(Errno::PERM)
    );
    // A real film is one, too.
    assert_eq!(
        rename("movies/real.mkv", "movies/real.nfo"),
        Some(Errno::PERM)
    );
    assert_eq!(
        errno(fs::remove_file(rig.path("movies/real.mkv"))),
        Some(Errno::PERM)
    );
    assert_eq!(editor.done(), [""; 0]);
}

#[test]
fn directories_are_made_and_removed() {
    let (rig, editor) = rig();
    let new = rig.path("tv/Show (2020)");
    fs::create_dir(&new).unwrap();
    let made = new.metadata().unwrap();
    assert_eq!(
        (made.ino(), made.nlink(), made.mode()),
        (FIRST_MADE, 2, 0o40_755)
    );
    assert_eq!(rig.path("tv").metadata().unwrap().nlink(), 3);
    assert_eq!(errno(fs::create_dir(&new)), Some(Errno::EXIST));
    assert_eq!(
        errno(fs::create_dir(rig.path("tv/x/y"))),
        Some(Errno::NOENT)
    );
    fs::remove_dir(&new).unwrap();
    assert_eq!(errno(new.metadata()), Some(Errno::NOENT));
    assert_eq!(rig.path("tv").metadata().unwrap().nlink(), 2);
    assert_eq!(
        errno(fs::remove_dir(rig.path("movies"))),
        Some(Errno::NOTEMPTY)
    );
    assert_eq!(
        errno(fs::remove_dir(rig.path("movies/a.mkv"))),
        Some(Errno::NOTDIR)
    );
    assert_eq!(
        errno(fs::remove_file(rig.path("movies/sub"))),
        Some(Errno::ISDIR)
    );
    assert_eq!(
        editor.done(),
        ["mkdir tv/Show (2020)", "rmdir tv/Show (2020)"]
    );
}

#[test]
fn a_disk_that_hangs_holds_up_changes_and_nothing_else() {
    let editor = NotedEditor::new();
    let mut entries = library();
    // Changes of one directory follow each other in the kernel already: one each.
    entries.extend((0..8).map(|number| dir(&format!("d{number}"), 50 + number)));
    let rig = Rig::edited(entries, Some(editor.clone()), long_memory);
    editor.stick(true);
    let more: Vec<_> = (0..8)
        .map(|number| {
            let path = rig.path(&format!("d{number}/new"));
            thread::spawn(move || errno(fs::create_dir(path)))
        })
        .collect();
    editor.wait_for_stuck();
    // More changes than there are threads that serve the kernel, and all of them still serve.
    for _ in 0..20 {
        let open = File::open(rig.path("movies/b.mkv")).unwrap();
        open.read_exact_at(&mut [0; 100], 0).unwrap();
    }
    editor.stick(false);
    for thread in more {
        assert_eq!(thread.join().unwrap(), None);
    }
}

#[test]
fn a_scan_that_a_change_overtook_does_not_bring_back_what_went() {
    let (rig, _) = rig();
    let publisher = rig.mounted().publisher();
    let mut scans = 0;
    let published = publisher.publish_scan(|| {
        scans += 1;
        let mut entries = library();
        if scans == 1 {
            // The disk was looked at; then somebody removes a film.
            fs::remove_file(rig.path("movies/a.mkv")).unwrap();
        } else {
            entries.retain(|entry| entry.path != "movies/a.mkv");
        }
        Tree::build(entries).map(Some)
    });
    published.unwrap().unwrap().wait();
    assert_eq!(scans, 2);
    assert_eq!(
        errno(rig.path("movies/a.mkv").metadata()),
        Some(Errno::NOENT)
    );
}

#[test]
fn changes_and_publishes_at_once_do_not_wait_for_each_other() {
    let (rig, _) = rig();
    let publisher = rig.mounted().publisher();
    let (point, mut number) = (rig.mounted().point().to_owned(), 0_u64);
    let publishing = thread::spawn(move || {
        for _ in 0..100 {
            number += 1;
            let mut entries = library();
            entries.push(film("movies/new.mkv", 30, number, Answers::Now));
            let scanned = publisher.publish_scan(|| Tree::build(entries.clone()).map(Some));
            scanned.unwrap().unwrap().wait();
        }
    });
    for number in 0..300 {
        // The trees above know nothing of it, so it may be gone at any moment.
        let path = point.join(format!("movies/d{number}"));
        let _ = fs::create_dir(&path);
        let _ = fs::rename(&path, point.join("movies/other"));
        let _ = fs::remove_dir(point.join("movies/other"));
    }
    publishing.join().unwrap();
    assert!(list(&rig.path("movies")).contains(&"b.mkv".to_owned()));
}

#[test]
fn without_an_editor_everything_is_read_only() {
    let rig = Rig::new(library());
    assert_eq!(
        errno(fs::remove_file(rig.path("movies/a.mkv"))),
        Some(Errno::ROFS)
    );
    assert_eq!(
        errno(fs::create_dir(rig.path("movies/x"))),
        Some(Errno::ROFS)
    );
}

#[test]
fn whatever_else_writes_is_refused() {
    let (rig, editor) = rig();
    let film = rig.path("movies/a.mkv");
    assert_eq!(
        errno(File::create(rig.path("movies/new.nfo"))),
        Some(Errno::ROFS)
    );
    assert_eq!(
        errno(File::options().write(true).open(&film)),
        Some(Errno::ROFS)
    );
    assert_eq!(
        errno(File::options().append(true).open(rig.path("movies/a.nfo"))),
        Some(Errno::ROFS)
    );
    assert_eq!(
        errno(fs::hard_link(&film, rig.path("movies/x.mkv"))),
        Some(Errno::ROFS)
    );
    let link = std::os::unix::fs::symlink("a.mkv", rig.path("movies/x.mkv"));
    assert_eq!(errno(link), Some(Errno::ROFS));
    let mode = fs::Permissions::from_mode(0o600);
    assert_eq!(errno(fs::set_permissions(&film, mode)), Some(Errno::ROFS));
    let times = fs::FileTimes::new().set_modified(time(5));
    let timed = File::open(&film).unwrap().set_times(times);
    assert_eq!(errno(timed), Some(Errno::ROFS));
    assert_eq!(
        errno(fs::remove_file(rig.path("movies/a.nfo"))),
        Some(Errno::ROFS)
    );
    let over = fs::rename(rig.path("movies/a.nfo"), rig.path("movies/b.nfo"));
    assert_eq!(errno(over), Some(Errno::ROFS));
    assert_eq!(editor.done(), [""; 0]);
}

#[test]
fn only_who_the_modes_let_in_may_change_the_library() {
    if !rustix::process::geteuid().is_root() {
        // Without root there is nobody else to be.
        return;
    }
    let (rig, editor) = rig();
    let (point, path) = (rig.dir.path(), rig.path("movies/a.mkv"));
    // The directory of the mount is private; the mount itself is for everybody.
    fs::set_permissions(point, fs::Permissions::from_mode(0o755)).unwrap();
    let remove = |user: u32| {
        Command::new("rm")
            .arg("-f")
            .arg(&path)
            .uid(user)
            .output()
            .unwrap()
    };
    let refused = remove(65_534);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("Permission denied"), "{said}");
    assert!(path.exists());
    let done = remove(1000);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(editor.done(), ["unlink movies/a.mkv of film 10"]);
}
