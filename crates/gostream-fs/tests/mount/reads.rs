//! Bytes through the kernel: whole, in parallel, interleaved, across the end, late, and not at all.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;
use std::thread;

use gostream_fs::FsMetrics;

use crate::rig::{Rig, dir, film, list};
use crate::source::{Answers, pattern};

const EIO: i32 = 5;
const MIB: usize = 1 << 20;

/// Not a multiple of a page or a block.
const SIZE: u64 = 9 * (1 << 20) + 4321;

fn one(answers: Answers) -> Rig {
    Rig::new(vec![film("a.mkv", 10, SIZE, answers)])
}

fn check(file: &File, offset: u64, len: usize) {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, offset).unwrap();
    assert!(bytes == pattern(10, offset, len), "{offset}+{len}");
}

/// A small seeded generator, so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

#[test]
fn a_whole_film_is_read_as_it_is() {
    for answers in [Answers::Now, Answers::Later] {
        let rig = one(answers);
        let mut bytes = Vec::new();
        let mut file = File::open(rig.path("a.mkv")).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert!(bytes == pattern(10, 0, usize::try_from(SIZE).unwrap()));
    }
}

#[test]
fn eight_readers_at_random_offsets_each_get_their_bytes() {
    let rig = one(Answers::Later);
    let path = rig.path("a.mkv");
    thread::scope(|scope| {
        for reader in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let file = File::open(path).unwrap();
                let mut dice = Dice(reader);
                for _ in 0..60 {
                    let len = 1 + dice.below(300_000);
                    let offset = dice.below(SIZE - len);
                    check(&file, offset, usize::try_from(len).unwrap());
                }
            });
        }
    });
    assert_eq!(FsMetrics::get(&rig.metrics.reads_waiting), 0);
}

#[test]
fn interleaved_streams_on_one_handle_do_not_disturb_each_other() {
    let rig = one(Answers::Later);
    let file = File::open(rig.path("a.mkv")).unwrap();
    // As Samba reads: two places 4 MiB apart, in turns.
    for step in 0..32 {
        check(&file, step * 131_072, 131_072);
        check(&file, (4 << 20) + step * 131_072, 131_072);
    }
}

#[test]
fn requests_of_a_mebibyte_are_possible() {
    let rig = one(Answers::Now);
    let direct = rustix::fs::OFlags::DIRECT.bits().cast_signed();
    let mut options = File::options();
    let file = options
        .read(true)
        .custom_flags(direct)
        .open(rig.path("a.mkv"))
        .unwrap();
    // A buffer that does not begin with a page needs one page more, and another request.
    let mut space = vec![0; 5 * MIB];
    let begin = space.as_ptr().align_offset(4096);
    let bytes = &mut space[begin..begin + 4 * MIB];
    file.read_exact_at(&mut bytes[..MIB], 0).unwrap();
    assert_eq!(FsMetrics::get(&rig.metrics.reads), 1);
    file.read_exact_at(bytes, 2 << 20).unwrap();
    assert_eq!(FsMetrics::get(&rig.metrics.reads), 5);
    assert!(bytes == pattern(10, 2 << 20, 4 * MIB));
}

#[test]
fn the_end_of_the_file_is_the_only_place_of_a_short_read() {
    let direct = rustix::fs::OFlags::DIRECT.bits().cast_signed();
    for flags in [0, direct] {
        let rig = one(Answers::Later);
        let file = File::options()
            .read(true)
            .custom_flags(flags)
            .open(rig.path("a.mkv"));
        let file = file.unwrap();
        let mut bytes = vec![0; 10_000];
        assert_eq!(file.read_at(&mut bytes, SIZE - 777).unwrap(), 777);
        assert!(bytes[..777] == pattern(10, SIZE - 777, 777));
        assert_eq!(file.read_at(&mut bytes, SIZE - 1).unwrap(), 1);
        assert_eq!(file.read_at(&mut bytes, SIZE).unwrap(), 0);
        assert_eq!(file.read_at(&mut bytes, SIZE + (1 << 40)).unwrap(), 0);
    }
}

#[test]
fn a_film_of_one_byte_and_one_of_many_terabytes_are_read() {
    let large = 1 << 53;
    let rig = Rig::new(vec![
        film("one.mkv", 10, 1, Answers::Now),
        film("large.mkv", 11, large, Answers::Now),
    ]);
    assert_eq!(
        std::fs::read(rig.path("one.mkv")).unwrap(),
        pattern(10, 0, 1)
    );
    let file = File::open(rig.path("large.mkv")).unwrap();
    let mut bytes = vec![0; 5000];
    file.read_exact_at(&mut bytes, large - 5000).unwrap();
    assert!(bytes == pattern(11, large - 5000, 5000));
}

#[test]
fn a_read_that_fails_in_any_way_is_an_input_output_error() {
    for answers in [Answers::Fails, Answers::Short, Answers::Drops] {
        let rig = one(answers);
        let file = File::open(rig.path("a.mkv")).unwrap();
        let error = file.read_at(&mut [0; 5000], 100_000).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(EIO), "{answers:?}");
        let error = file.read_at(&mut [0; 5000], SIZE - 10).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(EIO), "{answers:?}");
        let metrics = &rig.metrics;
        let counted = if answers == Answers::Fails {
            &metrics.reads_timed_out
        } else {
            &metrics.reads_failed
        };
        assert!(FsMetrics::get(counted) >= 2);
        assert_eq!(FsMetrics::get(&metrics.read_bytes), 0);
    }
}

#[test]
fn an_open_that_the_source_refuses_fails_with_its_errno() {
    let rig = one(Answers::NoOpen);
    let error = File::open(rig.path("a.mkv")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
    assert_eq!(FsMetrics::get(&rig.metrics.open_failures), 1);
    assert_eq!(FsMetrics::get(&rig.metrics.open_handles), 0);
}

#[test]
fn each_reader_has_its_own_handle_and_the_last_close_drops_it() {
    let rig = one(Answers::Now);
    let first = File::open(rig.path("a.mkv")).unwrap();
    let second = File::open(rig.path("a.mkv")).unwrap();
    assert_eq!(rig.source.open_files(), 2);
    check(&first, 0, 1000);
    drop(first);
    check(&second, 500_000, 1000);
    drop(second);
    // RELEASE follows the close by itself; the unmount waits for it, or takes the handle along.
    let Rig {
        mounted,
        source,
        metrics,
        dir: _dir,
    } = rig;
    mounted
        .unwrap()
        .unmount(std::time::Duration::from_secs(10))
        .unwrap();
    assert_eq!(source.open_files(), 0);
    assert_eq!(FsMetrics::get(&metrics.open_handles), 0);
}

#[test]
fn listing_and_other_films_go_on_while_many_reads_hang() {
    let rig = Rig::new(vec![
        dir("movies", 2),
        film("movies/dead.mkv", 10, SIZE, Answers::Never),
        film("movies/good.mkv", 11, SIZE, Answers::Later),
    ]);
    let dead = rig.path("movies/dead.mkv");
    let hanging: Vec<_> = (0..40_u64)
        .map(|reader| {
            let file = File::open(&dead).unwrap();
            // Far enough apart that no two of them wait for the same page.
            thread::spawn(move || file.read_exact_at(&mut [0; 16], reader * 200_000))
        })
        .collect();
    rig.source.wait_for_hanging(40);
    assert_eq!(list(&rig.path("movies")), ["dead.mkv", "good.mkv"]);
    assert_eq!(dead.metadata().unwrap().len(), SIZE);
    let good = std::fs::read(rig.path("movies/good.mkv")).unwrap();
    assert!(good == pattern(11, 0, good.len()));
    assert!(FsMetrics::get(&rig.metrics.reads_waiting) >= 40);
    // What is asked for meanwhile (read-ahead) hangs, too: answer until all are through.
    while hanging.iter().any(|reader| !reader.is_finished()) {
        rig.source.release();
        thread::yield_now();
    }
    for reader in hanging {
        reader.join().unwrap().unwrap();
    }
}

/// How many reads may hang, each a request that the kernel counts as one in the background: a user who is not root gets
/// no more than the kernel module allows, on a machine with little memory.
fn many() -> usize {
    let allowed = fs::read_to_string("/sys/module/fuse/parameters/max_user_bgreq");
    let allowed = allowed.ok().and_then(|text| text.trim().parse().ok());
    allowed.map_or(1_100, |most: usize| most.min(1_110) - 10)
}

#[test]
fn a_film_is_read_while_more_than_a_thousand_reads_of_another_hang() {
    const STACK: usize = 64 << 10;
    let dead = film("dead.mkv", 10, SIZE, Answers::Never);
    let rig = Rig::new(vec![dead, film("good.mkv", 11, SIZE, Answers::Later)]);
    let direct = rustix::fs::OFlags::DIRECT.bits().cast_signed();
    let mut options = File::options();
    options.read(true).custom_flags(direct);
    let dead = Arc::new(options.open(rig.path("dead.mkv")).unwrap());
    let hanging: Vec<_> = (0..many())
        .map(|_| {
            let file = Arc::clone(&dead);
            let read = move || file.read_exact_at(&mut [0; 16], 0);
            let reader = thread::Builder::new().stack_size(STACK).spawn(read);
            reader.unwrap()
        })
        .collect();
    rig.source.wait_for_hanging(hanging.len());
    let mut bytes = vec![0; MIB];
    let good = options.open(rig.path("good.mkv")).unwrap();
    good.read_exact_at(&mut bytes, 0).unwrap();
    assert!(bytes == pattern(11, 0, MIB));
    rig.source.release();
    for reader in hanging {
        reader.join().unwrap().unwrap();
    }
}

#[test]
fn cached_pages_outlive_a_close_until_they_are_invalidated() {
    let rig = one(Answers::Now);
    let read = || {
        let file = File::open(rig.path("a.mkv")).unwrap();
        check(&file, 0, 4096);
        FsMetrics::get(&rig.metrics.reads)
    };
    let first = read();
    assert_eq!(read(), first, "the second open reads from the page cache");
    rig.mounted().events().invalidate(10, 0, 4096);
    // The notice travels on a thread of its own.
    while read() == first {
        thread::yield_now();
    }
    assert_eq!(FsMetrics::get(&rig.metrics.invalidations), 1);
}
