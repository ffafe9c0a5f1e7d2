//! The two pages by which a database begins. Each transaction writes one of them, in turn, as its last step: that with
//! the higher number whose checksum fits is in force.

use super::error::BoltError;
use super::page::{HEADER_LEN, long, word};

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// What the checksum is over, and where it stands.
const SUMMED_LEN: usize = 56;
/// The sizes that a page can have: powers of two from 512 to 64 KiB.
const PAGE_SHIFTS: std::ops::RangeInclusive<u32> = 9..=16;

/// What one of them says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) page_size: usize,
    /// The page of the root bucket.
    pub(super) root: u64,
    transaction: u64,
}

impl Meta {
    /// That of the newest transaction that was written to its end.
    pub(super) fn newest(bytes: &[u8]) -> Result<Self, BoltError> {
        let first = Self::at(bytes, 0);
        // The second lies a page further on. When the first is damaged, the size of a page is not known.
        let second = match first {
            Ok(first) => Self::at(bytes, first.page_size),
            Err(_) => PAGE_SHIFTS
                .map(|shift| 1 << shift)
                .filter_map(|size| Some((size, Self::at(bytes, size).ok()?)))
                .find(|(size, found)| *size == found.page_size)
                .map_or(Err(BoltError::NotBolt), |(_, found)| Ok(found)),
        };
        match (first, second) {
            (Ok(first), Ok(second)) if second.transaction > first.transaction => Ok(second),
            (Ok(first), _) => Ok(first),
            (Err(_), Ok(second)) => Ok(second),
            (Err(why), Err(_)) => Err(why),
        }
    }

    fn at(bytes: &[u8], offset: usize) -> Result<Self, BoltError> {
        let meta = bytes.get(offset..).and_then(|page| page.get(HEADER_LEN..));
        let summed = meta.and_then(|meta| meta.get(..SUMMED_LEN));
        let (Some(meta), Some(summed)) = (meta, summed) else {
            return Err(BoltError::NotBolt);
        };
        if word(meta, 0) != Some(MAGIC) {
            return Err(BoltError::NotBolt);
        }
        let damaged = |what| BoltError::Damaged {
            page: u64::from(offset > 0),
            what,
        };
        if long(meta, SUMMED_LEN) != Some(fnv1a(summed)) {
            return Err(damaged("does not fit its checksum"));
        }
        match word(meta, 4) {
            Some(VERSION) => {}
            other => return Err(BoltError::Version(other.unwrap_or_default())),
        }
        let page_size = word(meta, 8)
            .filter(|size| size.is_power_of_two() && PAGE_SHIFTS.contains(&size.trailing_zeros()));
        let page_size = page_size.and_then(|size| usize::try_from(size).ok());
        let (Some(page_size), Some(root), Some(transaction)) =
            (page_size, long(meta, 16), long(meta, 48))
        else {
            return Err(damaged("has a page size that cannot be"));
        };
        Ok(Self {
            page_size,
            root,
            transaction,
        })
    }
}

/// FNV-1a with 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
