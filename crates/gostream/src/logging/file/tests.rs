//! Rotation, bounds, and what happens when a hand or a disk interferes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::os::unix::fs::symlink;
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

/// A log in a folder of its own, on a clock of its own.
struct Case {
    directory: TempDir,
    day: Rc<Cell<u64>>,
}

impl Case {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            // Later than the files that are really written now.
            day: Rc::new(Cell::new(40_000)),
        }
    }

    fn folder(&self) -> PathBuf {
        self.directory.path().join("logs")
    }

    fn log(&self, files: usize, len_max: u64) -> LogFile<impl Fn() -> SystemTime + use<>> {
        let day = Rc::clone(&self.day);
        let now = move || SystemTime::UNIX_EPOCH + Duration::from_secs(day.get() * 86_400 + 7);
        LogFile::new(&self.folder(), files, len_max, now)
    }

    /// Names and contents, in order.
    fn files(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let mut files: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        files
    }
}

/// Writes a line, as the queue does.
fn say(log: &mut impl Write, line: &str) -> io::Result<()> {
    log.write_all(format!("{line}\n").as_bytes())
}

fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    files.iter().map(owned).collect()
}

#[test]
fn a_day_begins_a_file_and_the_oldest_goes() {
    let case = Case::new();
    let mut log = case.log(3, 1000);
    for day in 0..5 {
        case.day.set(40_000 + day);
        say(&mut log, &format!("day {day}")).unwrap();
        say(&mut log, &format!("still {day}")).unwrap();
    }
    let wanted = named(&[
        ("gostream.log", "day 4\nstill 4\n"),
        ("gostream.log.1", "day 3\nstill 3\n"),
        ("gostream.log.2", "day 2\nstill 2\n"),
    ]);
    assert_eq!(case.files(), wanted);
    // A clock that goes back (no battery, a late answer of NTP) ends nothing.
    case.day.set(9);
    say(&mut log, "1970").unwrap();
    assert_eq!(case.files()[0].1, "day 4\nstill 4\n1970\n");
}

#[test]
fn a_file_that_would_become_too_long_is_put_aside_before_the_line() {
    let case = Case::new();
    let mut log = case.log(2, 10);
    for line in ["1234", "5678", "abcd", "longer than a whole file"] {
        say(&mut log, line).unwrap();
    }
    let wanted = named(&[
        ("gostream.log", "longer than a whole file\n"),
        ("gostream.log.1", "abcd\n"),
    ]);
    assert_eq!(case.files(), wanted);
}

#[test]
fn a_start_goes_on_with_the_file_of_today_and_takes_away_what_is_beyond_the_bound() {
    let case = Case::new();
    let mut log = case.log(9, 6);
    for line in ["one", "two", "three", "four"] {
        say(&mut log, line).unwrap();
    }
    fs::write(case.folder().join("gostream.log.old"), "mine").unwrap();
    drop(log);
    // It is written on, and on the day after put aside: its last line is older than the clock of this test.
    let mut log = case.log(2, 100);
    say(&mut log, "five").unwrap();
    say(&mut log, "six").unwrap();
    let wanted = named(&[
        ("gostream.log", "five\nsix\n"),
        ("gostream.log.1", "four\n"),
        ("gostream.log.old", "mine"),
    ]);
    assert_eq!(case.files(), wanted);
    let mut log = case.log(1, 6);
    say(&mut log, "seven").unwrap();
    assert_eq!(case.files()[0].1, "seven\n");
    assert_eq!(case.files().len(), 2);
}

#[test]
fn what_is_taken_away_is_made_anew() {
    let case = Case::new();
    let mut log = case.log(2, 100);
    say(&mut log, "one").unwrap();
    fs::remove_dir_all(case.folder()).unwrap();
    say(&mut log, "two").unwrap();
    assert_eq!(case.files(), named(&[("gostream.log", "two\n")]));
    // As logrotate does.
    let away = case.folder().join("away");
    fs::rename(case.folder().join(NAME), &away).unwrap();
    say(&mut log, "three").unwrap();
    let wanted = named(&[("away", "two\n"), ("gostream.log", "three\n")]);
    assert_eq!(case.files(), wanted);
}

#[test]
fn a_folder_that_cannot_be_is_told_and_tried_again() {
    let case = Case::new();
    let mut log = case.log(2, 100);
    fs::write(case.folder(), "a file").unwrap();
    assert!(say(&mut log, "one").is_err());
    fs::remove_file(case.folder()).unwrap();
    say(&mut log, "two").unwrap();
    assert_eq!(case.files(), named(&[("gostream.log", "two\n")]));
}

#[test]
fn neither_a_link_nor_a_pipe_is_written() {
    let case = Case::new();
    fs::create_dir(case.folder()).unwrap();
    let path = case.folder().join(NAME);
    let other = case.directory.path().join("other");
    symlink(&other, &path).unwrap();
    let mut log = case.log(2, 100);
    assert!(say(&mut log, "one").is_err());
    assert!(!other.exists());
    fs::remove_file(&path).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(say(&mut log, "two").is_err());
    fs::remove_file(&path).unwrap();
    say(&mut log, "three").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
}
