//! Mounting and unmounting: by us, by others, and while somebody reads.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use gostream_fs::{FsConfig, FsMetrics, MountError, SessionEnd, Tree, Unmounted, mount};

use crate::rig::{Rig, film, is_mounted, list};
use crate::source::{Answers, PatternSource};

const EIO: i32 = 5;
const GRACE: Duration = Duration::from_secs(10);

fn entries() -> Vec<gostream_fs::TreeEntry> {
    vec![
        film("a.mkv", 10, 5_000_000, Answers::Now),
        film("h.mkv", 11, 5_000_000, Answers::Never),
    ]
}

#[test]
fn the_mount_is_of_our_type_and_cannot_run_or_own_anything() {
    let rig = Rig::new(entries());
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point = rig.mounted().point().to_str().unwrap();
    let line = table.lines().find(|line| line.contains(point)).unwrap();
    assert!(line.contains(" - fuse.gostream gostream "), "{line}");
    for option in ["ro", "nosuid", "nodev", "noexec"] {
        let options = line.split(' ').nth(5).unwrap();
        assert!(options.split(',').any(|one| one == option), "{line}");
    }
    assert_eq!(line.contains("allow_other"), rig.mounted().allow_other());
}

#[test]
fn an_unmount_is_clean_when_nobody_reads_and_the_point_can_be_used_again() {
    let mut rig = Rig::new(entries());
    let point = rig.mounted().point().to_owned();
    let outcome = rig.mounted.take().unwrap().unmount(GRACE).unwrap();
    assert_eq!(outcome, Unmounted::Clean);
    assert!(!is_mounted(&point));
    assert!(list(&point).is_empty());
    let tree = Tree::build(entries()).unwrap();
    let config = FsConfig::new(&point);
    let again = mount(config, tree, rig.source.clone(), Arc::default()).unwrap();
    assert_eq!(list(&point), ["a.mkv", "h.mkv"]);
    drop(again);
    assert!(!is_mounted(&point));
}

#[test]
fn an_unmount_frees_a_reader_that_hangs() {
    let mut rig = Rig::new(entries());
    let point = rig.mounted().point().to_owned();
    let file = File::open(rig.path("h.mkv")).unwrap();
    let reader = thread::spawn(move || file.read_exact_at(&mut [0; 10], 0));
    rig.source.wait_for_hanging(1);
    rig.mounted.take().unwrap().unmount(GRACE).unwrap();
    let error = reader.join().unwrap().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(EIO));
    assert!(!is_mounted(&point));
    assert_eq!(FsMetrics::get(&rig.metrics.reads_waiting), 0);
    assert!(FsMetrics::get(&rig.metrics.reads_shut_down) > 0);
    // The source still has the reply; it comes too late and harms nobody.
    rig.source.release();
}

#[test]
fn an_unmount_under_an_open_file_is_lazy_and_the_file_fails() {
    let mut rig = Rig::new(entries());
    let point = rig.mounted().point().to_owned();
    let file = File::open(rig.path("a.mkv")).unwrap();
    let outcome = rig.mounted.take().unwrap().unmount(Duration::ZERO).unwrap();
    assert_eq!(outcome, Unmounted::Lazy);
    assert!(!is_mounted(&point));
    assert!(file.read_at(&mut [0; 10], 4_000_000).is_err());
    assert_eq!(
        rig.source.open_files(),
        0,
        "the session took its handles along"
    );
    assert_eq!(FsMetrics::get(&rig.metrics.open_handles), 0);
}

#[test]
fn the_grace_is_used_to_wait_for_the_last_close() {
    let mut rig = Rig::new(entries());
    let file = File::open(rig.path("a.mkv")).unwrap();
    let mounted = rig.mounted.take().unwrap();
    let (started, begun) = mpsc::channel();
    let unmounting = thread::spawn(move || {
        started.send(()).unwrap();
        mounted.unmount(Duration::from_secs(60)).unwrap()
    });
    begun.recv().unwrap();
    drop(file);
    assert_eq!(unmounting.join().unwrap(), Unmounted::Clean);
}

#[test]
fn an_unmount_from_outside_is_learned_of() {
    let mut rig = Rig::new(entries());
    let (told, heard) = mpsc::channel();
    rig.mounted()
        .on_end(move |end| told.send(end.clone()).unwrap());
    assert_eq!(rig.mounted().ended(), None);
    rustix::mount::unmount(rig.mounted().point(), rustix::mount::UnmountFlags::empty()).unwrap();
    assert_eq!(heard.recv().unwrap(), SessionEnd::Unmounted);
    assert_eq!(rig.mounted().wait(), SessionEnd::Unmounted);
    let (told, heard) = mpsc::channel();
    rig.mounted().on_end(move |_| told.send(()).unwrap());
    heard.try_recv().unwrap();
    let outcome = rig.mounted.take().unwrap().unmount(GRACE).unwrap();
    assert_eq!(outcome, Unmounted::AlreadyGone);
}

#[test]
fn an_unmount_does_not_touch_what_somebody_else_mounted_since() {
    let mut rig = Rig::new(entries());
    let point = rig.mounted().point().to_owned();
    rustix::mount::unmount(&point, rustix::mount::UnmountFlags::empty()).unwrap();
    rig.mounted().wait();
    let source = PatternSource::new();
    let tree = Tree::build(entries()).unwrap();
    let other = mount(FsConfig::new(&point), tree, source, Arc::default()).unwrap();
    let outcome = rig.mounted.take().unwrap().unmount(GRACE).unwrap();
    assert_eq!(outcome, Unmounted::AlreadyGone);
    assert_eq!(list(other.point()), ["a.mkv", "h.mkv"]);
}

#[test]
fn settings_that_cannot_work_mount_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = FsConfig {
        n_threads: 0,
        ..FsConfig::new(dir.path())
    };
    let error = mount(config, Tree::empty(), PatternSource::new(), Arc::default()).unwrap_err();
    assert!(matches!(error, MountError::Config(_)));
    assert!(!is_mounted(dir.path()));
}

#[test]
fn the_kernel_reads_ahead_as_far_as_it_was_told() {
    let rig = Rig::new(entries());
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point = rig.mounted().point().to_str().unwrap();
    let line = table.lines().find(|line| line.contains(point)).unwrap();
    let device = line.split(' ').nth(2).unwrap();
    let kib = std::fs::read_to_string(format!("/sys/class/bdi/{device}/read_ahead_kb"));
    if rustix::process::geteuid().is_root() {
        assert_eq!(kib.unwrap().trim(), "1024");
    }
}
