//! The cache as its users see it, and its files cut and damaged at every byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use gostream_library::TorrentHash;
use tempfile::TempDir;

use super::*;

const MIB: u64 = 1 << 20;
const LIMIT: Duration = Duration::from_secs(20);

fn key(index: u32) -> TitleKey {
    TitleKey {
        hash: TorrentHash([0x5a; 20]),
        index,
    }
}

/// The byte at each place of a title.
fn byte(offset: u64) -> u8 {
    (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 | 1
}

fn bytes(range: Range<u64>) -> Vec<u8> {
    range.map(byte).collect()
}

struct Rig {
    cache: WarmCache,
    folder: TempDir,
}

impl Rig {
    fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), 1 << 40)
    }

    fn in_folder(folder: TempDir, quota: u64) -> Self {
        let config = WarmConfig {
            folder: Arc::from(folder.path()),
            quota,
            head_len: 4 * MIB,
            tail_len: MIB,
            patience: LIMIT,
        };
        let cache = WarmCache::start(config).unwrap();
        Self { cache, folder }
    }

    /// The same folder after the process ended and began again.
    fn again(self) -> Self {
        self.cache.stop();
        Self::in_folder(self.folder, 1 << 40)
    }

    fn read(&self, title: &Arc<Title>, range: Range<u64>) -> Option<Vec<u8>> {
        ask(&self.cache, title, range).recv_timeout(LIMIT).unwrap()
    }

    fn offer(&self, title: &Arc<Title>, shelf: Shelf, range: Range<u64>) {
        self.cache
            .offer(title, shelf, range.start, &bytes(range.clone()));
    }

    fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let end = Instant::now() + LIMIT;
        while !condition() {
            assert!(Instant::now() < end, "not in time: {what}");
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Waits until a range can be read.
    fn until_kept(&self, title: &Arc<Title>, range: &Range<u64>) {
        self.until("the range is kept", || {
            title.covered_until(range.start) >= range.end
        });
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

fn ask(cache: &WarmCache, title: &Arc<Title>, range: Range<u64>) -> Receiver<Option<Vec<u8>>> {
    let (tell, told) = mpsc::channel();
    let answer = move |bytes: Option<&[u8]>| drop(tell.send(bytes.map(<[u8]>::to_vec)));
    cache.read(title, range, Box::new(answer));
    told
}

#[test]
fn what_was_offered_is_read_again_also_after_a_restart() {
    let rig = Rig::new();
    let title = rig.cache.title(key(1), 100 * MIB);
    let (head, tail) = (0..300_000, 100 * MIB - 5_000..100 * MIB);
    assert_eq!(rig.read(&title, 0..10), None);
    rig.offer(&title, Shelf::Probe, head.clone());
    rig.offer(&title, Shelf::Bulk, tail.clone());
    rig.until_kept(&title, &head);
    rig.until_kept(&title, &tail);
    let rig = rig.again();
    let title = rig.cache.title(key(1), 100 * MIB);
    for range in [
        head.clone(),
        tail.clone(),
        1..2,
        131_071..131_073,
        150_000..299_999,
    ] {
        assert_eq!(rig.read(&title, range.clone()), Some(bytes(range)));
    }
    // A hole is a hole, and a range with a hole in it as well.
    for range in [300_000..300_001, 299_999..300_001, 0..300_001] {
        assert_eq!(rig.read(&title, range), None);
    }
    assert!(!title.is_cold());
}

#[test]
fn what_is_there_is_not_written_again() {
    let rig = Rig::new();
    let title = rig.cache.title(key(1), 100 * MIB);
    rig.offer(&title, Shelf::Probe, 1000..2000);
    rig.until_kept(&title, &(1000..2000));
    rig.offer(&title, Shelf::Bulk, 500..2500);
    rig.until_kept(&title, &(500..2500));
    rig.until("all is written", || rig.cache.is_idle());
    // Two headers of files, three records.
    let length: u64 = rig
        .files()
        .iter()
        .map(|name| fs::metadata(rig.folder.path().join(name)).unwrap().len())
        .sum();
    assert_eq!(length, 2 * 24 + 3 * 24 + 2000);
    assert_eq!(rig.read(&title, 500..2500), Some(bytes(500..2500)));
}

/// A log with a few records, and what each of its bytes stands for does not matter: damage it anywhere, and what is
/// read is right or missing.
#[test]
fn a_log_that_is_cut_or_damaged_at_any_byte_never_gives_a_wrong_one() {
    const SIZE: u64 = 1000;
    let folder = tempfile::tempdir().unwrap();
    let path = key::path_of(folder.path(), key(1), Shelf::Probe);
    let folder_path: Arc<Path> = Arc::from(folder.path());
    let ranges = [0..40, 100..160, 40..70, 900..1000];
    let new = || Title::new(Arc::clone(&folder_path), key(1), SIZE, false);
    let title = new();
    for range in ranges.clone() {
        let content = bytes(range.clone());
        title.store(Shelf::Probe, range.start, &content).unwrap();
    }
    let whole = fs::read(&path).unwrap();
    let records = [(24, 40), (88, 60), (172, 30), (226, 100)];
    assert_eq!(whole.len(), 350);
    // Which ranges are still there.
    let check = |damaged: &[u8], expected: &dyn Fn(usize) -> bool| {
        fs::write(&path, damaged).unwrap();
        let title = new();
        let mut buffer = Buffer::default();
        for (at, range) in ranges.iter().enumerate() {
            title.load_for(range);
            let read = title.read(range, Haste::Wait, &mut buffer) == Outcome::Read;
            assert_eq!(read, expected(at), "range {at}");
            if read {
                assert_eq!(buffer.bytes(), bytes(range.clone()));
            }
        }
        // And it goes on: what is missing is written again, and is there after another start.
        for range in ranges.clone() {
            let content = bytes(range.clone());
            let stored = title.store(Shelf::Probe, range.start, &content);
            stored.unwrap();
        }
        let title = new();
        for range in &ranges {
            title.load_for(range);
            let outcome = title.read(range, Haste::Wait, &mut buffer);
            assert_eq!(outcome, Outcome::Read);
            assert_eq!(buffer.bytes(), bytes(range.clone()));
        }
    };
    let end = |(at, len): (usize, usize)| at + 24 + len;
    for cut in 0..whole.len() {
        check(&whole[..cut], &|at| end(records[at]) <= cut);
        // As after a power cut: the length is there, the bytes are not.
        let mut zeros = whole.clone();
        zeros[cut..].fill(0);
        check(&zeros, &|at| end(records[at]) <= cut);
    }
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x40;
        // Damage of a header hides what follows, damage of a payload the record.
        check(&damaged, &|at| {
            let hit = records.iter().position(|record| place < end(*record));
            let hit = hit.unwrap_or(usize::MAX);
            let in_header = place < 24 || hit < 4 && place < records[hit].0 + 24;
            if in_header {
                place >= 24 && at < hit
            } else {
                at != hit
            }
        });
    }
}

#[test]
fn the_log_of_another_film_is_not_read() {
    let rig = Rig::new();
    let title = rig.cache.title(key(1), 100 * MIB);
    rig.offer(&title, Shelf::Probe, 0..1000);
    rig.until_kept(&title, &(0..1000));
    // In use, and after a restart.
    let other = rig.cache.title(key(1), 50 * MIB);
    assert_eq!(rig.read(&other, 0..1000), None);
    assert_eq!(rig.read(&title, 0..1000), None);
    rig.offer(&title, Shelf::Probe, 0..1000);
    rig.offer(&other, Shelf::Probe, 0..10);
    rig.until_kept(&other, &(0..10));
    let rig = rig.again();
    let third = rig.cache.title(key(1), 60 * MIB);
    assert_eq!(rig.read(&third, 0..10), None);
}

#[test]
fn a_title_that_is_forgotten_leaves_no_file_whether_it_is_open_or_not() {
    let rig = Rig::new();
    for (number, open) in [(1, true), (2, false)] {
        let title = rig.cache.title(key(number), 100 * MIB);
        rig.offer(&title, Shelf::Probe, 0..1000);
        rig.offer(&title, Shelf::Bulk, 1000..2000);
        rig.until_kept(&title, &(0..2000));
        let kept = open.then_some(title);
        rig.cache.forget(key(number));
        assert_eq!(rig.files(), Vec::<String>::new());
        if let Some(title) = kept {
            assert_eq!(rig.read(&title, 0..10), None);
            rig.offer(&title, Shelf::Probe, 0..1000);
            rig.until("the queue is empty", || rig.cache.is_idle());
        }
        assert_eq!(rig.cache.usage(), Usage::default());
    }
    rig.cache.stop();
    assert_eq!(rig.files(), Vec::<String>::new());
    assert_eq!(usage(rig.folder.path()).unwrap(), Usage::default());
}

#[test]
fn the_quota_is_kept_and_probes_stay_longest() {
    let quota = 3 * MIB;
    let rig = Rig::in_folder(tempfile::tempdir().unwrap(), quota);
    for number in 1..=8 {
        let title = rig.cache.title(key(number), 100 * MIB);
        rig.offer(&title, Shelf::Probe, 0..50_000);
        rig.offer(&title, Shelf::Bulk, MIB..2 * MIB);
        rig.until_kept(&title, &(MIB..2 * MIB));
        rig.until_kept(&title, &(0..50_000));
        assert!(rig.cache.usage().bytes <= quota);
    }
    for number in 1..=8 {
        let title = rig.cache.title(key(number), 100 * MIB);
        assert_eq!(rig.read(&title, 0..50_000), Some(bytes(0..50_000)));
        let bulk = rig.read(&title, MIB..2 * MIB).is_some();
        assert_eq!(bulk, number >= 7, "title {number}");
    }
    let on_disk = usage(rig.folder.path()).unwrap();
    assert_eq!(on_disk.titles, 8);
    assert!(on_disk.bytes <= quota);
}

#[test]
fn readers_on_many_threads_get_right_bytes_while_it_is_written_and_evicted() {
    let rig = Rig::in_folder(tempfile::tempdir().unwrap(), 2 * MIB);
    let found = thread::scope(|scope| {
        let readers: Vec<_> = (0..4_u32)
            .map(|reader| {
                let rig = &rig;
                scope.spawn(move || {
                    let mut found = 0;
                    for round in 0..400_u32 {
                        let number = 1 + (round + reader) % 4;
                        let title = rig.cache.title(key(number), 100 * MIB);
                        let start = u64::from((round * 7 + reader) % 40) * 20_000;
                        let range = start..start + 30_000;
                        match rig.read(&title, range.clone()) {
                            Some(read) => {
                                assert_eq!(read, bytes(range));
                                found += 1;
                            }
                            None if round % 2 == 0 => rig.offer(&title, Shelf::Bulk, range),
                            None => rig.offer(&title, Shelf::Probe, range),
                        }
                        if round % 50 == 49 {
                            rig.cache.forget(key(number));
                        }
                    }
                    found
                })
            })
            .collect();
        readers.into_iter().map(|r| r.join().unwrap()).sum::<u64>()
    });
    assert!(found > 0, "nothing was ever read from the cache");
}

#[test]
fn a_folder_that_cannot_be_used_is_a_cache_that_has_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let config = WarmConfig {
        folder: Arc::from(folder.path().join("file/warm")),
        quota: 1 << 40,
        head_len: MIB,
        tail_len: MIB,
        patience: LIMIT,
    };
    let cache = WarmCache::start(config).unwrap();
    let title = cache.title(key(1), 100 * MIB);
    cache.offer(&title, Shelf::Probe, 0, &[1; 100]);
    assert_eq!(ask(&cache, &title, 0..100).recv_timeout(LIMIT), Ok(None));
    cache.stop();
    assert_eq!(ask(&cache, &title, 0..100).recv_timeout(LIMIT), Ok(None));
}

#[test]
fn files_of_others_in_the_folder_stay() {
    let rig = Rig::new();
    fs::write(rig.folder.path().join("notes.txt"), "mine").unwrap();
    let title = rig.cache.title(key(1), MIB);
    rig.offer(&title, Shelf::Probe, 0..1000);
    rig.until_kept(&title, &(0..1000));
    rig.cache.stop();
    clear(rig.folder.path()).unwrap();
    assert_eq!(rig.files(), ["notes.txt"]);
    clear(&rig.folder.path().join("missing")).unwrap();
}

#[test]
fn head_and_tail_of_a_film_are_told_from_its_middle() {
    let rig = Rig::new();
    let parts = |size: u64, range: Range<u64>| {
        let parts = rig.cache.head_and_tail(size, &range).into_iter();
        let parts = parts.filter(|part| !part.is_empty());
        parts.map(|part| (part.start, part.end)).collect::<Vec<_>>()
    };
    let size = 100 * MIB;
    assert_eq!(parts(size, MIB..2 * MIB), [(MIB, 2 * MIB)]);
    assert_eq!(parts(size, 3 * MIB..5 * MIB), [(3 * MIB, 4 * MIB)]);
    assert!(parts(size, 5 * MIB..99 * MIB).is_empty());
    assert_eq!(parts(size, 98 * MIB..size), [(99 * MIB, size)]);
    // A film that is all head, and one whose head and tail meet.
    assert_eq!(parts(MIB, 0..MIB), [(0, MIB)]);
    assert_eq!(
        parts(5 * MIB, 0..5 * MIB),
        [(0, 4 * MIB), (4 * MIB, 5 * MIB)]
    );
    assert_eq!(
        parts(4 * MIB + 1, 0..4 * MIB + 1),
        [(0, 4 * MIB), (4 * MIB, 4 * MIB + 1)]
    );
}
