//! Finds the end of one bencoded value, or says why there is none.
//!
//! Called by `value`, both for the one check of a whole text and for stepping
//! over single values of a text that was checked. A loop with a bit per open
//! container stands in for recursion, so hostile nesting costs no stack.

use std::fmt;

/// How deep lists and dictionaries may be nested. A .torrent needs about 6, one
/// with a v2 file tree its path depth more; libtorrent allows 100.
pub const DEPTH_MAX: u32 = 100;

/// Bytes that are not bencode, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid bencode at byte {at}: {kind}")]
pub struct BencodeError {
    /// The offset in the text, from 0.
    pub at: usize,
    /// What is wrong there.
    pub kind: BencodeErrorKind,
}

/// What is wrong with a bencoded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BencodeErrorKind {
    /// The text ends inside a value.
    Truncated,
    /// A byte that begins no value.
    UnexpectedByte(u8),
    /// An integer without digits, with other characters or without its end.
    Integer,
    /// A string whose length is not a number or exceeds what follows.
    StringLength,
    /// A dictionary key that is not a string.
    KeyNotString,
    /// A dictionary key without a value.
    KeyWithoutValue,
    /// More than [`DEPTH_MAX`] open lists and dictionaries.
    TooDeep,
    /// Bytes after the value.
    TrailingBytes,
}

impl fmt::Display for BencodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the text ends too early"),
            Self::UnexpectedByte(byte) => {
                write!(f, "unexpected byte '{}'", byte.escape_ascii())
            }
            Self::Integer => f.write_str("malformed integer"),
            Self::StringLength => f.write_str("a string is longer than the text"),
            Self::KeyNotString => f.write_str("a dictionary key is not a string"),
            Self::KeyWithoutValue => f.write_str("a dictionary key has no value"),
            Self::TooDeep => write!(f, "nested deeper than {DEPTH_MAX}"),
            Self::TrailingBytes => f.write_str("bytes follow the end"),
        }
    }
}

/// The open containers around the current position.
#[derive(Default)]
struct Open {
    depth: u32,
    /// Bit n: the container at depth n is a dictionary. DEPTH_MAX fits in it.
    dicts: u128,
    /// The innermost container is a dictionary whose next item is a key.
    key_next: bool,
}

impl Open {
    fn push(&mut self, dict: bool) -> Result<(), BencodeErrorKind> {
        if self.depth == DEPTH_MAX {
            return Err(BencodeErrorKind::TooDeep);
        }
        self.depth += 1;
        let bit = 1_u128 << self.depth;
        self.dicts = if dict {
            self.dicts | bit
        } else {
            self.dicts & !bit
        };
        self.key_next = dict;
        Ok(())
    }

    fn in_dict(&self) -> bool {
        self.dicts & (1 << self.depth) != 0
    }

    /// Closes the innermost container, which was itself a list item or a
    /// value of its parent, never a key.
    fn pop(&mut self) -> Result<(), BencodeErrorKind> {
        if self.in_dict() && !self.key_next {
            return Err(BencodeErrorKind::KeyWithoutValue);
        }
        self.depth -= 1;
        self.key_next = self.in_dict();
        Ok(())
    }

    /// After a string or number: in a dictionary keys and values take turns.
    fn scalar_done(&mut self) {
        self.key_next = self.in_dict() && !self.key_next;
    }
}

/// The length of the one value that `text` begins with.
pub(super) fn value_len(text: &[u8]) -> Result<usize, BencodeError> {
    let mut at = 0;
    let mut open = Open::default();
    loop {
        let fail = |kind| BencodeError { at, kind };
        let Some(&first) = text.get(at) else {
            return Err(fail(BencodeErrorKind::Truncated));
        };
        let is_string = first.is_ascii_digit();
        if open.key_next && !is_string && first != b'e' {
            return Err(fail(BencodeErrorKind::KeyNotString));
        }
        match first {
            b'0'..=b'9' => {
                let end = string(text, at).map_err(fail)?.1;
                open.scalar_done();
                at = end;
            }
            b'i' => {
                at = integer(text, at).map_err(fail)?;
                open.scalar_done();
            }
            b'l' | b'd' => {
                open.push(first == b'd').map_err(fail)?;
                at += 1;
            }
            b'e' if open.depth > 0 => {
                open.pop().map_err(fail)?;
                at += 1;
            }
            other => return Err(fail(BencodeErrorKind::UnexpectedByte(other))),
        }
        if open.depth == 0 {
            return Ok(at);
        }
    }
}

/// The start and end of the bytes of the string at `at`.
pub(super) fn string(text: &[u8], at: usize) -> Result<(usize, usize), BencodeErrorKind> {
    let mut len = 0_usize;
    let mut next = at;
    loop {
        match text.get(next) {
            Some(digit @ b'0'..=b'9') => {
                len = len
                    .checked_mul(10)
                    .and_then(|len| len.checked_add(usize::from(digit - b'0')))
                    .ok_or(BencodeErrorKind::StringLength)?;
            }
            Some(b':') if next > at => break,
            Some(_) => return Err(BencodeErrorKind::StringLength),
            None => return Err(BencodeErrorKind::Truncated),
        }
        next += 1;
    }
    let start = next + 1;
    match start.checked_add(len) {
        Some(end) if end <= text.len() => Ok((start, end)),
        Some(_) | None => Err(BencodeErrorKind::StringLength),
    }
}

/// The end of the integer at `at`, behind its `e`.
fn integer(text: &[u8], at: usize) -> Result<usize, BencodeErrorKind> {
    let mut next = at + 1;
    if text.get(next) == Some(&b'-') {
        next += 1;
    }
    let digits = next;
    while text.get(next).is_some_and(u8::is_ascii_digit) {
        next += 1;
    }
    match text.get(next) {
        Some(b'e') if next > digits => Ok(next + 1),
        Some(_) => Err(BencodeErrorKind::Integer),
        None => Err(BencodeErrorKind::Truncated),
    }
}
