//! lookup: a name in a directory. From memory alone.

use std::ffi::OsStr;
use std::time::UNIX_EPOCH;

use fuser::{FileAttr, FileType, Generation, INodeNo, ReplyEntry};

use super::attr::attributes;
use crate::errno::Refusal;
use crate::metrics::FsMetrics;
use crate::shared::Shared;

/// Inode numbers are never given to another object, so one generation is enough.
pub(crate) const GENERATION: Generation = Generation(1);

/// The longest name in bytes (NAME_MAX).
pub(crate) const NAME_MAX: u32 = 255;

pub(crate) fn lookup(shared: &Shared, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
    FsMetrics::add(&shared.metrics.lookups, 1);
    if name.len() > NAME_MAX as usize {
        reply.error(Refusal::NameTooLong.into());
        return;
    }
    let tree = shared.tree.load();
    // Every name of the tree is UTF-8, so one that is not is not there.
    let node = name.to_str().and_then(|name| tree.lookup(parent.0, name));
    let config = &shared.config;
    match node {
        Some(node) => reply.entry_with_ttls(
            &config.attr_timeout,
            &config.entry_timeout,
            &attributes(shared, node),
            GENERATION,
        ),
        None if config.negative_timeout.is_zero() => reply.error(Refusal::NotFound.into()),
        // Inode 0 with a time to live: the kernel may remember that the name is not there.
        None => reply.entry(&config.negative_timeout, &absent(), Generation(0)),
    }
}

fn absent() -> FileAttr {
    FileAttr {
        ino: INodeNo(0),
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: FileType::RegularFile,
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 0,
        flags: 0,
    }
}
