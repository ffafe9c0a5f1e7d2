//! What the kernel's own settings say. Read at start by the binary and by `gostream doctor`.

use std::path::Path;
use std::time::Duration;

/// After how long the kernel aborts the whole mount because one request was not answered; `None`: never.
/// The deadline of reads must stay below it. Linux 6.15 and later: `/proc/sys/fs/fuse/*_request_timeout`, in
/// seconds, 0 for none; the kernel may be up to 15 s late.
pub fn request_timeout() -> Option<Duration> {
    request_timeout_in(Path::new("/proc/sys/fs/fuse"))
}

fn request_timeout_in(dir: &Path) -> Option<Duration> {
    ["default_request_timeout", "max_request_timeout"]
        .iter()
        .filter_map(|name| std::fs::read_to_string(dir.join(name)).ok())
        .filter_map(|text| text.trim().parse().ok())
        .filter(|&seconds| seconds > 0)
        .min()
        .map(Duration::from_secs)
}

/// Whether `/etc/fuse.conf` lets a user who is not root give others access to a mount.
pub fn user_allow_other() -> bool {
    std::fs::read_to_string("/etc/fuse.conf").is_ok_and(|text| allows_other(&text))
}

fn allows_other(fuse_conf: &str) -> bool {
    fuse_conf
        .lines()
        .any(|line| line.trim() == "user_allow_other")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_shorter_of_the_two_timeouts_counts_and_zero_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(request_timeout_in(dir.path()), None);
        std::fs::write(dir.path().join("default_request_timeout"), "0\n").unwrap();
        std::fs::write(dir.path().join("max_request_timeout"), "60\n").unwrap();
        let minute = Some(Duration::from_secs(60));
        assert_eq!(request_timeout_in(dir.path()), minute);
        std::fs::write(dir.path().join("default_request_timeout"), "20\n").unwrap();
        let shorter = Some(Duration::from_secs(20));
        assert_eq!(request_timeout_in(dir.path()), shorter);
    }

    #[test]
    fn a_commented_line_allows_nothing() {
        assert!(!allows_other("# comment\n#user_allow_other\n"));
        assert!(allows_other("mount_max = 1000\n  user_allow_other \n"));
    }
}
