//! unlink, rename, mkdir, rmdir: handed to the thread that changes the library (`edit.rs`), which answers.
//!
//! Refused here: everybody but root, the owner that the mount shows, and the user that we run as (EACCES, as
//! the modes say); and all of it (EROFS) on a mount without an editor.

use std::ffi::OsStr;

use fuser::{AccessFlags, Errno, INodeNo, RenameFlags, ReplyEmpty, ReplyEntry, Request};

use super::attr::attributes;
use super::lookup::GENERATION;
use crate::edit::Editing;
use crate::edit::queue::EditQueue;
use crate::editor::EditError;
use crate::fuse::GoStreamFs;
use crate::shared::Shared;
use crate::tree::NodeRef;

/// Whether this user may change the library.
pub(crate) fn is_allowed(shared: &Shared, req: &Request) -> bool {
    let uid = req.uid();
    uid == 0 || uid == shared.config.uid || uid == rustix::process::geteuid().as_raw()
}

/// access(2): everybody may look at everything; who may change the library may write directories.
pub(crate) fn access(
    fs: &GoStreamFs,
    req: &Request,
    ino: INodeNo,
    mask: AccessFlags,
    reply: ReplyEmpty,
) {
    let tree = fs.shared.tree.load();
    let node = tree.get(ino.0);
    let is_dir = node.is_some_and(|node| node.is_dir());
    if !mask.contains(AccessFlags::W_OK) {
        return reply.ok();
    }
    if fs.edits.is_none() {
        reply.error(EditError::ReadOnly.into());
    } else if !is_dir {
        let name = node.map_or("", NodeRef::name);
        match may_write(fs, req, name) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error.into()),
        }
    } else if is_allowed(&fs.shared, req) {
        reply.ok();
    } else {
        reply.error(EditError::Denied.into());
    }
}

/// Whether access(2) for writing is granted to a file.
fn may_write(fs: &GoStreamFs, req: &Request, name: &str) -> Result<(), EditError> {
    if !fs.shared.config.side_car_writes || crate::edit::is_film_name(name) {
        Err(EditError::ReadOnly)
    } else if is_allowed(&fs.shared, req) {
        Ok(())
    } else {
        Err(EditError::Denied)
    }
}

/// The queue, if this request may use it.
pub(crate) fn queue<'a>(fs: &'a GoStreamFs, req: &Request) -> Result<&'a EditQueue, EditError> {
    let queue = fs.edits.as_ref().ok_or(EditError::ReadOnly)?;
    if is_allowed(&fs.shared, req) {
        Ok(queue)
    } else {
        Err(EditError::Denied)
    }
}

/// Has `change` made and answered.
fn put(
    fs: &GoStreamFs,
    req: &Request,
    reply: ReplyEmpty,
    change: impl FnOnce(&Editing) -> Result<(), EditError> + Send + 'static,
) {
    match queue(fs, req) {
        Err(error) => reply.error(error.into()),
        Ok(queue) => queue.put(move |editing| match change(editing) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error.into()),
        }),
    }
}

/// unlink and rmdir: `remove` takes the name out of the directory.
pub(crate) fn remove(
    fs: &GoStreamFs,
    req: &Request,
    (parent, name): (INodeNo, &OsStr),
    reply: ReplyEmpty,
    remove: fn(&Editing, u64, &OsStr) -> Result<(), EditError>,
) {
    let name = name.to_owned();
    put(fs, req, reply, move |editing| {
        remove(editing, parent.0, &name)
    });
}

pub(crate) fn rename(
    fs: &GoStreamFs,
    req: &Request,
    from: (INodeNo, &OsStr),
    to: (INodeNo, &OsStr),
    flags: RenameFlags,
    reply: ReplyEmpty,
) {
    // An exchange or a whiteout is nothing that a library needs.
    if !RenameFlags::RENAME_NOREPLACE.contains(flags) {
        return reply.error(Errno::from(EditError::Invalid));
    }
    let replace = flags.is_empty();
    let (from, to) = ((from.0.0, from.1.to_owned()), (to.0.0, to.1.to_owned()));
    put(fs, req, reply, move |editing| {
        editing.rename((from.0, &from.1), (to.0, &to.1), replace)
    });
}

pub(crate) fn mkdir(
    fs: &GoStreamFs,
    req: &Request,
    parent: INodeNo,
    name: &OsStr,
    reply: ReplyEntry,
) {
    let queue = match queue(fs, req) {
        Ok(queue) => queue,
        Err(error) => return reply.error(error.into()),
    };
    let (shared, name) = (std::sync::Arc::clone(&fs.shared), name.to_owned());
    queue.put(move |editing| {
        let made = editing.make_directory(parent.0, &name);
        let (tree, config) = (shared.tree.load(), &shared.config);
        match made.map(|ino| tree.get(ino)) {
            Ok(Some(node)) => reply.entry_with_ttls(
                &config.attr_timeout,
                &config.entry_timeout,
                &attributes(&shared, node),
                GENERATION,
            ),
            // Made, and gone again by a scan that crossed it.
            Ok(None) => reply.error(EditError::NotFound.into()),
            Err(error) => reply.error(error.into()),
        }
    });
}
