//! A mount without the right to mount goes through fusermount3. These tests need root, to give rights up.

use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use gostream_fs::Unmounted;
use gostream_fs::stale::{PointState, inspect};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use crate::rig::{Rig, film, is_mounted};
use crate::source::{Answers, pattern};
use crate::stale::{Cleared, Mounter};

/// nobody, on every Linux.
const NOBODY: u32 = 65_534;

/// True when there are rights to give up. Without root every test here mounts by the helper anyway.
fn root_with_helper() -> bool {
    let found = Command::new("fusermount3").arg("-V").output();
    assert!(found.is_ok(), "fusermount3 is missing: install fuse3");
    rustix::process::geteuid().is_root()
}

/// Lets every user open `/dev/fuse`, as on a usual system, for as long as it lives.
struct OpenDevice(std::fs::Permissions);

impl OpenDevice {
    fn new() -> Self {
        let before = std::fs::metadata("/dev/fuse").unwrap().permissions();
        let open = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions("/dev/fuse", open).unwrap();
        Self(before)
    }
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        // A panic in a drop would hide why the test failed.
        let _ = std::fs::set_permissions("/dev/fuse", self.0.clone());
    }
}

/// Rights belong to a thread: the threads of the mount inherit what is left, and the helper is a new program
/// and has them all.
fn give_up_mounting() {
    let mut rights = capabilities(None).unwrap();
    rights.effective.remove(CapabilitySet::SYS_ADMIN);
    rights.permitted.remove(CapabilitySet::SYS_ADMIN);
    set_capabilities(None, rights).unwrap();
}

#[test]
fn without_the_right_to_mount_the_helper_mounts_and_unmounts() {
    if !root_with_helper() {
        return;
    }
    give_up_mounting();
    let mut rig = Rig::new(vec![film("a.mkv", 10, 500_000, Answers::Later)]);
    let point = rig.mounted().point().to_owned();
    assert_eq!(
        std::fs::read(rig.path("a.mkv")).unwrap(),
        pattern(10, 0, 500_000)
    );
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let at = format!(" {} ", point.to_str().unwrap());
    let line = table.lines().find(|line| line.contains(&at)).unwrap();
    assert!(line.contains(" - fuse.gostream gostream "), "{line}");
    assert!(line.contains("noexec"), "{line}");
    let grace = Duration::from_secs(30);
    let outcome = rig.mounted.take().unwrap().unmount(grace).unwrap();
    assert_eq!(outcome, Unmounted::Clean);
    assert!(!is_mounted(&point));
}

#[test]
fn without_the_right_to_mount_an_unmount_still_frees_its_readers() {
    if !root_with_helper() {
        return;
    }
    give_up_mounting();
    let mut rig = Rig::new(vec![film("a.mkv", 10, 500_000, Answers::Never)]);
    let point = rig.mounted().point().to_owned();
    let file = std::fs::File::open(rig.path("a.mkv")).unwrap();
    let again = file.try_clone().unwrap();
    let reader = std::thread::spawn(move || file.read_at(&mut [0; 10], 0));
    rig.source.wait_for_hanging(1);
    let outcome = rig.mounted.take().unwrap().unmount(Duration::ZERO).unwrap();
    assert_eq!(outcome, Unmounted::Lazy);
    assert!(!is_mounted(&point));
    assert!(reader.join().unwrap().is_err(), "a waiting reader is freed");
    assert!(
        again.read_at(&mut [0; 10], 300_000).is_err(),
        "no other begins"
    );
}

#[test]
fn a_user_mounts_by_the_helper_and_the_dead_mount_is_cleared() {
    if !root_with_helper() {
        return;
    }
    let _open = OpenDevice::new();
    let dir = tempfile::tempdir().unwrap();
    let point = dir.path().join("mount");
    std::fs::create_dir(&point).unwrap();
    chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    chown(&point, Some(NOBODY), Some(NOBODY)).unwrap();
    let _cleared = Cleared(&point);
    let start = || {
        Mounter::start(&point, |command| {
            command.uid(NOBODY).gid(NOBODY);
        })
    };
    let child = start();
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let at = format!(" {} ", point.to_str().unwrap());
    let line = table.lines().find(|line| line.contains(&at)).unwrap();
    assert!(line.contains(" - fuse.gostream gostream "), "{line}");
    assert!(line.contains("user_id=65534"), "{line}");
    child.kill();
    // Without user_allow_other not even root may look in, so only that user's next start replaces it.
    let denied = PointState::OtherUser;
    assert_eq!(
        inspect(&point).unwrap() == denied,
        !line.contains("allow_other")
    );
    let again = start();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert_eq!(mounts.lines().filter(|line| line.contains(&at)).count(), 1);
    again.kill();
}
