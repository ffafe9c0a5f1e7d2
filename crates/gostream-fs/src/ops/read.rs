//! read: from a handle to its bytes.
//!
//! For a film the read is clamped to the end of the file and handed to the source with the reply: this thread
//! is free at once. A side-car is read from the disk here, since it is small and local.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use fuser::{FileHandle, INodeNo, ReplyData};

use crate::errno;
use crate::failure::ReadFailure;
use crate::handles::Opened;
use crate::shared::Shared;

pub(crate) fn read(
    shared: &Shared,
    ino: INodeNo,
    number: FileHandle,
    offset: u64,
    wanted: u32,
    reply: ReplyData,
) {
    let handle = match shared.handles.get(number.0) {
        Ok(handle) => handle,
        Err(refusal) => return reply.error(refusal.into()),
    };
    match &handle.opened {
        Opened::Media { file, size } => {
            let len = clamp(offset, wanted, *size);
            if len == 0 {
                return reply.data(&[]);
            }
            if let Some(reply) = shared.inflight.enter(ino.0, offset, len, reply) {
                // A film that was removed between the two look-ups has had its waiting reads failed before
                // this one was among them.
                match shared.handles.get(number.0) {
                    Ok(now) if matches!(now.opened, Opened::Removed) => {
                        reply.fail(ReadFailure::ShuttingDown);
                    }
                    Ok(_) | Err(_) => file.read(offset, len, reply),
                }
            }
        }
        Opened::Draft { draft, .. } => reply.data(&draft.read(offset, wanted)),
        Opened::Removed => reply.error(ReadFailure::ShuttingDown.into()),
        Opened::SideCar(file) => match read_side_car(file, offset, wanted) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(errno::of_side_car(&error)),
        },
    }
}

/// How many of `wanted` bytes at `offset` a file of `size` bytes has.
fn clamp(offset: u64, wanted: u32, size: u64) -> u32 {
    let left = size.saturating_sub(offset);
    u32::try_from(left).map_or(wanted, |left| left.min(wanted))
}

/// All bytes up to `wanted` or the end of the file as it is now: the kernel takes a short answer for the end.
fn read_side_car(file: &File, offset: u64, wanted: u32) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; wanted as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_cut_at_the_end_of_the_file() {
        assert_eq!(clamp(0, 4096, 10_000), 4096);
        assert_eq!(clamp(8192, 4096, 10_000), 1808);
        assert_eq!(clamp(10_000, 4096, 10_000), 0);
        assert_eq!(clamp(u64::MAX, 4096, 10_000), 0);
        assert_eq!(clamp(1 << 40, u32::MAX, 1 << 50), u32::MAX);
    }
}
