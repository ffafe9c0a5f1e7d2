//! Writes a .torrent file for one file.
//!
//! For the demonstration's seeder and for tests, which need a torrent of
//! content that they have just made. It writes what it is told: the result is
//! checked, as any other, by reading it.

use crate::bencode::{put_bytes, put_int};
use crate::merkle::Node;

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

/// The text of a .torrent file of v2 for a single file with this root and, when it is of several pieces, these hashes
/// of its pieces; a hybrid when there are SHA-1 hashes of the pieces as well.
#[must_use]
pub fn encode_single_file_v2(
    name: &str,
    length: u64,
    piece_length: u32,
    root: Node,
    layer: &[Node],
    pieces: Option<&[[u8; 20]]>,
) -> Vec<u8> {
    let mut out = b"d4:infod9:file treed".to_vec();
    put_bytes(&mut out, name.as_bytes());
    out.extend_from_slice(b"d0:d6:length");
    put_int(&mut out, length);
    put_bytes(&mut out, b"pieces root");
    put_bytes(&mut out, &root.0);
    out.extend_from_slice(b"eee");
    if pieces.is_some() {
        put_bytes(&mut out, b"length");
        put_int(&mut out, length);
    }
    put_bytes(&mut out, b"meta version");
    put_int(&mut out, 2);
    put_bytes(&mut out, b"name");
    put_bytes(&mut out, name.as_bytes());
    put_bytes(&mut out, b"piece length");
    put_int(&mut out, piece_length);
    if let Some(pieces) = pieces {
        put_bytes(&mut out, b"pieces");
        put_bytes(&mut out, pieces.as_flattened());
    }
    out.extend_from_slice(b"e12:piece layersd");
    if layer.len() > 1 {
        let layer: Vec<[u8; 32]> = layer.iter().map(|node| node.0).collect();
        put_bytes(&mut out, &root.0);
        put_bytes(&mut out, layer.as_flattened());
    }
    out.extend_from_slice(b"ee");
    out
}
