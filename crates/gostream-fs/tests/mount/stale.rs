//! What is left at a mount point: a dead mount is replaced, a live one is refused.
//!
//! The dead one comes from this test program itself, started once more to mount and then killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use gostream_fs::stale::{PointState, StaleError, inspect, prepare};
use gostream_fs::{FsConfig, MountError, Tree, mount};

use crate::rig::{Rig, film, is_mounted, list};
use crate::source::{Answers, PatternSource};

const POINT: &str = "GOSTREAM_TEST_MOUNT_POINT";
const READY: &str = "the child has mounted";

/// Not a test of its own: what the child does. Mounts where it is told and waits to be killed.
#[test]
fn child_that_mounts() {
    let Some(point) = std::env::var_os(POINT) else {
        return;
    };
    let tree = Tree::build(vec![film("old.mkv", 10, 1000, Answers::Now)]).unwrap();
    let config = FsConfig::new(PathBuf::from(point));
    let mounted = mount(config, tree, PatternSource::new(), Arc::default()).unwrap();
    eprintln!("{READY}");
    mounted.wait();
}

/// A child process with a mount. Killed and reaped when dropped.
pub(crate) struct Mounter(Child);

impl Mounter {
    pub(crate) fn start(point: &Path, adjust: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "stale::child_that_mounts", "--nocapture"])
            .env(POINT, point)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        adjust(&mut command);
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let mounter = Self(child);
        let mut seen = Vec::new();
        for line in said.lines() {
            let line = line.unwrap();
            if line.contains(READY) {
                return mounter;
            }
            seen.push(line);
        }
        panic!("the child did not mount: {}", seen.join("\n"));
    }

    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Mounter {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes everything off a point at the end of a test.
pub(crate) struct Cleared<'a>(pub(crate) &'a Path);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        while is_mounted(self.0)
            && rustix::mount::unmount(self.0, rustix::mount::UnmountFlags::DETACH).is_ok()
        {}
    }
}

#[test]
fn the_mount_of_a_killed_process_is_found_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let point = dir.path().join("mount");
    let _cleared = Cleared(&point);
    let child = Mounter::start(&point, |_| {});
    assert_eq!(list(&point), ["old.mkv"]);
    child.kill();
    assert!(is_mounted(&point));
    assert_eq!(inspect(&point).unwrap(), PointState::Stale { count: 1 });
    let tree = Tree::build(vec![film("new.mkv", 11, 1000, Answers::Now)]).unwrap();
    let config = FsConfig::new(&point);
    let mounted = mount(config, tree, PatternSource::new(), Arc::default()).unwrap();
    assert_eq!(list(&point), ["new.mkv"]);
    drop(mounted);
    assert!(!is_mounted(&point));
    assert_eq!(inspect(&point).unwrap(), PointState::Free);
}

#[test]
fn a_dead_mount_behind_a_symbolic_link_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let point = dir.path().join("mount");
    let _cleared = Cleared(&point);
    Mounter::start(&point, |_| {}).kill();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("mount", &link).unwrap();
    assert_eq!(inspect(&link).unwrap(), PointState::Stale { count: 1 });
    assert_eq!(prepare(&link).unwrap(), point);
    assert!(!is_mounted(&point));
}

#[test]
fn dead_mounts_upon_one_another_are_all_taken_off() {
    let dir = tempfile::tempdir().unwrap();
    let point = dir.path().join("mount");
    let _cleared = Cleared(&point);
    let children: Vec<Mounter> = (0..3)
        .map(|n| {
            // Each is mounted at a place of its own and moved onto the pile, since no instance mounts over
            // another.
            let own = dir.path().join(format!("own{n}"));
            let child = Mounter::start(&own, |_| {});
            std::fs::create_dir_all(&point).unwrap();
            rustix::mount::mount_bind(&own, &point).unwrap();
            rustix::mount::unmount(&own, rustix::mount::UnmountFlags::DETACH).unwrap();
            child
        })
        .collect();
    for child in children {
        child.kill();
    }
    assert_eq!(inspect(&point).unwrap(), PointState::Stale { count: 3 });
    prepare(&point).unwrap();
    assert!(!is_mounted(&point));
}

#[test]
fn a_live_mount_is_refused_and_goes_on() {
    let rig = Rig::new(vec![film("a.mkv", 10, 1000, Answers::Now)]);
    let point = rig.mounted().point();
    assert_eq!(inspect(point).unwrap(), PointState::Live { answers: true });
    let config = FsConfig::new(point);
    let error = mount(config, Tree::empty(), PatternSource::new(), Arc::default()).unwrap_err();
    assert!(matches!(error, MountError::Point(StaleError::Live { .. })));
    assert!(error.to_string().contains("stop that one first"), "{error}");
    assert_eq!(list(point), ["a.mkv"]);
}

#[test]
fn a_foreign_mount_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let point = dir.path().join("tmpfs");
    std::fs::create_dir(&point).unwrap();
    let _cleared = Cleared(&point);
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("none", &point, "tmpfs", flags, None).unwrap();
    let error = prepare(&point).unwrap_err();
    assert!(matches!(&error, StaleError::Foreign { fs_type, .. } if fs_type == "tmpfs"));
    assert!(is_mounted(&point));
}
