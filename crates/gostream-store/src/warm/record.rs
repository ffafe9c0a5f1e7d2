//! The bytes of a log: a header of the file, then records of a header and a payload.
//!
//! A record's header has a checksum of its own and says how long the payload is, so that a log is indexed without
//! reading payloads; the payload's checksum is verified whenever it is read. Numbers are little-endian.

/// The longest payload of a record in bytes: what the kernel asks for at once by default.
pub(super) const PAYLOAD_MAX: u32 = 128 << 10;
/// Bytes of the file's header.
pub(super) const FILE_HEADER_LEN: usize = 24;
/// Bytes of a record's header.
pub(super) const HEADER_LEN: usize = 24;

const FILE_MAGIC: [u8; 8] = *b"GSWARM1\n";
const RECORD_MAGIC: [u8; 4] = *b"GsRc";

/// What a record's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// First byte of the payload in the title.
    pub(super) offset: u64,
    /// Bytes of the payload: 1 ..= [`PAYLOAD_MAX`].
    pub(super) len: u32,
    /// CRC-32 of the payload.
    pub(super) crc: u32,
}

/// The header of a log of a title of `size` bytes.
pub(super) fn file_header(size: u64) -> [u8; FILE_HEADER_LEN] {
    let mut bytes = [0; FILE_HEADER_LEN];
    bytes[..8].copy_from_slice(&FILE_MAGIC);
    bytes[8..16].copy_from_slice(&size.to_le_bytes());
    seal(&mut bytes);
    bytes
}

/// The header of a record. `payload` has 1 ..= [`PAYLOAD_MAX`] bytes.
pub(super) fn header(offset: u64, payload: &[u8]) -> [u8; HEADER_LEN] {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    debug_assert!((1..=PAYLOAD_MAX).contains(&len), "a payload of {len} bytes");
    let mut header = [0; HEADER_LEN];
    header[..4].copy_from_slice(&RECORD_MAGIC);
    header[4..8].copy_from_slice(&len.to_le_bytes());
    header[8..16].copy_from_slice(&offset.to_le_bytes());
    header[16..20].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    seal(&mut header);
    header
}

/// Reads a record's header; `None` when it is none, or was damaged.
pub(super) fn decode(header: &[u8; HEADER_LEN]) -> Option<Header> {
    let len = u32::from_le_bytes(*header[4..].first_chunk()?);
    let fits = header[..4] == RECORD_MAGIC && is_sealed(header) && (1..=PAYLOAD_MAX).contains(&len);
    let offset = u64::from_le_bytes(*header[8..].first_chunk()?);
    let crc = u32::from_le_bytes(*header[16..].first_chunk()?);
    fits.then_some(Header { offset, len, crc })
}

/// Whether these bytes of a log are the record that the index says: the payload, checked.
pub(super) fn payload(record: &[u8], offset: u64, len: u32) -> Option<&[u8]> {
    let (header, payload) = record.split_first_chunk::<HEADER_LEN>()?;
    let header = decode(header)?;
    let right = header.offset == offset
        && header.len == len
        && payload.len() == len as usize
        && crc32fast::hash(payload) == header.crc;
    right.then_some(payload)
}

/// Writes the checksum of all but the last four bytes there.
fn seal(header: &mut [u8; HEADER_LEN]) {
    if let Some((body, last)) = header.split_last_chunk_mut::<4>() {
        *last = crc32fast::hash(body).to_le_bytes();
    }
}

fn is_sealed(header: &[u8; HEADER_LEN]) -> bool {
    header
        .split_last_chunk::<4>()
        .is_some_and(|(body, last)| *last == crc32fast::hash(body).to_le_bytes())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_any_bit_changed_is_none() {
        let record = [header(1 << 40, b"payload").as_slice(), b"payload"].concat();
        assert_eq!(payload(&record, 1 << 40, 7), Some(b"payload".as_slice()));
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(payload(&damaged, 1 << 40, 7), None, "bit {bit}");
        }
        // A whole record of another place is none either.
        assert_eq!(payload(&record, 0, 7), None);
        assert_eq!(payload(&record, 1 << 40, 6), None);
        for len in 0..record.len() {
            assert_eq!(payload(&record[..len], 1 << 40, 7), None);
        }
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(decode(&[0; HEADER_LEN]), None);
        let read = decode(&header(0, &[0; 9])).unwrap();
        assert_eq!((read.offset, read.len), (0, 9));
    }
}
