//! readdir and readdirplus: pages of a listing. From memory alone; directories need no handle, since the
//! offsets are right for any tree (see `tree.rs`).

use std::ffi::OsStr;

use fuser::{FileType, INodeNo, ReplyDirectory, ReplyDirectoryPlus};

use super::attr::{attributes, file_type};
use super::lookup::GENERATION;
use crate::errno::Refusal;
use crate::metrics::FsMetrics;
use crate::shared::Shared;
use crate::tree::{COOKIE_DOT, COOKIE_DOT_DOT, NodeRef, Tree};

/// The directory with this number, for OPENDIR and the pages.
fn directory(tree: &Tree, ino: INodeNo) -> Result<NodeRef<'_>, Refusal> {
    let node = tree.get(ino.0).ok_or(Refusal::NotFound)?;
    if node.is_dir() {
        Ok(node)
    } else {
        Err(Refusal::NotDirectory)
    }
}

/// `.` and `..`, as far as they come after `offset`.
fn dots(dir: NodeRef<'_>, offset: u64) -> impl Iterator<Item = (u64, &'static str, NodeRef<'_>)> {
    [(COOKIE_DOT, ".", dir), (COOKIE_DOT_DOT, "..", dir.parent())]
        .into_iter()
        .filter(move |(cookie, ..)| *cookie > offset)
}

pub(crate) fn opendir(shared: &Shared, ino: INodeNo, reply: fuser::ReplyOpen) {
    match directory(&shared.tree.load(), ino) {
        Ok(_) => reply.opened(fuser::FileHandle(0), fuser::FopenFlags::empty()),
        Err(refusal) => reply.error(refusal.into()),
    }
}

pub(crate) fn readdir(shared: &Shared, ino: INodeNo, offset: u64, mut reply: ReplyDirectory) {
    FsMetrics::add(&shared.metrics.readdirs, 1);
    let tree = shared.tree.load();
    let dir = match directory(&tree, ino) {
        Ok(dir) => dir,
        Err(refusal) => return reply.error(refusal.into()),
    };
    for (cookie, name, node) in dots(dir, offset) {
        if reply.add(INodeNo(node.ino()), cookie, FileType::Directory, name) {
            return reply.ok();
        }
    }
    for node in dir.children_after(offset) {
        let name = OsStr::new(node.name());
        if reply.add(INodeNo(node.ino()), node.cookie(), file_type(node), name) {
            break;
        }
    }
    reply.ok();
}

pub(crate) fn readdirplus(
    shared: &Shared,
    ino: INodeNo,
    offset: u64,
    mut reply: ReplyDirectoryPlus,
) {
    FsMetrics::add(&shared.metrics.readdirs, 1);
    let tree = shared.tree.load();
    let dir = match directory(&tree, ino) {
        Ok(dir) => dir,
        Err(refusal) => return reply.error(refusal.into()),
    };
    let config = &shared.config;
    // One time to live for both in this reply: the shorter.
    let ttl = config.attr_timeout.min(config.entry_timeout);
    let mut add = |cookie, name: &str, node: NodeRef<'_>| {
        let attr = attributes(shared, node);
        reply.add(attr.ino, cookie, OsStr::new(name), &ttl, &attr, GENERATION)
    };
    let full = dots(dir, offset).any(|(cookie, name, node)| add(cookie, name, node));
    if !full {
        // `any` ends at the first that does not fit.
        let _full = dir
            .children_after(offset)
            .any(|node| add(node.cookie(), node.name(), node));
    }
    reply.ok();
}
