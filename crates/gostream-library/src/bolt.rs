//! The databases of TorrServer: files of bbolt, read whole and never written.
//!
//! Called by `gostream import` with the bytes of `config.db`. A file is pages of one size. Two of them say where the
//! tree of the newest transaction begins ([`meta`]); each bucket is a tree of branches and leaves ([`page`]), a small
//! one lies within the value that stands for it. What always holds: any bytes give a tree or an error, in time and
//! memory bounded by their length, since every entry of every page is counted against [`ENTRIES_MAX`] and against what
//! the file can hold, and no path is longer than [`DEPTH_MAX`].

mod error;
mod meta;
mod page;

use std::collections::BTreeMap;

pub use self::error::{BoltError, ENTRIES_MAX};
use self::meta::Meta;
use self::page::{Element, Page};

/// Most pages and buckets between the root and an entry. A tree of a million entries has six.
pub const DEPTH_MAX: usize = 32;
/// The least bytes that an entry takes on its page.
const ENTRY_LEN: usize = 16;

/// A bucket: names with values, and names with buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bucket<'a> {
    /// Its values.
    pub values: BTreeMap<&'a [u8], &'a [u8]>,
    /// The buckets within it.
    pub buckets: BTreeMap<&'a [u8], Bucket<'a>>,
}

/// Reads all of a database: the bucket that holds all others.
///
/// # Errors
/// [`BoltError`].
pub fn read(bytes: &[u8]) -> Result<Bucket<'_>, BoltError> {
    let meta = Meta::newest(bytes)?;
    let mut reader = Reader {
        bytes,
        page_size: meta.page_size,
        left: ENTRIES_MAX.min(bytes.len() / ENTRY_LEN),
    };
    let mut root = Bucket::default();
    reader.tree(meta.root, &mut root, 0)?;
    Ok(root)
}

struct Reader<'a> {
    bytes: &'a [u8],
    page_size: usize,
    /// Entries that may still be read.
    left: usize,
}

impl<'a> Reader<'a> {
    /// Adds what the pages from `number` on hold to `bucket`.
    fn tree(
        &mut self,
        number: u64,
        bucket: &mut Bucket<'a>,
        depth: usize,
    ) -> Result<(), BoltError> {
        let page = Page::of_file(self.bytes, self.page_size, number)?;
        self.entries(&page, bucket, depth)
    }

    fn entries(
        &mut self,
        page: &Page<'a>,
        bucket: &mut Bucket<'a>,
        depth: usize,
    ) -> Result<(), BoltError> {
        if depth > DEPTH_MAX {
            return Err(page.damaged("lies deeper than any page does"));
        }
        for element in page.elements()? {
            self.left = self.left.checked_sub(1).ok_or(BoltError::TooMany)?;
            match element? {
                Element::Child(number) => self.tree(number, bucket, depth + 1)?,
                Element::Value(key, value) => {
                    bucket.values.insert(key, value);
                }
                Element::Bucket(key, value) => {
                    let inner = self.inner(page, value, depth + 1)?;
                    bucket.buckets.insert(key, inner);
                }
            }
        }
        Ok(())
    }

    /// The bucket that a value stands for.
    fn inner(
        &mut self,
        page: &Page<'a>,
        value: &'a [u8],
        depth: usize,
    ) -> Result<Bucket<'a>, BoltError> {
        let mut bucket = Bucket::default();
        // Its root, and a counter that its owner may use; what follows is its only page if it has no root.
        let (root, inline) = value
            .split_first_chunk()
            .and_then(|(root, rest)| Some((root, rest.get(8..)?)))
            .ok_or_else(|| page.damaged("has a bucket that is cut off"))?;
        match u64::from_le_bytes(*root) {
            0 => self.entries(&Page::inline(inline, page.number())?, &mut bucket, depth)?,
            number => self.tree(number, &mut bucket, depth)?,
        }
        Ok(bucket)
    }
}
