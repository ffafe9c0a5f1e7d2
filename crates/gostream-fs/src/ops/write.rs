//! What writes side-cars: create, open for writing, write, truncate, flush and fsync. A write is taken in memory at
//! once; the rest is done by the thread that changes the library (`edit/side_car.rs`).

use std::ffi::OsStr;
use std::sync::Arc;

use fuser::{
    FileHandle, FopenFlags, INodeNo, OpenFlags, ReplyAttr, ReplyCreate, ReplyEmpty, ReplyOpen,
    ReplyWrite, Request,
};
use rustix::fs::OFlags;

use super::attr::attributes;
use super::change::queue;
use super::lookup::GENERATION;
use crate::editor::EditError;
use crate::errno::Refusal;
use crate::fuse::GoStreamFs;
use crate::handles::Opened;
use crate::tree::NodeKind;

/// The flags of an open, as the system names them.
fn oflags(flags: i32) -> OFlags {
    OFlags::from_bits_retain(flags.cast_unsigned())
}

/// Whether an open with these flags may change the file.
pub(crate) fn is_for_writing(flags: OpenFlags) -> bool {
    let flags = oflags(flags.0);
    flags.intersects(OFlags::WRONLY | OFlags::RDWR | OFlags::TRUNC)
}

pub(crate) fn open(
    fs: &GoStreamFs,
    req: &Request,
    ino: INodeNo,
    flags: OpenFlags,
    reply: ReplyOpen,
) {
    let queue = match queue(fs, req) {
        Ok(queue) => queue,
        Err(error) => return reply.error(error.into()),
    };
    let truncate = oflags(flags.0).contains(OFlags::TRUNC);
    queue.put(
        move |editing| match editing.open_for_writing(ino.0, truncate) {
            Ok(number) => reply.opened(FileHandle(number), FopenFlags::empty()),
            Err(error) => reply.error(error.into()),
        },
    );
}

pub(crate) fn create(
    fs: &GoStreamFs,
    req: &Request,
    (parent, name): (INodeNo, &OsStr),
    flags: i32,
    reply: ReplyCreate,
) {
    let queue = match queue(fs, req) {
        Ok(queue) => queue,
        Err(error) => return reply.error(error.into()),
    };
    let (shared, name) = (Arc::clone(&fs.shared), name.to_owned());
    let exclusive = oflags(flags).contains(OFlags::EXCL);
    queue.put(move |editing| {
        let created = editing.create(parent.0, &name, exclusive);
        let tree = shared.tree.load();
        match created.map(|(ino, number)| (tree.get(ino), number)) {
            Ok((Some(node), number)) => reply.created(
                &shared.config.attr_timeout.min(shared.config.entry_timeout),
                &attributes(&shared, node),
                GENERATION,
                FileHandle(number),
                FopenFlags::empty(),
            ),
            // Made, and gone again by a scan that crossed it.
            Ok((None, number)) => {
                shared.handles.remove(number);
                reply.error(EditError::NotFound.into());
            }
            Err(error) => reply.error(error.into()),
        }
    });
}

pub(crate) fn write(
    fs: &GoStreamFs,
    number: FileHandle,
    offset: u64,
    data: &[u8],
    reply: ReplyWrite,
) {
    let handle = match fs.shared.handles.get(number.0) {
        Ok(handle) => handle,
        Err(refusal) => return reply.error(refusal.into()),
    };
    let Opened::Draft {
        draft,
        writes: true,
    } = &handle.opened
    else {
        return reply.error(Refusal::BadHandle.into());
    };
    match draft.write(offset, data) {
        // The kernel sends 1 MiB at most.
        Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
        Err(error) => reply.error(error.into()),
    }
}

/// flush, which each close(2) sends, and fsync.
pub(crate) fn sync(fs: &GoStreamFs, number: FileHandle, reply: ReplyEmpty) {
    let handle = fs.shared.handles.get(number.0);
    match (handle, &fs.edits) {
        (Ok(handle), Some(queue))
            if matches!(handle.opened, Opened::Draft { writes: true, .. }) =>
        {
            queue.put(move |editing| {
                let Opened::Draft { draft, .. } = &handle.opened else {
                    return reply.ok();
                };
                match editing.commit(draft) {
                    Ok(()) => reply.ok(),
                    Err(error) => reply.error(error.into()),
                }
            });
        }
        (Ok(_) | Err(_), _) => reply.ok(),
    }
}

/// The end of a handle, of any kind.
pub(crate) fn release(fs: &GoStreamFs, number: FileHandle, reply: ReplyEmpty) {
    let handle = fs.shared.handles.get(number.0);
    fs.shared.handles.remove(number.0);
    if let (Ok(handle), Some(queue)) = (handle, &fs.edits)
        && matches!(handle.opened, Opened::Draft { writes: true, .. })
    {
        queue.put(move |editing| {
            if let Opened::Draft { draft, .. } = &handle.opened {
                editing.close_draft(draft);
            }
        });
    }
    reply.ok();
}

/// What setattr may ask for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) owner: (Option<u32>, Option<u32>),
    pub(crate) size: Option<u64>,
}

/// chmod, chown, truncate and utimens. Of a side-car: size is set; mode and times are taken and not kept, since
/// the mount shows its own; another owner is refused.
pub(crate) fn setattr(fs: &GoStreamFs, req: &Request, ino: INodeNo, wish: Wish, reply: ReplyAttr) {
    let shared = &fs.shared;
    let tree = shared.tree.load();
    let Some(node) = tree.get(ino.0) else {
        return reply.error(Refusal::NotFound.into());
    };
    let is_side_car =
        matches!(node.kind(), NodeKind::SideCar { .. }) && !crate::edit::is_film_name(node.name());
    let queue = match queue(fs, req) {
        Ok(queue) if is_side_car && shared.config.side_car_writes => queue,
        Ok(_) => return reply.error(EditError::ReadOnly.into()),
        Err(error) => return reply.error(error.into()),
    };
    let other = |wanted: Option<u32>, shown| wanted.is_some_and(|wanted| wanted != shown);
    if other(wish.owner.0, shared.config.uid) || other(wish.owner.1, shared.config.gid) {
        return reply.error(EditError::NotPermitted.into());
    }
    let Some(size) = wish.size else {
        return reply.attr(&shared.config.attr_timeout, &attributes(shared, node));
    };
    let shared = Arc::clone(shared);
    queue.put(move |editing| {
        if let Err(error) = editing.truncate(ino.0, size) {
            return reply.error(error.into());
        }
        let tree = shared.tree.load();
        match tree.get(ino.0) {
            Some(node) => reply.attr(&shared.config.attr_timeout, &attributes(&shared, node)),
            None => reply.error(Refusal::NotFound.into()),
        }
    });
}
