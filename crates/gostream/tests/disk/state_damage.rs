//! A database and a config.json that were damaged, cut or killed in mid-write: nothing that was confirmed is lost, and
//! what cannot be used is named with the way out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::http::request;
use crate::harness::server::{Place, Server};
use crate::harness::stubs::write;
use crate::harness::tmpfs::Tmpfs;
use crate::harness::{cli, free_port, python};

const LIMIT: Duration = Duration::from_secs(60);
const PAGE: usize = 4096;

fn database(place: &Place) -> PathBuf {
    place.data_dir.join("state/gostream.db")
}

/// A place with films, torrents, marks and pages of every kind in its database, and a backup of it.
fn filled() -> (Place, PathBuf) {
    let place = Place::new(json!({}));
    for number in 1..40 {
        write(
            &place.library().join(format!("movies/Film {number:02}.mkv")),
            number,
        );
    }
    let hash = |number: usize| format!("{number:040x}");
    let torrents: Vec<Value> = (1..400)
        .map(|number| json!({"hash": hash(number), "title": format!("Film {number}"), "data": "x".repeat(number * 30)}))
        .collect();
    let marks: serde_json::Map<String, Value> = (1..400)
        .map(|number| (hash(number), json!({"1": {"tc": 1.5, "off": 70}})))
        .collect();
    for (name, value) in [
        ("torrents.json", json!(torrents)),
        ("viewed.json", marks.into()),
    ] {
        let file = place.data_dir.join(name);
        fs::write(&file, value.to_string()).unwrap();
        place.run(&["import", file.to_str().unwrap()]).success();
    }
    // Pages that nobody uses any more.
    let script = format!(
        "import sqlite3\n\
         db = sqlite3.connect({:?})\n\
         db.execute('DELETE FROM listed WHERE length(data) > 9000')\n\
         db.commit()\n\
         db.execute('PRAGMA wal_checkpoint(TRUNCATE)')",
        database(&place)
    );
    let mut command = Command::new(python());
    cli::finish(command.args(["-c", &script]), LIMIT).success();
    place.run(&["ls"]).success();
    let backup = place.data_dir.join("backup.tar");
    place.run(&["backup", backup.to_str().unwrap()]).success();
    (place, backup)
}

/// The kind of a page: that of a b-tree by its first byte, else one of overflow or of the free list.
fn kind(number: usize, page: &[u8]) -> &'static str {
    match (number, page[0]) {
        (0, _) => "the first",
        (_, 2) => "branch of an index",
        (_, 5) => "branch of a table",
        (_, 10) => "leaf of an index",
        (_, 13) => "leaf of a table",
        (_, _) => "overflow or free",
    }
}

/// What is allowed after damage: it works, or it says what is damaged and what to do.
fn works_or_says_why(place: &Place, what: &str) -> bool {
    let said = place.run(&["ls"]);
    assert!(!said.err.contains("panicked"), "{what}: {said:?}");
    if said.code == Some(0) {
        assert_eq!(said.out.lines().count(), 39, "{what}: {said:?}");
        return true;
    }
    assert_eq!(said.code, Some(1), "{what}: {said:?}");
    for words in ["gostream.db", "is damaged", "gostream restore FILE"] {
        assert!(said.err.contains(words), "{what}: no {words:?} in {said:?}");
    }
    false
}

#[test]
fn a_page_of_each_kind_that_was_overwritten_is_survived_or_named_and_a_backup_mends_it() {
    let (place, backup) = filled();
    let good = fs::read(database(&place)).unwrap();
    let mut of_kind: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, page) in good.chunks(PAGE).enumerate() {
        of_kind.entry(kind(number, page)).or_default().push(number);
    }
    let kinds: Vec<&str> = of_kind.keys().copied().collect();
    assert!(kinds.len() >= 5, "only {kinds:?}");
    for (kind, pages) in of_kind {
        // The first, the last and one between.
        let mut some = vec![pages[0], pages[pages.len() / 2], pages[pages.len() - 1]];
        some.dedup();
        for number in some {
            let mut bad = good.clone();
            bad[number * PAGE..(number + 1) * PAGE].fill(0x55);
            fs::write(database(&place), &bad).unwrap();
            let what = format!("page {number}, {kind}");
            if !works_or_says_why(&place, &what) {
                let left = fs::read(database(&place)).unwrap();
                assert!(left == bad, "{what}: it was not left as it was");
            }
            // No backup is made of what is damaged.
            let copy = place.data_dir.join("copy.tar");
            let said = place.run(&["backup", copy.to_str().unwrap()]);
            assert!(!said.err.contains("panicked"), "{what}: {said:?}");
            let _ = fs::remove_file(&copy);
        }
    }
    place.run(&["restore", backup.to_str().unwrap()]).success();
    assert!(works_or_says_why(&place, "restored"));
    let server = Server::start_in(place);
    assert!(server.mount.join("movies/Film 07.mkv").exists());
}

#[test]
fn a_database_that_was_cut_emptied_or_is_none_is_never_begun_anew() {
    let (place, backup) = filled();
    let good = fs::read(database(&place)).unwrap();
    for len in [
        0,
        1,
        100,
        4095,
        PAGE,
        3 * PAGE,
        good.len() / 2,
        good.len() - PAGE,
    ] {
        fs::write(database(&place), &good[..len]).unwrap();
        let worked = works_or_says_why(&place, &format!("{len} bytes"));
        assert!(!worked || len > PAGE, "{len} bytes are no database");
    }
    for text in ["{\"letters\": 1}", "SQLite format 3\0"] {
        fs::write(database(&place), text).unwrap();
        assert!(!works_or_says_why(&place, text));
    }
    // Gone, with its journal still there.
    fs::remove_file(database(&place)).unwrap();
    fs::write(place.data_dir.join("state/gostream.db-wal"), "letters").unwrap();
    assert!(!works_or_says_why(&place, "gone"));
    place.run(&["restore", backup.to_str().unwrap()]).success();
    assert!(works_or_says_why(&place, "restored"));
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Does `one` with growing numbers until told to stop; the numbers that were confirmed, and the next one.
fn keep_on(
    from: u64,
    stop: &Arc<AtomicBool>,
    one: impl Fn(u64) -> bool + Send + 'static,
) -> JoinHandle<(Vec<u64>, u64)> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let mut confirmed = Vec::new();
        let mut number = from;
        while !stop.load(Ordering::Relaxed) {
            if one(number) {
                confirmed.push(number);
            }
            number += 1;
        }
        (confirmed, number)
    })
}

/// The marks, listed torrents and positions that are in the database, by number, and what SQLite finds wrong.
fn examine(place: &Place) -> Value {
    let script = format!(
        "import json, sqlite3\n\
         db = sqlite3.connect({:?})\n\
         rows = lambda sql: [row[0] for row in db.execute(sql)]\n\
         print(json.dumps([rows('PRAGMA integrity_check'), rows('SELECT file_index FROM viewed WHERE hash = zeroblob(20)'), \
         rows('SELECT timecode FROM viewed v JOIN positions p USING (hash, file_index)'), rows('SELECT title FROM listed')]))",
        database(place)
    );
    let mut command = Command::new(python());
    let said = cli::finish(command.args(["-c", &script]), LIMIT).success();
    serde_json::from_str(&said).unwrap()
}

/// What was confirmed is in the database, which is whole.
fn check(place: &Place, marks: &[u64], brought: &[u64], round: u64) {
    let found = examine(place);
    assert_eq!(found[0], json!(["ok"]), "round {round}");
    let has = |list: &Value, wanted: &Value| list.as_array().unwrap().contains(wanted);
    for mark in marks {
        assert!(
            has(&found[1], &json!(mark)),
            "round {round}: mark {mark} is lost"
        );
    }
    for number in brought {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let seconds = *number as f64;
        assert!(
            has(&found[2], &json!(seconds)),
            "round {round}: position {number} is lost"
        );
        assert!(
            has(&found[3], &json!(format!("Film {number}"))),
            "round {round}: {number}"
        );
    }
}

/// A server that is killed thirty times while marks, torrents, positions and settings change.
#[test]
fn what_was_confirmed_survives_thirty_kills_in_mid_write() {
    let port = free_port();
    let mut place = Place::new(json!({"api_listen_port": port}));
    let mut dice = Dice(15);
    let (mut marks, mut brought) = (Vec::new(), Vec::new());
    let (mut next_mark, mut next_brought, mut next_setting) = (1, 1, 1);
    let mut settings_made = 0;
    for round in 0..30 {
        let server = Server::start_in(place);
        let (data_dir, config) = (server.place.data_dir.clone(), server.place.config.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let marker = keep_on(next_mark, &stop, move |number| {
            let body = json!({"action": "set", "hash": "0".repeat(40), "file_index": number, "timecode": 1});
            let answer = request(port, "POST", "/viewed", &[], body.to_string().as_bytes());
            answer.is_some_and(|answer| answer.status == 200)
        });
        let (folder, file) = (data_dir.clone(), config.clone());
        let importer = keep_on(next_brought, &stop, move |number| {
            bring(&folder, &file, number)
        });
        let setter = keep_on(next_setting, &stop, move |number| {
            let value = number.to_string();
            let arguments = ["config", "set", "download_limit_kb", &value];
            cli::run(&data_dir, Some(&config), &arguments, LIMIT).code == Some(0)
        });
        std::thread::park_timeout(Duration::from_millis(40 + dice.roll(400)));
        place = server.kill();
        stop.store(true, Ordering::Relaxed);
        let (confirmed, next) = marker.join().unwrap();
        marks.extend(confirmed);
        next_mark = next;
        let (confirmed, next) = importer.join().unwrap();
        brought.extend(confirmed);
        next_brought = next;
        let (confirmed, next) = setter.join().unwrap();
        settings_made += confirmed.len();

        check(&place, &marks, &brought, round);
        let text = fs::read_to_string(&place.config).unwrap();
        let settings: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(settings["api_listen_port"], port, "round {round}");
        let value = settings["download_limit_kb"].as_u64().unwrap_or(0);
        let last = confirmed.last().copied().unwrap_or(0);
        assert!(
            value >= last && value < next,
            "round {round}: {value} after {last}"
        );
        next_setting = next;
    }
    assert!(!marks.is_empty() && !brought.is_empty() && settings_made > 0);
    Server::start_in(place);
}

/// Imports one torrent with a mark and a position.
fn bring(data_dir: &Path, config: &Path, number: u64) -> bool {
    let folder = data_dir.join(format!("brought-{number}"));
    fs::create_dir(&folder).unwrap();
    let hash = format!("{:040x}", number + 1000);
    let torrents = json!([{"hash": hash, "title": format!("Film {number}")}]);
    fs::write(folder.join("torrents.json"), torrents.to_string()).unwrap();
    let marks = json!({hash: {"1": {"tc": number, "off": 70}}});
    fs::write(folder.join("viewed.json"), marks.to_string()).unwrap();
    let arguments = ["import", folder.to_str().unwrap()];
    cli::run(data_dir, Some(config), &arguments, LIMIT).code == Some(0)
}

/// From the last free page on, each add either is there whole or left nothing, and the server goes on.
#[test]
fn a_disk_that_fills_up_at_any_write_leaves_a_whole_database() {
    let port = free_port();
    let place = Place::new(json!({"api_listen_port": port}));
    let disk = Tmpfs::mount(&place.data_dir.join("state"), 3);
    let server = Server::start_in(place);
    disk.fill();
    let ballast = fs::OpenOptions::new()
        .write(true)
        .open(server.place.data_dir.join("state/ballast"))
        .unwrap();
    let full = ballast.metadata().unwrap().len();
    let mut confirmed = Vec::new();
    let mut refused = 0;
    // A little more room each time; what is written takes it.
    for number in 0..40_u64 {
        ballast
            .set_len(full.saturating_sub(number * 6 * 4096))
            .unwrap();
        let title = format!("{number} ") + &"x".repeat(9000);
        let body = json!({"action": "set", "hash": format!("{number:040x}"), "file_index": 1, "timecode": 1});
        let marked = request(port, "POST", "/viewed", &[], body.to_string().as_bytes()).unwrap();
        let torrents = server.place.config.with_file_name("torrents.json");
        fs::write(
            &torrents,
            json!([{"hash": format!("{number:040x}"), "title": title}]).to_string(),
        )
        .unwrap();
        let said = server
            .place
            .run(&["import", "--no-settings", torrents.to_str().unwrap()]);
        assert!(!said.err.contains("panicked"), "{said:?}");
        if said.code == Some(0) {
            confirmed.push(title);
        } else {
            let clear = said.err.contains("gostream.db")
                && (said.err.contains("full") || said.err.contains("I/O"));
            assert!(clear, "{said:?}");
            refused += 1;
        }
        assert!(
            marked.status == 200 || marked.status == 500,
            "{}",
            marked.status
        );
        server.place.run(&["ls"]).success();
    }
    assert!(
        refused > 0 && !confirmed.is_empty(),
        "{refused} refused, {} taken",
        confirmed.len()
    );
    drop(ballast);
    disk.empty();
    let (_, after) = server.stop();
    let found = examine(&after.place);
    assert_eq!(found[0], json!(["ok"]));
    let titles = found[3].as_array().unwrap();
    for title in &confirmed {
        assert!(titles.contains(&json!(title)), "{title} is lost");
    }
    drop(disk);
}

#[test]
fn a_config_json_on_a_full_or_read_only_disk_stays_whole_and_is_named() {
    let mut place = Place::new(json!({}));
    let folder = place.data_dir.join("etc");
    let disk = Tmpfs::mount(&folder, 1);
    let config = folder.join("config.json");
    fs::copy(&place.config, &config).unwrap();
    place.config = config.clone();
    let server = Server::start_in(place);
    let before = fs::read(&config).unwrap();
    let set = || {
        server
            .place
            .run(&["config", "set", "download_limit_kb", "9"])
    };
    disk.fill();
    let said = set();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("config.json: cannot be written: No space left"),
        "{said:?}"
    );
    assert_eq!(fs::read(&config).unwrap(), before);
    disk.empty();
    disk.make_read_only();
    let said = set();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("config.json: cannot be written: Read-only"),
        "{said:?}"
    );
    assert_eq!(fs::read(&config).unwrap(), before);
    let names = fs::read_dir(&folder).unwrap().count();
    assert_eq!(names, 1, "nothing half written is left");
    let got = server
        .place
        .run(&["config", "get", "download_limit_kb"])
        .success();
    assert_eq!(got, "0\n");
    drop(server);
    drop(disk);
}

#[test]
fn a_restore_that_finds_no_room_leaves_everything_as_it_was() {
    let (_from, kept) = filled();
    let place = Place::new(json!({}));
    let state = place.data_dir.join("state");
    let disk = Tmpfs::mount(&state, 2);
    write(&place.library().join("movies/Own.mkv"), 7);
    place.run(&["ls"]).success();
    disk.fill();
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&state)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = names();
    let said = place.run(&["restore", kept.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains("No space left") || said.err.contains("full"),
        "{said:?}"
    );
    assert_eq!(names(), before);
    disk.empty();
    assert_eq!(place.run(&["ls"]).success(), "movies/Own.mkv\n");
    drop(disk);
}
