//! `gostream demo`, run as a user would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::cli::{self, binary};
use crate::harness::process::Process;

/// How long the demonstration may take on a busy machine, and how long until its next line.
const LIMIT: Duration = Duration::from_secs(120);

/// A place of its own: whatever the demonstration leaves is in one of its two directories.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("gs").tempdir().unwrap();
        for name in ["home", "tmp"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn demo(&self) -> Command {
        let mut command = binary();
        command.current_dir(self.path("home"));
        command.env("TMPDIR", self.path("tmp")).arg("demo");
        command
    }

    #[track_caller]
    fn assert_clean(&self) {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let here = self.directory.path().to_str().unwrap();
        let mounts: Vec<&str> = table.lines().filter(|line| line.contains(here)).collect();
        assert_eq!(mounts, [""; 0]);
        for name in ["home", "tmp"] {
            let left: Vec<_> = fs::read_dir(self.path(name)).unwrap().collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}

/// What a line says after its label.
#[track_caller]
fn said<'a>(out: &'a str, label: &str) -> &'a str {
    out.lines()
        .find_map(|line| line.trim_start().strip_prefix(label))
        .unwrap_or_else(|| panic!("no line with {label:?} in\n{out}"))
        .trim()
}

#[test]
fn the_demonstration_plays_its_film_and_cleans_up() {
    let place = Place::new();
    let out = cli::finish(&mut place.demo(), LIMIT).success();
    assert!(said(&out, "magnet:").contains("&x.pe=127.0.0.1:"), "{out}");
    let film = Path::new(said(&out, "film:"));
    assert!(film.starts_with(said(&out, "mount:")), "{out}");
    assert!(film.starts_with(place.path("tmp")), "{out}");
    assert!(said(&out, "played:").contains("SHA-256"), "{out}");
    assert_eq!(
        said(&out, "streams:"),
        "video rawvideo 320x180, audio pcm_s16le 48000 Hz"
    );
    for (figure, unit) in [
        ("magnet to path", "ms"),
        ("first byte", "ms"),
        ("whole film", "MB/s"),
        ("seek to 70 %", "ms"),
        ("sent by seeder", "x the film"),
        ("processor", "s/GB"),
        ("peak memory", "MiB (read-ahead budget 16 MiB)"),
    ] {
        let (number, found) = said(&out, figure).split_once(' ').unwrap();
        let number: f64 = number.parse().unwrap();
        // Every byte came from the seeder, once at least; how fast is another day's matter.
        let least = if figure == "sent by seeder" { 1.0 } else { 0.0 };
        assert!(number >= least, "{figure} in\n{out}");
        assert_eq!(found, unit, "{figure} in\n{out}");
    }
    place.assert_clean();
}

#[test]
fn a_demonstration_that_is_kept_serves_its_film_until_a_signal() {
    let place = Place::new();
    let mut demo = Process::start("gostream demo", place.demo().arg("--keep"));
    let mut film = None;
    loop {
        let line = demo.line(LIMIT);
        if let Some(path) = line.strip_prefix("play it: ") {
            film = Some(PathBuf::from(path));
        }
        if line == "serving until Ctrl-C" {
            break;
        }
    }
    let film = fs::read(film.unwrap()).unwrap();
    assert_eq!(film[..4], [0x1A, 0x45, 0xDF, 0xA3], "no EBML");
    let status = demo.terminate(LIMIT).unwrap();
    assert_eq!(status.code(), Some(0), "{}", demo.errors());
    place.assert_clean();
}

#[test]
fn a_signal_in_the_middle_of_the_demonstration_leaves_nothing_behind() {
    let place = Place::new();
    let mut demo = Process::start("gostream demo", place.demo().arg("--keep"));
    while !demo.line(LIMIT).starts_with("film: ") {}
    // The film is being played; when it is over before the signal comes, it is kept.
    let status = demo.terminate(LIMIT).unwrap();
    let code = status.code();
    assert!(matches!(code, Some(0 | 1)), "{status}\n{}", demo.errors());
    place.assert_clean();
}
