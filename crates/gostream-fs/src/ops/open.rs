//! open and release. An open of a film asks the source, which never waits; one of a side-car opens the file
//! on the disk.

use std::fs::File;

use fuser::{Errno, FileHandle, FopenFlags, INodeNo, OpenAccMode, OpenFlags, ReplyOpen};
use rustix::fs::{Mode, OFlags};

use super::attr::attributes;
use crate::errno::{self, Refusal};
use crate::handles::{Handle, Opened};
use crate::metrics::FsMetrics;
use crate::shared::Shared;
use crate::tree::NodeKind;

pub(crate) fn open(shared: &Shared, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
    match try_open(shared, ino, flags) {
        Ok((number, kept)) => reply.opened(FileHandle(number), kept),
        Err(errno) => {
            FsMetrics::add(&shared.metrics.open_failures, 1);
            reply.error(errno);
        }
    }
}

fn try_open(shared: &Shared, ino: INodeNo, flags: OpenFlags) -> Result<(u64, FopenFlags), Errno> {
    if flags.acc_mode() != OpenAccMode::O_RDONLY {
        return Err(Refusal::ReadOnly.into());
    }
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
        NodeKind::SideCar { source, .. } => {
            Opened::SideCar(open_side_car(source).map_err(|error| errno::of_side_car(&error))?)
        }
    };
    let handle = Handle {
        attr: attributes(&shared.config, node),
        opened,
    };
    Ok((shared.handles.insert(handle), kept))
}

/// Opens the file behind a side-car: only a regular file, and without waiting for the writer of a pipe that
/// took its place.
fn open_side_car(path: &std::path::Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(std::io::ErrorKind::InvalidInput.into())
    }
}
