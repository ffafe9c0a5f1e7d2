//! A small file system in memory that a test fills up. Needs root.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

/// A mounted tmpfs; unmounted when it is dropped.
pub(crate) struct Tmpfs {
    point: PathBuf,
}

impl Tmpfs {
    /// Mounts one of `mib` MiB at `point`, which is made.
    pub(crate) fn mount(point: &Path, mib: u64) -> Self {
        fs::create_dir_all(point).unwrap();
        let options = CString::new(format!("size={mib}m,mode=755")).unwrap();
        mount(
            "tmpfs",
            point,
            "tmpfs",
            MountFlags::empty(),
            options.as_c_str(),
        )
        .unwrap_or_else(|error| panic!("tmpfs at {}: {error}", point.display()));
        Self {
            point: point.to_owned(),
        }
    }

    /// Nothing can be written to it from now on.
    pub(crate) fn make_read_only(&self) {
        mount_remount(&self.point, MountFlags::RDONLY, c"").unwrap();
    }

    /// Takes away what filled it up.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.point.join("ballast")).unwrap();
    }

    /// Fills it up to the last byte with a file of somebody else.
    pub(crate) fn fill(&self) {
        let mut ballast = File::create(self.point.join("ballast")).unwrap();
        for step in [1 << 20, 4096, 1] {
            while ballast.write_all(&vec![0; step]).is_ok() {}
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // A server that still runs has files open in it.
        if let Err(error) = unmount(&self.point, UnmountFlags::DETACH) {
            eprintln!("{} is still mounted: {error}", self.point.display());
        }
    }
}
