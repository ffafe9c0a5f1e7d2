//! A blocklist out of a file: gzip, zip of one member, or plain text, told apart by their first bytes.
//!
//! Called on threads that may block. The file is read as a stream; nothing of it is kept but the ranges.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use flate2::Crc;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use gostorm_wire::{Blocklist, BlocklistError, BlocklistParser, BlocklistReport};

/// Longest text that is read, unpacked.
const TEXT_LEN_MAX: u64 = 512 << 20;
const CHUNK: usize = 64 << 10;
const GZIP: &[u8] = &[0x1F, 0x8B];
const ZIP_MEMBER: [u8; 4] = *b"PK\x03\x04";
const ZIP_DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const ZIP_DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
/// Length of a member's header in a zip file, without name and extra field.
const ZIP_HEADER_LEN: usize = 30;

/// Why a file gives no list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It cannot be read, or is packed and cut off or damaged.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// More text than any list has.
    #[error("it is longer than {} MiB unpacked", TEXT_LEN_MAX >> 20)]
    TooLong,
    /// A zip file of another kind.
    #[error("its zip file {0}")]
    Zip(&'static str),
    /// What it holds is no list.
    #[error(transparent)]
    NoList(#[from] BlocklistError),
    /// The process ends.
    #[error("reading it was given up")]
    Stopped,
}

/// Reads a list from where the file stands; asks between chunks whether to go on. May block for a disk.
///
/// # Errors
/// See [`ListError`].
pub fn read_blocklist(
    file: &File,
    go_on: &dyn Fn() -> bool,
) -> Result<(Blocklist, BlocklistReport), ListError> {
    read_up_to(TEXT_LEN_MAX, file, go_on)
}

fn read_up_to(
    text_len_max: u64,
    file: &File,
    go_on: &dyn Fn() -> bool,
) -> Result<(Blocklist, BlocklistReport), ListError> {
    let mut file = BufReader::with_capacity(CHUNK, file);
    let start = file.fill_buf()?;
    let mut sink = Sink {
        parser: BlocklistParser::default(),
        room: text_len_max,
        go_on,
    };
    if start.starts_with(GZIP) {
        sink.take(&mut MultiGzDecoder::new(&mut file))?;
    } else if start.starts_with(&ZIP_MEMBER) {
        sink.take_zip(&mut file)?;
    } else {
        sink.take(&mut file)?;
    }
    Ok(sink.parser.finish()?)
}

/// Where the text goes.
struct Sink<'a> {
    parser: BlocklistParser,
    /// How much more is taken.
    room: u64,
    go_on: &'a dyn Fn() -> bool,
}

impl Sink<'_> {
    /// Takes a text; its checksum.
    fn take(&mut self, text: &mut dyn Read) -> Result<u32, ListError> {
        let mut chunk = vec![0; CHUNK];
        let mut sum = Crc::new();
        loop {
            if !(self.go_on)() {
                return Err(ListError::Stopped);
            }
            let count = match text.read(&mut chunk) {
                Ok(0) => return Ok(sum.sum()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let left = self.room.checked_sub(count as u64);
            self.room = left.ok_or(ListError::TooLong)?;
            sum.update(&chunk[..count]);
            self.parser.feed(&chunk[..count]);
        }
    }

    /// Takes the first member of a zip file, when it is the only one (PKWARE APPNOTE 4.3.7 and 4.3.9).
    fn take_zip(&mut self, file: &mut BufReader<&File>) -> Result<(), ListError> {
        let mut header = [0; ZIP_HEADER_LEN];
        file.read_exact(&mut header)?;
        let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let u32_at = |at: usize| u32::from(u16_at(at)) | u32::from(u16_at(at + 2)) << 16;
        let (flags, method) = (u16_at(6), u16_at(8));
        let (encrypted, sum_follows) = (flags & 1 != 0, flags & 8 != 0);
        let names = u64::from(u16_at(26)) + u64::from(u16_at(28));
        io::copy(&mut file.take(names), &mut io::sink())?;
        if encrypted {
            return Err(ListError::Zip("is encrypted"));
        }
        let sum = match method {
            8 => self.take(&mut DeflateDecoder::new(&mut *file))?,
            0 if !sum_follows => self.take(&mut file.take(u64::from(u32_at(18))))?,
            _ => return Err(ListError::Zip("is packed in a way that is not known here")),
        };
        let mut stated = u32_at(14);
        let mut next = [0; 4];
        file.read_exact(&mut next)?;
        if sum_follows {
            // Its signature is optional, and its two lengths may be wide.
            if next == ZIP_DESCRIPTOR {
                file.read_exact(&mut next)?;
            }
            stated = u32::from_le_bytes(next);
            io::copy(&mut file.take(8), &mut io::sink())?;
            file.read_exact(&mut next)?;
            if next != ZIP_DIRECTORY && next != ZIP_MEMBER {
                io::copy(&mut file.take(4), &mut io::sink())?;
                file.read_exact(&mut next)?;
            }
        }
        if next != ZIP_DIRECTORY {
            return Err(ListError::Zip("has more than one member"));
        }
        if stated != sum {
            return Err(ListError::Zip("is damaged"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
