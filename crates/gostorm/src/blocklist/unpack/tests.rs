//! The kinds of file that lists come in, and what is wrong with some of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use super::*;

const TEXT: &[u8] = b"Some Org:192.0.2.0-192.0.2.255\nwhat is this\n203.0.113.7\n";

fn read(bytes: &[u8]) -> Result<(Blocklist, BlocklistReport), ListError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    io::Seek::rewind(&mut file).unwrap();
    read_blocklist(&file, &|| true)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// How a member of a zip file says what it holds.
#[derive(Clone, Copy, PartialEq)]
enum Sum {
    Before,
    After,
    AfterUnsigned,
}

fn member(text: &[u8], deflated: bool, sum: Sum) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(text);
    let packed = if deflated {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    } else {
        text.to_vec()
    };
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let sums = [crc.sum().to_le_bytes(), length(&packed), length(text)].concat();
    let mut out = b"PK\x03\x04\x14\0".to_vec();
    out.extend([if sum == Sum::Before { 0 } else { 8 }, 0]);
    out.extend([if deflated { 8 } else { 0 }, 0]);
    out.extend([0; 4]);
    out.extend(if sum == Sum::Before {
        sums.clone()
    } else {
        vec![0; 12]
    });
    out.extend(b"\x08\0\x02\0list.p2pXX");
    out.extend(packed);
    if sum == Sum::After {
        out.extend(b"PK\x07\x08");
    }
    if sum != Sum::Before {
        out.extend(sums);
    }
    out
}

fn zip(members: &[Vec<u8>]) -> Vec<u8> {
    let mut out = members.concat();
    out.extend(b"PK\x01\x02 the directory is not read");
    out
}

#[test]
fn a_list_is_read_from_every_kind_of_file() {
    let twice = [gzip(&TEXT[..20]), gzip(&TEXT[20..])].concat();
    let zipped = |deflated, sum| zip(&[member(TEXT, deflated, sum)]);
    let expected = read(TEXT).unwrap();
    assert_eq!((expected.1.ranges, expected.1.skipped), (2, 1));
    for (kind, bytes) in [
        ("gzip", gzip(TEXT)),
        ("gzip of two members", twice),
        ("zip", zipped(true, Sum::Before)),
        ("zip that was streamed", zipped(true, Sum::After)),
        ("zip without a signature", zipped(true, Sum::AfterUnsigned)),
        ("zip that is not packed", zipped(false, Sum::Before)),
    ] {
        assert_eq!(read(&bytes).unwrap(), expected, "{kind}");
    }
}

#[test]
fn a_damaged_or_cut_off_file_is_no_list() {
    let packed = gzip(TEXT);
    for len in [1, 5, packed.len() / 2, packed.len() - 1] {
        assert!(read(&packed[..len]).is_err(), "gzip cut at {len}");
    }
    let mut broken = packed.clone();
    let sum = packed.len() - 6;
    broken[sum] ^= 1;
    assert!(matches!(read(&broken), Err(ListError::Read(_))));
    let zipped = zip(&[member(TEXT, true, Sum::Before)]);
    for len in [10, 31, 50, zipped.len() - 40] {
        assert!(read(&zipped[..len]).is_err(), "zip cut at {len}");
    }
    let mut broken = zipped.clone();
    broken[14] ^= 1;
    assert!(matches!(read(&broken), Err(ListError::Zip("is damaged"))));
}

#[test]
fn zip_files_of_another_kind_are_refused_by_name() {
    let one = member(TEXT, true, Sum::Before);
    let two = zip(&[one.clone(), one.clone()]);
    assert_eq!(
        read(&two).unwrap_err().to_string(),
        "its zip file has more than one member"
    );
    let mut encrypted = zip(std::slice::from_ref(&one));
    encrypted[6] |= 1;
    assert_eq!(
        read(&encrypted).unwrap_err().to_string(),
        "its zip file is encrypted"
    );
    let mut other = zip(&[one]);
    other[8] = 14;
    assert!(matches!(read(&other), Err(ListError::Zip(_))));
}

#[test]
fn what_names_nobody_is_no_list() {
    for (bytes, why) in [
        (&b""[..], "none of its 0 lines names a range"),
        (
            b"<!DOCTYPE html>\n<p>192.0.2.1",
            "it is a web page, not a list",
        ),
        (b"404 page not found\n", "none of its 1 lines names a range"),
    ] {
        assert_eq!(read(bytes).unwrap_err().to_string(), why);
        assert_eq!(read(&gzip(bytes)).unwrap_err().to_string(), why);
    }
}

#[test]
fn a_small_file_that_unpacks_to_more_than_any_list_is_given_up() {
    let bomb = gzip(&vec![b'x'; 4 << 20]);
    assert!(bomb.len() < 1 << 16);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bomb).unwrap();
    io::Seek::rewind(&mut file).unwrap();
    let read = read_up_to(1 << 20, &file, &|| true);
    assert!(matches!(read, Err(ListError::TooLong)));
}

#[test]
fn reading_ends_when_the_process_does() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(TEXT).unwrap();
    assert!(matches!(
        read_blocklist(&file, &|| false),
        Err(ListError::Stopped)
    ));
}
