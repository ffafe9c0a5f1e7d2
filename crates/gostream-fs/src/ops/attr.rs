//! getattr, and what the attributes of an object are. From memory alone.
//!
//! Times are those of the stub (of the source directory for a directory): they change when, and only when, the
//! object does, or scanners would look through everything again and again.

use fuser::{FileAttr, FileType, INodeNo, ReplyAttr};

use crate::errno::Refusal;
use crate::shared::Shared;
use crate::tree::{NodeKind, NodeRef};

/// `st_size` of every directory.
const DIR_SIZE: u64 = 4096;

pub(crate) fn getattr(shared: &Shared, ino: INodeNo, reply: ReplyAttr) {
    let tree = shared.tree.load();
    let attr = match tree.get(ino.0) {
        Some(node) => Some(attributes(shared, node)),
        None => shared.handles.orphan(ino.0),
    };
    match attr {
        Some(attr) => reply.attr(&shared.config.attr_timeout, &attr),
        None => reply.error(Refusal::NotFound.into()),
    }
}

pub(crate) fn file_type(node: NodeRef<'_>) -> FileType {
    if node.is_dir() {
        FileType::Directory
    } else {
        FileType::RegularFile
    }
}

pub(crate) fn attributes(shared: &Shared, node: NodeRef<'_>) -> FileAttr {
    let config = &shared.config;
    let mut mtime = node.mtime();
    let (size, perm, nlink) = match node.kind() {
        // A directory's links: its name, its `.`, and the `..` of each directory in it.
        NodeKind::Dir { dirs, .. } => (DIR_SIZE, 0o755, dirs.saturating_add(2)),
        NodeKind::Media(stub) => (stub.size, 0o644, 1),
        NodeKind::SideCar { len, .. } => match shared.drafts.get(node.ino()) {
            // As who writes it sees it.
            Some(draft) => {
                let (len, written) = draft.seen();
                mtime = written;
                (len, 0o644, 1)
            }
            None => (len, 0o644, 1),
        },
    };
    FileAttr {
        ino: INodeNo(node.ino()),
        size,
        blocks: size.div_ceil(512),
        atime: mtime,
        mtime,
        ctime: mtime,
        crtime: mtime,
        kind: file_type(node),
        perm,
        nlink,
        uid: config.uid,
        gid: config.gid,
        rdev: 0,
        blksize: config.block_size,
        flags: 0,
    }
}
