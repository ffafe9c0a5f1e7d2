//! One file of a title: records, appended and never changed.
//!
//! Used by `title` alone. A file that ends in half a record is cut there when it is loaded; one whose first bytes are
//! not ours, or that is of a title of another size, is deleted. What always holds: [`Log::read`] gives bytes that were
//! given to [`Log::append`] for this very range, or nothing; so no crash at any byte can show a wrong one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::extents::Extent;
use super::record::{self, FILE_HEADER_LEN, HEADER_LEN};

/// An open file of records.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
}

/// How a read may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// Only from memory: never waits for the disk.
    Now,
    /// From the disk as well.
    Wait,
}

/// What became of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The bytes are there.
    Read,
    /// The disk would have to be asked.
    WouldWait,
    /// The record is damaged, or the disk failed.
    Bad,
}

impl Log {
    /// Opens the log of a title of `size` bytes and finds its records; `None` when there is none. Also the length of
    /// the file. Reads headers only.
    pub(super) fn load(path: &Path, size: u64) -> io::Result<Option<(Self, u64, Vec<Extent>)>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let len = file.metadata()?.len();
        // The kernel would read the payloads ahead, which nobody has asked for yet.
        let _ = fadvise(&file, 0, None, Advice::Random);
        let mut header = [0; FILE_HEADER_LEN];
        let whole = len >= FILE_HEADER_LEN as u64;
        if whole {
            file.read_exact_at(&mut header, 0)?;
        }
        if !whole || header != record::file_header(size) {
            fs::remove_file(path)?;
            return Ok(None);
        }
        let (end, extents) = records(&file, len, size)?;
        if end < len {
            file.set_len(end)?;
        }
        let _ = fadvise(&file, 0, None, Advice::Normal);
        Ok(Some((Self { file }, end, extents)))
    }

    /// Makes an empty log, and its length.
    pub(super) fn create(path: &Path, size: u64) -> io::Result<(Self, u64)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        let header = record::file_header(size);
        if let Err(error) = file.write_all_at(&header, 0) {
            // Without its header it would only be deleted at the next start.
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok((Self { file }, header.len() as u64))
    }

    /// Appends a record at `end`, the length of the file; the new length. When it fails the file is as long as before,
    /// or ends in half a record.
    pub(super) fn append(&self, end: u64, offset: u64, payload: &[u8]) -> io::Result<u64> {
        let header = record::header(offset, payload);
        let at = end + header.len() as u64;
        // The payload first: a header that is there has its bytes, unless the power fails.
        let written = self.file.write_all_at(payload, at);
        if let Err(error) = written.and_then(|()| self.file.write_all_at(&header, end)) {
            let _ = self.file.set_len(end);
            return Err(error);
        }
        Ok(at + payload.len() as u64)
    }

    /// Reads a whole record into `buffer`, replacing what is there; its payload begins after [`HEADER_LEN`] bytes.
    pub(super) fn read(&self, extent: &Extent, haste: Haste, buffer: &mut Vec<u8>) -> Outcome {
        let len = HEADER_LEN + extent.len as usize;
        buffer.resize(len, 0);
        let read = match haste {
            Haste::Wait => self.file.read_exact_at(buffer, extent.at),
            Haste::Now => match self.read_now(extent.at, buffer) {
                Ok(true) => Ok(()),
                Ok(false) => return Outcome::WouldWait,
                Err(error) => Err(error),
            },
        };
        match read {
            Ok(()) if record::payload(buffer, extent.start, extent.len).is_some() => Outcome::Read,
            Ok(()) | Err(_) => Outcome::Bad,
        }
    }

    /// Fills `buffer` from the page cache; false when not all of it is there.
    fn read_now(&self, at: u64, buffer: &mut [u8]) -> io::Result<bool> {
        let len = buffer.len();
        let mut parts = [IoSliceMut::new(buffer)];
        match preadv2(&self.file, &mut parts, at, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read == len),
            // Not in memory; or a file system that cannot say.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Its length in bytes, as the disk has it.
    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Notes that the title was played now.
    pub(super) fn touch(&self) -> io::Result<()> {
        self.file.set_modified(std::time::SystemTime::now())
    }
}

/// The records of a file of `len` bytes, and where the last whole one ends.
fn records(file: &File, len: u64, size: u64) -> io::Result<(u64, Vec<Extent>)> {
    let mut extents = Vec::new();
    let mut at = FILE_HEADER_LEN as u64;
    let mut bytes = [0; HEADER_LEN];
    while at + HEADER_LEN as u64 <= len {
        file.read_exact_at(&mut bytes, at)?;
        let Some(header) = record::decode(&bytes) else {
            break;
        };
        let next = at + (HEADER_LEN as u64) + u64::from(header.len);
        let last = header.offset.checked_add(u64::from(header.len));
        if next > len || last.is_none_or(|last| last > size) {
            break;
        }
        extents.push(Extent {
            start: header.offset,
            at,
            len: header.len,
        });
        at = next;
    }
    Ok((at, extents))
}
