//! One page: a header of 16 bytes, then its elements of 16 bytes each, then the keys and values that they point to.
//!
//! | | bytes |
//! |---|---|
//! | header | number (8), flags (2), how many elements (2), how many more pages it goes over (4) |
//! | element of a branch | where its key is, from here (4), length of the key (4), page (8) |
//! | element of a leaf | flags (4), where its key is, from here (4), length of the key (4), of the value behind it (4) |

use super::error::BoltError;

pub(super) const HEADER_LEN: usize = 16;
const ELEMENT_LEN: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// The flag of an element whose value is a bucket.
const IS_BUCKET: u32 = 1;

/// A number of 4 bytes, the least first.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// A number of 8 bytes, the least first.
pub(super) fn long(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

/// One entry of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Element<'a> {
    /// More entries are on that page.
    Child(u64),
    Value(&'a [u8], &'a [u8]),
    /// The value says where the bucket is.
    Bucket(&'a [u8], &'a [u8]),
}

/// A page with all that belongs to it.
#[derive(Debug)]
pub(super) struct Page<'a> {
    number: u64,
    bytes: &'a [u8],
    flags: u16,
    count: usize,
}

impl<'a> Page<'a> {
    /// That of this number.
    pub(super) fn of_file(file: &'a [u8], size: usize, number: u64) -> Result<Self, BoltError> {
        let outside = BoltError::Damaged {
            page: number,
            what: "lies outside of the file",
        };
        let from = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_mul(size))
            .and_then(|offset| file.get(offset..));
        let from = from.ok_or(outside.clone())?;
        let more = word(from, 12).ok_or(outside.clone())?;
        let len = usize::try_from(more)
            .ok()
            .and_then(|more| more.checked_add(1)?.checked_mul(size));
        let bytes = len.and_then(|len| from.get(..len)).ok_or(outside)?;
        let page = Self::inline(bytes, number)?;
        if long(bytes, 0) == Some(number) {
            Ok(page)
        } else {
            Err(page.damaged("is another page"))
        }
    }

    /// A page within the value of another one, which has the number `number`.
    pub(super) fn inline(bytes: &'a [u8], number: u64) -> Result<Self, BoltError> {
        let (Some(flags), Some(count)) = (short(bytes, 8), short(bytes, 10)) else {
            return Err(BoltError::Damaged {
                page: number,
                what: "is cut off",
            });
        };
        Ok(Self {
            number,
            bytes,
            flags,
            count: usize::from(count),
        })
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn damaged(&self, what: &'static str) -> BoltError {
        BoltError::Damaged {
            page: self.number,
            what,
        }
    }

    /// What is on it.
    pub(super) fn elements(
        &self,
    ) -> Result<impl Iterator<Item = Result<Element<'a>, BoltError>> + use<'a, '_>, BoltError> {
        let is_branch = match self.flags {
            BRANCH => true,
            LEAF => false,
            _ => return Err(self.damaged("is neither a branch nor a leaf")),
        };
        Ok((0..self.count).map(move |which| {
            let from = self.bytes.get(HEADER_LEN + which * ELEMENT_LEN..);
            let element = from.and_then(|from| if is_branch { child(from) } else { entry(from) });
            element.ok_or_else(|| self.damaged("has an entry that leads out of it"))
        }))
    }
}

fn child(from: &[u8]) -> Option<Element<'_>> {
    Some(Element::Child(long(from, 8)?))
}

fn entry(from: &[u8]) -> Option<Element<'_>> {
    let len = |at| usize::try_from(word(from, at)?).ok();
    let key_and_more = from.get(len(4)?..)?;
    let (key, more) = key_and_more.split_at_checked(len(8)?)?;
    let value = more.get(..len(12)?)?;
    Some(if word(from, 0)? & IS_BUCKET == 0 {
        Element::Value(key, value)
    } else {
        Element::Bucket(key, value)
    })
}
