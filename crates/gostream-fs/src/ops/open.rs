//! open for reading. An open of a film asks the source, which never waits; one of a side-car opens the file
//! on the disk.

use std::fs::File;

use fuser::{Errno, FileHandle, FopenFlags, INodeNo, ReplyOpen};
use rustix::fs::{Mode, OFlags};

use super::attr::attributes;
use crate::errno::{self, Refusal};
use crate::handles::{Handle, Opened};
use crate::metrics::FsMetrics;
use crate::shared::Shared;
use crate::tree::NodeKind;

pub(crate) fn open(shared: &Shared, ino: INodeNo, reply: ReplyOpen) {
    match try_open(shared, ino) {
        Ok((number, kept)) => reply.opened(FileHandle(number), kept),
        Err(errno) => {
            FsMetrics::add(&shared.metrics.open_failures, 1);
            reply.error(errno);
        }
    }
}

fn try_open(shared: &Shared, ino: INodeNo) -> Result<(u64, FopenFlags), Errno> {
    shared.handles.check_room()?;
    let tree = shared.tree.load();
    let node = tree.get(ino.0).ok_or(Refusal::NotFound)?;
    // Nothing is written, so there is nothing to flush at a close.
    let mut kept = FopenFlags::FOPEN_NOFLUSH;
    let opened = match node.kind() {
        NodeKind::Dir { .. } => return Err(Refusal::IsDirectory.into()),
        NodeKind::Media(stub) => {
            // What a film's pages hold is dropped by name when it turns out to be wrong (`events.rs`), so they
            // may outlive this open. A side-car may be changed behind our back: read anew by each open.
            kept |= FopenFlags::FOPEN_KEEP_CACHE;
            Opened::Media {
                file: shared.source.open(stub, ino.0)?,
                size: stub.size,
            }
        }
        NodeKind::SideCar { source, .. } => match shared.drafts.get(ino.0) {
            Some(draft) => Opened::Draft {
                draft,
                writes: false,
            },
            None => {
                Opened::SideCar(open_side_car(source).map_err(|error| errno::of_side_car(&error))?)
            }
        },
    };
    let handle = Handle {
        attr: attributes(shared, node),
        opened,
    };
    let number = shared.handles.insert(handle);
    // A film may have been removed, and its readers closed, since the tree was looked at.
    if shared.tree.load().get(ino.0).is_none() {
        shared.handles.remove(number);
        return Err(Refusal::NotFound.into());
    }
    Ok((number, kept))
}

/// Opens the file behind a side-car: only a regular file, and without waiting for the writer of a pipe that
/// took its place.
pub fn open_side_car(path: &std::path::Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(std::io::ErrorKind::InvalidInput.into())
    }
}
