//! The log: in the journal, in files, for programs, and when its disk is full or gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::content::sha256;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::SharedFilm;
use crate::harness::tmpfs::Tmpfs;
use crate::harness::wait::{until, within};

const LIMIT: Duration = Duration::from_secs(60);

/// Sends the standard error to a file, as if that was the journal.
const TO_A_JOURNAL: &str =
    r#"exec 2>"$ERRORS"; export JOURNAL_STREAM="$(stat -L -c %d:%i "$ERRORS")"; exec "$@""#;

/// Sends the standard error to a file.
const TO_A_FILE: &str = r#"exec 2>"$ERRORS"; exec "$@""#;

/// A file for the standard error, which explains a failure.
struct Errors {
    file: PathBuf,
    _directory: TempDir,
}

impl Drop for Errors {
    fn drop(&mut self) {
        if thread::panicking() {
            let text = fs::read_to_string(&self.file).unwrap_or_default();
            eprintln!("--- the standard error of the server:\n{text}---");
        }
    }
}

/// A server whose standard error goes to a file.
struct Logged {
    server: Server,
    errors: PathBuf,
    kept: Errors,
}

impl Logged {
    fn start(mut settings: Value, script: &str) -> Self {
        settings["torrent_port"] = json!(0);
        let directory = tempfile::tempdir().unwrap();
        let errors = directory.path().join("errors");
        let kept = Errors {
            file: errors.clone(),
            _directory: directory,
        };
        let variables = [("ERRORS", errors.as_os_str())];
        let server = Server::start_by_script(Place::new(settings), script, &variables);
        Self {
            server,
            errors,
            kept,
        }
    }

    fn log(&self) -> PathBuf {
        self.server.place.data_dir.join("logs/gostream.log")
    }

    /// Has something logged at INFO.
    fn say(&self) {
        self.server.hang_up();
    }

    fn set(&self, level: &str) {
        self.server
            .place
            .run(&["config", "set", "log_level", level])
            .success();
    }
}

/// How often the word that [`Logged::say`] brings about is in a file.
fn said(file: &Path) -> usize {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.matches("settings were read again").count()
}

fn wait_for(what: &str, file: &Path, words: &str) {
    until(what, LIMIT, || {
        fs::read_to_string(file).ok()?.contains(words).then_some(())
    });
}

/// A setting that writes the log beside the other directories.
fn files() -> Value {
    // Relative paths begin at config.json, which lies above the data directory.
    json!({"log_dir": "data/logs"})
}

#[test]
fn the_journal_is_given_the_priority_and_neither_time_nor_colours() {
    // A key without effect is told at DEBUG.
    let settings = json!({"log_level": "DEBUG", "tmdb_api_key": "x"});
    let logged = Logged::start(settings, TO_A_JOURNAL);
    logged.say();
    wait_for("a line", &logged.errors, "settings were read again");
    let errors = logged.errors.clone();
    let _kept = logged.kept;
    let (status, _after) = logged.server.stop();
    assert!(status.success());
    let text = fs::read_to_string(errors).unwrap();
    assert!(text.contains("<7>gostream::cli::context: "), "{text}");
    for line in text.lines() {
        let (priority, rest) = line.split_at(3);
        assert!(matches!(priority, "<3>" | "<4>" | "<6>" | "<7>"), "{line}");
        assert!(rest.starts_with(|c: char| c.is_ascii_lowercase()), "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
    let last = text.lines().find(|line| line.contains("stopping")).unwrap();
    assert_eq!(last, "<6>gostream::app::serve: stopping signal=\"SIGTERM\"");
}

#[test]
fn a_change_of_the_level_reaches_the_file_and_the_standard_error() {
    let mut settings = files();
    settings["log_level"] = json!("WARN");
    let logged = Logged::start(settings, TO_A_FILE);
    logged.set("INFO");
    logged.say();
    for file in [&logged.log(), &logged.errors] {
        wait_for("INFO", file, "settings were read again");
    }
    logged.set("ERROR");
    logged.say();
    // It has been answered: a later command waits for the one before, and the end for all lines.
    logged.set("ERROR");
    let (file, errors) = (logged.log(), logged.errors.clone());
    let _kept = logged.kept;
    let (status, _after) = logged.server.stop();
    assert!(status.success());
    for file in [&file, &errors] {
        assert_eq!(said(file), 1, "{}", fs::read_to_string(file).unwrap());
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("20") && text.contains("Z  INFO gostream"),
        "{text}"
    );
}

#[test]
fn a_program_reads_an_object_a_line() {
    let mut settings = files();
    settings["log_format"] = json!("json");
    let logged = Logged::start(settings, TO_A_JOURNAL);
    logged.say();
    wait_for("a line", &logged.log(), "settings were read again");
    let (file, errors) = (logged.log(), logged.errors.clone());
    let _kept = logged.kept;
    let (_, _after) = logged.server.stop();
    for file in [&file, &errors] {
        let text = fs::read_to_string(file).unwrap();
        let lines = text
            .lines()
            .map(|line| line.strip_prefix("<6>").unwrap_or(line));
        let events: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let end = events
            .iter()
            .find(|event| event["fields"]["message"] == "stopping")
            .unwrap();
        assert_eq!(end["fields"]["signal"], "SIGTERM");
        assert_eq!(end["level"], "INFO");
        assert_eq!(end["target"], "gostream::app::serve");
        assert!(end["timestamp"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn without_a_word_there_are_no_files_and_systemd_may_name_their_place() {
    let (_, after) = Server::start(json!({})).stop();
    let named = after.place.data_dir.join("named");
    for entry in fs::read_dir(&after.place.data_dir).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(
            !name.to_string_lossy().contains("log"),
            "{}",
            name.display()
        );
    }
    let server = Server::start_with(after.place, "LOGS_DIRECTORY", named.as_os_str());
    let (_, _after) = server.stop();
    let text = fs::read_to_string(named.join("gostream.log")).unwrap();
    assert!(text.contains("stopping"), "{text}");
}

#[test]
fn films_play_while_the_log_is_gone_or_its_disk_is_full() {
    let film = SharedFilm::start();
    let directory = tempfile::tempdir().unwrap();
    let point = directory.path().join("disk");
    let disk = Tmpfs::mount(&point, 1);
    let settings = json!({"log_dir": point.join("logs"), "log_level": "DEBUG"});
    let logged = Logged::start(settings, TO_A_FILE);
    let log = point.join("logs/gostream.log");
    wait_for("the log", &log, "DEBUG");
    disk.fill();
    until("the fault is told", LIMIT, || {
        // The last page of the file may have room for some more lines.
        logged.say();
        let told = fs::read_to_string(&logged.errors).ok()?;
        told.contains("the log file cannot be written")
            .then_some(())
    });
    let path = logged.server.add(&film.magnet()).remove(0);
    let shown = within("reading the film", LIMIT, move || sha256(&path));
    assert_eq!(shown, sha256(&film.original));
    disk.empty();
    logged.say();
    wait_for(
        "it is written again",
        &log,
        "the log file is written again; lines were lost",
    );
    fs::remove_dir_all(log.parent().unwrap()).unwrap();
    until("it is made anew", LIMIT, || {
        logged.say();
        log.exists().then_some(())
    });
    let (status, _after) = logged.server.stop();
    assert!(status.success());
    drop(disk);
}
