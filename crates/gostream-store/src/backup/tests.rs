//! Tests of making and checking a backup.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, os::unix::fs::PermissionsExt as _};

use gostream_library::{Stub, TorrentHash};
use tar::{Builder, EntryType, Header};

use super::{format::HEAD, *};
use crate::{Ban, Store, StubTree};

struct Place {
    folder: tempfile::TempDir,
    store: Store,
    stubs: StubTree,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state/gostream.db")).unwrap();
        fs::create_dir(folder.path().join("library")).unwrap();
        let stubs = StubTree::new(folder.path().join("library"));
        Self {
            folder,
            store,
            stubs,
        }
    }

    fn filled() -> Self {
        let place = Self::new();
        for number in 0..3 {
            place.add(number);
        }
        let deep = format!("tv/{}/Season.01/{}.nfo", "s".repeat(120), "e".repeat(150));
        place
            .stubs
            .write_sidecar(&deep, b"<episodedetails/>")
            .unwrap();
        place
            .stubs
            .write_sidecar("movies/poster.jpg", b"jpg")
            .unwrap();
        fs::write(place.path("library/movies/real.mkv"), vec![0; 20_000]).unwrap();
        fs::write(
            place.path("config.json"),
            br#"{"web_password":"secret"} // mine"#,
        )
        .unwrap();
        fs::write(
            place.path("state/trackers.txt"),
            b"udp://tracker.example:1\n",
        )
        .unwrap();
        place
    }

    fn add(&self, number: u8) {
        let hash = TorrentHash([number; 20]);
        let stub = Stub::new("http://127.0.0.1:8090", hash, 1, 1000, None, None).unwrap();
        self.stubs
            .write(&format!("movies/film {number}.mkv"), &stub)
            .unwrap();
        let ip = std::net::IpAddr::from([10, 0, 0, number]);
        let reason = "sent a bad piece".to_owned();
        self.store
            .bans()
            .add(Ban {
                ip,
                reason,
                since_unix: 1,
            })
            .unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, target: &Path) -> Result<Saved, BackupError> {
        let contents = Contents {
            database: &self.path("state/gostream.db"),
            library: self.stubs.root(),
            settings: Some(&self.path("config.json")),
            trackers: &self.path("state/trackers.txt"),
            version: "0.0.1",
        };
        write(contents, target)
    }

    /// Writes a backup and has `change` spoil it.
    fn spoilt(&self, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let target = self.path("spoilt.tar");
        self.write(&target).unwrap();
        let mut bytes = fs::read(&target).unwrap();
        change(&mut bytes);
        fs::write(&target, bytes).unwrap();
        target
    }

    fn unpack(&self, archive: &Path) -> Result<Unpacked, BackupError> {
        let into = tempfile::tempdir_in(self.folder.path()).unwrap();
        unpack(archive, into.path())
    }
}

#[test]
fn what_was_backed_up_comes_out_as_it_was() {
    let place = Place::filled();
    let target = place.path("backup.tar");
    let saved = place.write(&target).unwrap();
    assert_eq!((saved.stubs, saved.side_cars, saved.left_out), (3, 1, 2));
    assert!(saved.settings && saved.trackers && saved.steady);
    let mode = fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let into = tempfile::tempdir().unwrap();
    let unpacked = unpack(&target, into.path()).unwrap();
    assert_eq!(
        (unpacked.library_files, unpacked.version.as_str()),
        (4, "0.0.1")
    );
    for name in ["movies/film 0.mkv", "movies/film 2.mkv"] {
        let (old, new) = (
            place.path("library").join(name),
            into.path().join("library").join(name),
        );
        assert_eq!(fs::read(&old).unwrap(), fs::read(&new).unwrap());
        let second = |path| {
            let time = fs::metadata(path).unwrap().modified().unwrap();
            time.duration_since(std::time::SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        assert_eq!(second(old), second(new));
    }
    assert_eq!(
        fs::read(into.path().join(SETTINGS)).unwrap(),
        fs::read(place.path("config.json")).unwrap()
    );
    let restored = Store::open(&into.path().join(DATABASE)).unwrap();
    assert_eq!(
        restored.bans().list().unwrap(),
        place.store.bans().list().unwrap()
    );
    let left: Vec<_> = fs::read_dir(place.folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn a_backup_is_made_while_the_database_is_written_and_has_what_was_confirmed() {
    let place = Place::filled();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0u32;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                number += 1;
                let ip = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number % 5000).into();
                let ban = Ban {
                    ip,
                    reason: "x".repeat(100),
                    since_unix: 2,
                };
                place.store.bans().add(ban).unwrap();
            }
        });
        for _ in 0..5 {
            let target = place.path("backup.tar");
            place.write(&target).unwrap();
            let into = tempfile::tempdir().unwrap();
            unpack(&target, into.path()).unwrap();
            let copy = Store::open(&into.path().join(DATABASE)).unwrap();
            assert!(
                copy.bans()
                    .list()
                    .unwrap()
                    .iter()
                    .filter(|ban| ban.since_unix == 1)
                    .count()
                    == 3
            );
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_file_of_somebody_else_is_not_overwritten_and_an_older_backup_is() {
    let place = Place::filled();
    let target = place.path("letters.txt");
    fs::write(&target, b"dear").unwrap();
    let error = place.write(&target).unwrap_err();
    assert!(matches!(error, BackupError::Taken { .. }), "{error}");
    assert_eq!(fs::read(&target).unwrap(), b"dear");
    let target = place.path("backup.tar");
    place.write(&target).unwrap();
    place.add(7);
    assert_eq!(place.write(&target).unwrap().stubs, 4);
}

#[test]
fn a_backup_that_cannot_be_written_leaves_nothing() {
    let place = Place::filled();
    let target = place.path("nowhere/backup.tar");
    assert!(matches!(place.write(&target), Err(BackupError::Io { .. })));
    let empty = tempfile::tempdir().unwrap();
    let contents = Contents {
        database: &empty.path().join("gostream.db"),
        library: empty.path(),
        settings: None,
        trackers: &empty.path().join("trackers.txt"),
        version: "0",
    };
    let target = empty.path().join("b.tar");
    assert!(matches!(
        write(contents, &target),
        Err(BackupError::NoDatabase { .. })
    ));
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn a_backup_that_was_cut_anywhere_is_refused() {
    let place = Place::filled();
    let target = place.path("backup.tar");
    place.write(&target).unwrap();
    let whole = fs::read(&target).unwrap();
    let end = whole.len() - 1024 - 1024;
    for len in (0..end).step_by(512).chain([1, 100, 511, 600, end - 1]) {
        fs::write(&target, &whole[..len]).unwrap();
        let error = place.unpack(&target).unwrap_err();
        assert!(
            matches!(
                error,
                BackupError::Damaged { .. } | BackupError::Foreign { .. }
            ),
            "{len}: {error}"
        );
        assert!(error.to_string().contains("backup.tar"), "{error}");
    }
}

#[test]
fn a_backup_with_a_changed_byte_is_refused() {
    let place = Place::filled();
    for part in 1..40 {
        let archive = place.spoilt(|bytes| {
            // Past the first entry; the zeros that pad an entry mean nothing.
            let at = 1024 + (bytes.len() - 1024) * part / 40;
            let at = (at..).find(|&at| bytes[at] != 0).unwrap();
            bytes[at] ^= 0x20;
        });
        let result = place.unpack(&archive);
        assert!(
            matches!(result, Err(BackupError::Damaged { .. })),
            "{part}: {result:?}"
        );
    }
}

#[test]
fn other_files_and_newer_backups_are_refused_by_name() {
    let place = Place::filled();
    for (bytes, word) in [
        (b"".to_vec(), "empty"),
        (b"hello".to_vec(), "backup"),
        (b"x".repeat(5000), "backup"),
        (vec![0; 10_240], "empty"),
    ] {
        let archive = place.path("other");
        fs::write(&archive, bytes).unwrap();
        let error = place.unpack(&archive).unwrap_err();
        assert!(matches!(error, BackupError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = place.unpack(place.folder.path()).unwrap_err();
    assert!(
        matches!(error, BackupError::Foreign { .. } | BackupError::Io { .. }),
        "{error}"
    );
    let archive = forged(&place, |tar| {
        append(
            tar,
            HEAD,
            br#"{"format":2,"version":"9","made_at":1}"#,
            EntryType::Regular,
        );
    });
    assert!(matches!(
        place.unpack(&archive),
        Err(BackupError::Newer { found: 2, .. })
    ));
}

/// An archive that begins as ours do, with whatever `fill` puts in.
fn forged(place: &Place, fill: impl FnOnce(&mut Builder<Vec<u8>>)) -> PathBuf {
    let mut tar = Builder::new(Vec::new());
    fill(&mut tar);
    let archive = place.path("forged.tar");
    fs::write(&archive, tar.into_inner().unwrap()).unwrap();
    archive
}

/// Writes the name into the header as it is, which the crate would refuse to.
fn append(tar: &mut Builder<Vec<u8>>, name: &str, bytes: &[u8], kind: EntryType) {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(u64::try_from(bytes.len()).unwrap());
    header.set_mode(0o644);
    if kind == EntryType::Symlink {
        header.set_link_name("/etc").unwrap();
    }
    header.set_cksum();
    tar.append(&header, bytes).unwrap();
}

const GOOD_HEAD: &[u8] = br#"{"format":1,"version":"1","made_at":1}"#;

#[test]
fn paths_that_lead_out_links_and_strange_names_are_refused_and_nothing_is_made() {
    let place = Place::filled();
    let file = EntryType::Regular;
    for (name, kind) in [
        ("../evil", file),
        ("/etc/evil", file),
        ("library/../../evil.mkv", file),
        ("library//evil.mkv", file),
        ("library/./evil.mkv", file),
        ("library/evil\\.mkv", file),
        ("library/evil.sh", file),
        ("evil.mkv", file),
        ("gostream.lock", file),
        ("library/evil.mkv", EntryType::Symlink),
        ("library/evil.mkv", EntryType::Link),
        ("library/evil.mkv", EntryType::Fifo),
        ("library", EntryType::Directory),
        ("x", EntryType::XHeader),
    ] {
        let archive = forged(&place, |tar| {
            append(tar, HEAD, GOOD_HEAD, file);
            append(tar, name, b"x", kind);
        });
        let error = place.unpack(&archive).unwrap_err();
        assert!(
            matches!(error, BackupError::Damaged { .. }),
            "{name}: {error}"
        );
    }
    assert!(!place.path("evil").exists() && !place.path("evil.mkv").exists());
}

#[test]
fn entries_beyond_their_bound_and_doubles_are_refused() {
    let place = Place::filled();
    let file = EntryType::Regular;
    for (name, len) in [
        ("library/a.mkv", 20_000),
        ("config.json", 2 << 20),
        ("library/a.nfo", 5 << 20),
    ] {
        let archive = forged(&place, |tar| {
            append(tar, HEAD, GOOD_HEAD, file);
            append(tar, name, &vec![b'x'; len], file);
        });
        let error = place.unpack(&archive).unwrap_err().to_string();
        assert!(error.contains("the most"), "{error}");
    }
    let archive = forged(&place, |tar| {
        append(tar, HEAD, GOOD_HEAD, file);
        append(tar, "library/a.mkv", b"1", file);
        append(tar, "library/a.mkv", b"2", file);
    });
    let error = place.unpack(&archive).unwrap_err().to_string();
    assert!(error.contains("twice"), "{error}");
    // A length that the file does not have asks for no memory.
    let archive = forged(&place, |tar| {
        append(tar, HEAD, GOOD_HEAD, file);
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..11].copy_from_slice(b"gostream.db");
        header.set_entry_type(file);
        header.set_size(60 << 30);
        header.set_cksum();
        tar.append(&header, std::io::empty()).unwrap();
    });
    assert!(matches!(
        place.unpack(&archive),
        Err(BackupError::Damaged { .. })
    ));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn a_backup_with_any_bytes_in_it_makes_nothing_outside_its_folder(
        changes in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), proptest::prelude::any::<u8>()), 1..20),
        cut in proptest::prelude::any::<Option<proptest::sample::Index>>(),
    ) {
        let place = Place::filled();
        let archive = place.spoilt(|bytes| {
            for (at, byte) in &changes {
                // Most of it is the database: every second change hits a header.
                let at = at.index(bytes.len());
                let at = if byte % 2 == 0 { at } else { at / 512 * 512 + at % 160 };
                let at = at.min(bytes.len() - 1);
                bytes[at] = *byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
        });
        let names = |folder: &Path| -> Vec<_> {
            let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = names(place.folder.path());
        let _ = place.unpack(&archive);
        proptest::prop_assert_eq!(names(place.folder.path()), before);
    }
}
