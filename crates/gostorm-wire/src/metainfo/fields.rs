//! Typed access to the entries of a dictionary that must be right.
//!
//! Called by `info`, `files` and `outer` for every key of the info dictionary:
//! a value of another type, or a key that stands there twice, is an error that
//! names the key.

use super::error::{Key, MetainfoError};
use crate::bencode::{Dict, List, Value};

/// The value of a key that must not stand there twice.
pub(super) fn once<'a>(
    dict: Dict<'a>,
    name: &[u8],
    key: Key,
) -> Result<Option<Value<'a>>, MetainfoError> {
    let mut entries = dict.iter().filter(|(k, _)| *k == name);
    let first = entries.next();
    if entries.next().is_some() {
        return Err(MetainfoError::Twice { key });
    }
    Ok(first.map(|(_, value)| value))
}

pub(super) fn dict_of(value: Value<'_>, key: Key) -> Result<Dict<'_>, MetainfoError> {
    value.as_dict().ok_or(MetainfoError::WrongType {
        key,
        expected: "a dictionary",
    })
}

pub(super) fn list_of(value: Value<'_>, key: Key) -> Result<List<'_>, MetainfoError> {
    value.as_list().ok_or(MetainfoError::WrongType {
        key,
        expected: "a list",
    })
}

pub(super) fn bytes_of(value: Value<'_>, key: Key) -> Result<&[u8], MetainfoError> {
    value.as_bytes().ok_or(MetainfoError::WrongType {
        key,
        expected: "a string",
    })
}

/// A number from 0 to 2^64 - 1.
pub(super) fn int_of(value: Value<'_>, key: Key) -> Result<u64, MetainfoError> {
    if !value.is_int() {
        return Err(MetainfoError::WrongType {
            key,
            expected: "a number",
        });
    }
    value.as_u64().ok_or_else(|| MetainfoError::OutOfRange {
        key,
        value: number_text(value),
        allowed: "0 to 2^53",
    })
}

/// The digits of a number for a message, at most 40 characters of them.
pub(super) fn number_text(value: Value<'_>) -> String {
    const SHOWN: usize = 40;
    let digits = value.raw().strip_prefix(b"i").unwrap_or_default();
    let digits = digits.strip_suffix(b"e").unwrap_or_default();
    let (shown, more) = match digits.get(..SHOWN) {
        Some(shown) if digits.len() > SHOWN => (shown, "…"),
        Some(_) | None => (digits, ""),
    };
    format!("{}{more}", shown.escape_ascii())
}
