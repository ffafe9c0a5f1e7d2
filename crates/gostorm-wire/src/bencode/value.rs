//! The accessors of a checked bencoded text.
//!
//! A [`Value`] can only be made by [`Value::parse`] and
//! [`Value::parse_prefix`], so its text is well formed; iteration re-scans the
//! text of each item to find its end, which is linear for each level looked at.

use super::scan::{self, BencodeError, BencodeErrorKind};

/// One well-formed bencoded value, as a view over its exact text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    raw: &'a [u8],
}

impl<'a> Value<'a> {
    /// Checks that `text` is one value and nothing else.
    ///
    /// # Errors
    /// Where the text stops being bencode.
    pub fn parse(text: &'a [u8]) -> Result<Self, BencodeError> {
        let (value, rest) = Self::parse_prefix(text)?;
        if rest.is_empty() {
            return Ok(value);
        }
        Err(BencodeError {
            at: value.raw.len(),
            kind: BencodeErrorKind::TrailingBytes,
        })
    }

    /// Checks the value that `text` begins with; gives it and what follows.
    ///
    /// # Errors
    /// Where the text stops being bencode.
    pub fn parse_prefix(text: &'a [u8]) -> Result<(Self, &'a [u8]), BencodeError> {
        let len = scan::value_len(text)?;
        let (raw, rest) = text.split_at(len);
        Ok((Self { raw }, rest))
    }

    /// The exact text of this value.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// The bytes of a string.
    #[must_use]
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        let (start, end) = scan::string(self.raw, 0).ok()?;
        self.raw.get(start..end)
    }

    /// The text of a string that is UTF-8.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The digits of an integer, with their sign.
    fn digits(self) -> Option<&'a str> {
        let [b'i', digits @ .., b'e'] = self.raw else {
            return None;
        };
        std::str::from_utf8(digits).ok()
    }

    /// This is an integer, of any size.
    #[must_use]
    pub fn is_int(self) -> bool {
        self.raw.first() == Some(&b'i')
    }

    /// An integer that fits.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        self.digits()?.parse().ok()
    }

    /// An integer that fits.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        self.digits()?.parse().ok()
    }

    /// The items of a list.
    #[must_use]
    pub fn as_list(self) -> Option<List<'a>> {
        self.body(b'l').map(|rest| List { rest })
    }

    /// The entries of a dictionary.
    #[must_use]
    pub fn as_dict(self) -> Option<Dict<'a>> {
        self.body(b'd').map(|body| Dict { body })
    }

    fn body(self, open: u8) -> Option<&'a [u8]> {
        match self.raw {
            [first, body @ .., b'e'] if *first == open => Some(body),
            _ => None,
        }
    }
}

/// The items of a list, in order.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for List<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        // Fails only at the end: the text was checked as a whole.
        let (value, rest) = Value::parse_prefix(self.rest).ok()?;
        self.rest = rest;
        Some(value)
    }
}

/// A dictionary.
#[derive(Clone, Copy, Debug)]
pub struct Dict<'a> {
    body: &'a [u8],
}

impl<'a> Dict<'a> {
    /// The value of the first entry with this key.
    #[must_use]
    pub fn get(self, key: &[u8]) -> Option<Value<'a>> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// All entries, in the order of the text.
    #[must_use]
    pub fn iter(self) -> DictIter<'a> {
        DictIter {
            items: List { rest: self.body },
        }
    }
}

impl<'a> IntoIterator for Dict<'a> {
    type Item = (&'a [u8], Value<'a>);
    type IntoIter = DictIter<'a>;

    fn into_iter(self) -> DictIter<'a> {
        self.iter()
    }
}

/// The entries of a dictionary, in the order of the text.
#[derive(Clone, Copy, Debug)]
pub struct DictIter<'a> {
    items: List<'a>,
}

impl<'a> Iterator for DictIter<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.items.next()?.as_bytes()?;
        Some((key, self.items.next()?))
    }
}
