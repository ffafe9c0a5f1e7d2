//! Which file or folder of a disk something is, and in which state: what a scan compares to see what changed.
//!
//! Made by the stub tree's scan, carried by the tree of the mount, and compared by the next scan. Pure data.

/// The identity of a file or folder on its disk, and a fingerprint of its state.
///
/// `Default` (all zero) equals nothing that is on a disk: for what was made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Number of the device that it lies on (`st_dev`). Changes when a disk is mounted anew.
    pub device: u64,
    /// Its inode number on that device (`st_ino`). A disk gives it to another file when this one is gone.
    pub inode: u64,
    /// Of a file: a fingerprint of its size and times, other when its content is. Of a folder: one of the time
    /// when it was made, 0 where the disk does not keep that.
    pub version: u64,
}

impl Stamp {
    /// Whether both are the same object of the same disk.
    pub fn same_object(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}
