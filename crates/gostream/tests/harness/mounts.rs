//! Real mounts of the test's own, taken off again in `Drop`. Needs root.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::cli;

const LIMIT: Duration = Duration::from_secs(20);

/// Something mounted at a directory.
pub(crate) struct Mount {
    point: PathBuf,
    is_on: bool,
}

impl Mount {
    /// Shows the directory `source` at `point`, too.
    pub(crate) fn bind(source: &Path, point: &Path) -> Self {
        Self::by(Command::new("mount").arg("--bind").arg(source), point)
    }

    /// The same, and nothing can be changed through `point`.
    pub(crate) fn bind_read_only(source: &Path, point: &Path) -> Self {
        let mount = Self::bind(source, point);
        let mut command = Command::new("mount");
        command.args(["-o", "remount,bind,ro"]).arg(point);
        cli::finish(&mut command, LIMIT).success();
        mount
    }

    /// An empty file system in memory.
    pub(crate) fn memory(point: &Path) -> Self {
        Self::by(
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "gostream-test"]),
            point,
        )
    }

    fn by(command: &mut Command, point: &Path) -> Self {
        std::fs::create_dir_all(point).unwrap();
        cli::finish(command.arg(point), LIMIT).success();
        Self {
            point: point.to_owned(),
            is_on: true,
        }
    }

    /// Takes it off; fails while somebody uses it.
    #[track_caller]
    pub(crate) fn off(mut self) {
        cli::finish(Command::new("umount").arg(&self.point), LIMIT).success();
        self.is_on = false;
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.is_on {
            let _ = cli::finish(Command::new("umount").arg("-l").arg(&self.point), LIMIT);
        }
    }
}
