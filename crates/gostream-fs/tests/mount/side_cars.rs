//! Writing side-cars through the kernel, where the settings allow it: what a media server does, and what it may not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gostream_fs::{EditError, FsConfig};
use rustix::io::Errno;

use crate::editor::{FIRST_MADE, NotedEditor};
use crate::publishing::long_memory;
use crate::rig::{Rig, dir, film, list};
use crate::source::Answers;

fn allowed(config: &mut FsConfig) {
    long_memory(config);
    config.side_car_writes = true;
}

fn rig() -> (Rig, Arc<NotedEditor>) {
    let editor = NotedEditor::new();
    let entries = vec![
        dir("movies", 2),
        film("movies/a.mkv", 10, 5000, Answers::Now),
    ];
    let rig = Rig::edited(entries, Some(editor.clone()), allowed);
    (rig, editor)
}

fn errno<T>(result: io::Result<T>) -> Option<Errno> {
    let error = result.err()?;
    error.raw_os_error().map(Errno::from_raw_os_error)
}

/// Waits for something that the mount does after a close.
fn soon(holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "it does not come");
        thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_side_car_is_empty_on_the_disk_until_it_is_closed_and_then_whole() {
    let (rig, editor) = rig();
    let path = rig.path("movies/a.nfo");
    let mut file = File::create_new(&path).unwrap();
    file.write_all(b"<movie>").unwrap();
    file.write_all(b"</movie>").unwrap();
    // Who looks meanwhile sees what was written, though the disk does not have it.
    assert_eq!(path.metadata().unwrap().len(), 15);
    assert_eq!(fs::read(&path).unwrap(), b"<movie></movie>");
    assert_eq!(editor.done(), ["write movies/a.nfo: 0 bytes"]);
    drop(file);
    assert_eq!(
        editor.done(),
        [
            "write movies/a.nfo: 0 bytes",
            "write movies/a.nfo: 15 bytes"
        ]
    );
    assert_eq!(fs::read(&path).unwrap(), b"<movie></movie>");
    let shown = path.metadata().unwrap();
    assert_eq!(
        (shown.len(), shown.ino(), shown.nlink()),
        (15, FIRST_MADE, 1)
    );
    assert_eq!(list(&rig.path("movies")), ["a.mkv", "a.nfo"]);
}

#[test]
fn a_side_car_is_replaced_cut_appended_and_changed_in_the_middle() {
    let (rig, editor) = rig();
    let path = rig.path("movies/a.srt");
    fs::write(&path, b"first").unwrap();
    let ino = path.metadata().unwrap().ino();
    fs::write(&path, b"2nd").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"2nd");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b" and more").unwrap();
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"2nd and more");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    file.seek(SeekFrom::Start(4)).unwrap();
    file.write_all(b"AND").unwrap();
    let mut all = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut all).unwrap();
    assert_eq!(all, "2nd AND more");
    file.set_len(7).unwrap();
    file.sync_all().unwrap();
    assert_eq!(editor.done().last().unwrap(), "write movies/a.srt: 7 bytes");
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"2nd AND");
    assert_eq!(path.metadata().unwrap().ino(), ino);
    fs::write(&path, b"").unwrap();
    assert_eq!(path.metadata().unwrap().len(), 0);
}

#[test]
fn a_temporary_file_is_renamed_over_a_side_car() {
    let (rig, _) = rig();
    let (path, temporary) = (rig.path("movies/a.nfo"), rig.path("movies/a.nfo.tmp"));
    fs::write(&path, b"old").unwrap();
    fs::write(&temporary, b"new").unwrap();
    fs::rename(&temporary, &path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(list(&rig.path("movies")), ["a.mkv", "a.nfo"]);
    fs::remove_file(&path).unwrap();
    assert_eq!(list(&rig.path("movies")), ["a.mkv"]);
}

#[test]
fn a_side_car_that_is_renamed_or_removed_while_it_is_written_stays_what_it_is() {
    let (rig, editor) = rig();
    let path = rig.path("movies/a.nfo");
    let mut file = File::create(&path).unwrap();
    fs::rename(&path, rig.path("b.nfo")).unwrap();
    file.write_all(b"text").unwrap();
    drop(file);
    assert_eq!(editor.done().last().unwrap(), "write b.nfo: 4 bytes");
    let file = OpenOptions::new()
        .write(true)
        .read(true)
        .open(rig.path("b.nfo"))
        .unwrap();
    fs::remove_file(rig.path("b.nfo")).unwrap();
    file.write_all_at(b"TEXT", 0).unwrap();
    assert_eq!(
        (
            file.metadata().unwrap().nlink(),
            file.metadata().unwrap().len()
        ),
        (0, 4)
    );
    file.sync_all().unwrap();
    assert_eq!(editor.done().last().unwrap(), "unlink b.nfo");
}

#[test]
fn a_full_disk_is_told_and_leaves_no_half_file() {
    let (rig, editor) = rig();
    let path = rig.path("movies/a.jpg");
    editor.leave_room(1000);
    let mut file = File::create(&path).unwrap();
    assert_eq!(errno(file.write_all(&[1; 2000])), Some(Errno::NOSPC));
    file.write_all(&[1; 500]).unwrap();
    // Others take the room before the file is complete.
    editor.refuse("write movies/a.jpg: 500 bytes", EditError::NoSpace);
    assert_eq!(errno(file.sync_all()), Some(Errno::NOSPC));
    drop(file);
    // The release comes after the close.
    soon(|| !path.exists());
    assert_eq!(list(&rig.path("movies")), ["a.mkv"]);
}

#[test]
fn the_old_side_car_stays_when_the_new_one_does_not_fit() {
    let (rig, editor) = rig();
    let path = rig.path("movies/a.nfo");
    fs::write(&path, b"old text").unwrap();
    editor.refuse("write movies/a.nfo: 3 bytes", EditError::NoSpace);
    let mut file = File::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(errno(file.sync_all()), Some(Errno::NOSPC));
    drop(file);
    soon(|| fs::read(&path).unwrap() == b"old text");
    assert_eq!(path.metadata().unwrap().len(), 8);
}

#[test]
fn the_end_of_one_handle_puts_nothing_of_another_on_the_disk() {
    let (rig, editor) = rig();
    let path = rig.path("movies/a.nfo");
    for round in 0..50 {
        // Its RELEASE comes after close(2) has returned, when the next handle has cut the file already.
        fs::write(&path, b"old text").unwrap();
        let file = File::create(&path).unwrap();
        let second = File::open(&path).unwrap();
        drop(second);
        let cuts = || {
            let empty = |what: &&String| *what == "write movies/a.nfo: 0 bytes";
            editor.done().iter().filter(empty).count()
        };
        // The one of its creation, and one for each handle that closed it empty.
        assert_eq!(cuts(), 1 + round);
        drop(file);
    }
}

#[test]
fn nothing_larger_than_a_side_car_is_written() {
    let (rig, _) = rig();
    let file = File::create(rig.path("movies/a.jpg")).unwrap();
    assert_eq!(errno(file.set_len(33 << 20)), Some(Errno::FBIG));
    assert_eq!(errno(file.write_all_at(b"x", 32 << 20)), Some(Errno::FBIG));
    file.write_all_at(b"x", 1 << 20).unwrap();
}

#[test]
fn films_are_never_written() {
    let (rig, editor) = rig();
    let film = rig.path("movies/a.mkv");
    for options in [
        OpenOptions::new().write(true),
        OpenOptions::new().append(true),
        OpenOptions::new().write(true).truncate(true),
        OpenOptions::new().write(true).create(true),
    ] {
        assert_eq!(errno(options.open(&film)), Some(Errno::ROFS));
    }
    assert_eq!(
        errno(File::create(rig.path("movies/new.mkv"))),
        Some(Errno::ROFS)
    );
    fs::write(rig.path("movies/x.txt"), b"no film").unwrap();
    let renamed = fs::rename(rig.path("movies/x.txt"), rig.path("movies/x.mkv"));
    assert_eq!(errno(renamed), Some(Errno::PERM));
    let over = fs::rename(rig.path("movies/x.txt"), &film);
    assert_eq!(errno(over), Some(Errno::PERM));
    assert!(
        editor
            .done()
            .iter()
            .all(|done| done.starts_with("write movies/x.txt"))
    );
    assert_eq!(film.metadata().unwrap().len(), 5000);
}

#[test]
fn modes_and_times_of_side_cars_are_taken_and_not_kept() {
    let (rig, _) = rig();
    let path = rig.path("movies/a.nfo");
    fs::write(&path, b"text").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let times = fs::FileTimes::new().set_modified(crate::rig::time(5));
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_times(times)
        .unwrap();
    assert_eq!(path.metadata().unwrap().mode(), 0o100_644);
    let taken = std::os::unix::fs::chown(&path, Some(4711), None);
    assert_eq!(errno(taken), Some(Errno::PERM));
}
