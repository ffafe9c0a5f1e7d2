//! Writes a .torrent file for one file.
//!
//! For the demonstration's seeder and for tests, which need a torrent of
//! content that they have just made. It writes what it is told: the result is
//! checked, as any other, by reading it.

use crate::bencode::{put_bytes, put_int};

/// The text of a .torrent file for a single file: `pieces` are the SHA-1 hashes
/// of its pieces of `piece_length` bytes.
#[must_use]
pub fn encode_single_file(
    announce: Option<&str>,
    name: &str,
    length: u64,
    piece_length: u32,
    pieces: &[[u8; 20]],
) -> Vec<u8> {
    let mut out = vec![b'd'];
    if let Some(announce) = announce {
        put_bytes(&mut out, b"announce");
        put_bytes(&mut out, announce.as_bytes());
    }
    put_bytes(&mut out, b"info");
    out.push(b'd');
    put_bytes(&mut out, b"length");
    put_int(&mut out, length);
    put_bytes(&mut out, b"name");
    put_bytes(&mut out, name.as_bytes());
    put_bytes(&mut out, b"piece length");
    put_int(&mut out, piece_length);
    put_bytes(&mut out, b"pieces");
    put_bytes(&mut out, pieces.as_flattened());
    out.extend_from_slice(b"ee");
    out
}
