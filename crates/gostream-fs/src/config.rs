//! What the mount is told at start. Made by the binary from its own settings; read by every operation.
//!
//! The values are fixed for the life of a mount. [`FsConfig::check`] runs before anything is mounted.

use std::path::PathBuf;
use std::time::Duration;

/// The least number of requests that the kernel may have under way in the background: a read that waits is one for each
/// MiB of it, and when there are as many nobody reads any more. With 25, readers that wait for dead torrents froze a
/// healthy file for 4-9 s; with 1024, 1,000 such readers cost it nothing and 1,200 stopped it (measured). A user who
/// is not root gets no more than `max_user_bgreq` of the kernel module, a part of the machine's memory.
pub(crate) const MIN_MAX_BACKGROUND: u16 = 3072;

/// The settings of one mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsConfig {
    /// Where the tree appears. A missing directory is created; one with something in it is refused.
    pub mount_point: PathBuf,
    /// Owner of everything shown.
    pub uid: u32,
    /// Group of everything shown.
    pub gid: u32,
    /// `st_blksize` of files and directories, in bytes: what programs take as the best size of a read.
    pub block_size: u32,
    /// How long the kernel may keep attributes. Changes by `publish` are told at once all the same.
    pub attr_timeout: Duration,
    /// How long the kernel may keep a name.
    pub entry_timeout: Duration,
    /// How long the kernel may keep the absence of a name; zero: not at all.
    pub negative_timeout: Duration,
    /// Let users other than the owner in (Samba and media servers need it). Falls back to owner only, with a
    /// warning, when not root and `/etc/fuse.conf` lacks `user_allow_other`.
    pub allow_other: bool,
    /// Requests that may be under way in the background; raised to 3072 when less.
    pub max_background: u16,
    /// Threads that read requests from the kernel, 1 to 64.
    pub n_threads: usize,
    /// Let side-cars (everything but films) be written through the mount.
    pub side_car_writes: bool,
    /// The kernel's read-ahead in KiB, set through `/sys/class/bdi` where that is permitted; 0: leave it.
    pub read_ahead_kib: u32,
}

impl FsConfig {
    /// The settings for a mount at `mount_point`, all else as the specification has it.
    pub fn new(mount_point: impl Into<PathBuf>) -> Self {
        Self {
            mount_point: mount_point.into(),
            uid: 1000,
            gid: 1000,
            block_size: 1 << 20,
            attr_timeout: Duration::from_secs(1),
            entry_timeout: Duration::from_secs(1),
            negative_timeout: Duration::ZERO,
            allow_other: true,
            max_background: MIN_MAX_BACKGROUND,
            n_threads: 4,
            side_car_writes: false,
            read_ahead_kib: 1024,
        }
    }

    /// Refuses values with which a mount could not work.
    ///
    /// # Errors
    /// [`ConfigError`], which names the setting, its value and what is allowed.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.mount_point.as_os_str().is_empty() {
            return Err(ConfigError::NoMountPoint);
        }
        if !(1..=64).contains(&self.n_threads) {
            return Err(ConfigError::Threads(self.n_threads));
        }
        if self.block_size < 512 || !self.block_size.is_power_of_two() {
            return Err(ConfigError::BlockSize(self.block_size));
        }
        Ok(())
    }
}

/// A setting with which no mount can work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The path is empty.
    #[error("no mount point is given")]
    NoMountPoint,
    /// `n_threads` out of range.
    #[error("n_threads is {0}: must be 1 to 64")]
    Threads(usize),
    /// `block_size` that programs could not work with.
    #[error("the block size is {0}: must be a power of two of at least 512 bytes")]
    BlockSize(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted() {
        assert_eq!(FsConfig::new("/mnt/gostream").check(), Ok(()));
    }

    #[test]
    fn values_that_cannot_work_are_refused_by_name() {
        let good = FsConfig::new("/mnt/gostream");
        let threads = FsConfig {
            n_threads: 0,
            ..good.clone()
        };
        assert_eq!(threads.check(), Err(ConfigError::Threads(0)));
        let blocks = FsConfig {
            block_size: 1000,
            ..good
        };
        assert_eq!(blocks.check(), Err(ConfigError::BlockSize(1000)));
        assert_eq!(FsConfig::new("").check(), Err(ConfigError::NoMountPoint));
    }
}
