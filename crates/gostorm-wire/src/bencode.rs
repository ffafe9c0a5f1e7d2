//! Bencode (BEP 3): a checked view over bytes, and the few writers we need.
//!
//! Called by everything here that reads bencode. [`Value::parse`] checks the
//! whole text once, without recursion and without allocation; after that the
//! accessors walk bytes that are known to be well formed, and copy nothing.
//! What always holds: nesting is at most [`DEPTH_MAX`], no number wraps, and
//! [`Value::raw`] is the exact source text, which is what info-hashes are made
//! of. Lenient where clients are: keys may be unsorted, numbers may have
//! leading zeros.

mod scan;
mod value;

pub use scan::{BencodeError, BencodeErrorKind, DEPTH_MAX};
pub use value::{Dict, DictIter, List, Value};

/// Appends a byte string: its length, a colon, the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

/// Appends an integer: `i`, the decimal number, `e`.
pub fn put_int(out: &mut Vec<u8>, number: impl Into<i128>) {
    out.push(b'i');
    out.extend_from_slice(number.into().to_string().as_bytes());
    out.push(b'e');
}
