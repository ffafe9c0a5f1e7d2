//! Is the mount point free, ours, or in somebody's way?
//!
//! The kernel's list is read first: a directory under a dead mount cannot be
//! looked at, and one under a hanging mount must not be.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::finding::Finding;

/// What is at the mount point.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum There {
    /// A mount of that type, the topmost one.
    Mount(String),
    /// No mount; a directory with so much in it, or none.
    Directory { entries: usize },
    /// Nothing yet.
    Nothing,
    /// Something that is no directory, or cannot be read.
    Unusable(String),
}

/// The mount point and what is there.
pub(super) struct MountPoint {
    path: PathBuf,
    there: There,
}

/// Looks at the mount point.
pub(super) fn look(path: &Path) -> MountPoint {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let there = match mounted_type(&table, path) {
        Some(kind) => There::Mount(kind),
        None => match fs::read_dir(path) {
            Ok(entries) => There::Directory {
                entries: entries.take(1000).count(),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => There::Nothing,
            Err(error) => There::Unusable(error.to_string()),
        },
    };
    MountPoint {
        path: path.to_owned(),
        there,
    }
}

/// The type of the last mount at `path` in a text of /proc/self/mountinfo
/// (proc_pid_mountinfo(5)): field 5 is the mount point, with octal escapes;
/// the type is the first field after ` - `.
fn mounted_type(table: &str, path: &Path) -> Option<String> {
    let path = path.to_str()?;
    let mut kinds = table.lines().filter_map(|line| {
        let point = line.split(' ').nth(4)?;
        let (_, rest) = line.split_once(" - ")?;
        let kind = rest.split(' ').next()?;
        (unescape(point) == path).then(|| kind.to_owned())
    });
    kinds.next_back()
}

/// Blank, tab, newline and backslash are written `\040`, `\011`, `\012` and
/// `\134`.
fn unescape(field: &str) -> String {
    field
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

pub(super) fn judge(point: &MountPoint, running: bool) -> Finding {
    let path = point.path.display();
    let about = format!("mount point {path}");
    match &point.there {
        There::Mount(kind) if kind == "fuse.gostream" && running => {
            Finding::ok(about, "is mounted by the running gostream")
        }
        There::Mount(kind) if kind == "fuse.gostream" => Finding::warning(
            about,
            "a mount is left from a gostream that is gone",
            format!("the next start replaces it; or by hand: fusermount3 -uz {path}"),
        ),
        There::Mount(kind) => Finding::error(
            about,
            format!("another file system is mounted there: {kind}"),
            "set fuse_mount_path to another directory",
        ),
        There::Nothing => Finding::ok(about, "will be made at the first start"),
        There::Directory { entries: 0 } if running => Finding::warning(
            about,
            "gostream is running, but its mount is gone",
            "somebody unmounted it: restart gostream",
        ),
        There::Directory { entries: 0 } => Finding::ok(about, "is an empty directory"),
        There::Directory { entries } => Finding::error(
            about,
            format!("is not empty ({entries} entries): a mount would hide them"),
            "move them away, or set fuse_mount_path to an empty directory",
        ),
        There::Unusable(error) => Finding::error(
            about,
            format!("cannot be used: {error}"),
            "set fuse_mount_path to a directory of the user that runs GoStream",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    const TABLE: &str = "\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:50 / /mnt/my\\040films rw,nosuid shared:3 - fuse.sshfs host rw
31 30 0:51 / /mnt/my\\040films rw - fuse.gostream gostream rw,user_id=0
";

    fn level(there: There, running: bool) -> Level {
        let path = "/mnt/x".into();
        judge(&MountPoint { path, there }, running).level
    }

    #[test]
    fn the_topmost_mount_counts() {
        let kind = |path| mounted_type(TABLE, Path::new(path));
        assert_eq!(kind("/mnt/my films").as_deref(), Some("fuse.gostream"));
        assert_eq!(kind("/").as_deref(), Some("ext4"));
        assert_eq!(kind("/mnt"), None);
    }

    #[test]
    fn our_own_mount_is_well_with_a_server_and_stale_without() {
        let ours = || There::Mount("fuse.gostream".to_owned());
        assert_eq!(level(ours(), true), Level::Ok);
        assert_eq!(level(ours(), false), Level::Warning);
        assert_eq!(level(There::Mount("nfs4".to_owned()), true), Level::Error);
    }

    #[test]
    fn a_directory_that_a_mount_would_hide_is_an_error() {
        assert_eq!(level(There::Directory { entries: 2 }, false), Level::Error);
        assert_eq!(level(There::Directory { entries: 0 }, false), Level::Ok);
        assert_eq!(level(There::Directory { entries: 0 }, true), Level::Warning);
        assert_eq!(level(There::Nothing, false), Level::Ok);
        let file = There::Unusable("Not a directory".to_owned());
        assert_eq!(level(file, false), Level::Error);
    }
}
