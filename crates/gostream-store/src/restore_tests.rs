//! Tests of taking a backup in.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;

use gostream_library::{Stub, TorrentHash};

use super::*;
use crate::{Ban, Store, backup::Contents};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("library")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn database(&self) -> PathBuf {
        self.path("state/gostream.db")
    }

    fn store(&self) -> Store {
        Store::open(&self.database()).unwrap()
    }

    fn library(&self) -> StubTree {
        StubTree::new(self.path("library"))
    }

    fn add(&self, number: u8, size: u64) {
        let hash = TorrentHash([number; 20]);
        let stub = Stub::new("http://127.0.0.1:8090", hash, 1, size, None, None).unwrap();
        self.library()
            .write(&format!("movies/{number}.mkv"), &stub)
            .unwrap();
        let ban = Ban {
            ip: IpAddr::from([10, 0, 0, number]),
            reason: String::new(),
            since_unix: 1,
        };
        self.store().bans().add(ban).unwrap();
    }

    fn backup(&self, name: &str) -> PathBuf {
        let target = self.path(name);
        let contents = Contents {
            database: &self.database(),
            library: &self.path("library"),
            settings: Some(&self.path("config.json")),
            trackers: &self.path("state/trackers.txt"),
            version: "1",
        };
        backup::write(contents, &target).unwrap();
        target
    }

    fn stage(&self, archive: &Path) -> Result<PathBuf, BackupError> {
        Staged::unpack(archive, &self.state(), 1234)?.wait()
    }

    fn put_in_place(&self) -> Result<Option<Placed>, BackupError> {
        put_in_place(&self.state(), &self.database(), &self.library())
    }

    fn bans(&self) -> usize {
        self.store().bans().list().unwrap().len()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state()).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_lost_state_comes_back_whole() {
    let old = Place::new();
    old.add(1, 1000);
    old.add(2, 1000);
    fs::write(old.path("config.json"), b"{}").unwrap();
    fs::write(old.path("state/trackers.txt"), b"udp://t.example:1").unwrap();
    let archive = old.backup("b.tar");

    let new = Place::new();
    new.stage(&archive).unwrap();
    let placed = new.put_in_place().unwrap().unwrap();
    assert_eq!(
        (placed.created, placed.replaced, placed.unchanged),
        (2, 0, 0)
    );
    assert_eq!(placed.aside, None);
    assert_eq!(new.bans(), 2);
    assert_eq!(new.library().read("movies/1.mkv").unwrap().size, 1000);
    assert_eq!(
        new.names(),
        ["config-from-backup.json", "gostream.db", "trackers.txt"]
    );
    assert_eq!(new.put_in_place().unwrap(), None);
}

#[test]
fn what_a_restore_takes_the_place_of_is_kept_aside_and_newer_films_stay() {
    let place = Place::new();
    place.add(1, 1000);
    place.add(2, 1000);
    fs::write(place.path("state/trackers.txt"), b"old").unwrap();
    let archive = place.backup("b.tar");
    place.add(1, 5000);
    place.add(3, 1000);
    fs::write(place.path("state/trackers.txt"), b"new").unwrap();
    fs::remove_file(place.path("library/movies/2.mkv")).unwrap();

    place.stage(&archive).unwrap();
    assert_eq!(place.bans(), 3, "nothing changes before it is put in place");
    let placed = place.put_in_place().unwrap().unwrap();
    assert_eq!(
        (placed.created, placed.replaced, placed.unchanged),
        (1, 1, 0)
    );
    let aside = placed.aside.unwrap();
    assert_eq!(aside, place.path("state/before-restore-1234"));
    assert_eq!(place.bans(), 2);
    assert_eq!(place.library().read("movies/1.mkv").unwrap().size, 1000);
    assert_eq!(place.library().read("movies/3.mkv").unwrap().size, 1000);
    assert_eq!(fs::read(place.path("state/trackers.txt")).unwrap(), b"old");
    assert_eq!(fs::read(aside.join("trackers.txt")).unwrap(), b"new");
    let kept = StubTree::new(aside.join("library"));
    assert_eq!(kept.read("movies/1.mkv").unwrap().size, 5000);
    let kept = Store::open(&aside.join("gostream.db")).unwrap();
    assert_eq!(kept.bans().list().unwrap().len(), 3);
}

#[test]
fn a_refused_backup_changes_nothing() {
    let place = Place::new();
    place.add(1, 1000);
    let archive = place.backup("b.tar");
    let bytes = fs::read(&archive).unwrap();
    fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
    let before = place.names();
    assert!(matches!(
        place.stage(&archive),
        Err(BackupError::Damaged { .. })
    ));
    assert_eq!(place.names(), before);
    assert_eq!(place.put_in_place().unwrap(), None);
    assert_eq!(place.bans(), 1);
}

#[test]
fn a_second_restore_does_not_take_the_place_of_one_that_waits() {
    let place = Place::new();
    place.add(1, 1000);
    let archive = place.backup("b.tar");
    let second = Staged::unpack(&archive, &place.state(), 1).unwrap();
    place.stage(&archive).unwrap();
    assert!(matches!(second.wait(), Err(BackupError::Waiting { .. })));
    assert!(matches!(
        place.stage(&archive),
        Err(BackupError::Waiting { .. })
    ));
    place.put_in_place().unwrap().unwrap();
    assert_eq!(place.names(), ["before-restore-1234", "gostream.db"]);
}

#[test]
fn a_restore_that_was_cut_short_anywhere_goes_on_at_the_next_start() {
    // The states of the disk between two steps of `put_in_place`, made by hand: films placed, the database moved
    // away without and with its journal.
    for cut in 0..4 {
        let place = Place::new();
        place.add(1, 1000);
        let archive = place.backup("b.tar");
        place.add(1, 5000);
        place.add(2, 5000);
        place.stage(&archive).unwrap();
        let aside = place.path("state/before-restore-1234");
        if cut >= 1 {
            fs::create_dir_all(aside.join("library/movies")).unwrap();
            fs::copy(
                place.path("library/movies/1.mkv"),
                aside.join("library/movies/1.mkv"),
            )
            .unwrap();
            let staged = place.path("state/restore-waiting/library/movies/1.mkv");
            fs::copy(staged, place.path("library/movies/1.mkv")).unwrap();
        }
        if cut >= 2 {
            fs::write(
                place.path("state/gostream.db-wal"),
                b"the journal of the old one",
            )
            .unwrap();
            fs::rename(place.database(), aside.join("gostream.db")).unwrap();
        }
        if cut >= 3 {
            fs::rename(
                place.path("state/gostream.db-wal"),
                aside.join("gostream.db-wal"),
            )
            .unwrap();
            fs::rename(
                place.path("state/restore-waiting/gostream.db"),
                place.database(),
            )
            .unwrap();
        }
        let placed = place.put_in_place().unwrap().unwrap();
        assert_eq!(placed.aside.as_ref(), Some(&aside));
        assert_eq!(place.bans(), 1, "{cut}");
        assert_eq!(place.library().read("movies/1.mkv").unwrap().size, 1000);
        let kept = StubTree::new(aside.join("library"));
        assert_eq!(kept.read("movies/1.mkv").unwrap().size, 5000);
        assert!(aside.join("gostream.db").exists());
    }
}

#[test]
fn what_is_left_of_a_restore_that_is_done_is_removed_and_nothing_else() {
    let place = Place::new();
    place.add(1, 1000);
    let archive = place.backup("b.tar");
    place.stage(&archive).unwrap();
    place.put_in_place().unwrap().unwrap();
    place.add(2, 1000);
    let done = place.state().join(DONE);
    fs::create_dir_all(done.join("library/movies")).unwrap();
    fs::write(done.join("gostream.db"), b"the old one").unwrap();
    assert_eq!(place.put_in_place().unwrap(), None);
    assert!(!done.exists());
    assert_eq!(place.bans(), 2);
}

#[test]
fn what_is_put_in_place_belongs_to_the_owner_of_its_folder_and_keeps_its_time() {
    let old = Place::new();
    old.add(1, 1000);
    let stub = old.path("library/movies/1.mkv");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
    fs::File::open(&stub).unwrap().set_modified(time).unwrap();
    let archive = old.backup("b.tar");
    let new = Place::new();
    fs::create_dir_all(new.state()).unwrap();
    // Only root can give folders away, and only root needs what is tested here.
    if rustix::process::geteuid().is_root() {
        for folder in [new.state(), new.path("library")] {
            std::os::unix::fs::chown(folder, Some(65_534), Some(65_533)).unwrap();
        }
    }
    let waiting = new.stage(&archive).unwrap();
    let owner = |path: &Path| {
        let found = fs::metadata(path).unwrap();
        (found.uid(), found.gid())
    };
    let expected = owner(&new.state());
    assert_eq!(owner(&waiting.join("library/movies/1.mkv")), expected);
    new.put_in_place().unwrap().unwrap();
    for path in [
        "state/gostream.db",
        "library/movies",
        "library/movies/1.mkv",
    ] {
        assert_eq!(owner(&new.path(path)), expected, "{path}");
    }
    let found = fs::metadata(new.path("library/movies/1.mkv")).unwrap();
    assert_eq!(found.modified().unwrap(), time);
    assert_eq!(found.permissions().mode() & 0o777, 0o644);
}

#[test]
fn real_films_folders_and_links_in_the_way_stay() {
    let place = Place::new();
    for number in 1..=4 {
        place.add(number, 1000);
    }
    let archive = place.backup("b.tar");
    let at = |number: u8| place.path(&format!("library/movies/{number}.mkv"));
    for number in 1..=3 {
        fs::remove_file(at(number)).unwrap();
    }
    fs::write(at(1), vec![7; 50_000]).unwrap();
    fs::create_dir(at(2)).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", at(3)).unwrap();
    place.stage(&archive).unwrap();
    let mut placed = place.put_in_place().unwrap().unwrap();
    placed.refused.sort();
    assert_eq!(
        placed.refused,
        ["movies/1.mkv", "movies/2.mkv", "movies/3.mkv"]
    );
    assert_eq!(placed.unchanged, 1);
    assert_eq!(fs::read(at(1)).unwrap(), vec![7; 50_000]);
    assert!(at(2).is_dir() && at(3).is_symlink());
}

#[test]
fn films_do_not_land_under_a_disk_that_is_not_mounted() {
    let place = Place::new();
    place.add(1, 1000);
    let archive = place.backup("b.tar");
    let other_disk = LibraryRoot {
        filesystem: 77,
        ..LibraryRoot::of(&place.path("library")).unwrap()
    };
    place.store().library_root().set(other_disk).unwrap();
    fs::remove_dir_all(place.path("library/movies")).unwrap();
    place.stage(&archive).unwrap();
    assert!(matches!(
        place.put_in_place(),
        Err(BackupError::LibraryGone { .. })
    ));
    assert_eq!(fs::read_dir(place.path("library")).unwrap().count(), 0);
    fs::write(place.path("library").join(MARKER), b"").unwrap();
    assert!(place.put_in_place().unwrap().is_some());
}

#[test]
fn the_backup_of_an_older_version_is_restored_and_migrated() {
    let place = Place::new();
    fs::create_dir_all(place.state()).unwrap();
    let dump = include_str!("../fixtures/schema-1.sql");
    Connection::open(place.database())
        .unwrap()
        .execute_batch(dump)
        .unwrap();
    let archive = place.backup("b.tar");
    let new = Place::new();
    new.stage(&archive).unwrap();
    new.put_in_place().unwrap().unwrap();
    assert_eq!(new.store().torrents().list().unwrap().len(), 2);
    assert_eq!(new.store().viewed().list().unwrap(), []);
}
