//! Lists of address ranges that nobody connects to: the formats in use, read to a form that is quick to ask.
//!
//! A [`BlocklistParser`] is fed a text chunk by chunk by whoever reads the file, and ends as a [`Blocklist`] with a
//! [`BlocklistReport`]. Published lists are sorted by name or in part and hold overlaps, so they are sorted and merged
//! here: a look-up is one binary search. No line is fatal; those that cannot be read are counted. Addresses of IPv4
//! that are written as IPv6 (`::ffff:a.b.c.d`) are those of IPv4.

mod line;
mod parser;

use std::net::IpAddr;

pub use parser::{BlocklistError, BlocklistParser, BlocklistReport, LINE_LEN_MAX};

/// Sorted ranges, first and last address, none of which overlaps or touches another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocklist {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl Blocklist {
    /// Whether an address lies in a range of the list.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(ip) => holds(&self.v4, ip.to_bits()),
            IpAddr::V6(ip) => holds(&self.v6, ip.to_bits()),
        }
    }

    /// How many ranges there are after merging, of both families.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether it blocks nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the ranges take.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.v4) + size_of_val(&*self.v6)
    }

    /// The ranges of IPv4, as numbers.
    #[must_use]
    pub fn v4(&self) -> &[(u32, u32)] {
        &self.v4
    }

    /// The ranges of IPv6, as numbers.
    #[must_use]
    pub fn v6(&self) -> &[(u128, u128)] {
        &self.v6
    }
}

fn holds<N: Ord + Copy>(ranges: &[(N, N)], address: N) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after
        .checked_sub(1)
        .is_some_and(|at| address <= ranges[at].1)
}
