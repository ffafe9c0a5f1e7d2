//! What the warm cache survives: kills at any moment, and a disk that is full.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use gostream_library::TorrentHash;
use gostream_store::warm::{TitleKey, WarmCache, WarmConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::content::Numbers;
use crate::harness::media::MIB;
use crate::harness::server::{Place, Server};
use crate::harness::swarm::{Peer, Torrent};
use crate::harness::tmpfs::Tmpfs;
use crate::harness::wait;

const LIMIT: Duration = Duration::from_secs(30);
/// Kills.
const ROUNDS: u64 = 50;
/// Films; one is removed in each round.
const FILMS: u64 = 64;

/// Many small films of one torrent, each of a size of its own.
struct Films {
    folder: TempDir,
    torrent: Torrent,
}

fn size_of(film: u64) -> u64 {
    (512 << 10) + film * 4096
}

impl Films {
    fn make(count: u64) -> Self {
        let folder = tempfile::Builder::new().prefix("films").tempdir().unwrap();
        let data = folder.path().join("Films");
        fs::create_dir(&data).unwrap();
        let mut numbers = Numbers(7);
        for film in 0..count {
            let words = (0..size_of(film) / 8).map(|_| numbers.below(u64::MAX).to_le_bytes());
            let bytes: Vec<u8> = words.flatten().collect();
            let name = format!("Film {film:02} (2026).mkv");
            fs::write(data.join(name), bytes).unwrap();
        }
        let torrent = Torrent::make(&data, 64 << 10, None, &[]);
        Self { folder, torrent }
    }

    fn original(&self, film: u64) -> PathBuf {
        let name = format!("Films/Film {film:02} (2026).mkv");
        self.folder.path().join(name)
    }
}

/// What a stub says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Title {
    stub: PathBuf,
    film: u64,
    index: u32,
}

/// The titles of a library. A stub that cannot be read fails the test.
fn titles(place: &Place) -> BTreeSet<Title> {
    let stubs = place.stubs().into_iter();
    let mkv = stubs.filter(|stub| stub.extension().is_some_and(|end| end == "mkv"));
    mkv.map(|stub| {
        let stub = stub
            .strip_prefix(place.library())
            .unwrap_or(&stub)
            .to_owned();
        let text = fs::read(place.library().join(&stub)).unwrap();
        let said: Value = serde_json::from_slice(&text).unwrap();
        let url = said["url"].as_str().unwrap();
        let index = url.split("index=").nth(1).unwrap();
        let index = index.split('&').next().unwrap().parse().unwrap();
        let film = (said["size"].as_u64().unwrap() - size_of(0)) / 4096;
        Title { stub, film, index }
    })
    .collect()
}

/// Looks at what a server that was killed left of the films: the number of right bytes, and not a wrong one.
fn check_folder(films: &Films, place: &Place, titles: &BTreeSet<Title>) -> u64 {
    let cache = WarmCache::start(WarmConfig {
        folder: Arc::from(place.data_dir.join("state/warm")),
        quota: 1 << 40,
        head_len: MIB,
        tail_len: MIB,
        patience: LIMIT,
    })
    .unwrap();
    let hash: TorrentHash = films.torrent.info_hash.parse().unwrap();
    let mut right = 0;
    for title in titles {
        let size = size_of(title.film);
        let index = title.index;
        let warm = cache.title(TitleKey { hash, index }, size);
        let original = fs::read(films.original(title.film)).unwrap();
        // Asking for all makes it look at the disk.
        let _ = ask(&cache, &warm, 0, size);
        let mut position = 0;
        while position < size {
            let end = warm.covered_until(position);
            if end == position {
                position += 1024;
                continue;
            }
            let bytes = ask(&cache, &warm, position, end).unwrap();
            let (from, to) = (
                usize::try_from(position).unwrap(),
                usize::try_from(end).unwrap(),
            );
            assert!(
                bytes == original[from..to],
                "a wrong byte in {position}..{end}"
            );
            right += end - position;
            position = end;
        }
    }
    cache.stop();
    right
}

fn ask(
    cache: &WarmCache,
    title: &Arc<gostream_store::warm::Title>,
    start: u64,
    end: u64,
) -> Option<Vec<u8>> {
    let (tell, told) = mpsc::channel();
    let answer = move |bytes: Option<&[u8]>| drop(tell.send(bytes.map(<[u8]>::to_vec)));
    cache.read(title, start..end, Box::new(answer));
    told.recv_timeout(LIMIT).unwrap()
}

/// Reads parts of films, each compared with the original, until it is told to end or the server is gone.
fn look_around(
    films: &Films,
    mount: &Path,
    titles: &[Title],
    mut numbers: Numbers,
    (reads, end): (&AtomicUsize, &AtomicBool),
) {
    while !end.load(Ordering::Relaxed) {
        let title = &titles[usize::try_from(numbers.below(titles.len() as u64)).unwrap()];
        let original = File::open(films.original(title.film)).unwrap();
        // Removed meanwhile, or the server is gone.
        let Ok(film) = File::open(mount.join(&title.stub)) else {
            continue;
        };
        let offset = numbers.below(size_of(title.film));
        let length = numbers.below(100_000).min(size_of(title.film) - offset);
        let length = usize::try_from(length).unwrap();
        let (mut found, mut expected) = (vec![0; length], vec![0; length]);
        if film.read_exact_at(&mut found, offset).is_err() {
            continue;
        }
        original.read_exact_at(&mut expected, offset).unwrap();
        assert!(
            found == expected,
            "a wrong byte of film {} at {offset}",
            title.film
        );
        reads.fetch_add(1, Ordering::Relaxed);
    }
}

fn settings() -> Value {
    json!({"warm_cache": true, "read_deadline_seconds": 2, "disconnect_timeout_seconds": 0.5})
}

#[test]
fn fifty_kills_during_writes_and_removals_leave_no_wrong_byte_and_lose_no_stub() {
    let films = Films::make(FILMS);
    let seeder = Peer::seeder(&films.torrent, "127.0.0.44", &[]);
    let server = Server::start(settings());
    let added = server.add(&films.torrent.magnet_of_peers(&[seeder.address]));
    assert_eq!(added.len() as u64, FILMS);
    let mut place = server.kill();
    let mut there = titles(&place);
    assert_eq!(there.len() as u64, FILMS);
    let mut numbers = Numbers(42);
    let mut kept = Vec::new();
    for round in 0..ROUNDS {
        let server = Server::start_in(place);
        let goes = there
            .iter()
            .nth(usize::try_from(numbers.below(there.len() as u64)).unwrap());
        let goes = goes.unwrap().clone();
        place = kill_at_some_moment(&films, server, &there, &goes, &mut numbers);
        let left = titles(&place);
        let lost: Vec<&Title> = there
            .difference(&left)
            .filter(|title| **title != goes)
            .collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        assert!(left.is_subset(&there), "round {round} made a stub");
        there = left;
        kept.push(check_folder(&films, &place, &there));
    }
    assert!(
        there.len() as u64 <= FILMS - ROUNDS / 2,
        "hardly a removal came about: {}",
        there.len()
    );
    assert!(
        kept.iter().any(|bytes| *bytes > MIB),
        "hardly a byte was kept: {kept:?}"
    );
    drop(seeder);
    // And what is warm is right through a mount whose films nobody else has.
    let server = Server::start_in(place);
    let titles: Vec<Title> = there.into_iter().collect();
    let (reads, end) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| look_around(&films, &server.mount, &titles, Numbers(1), (&reads, &end)));
        wait::until("warm reads", LIMIT, || {
            (reads.load(Ordering::Relaxed) >= 5).then_some(())
        });
        end.store(true, Ordering::Relaxed);
    });
}

/// Lets three programs read and one remove a title, and kills the server when a random number of reads was answered.
fn kill_at_some_moment(
    films: &Films,
    server: Server,
    there: &BTreeSet<Title>,
    goes: &Title,
    numbers: &mut Numbers,
) -> Place {
    let titles: Vec<Title> = there.iter().cloned().collect();
    let (reads, end) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mount = server.mount.clone();
    let moment = usize::try_from(1 + numbers.below(40)).unwrap();
    let removes_from = usize::try_from(numbers.below(moment as u64 + 1)).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            let numbers = Numbers(numbers.below(u64::MAX));
            let (titles, mount, watch) = (&titles, &mount, (&reads, &end));
            scope.spawn(move || look_around(films, mount, titles, numbers, watch));
        }
        scope.spawn(|| {
            while reads.load(Ordering::Relaxed) < removes_from && !end.load(Ordering::Relaxed) {
                thread::park_timeout(Duration::from_millis(1));
            }
            // The server may be gone before it has answered.
            let _ = fs::remove_file(mount.join(&goes.stub));
        });
        wait::until("so many reads", LIMIT, || {
            (reads.load(Ordering::Relaxed) >= moment).then_some(())
        });
        let place = server.kill();
        end.store(true, Ordering::Relaxed);
        place
    })
}

#[test]
fn a_full_disk_stops_the_writing_with_one_warning_and_reads_go_on() {
    let films = Films::make(24);
    let seeder = Peer::seeder(&films.torrent, "127.0.0.45", &[]);
    let place = Place::new(settings());
    let folder = place.data_dir.join("state/warm");
    let tmpfs = Tmpfs::mount(&folder, 32);
    let server = Server::start_in(place);
    server.add(&films.torrent.magnet_of_peers(&[seeder.address]));
    let titles: Vec<Title> = titles(&server.place).into_iter().collect();
    let compare = |title: &Title| {
        let shown = fs::read(server.mount.join(&title.stub)).unwrap();
        assert!(
            shown == fs::read(films.original(title.film)).unwrap(),
            "film {}",
            title.film
        );
    };
    let kept = || {
        let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        let ours = files.filter(|file| file.file_name() != "ballast");
        ours.map(|file| file.metadata().map_or(0, |file| file.len()))
            .sum::<u64>()
    };
    titles[..8].iter().for_each(compare);
    wait::until("eight films are kept", LIMIT, || {
        (kept() >= 4 * MIB).then_some(())
    });
    tmpfs.fill();
    titles[8..].iter().for_each(compare);
    // It says so, gives back what it holds, and goes on.
    wait::until("the warning", LIMIT, || {
        server.log().contains("cannot be written").then_some(())
    });
    wait::until("the cache shrinks", LIMIT, || {
        (kept() <= 2 * MIB).then_some(())
    });
    titles.iter().for_each(compare);
    assert_eq!(server.log().matches("cannot be written").count(), 1);
    drop(server);
}
