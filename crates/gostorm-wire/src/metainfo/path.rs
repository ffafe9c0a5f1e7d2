//! Names of files and directories in a torrent, made safe.
//!
//! Called for the torrent's name and for each path component. What always
//! holds for a result: it is not empty, `.` or `..`, and holds neither `/` nor
//! NUL, so that no joining of components leaves the torrent's directory. Bytes
//! that are not UTF-8 become `%XX`, so that names which differ in such bytes
//! only stay different.

use std::fmt::Write as _;

use super::error::{Key, MetainfoError, quoted};

/// A path component as text.
pub(super) fn component(bytes: &[u8], key: Key) -> Result<String, MetainfoError> {
    let text = decode(bytes);
    let why = match text.as_str() {
        "" => "it is empty",
        "." | ".." => "it names a directory by its position",
        other if other.contains('/') => "it has a '/' in it",
        other if other.contains('\0') => "it has a NUL in it",
        _ => return Ok(text),
    };
    Err(MetainfoError::UnsafePath {
        key,
        component: quoted(&text),
        why,
    })
}

/// UTF-8 as it is, any other byte as `%XX`.
pub(super) fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
