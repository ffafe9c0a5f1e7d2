//! The text of a blocklist, taken in chunks of any size.
//!
//! Holds the part of one line that is not complete, and the ranges so far. What always holds: never more than
//! [`LINE_LEN_MAX`] bytes of text and the limits' worth of ranges are kept.

use super::Blocklist;
use super::line::{self, BadLine, Line};

/// Longer lines are skipped and counted.
pub const LINE_LEN_MAX: usize = 4096;
/// Ranges of IPv4 that a list may have after merging: 32 MiB.
const V4_MAX: usize = 4 << 20;
/// Ranges of IPv6: 32 MiB.
const V6_MAX: usize = 1 << 20;
/// A table grows by so many bytes at a time: doubling would hold far more than the list in the end.
const GROWTH: usize = 512 << 10;
/// The mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlocklistReport {
    /// Lines, also blank ones.
    pub lines: u64,
    /// Lines that name a range to block.
    pub ranges: u64,
    /// Lines that name a range to allow; they have no effect.
    pub allowed: u64,
    /// Lines that could not be used.
    pub skipped: u64,
    /// Those of them that would have blocked everyone.
    pub too_wide: u64,
    /// The first line that could not be used, counted from 1.
    pub first_bad_line: Option<u64>,
}

/// Why a text is no blocklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlocklistError {
    /// No line names a range.
    #[error("none of its {} lines names a range", .0.lines)]
    Empty(BlocklistReport),
    /// It begins with `<`: an error page, most likely.
    #[error("it is a web page, not a list")]
    WebPage,
    /// More ranges than are kept.
    #[error("it has too many ranges")]
    TooMany,
}

/// Reads a list. Feed it, then [`finish`](Self::finish).
#[derive(Debug, Default)]
pub struct BlocklistParser {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    report: BlocklistReport,
    /// The beginning of a line whose end was not seen.
    rest: Vec<u8>,
    /// The line is too long: all is dropped up to its end.
    overlong: bool,
    web_page: bool,
    too_many: bool,
}

impl BlocklistParser {
    /// Takes the next bytes.
    pub fn feed(&mut self, mut chunk: &[u8]) {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&chunk[..end], &chunk[end + 1..]);
            chunk = after;
            if self.rest.is_empty() && !self.overlong {
                self.line(line);
            } else {
                self.keep(line);
                self.end_line();
            }
        }
        self.keep(chunk);
    }

    /// Ends the text; the last line needs no newline.
    ///
    /// # Errors
    /// When the text is no list, or one that is too long.
    pub fn finish(mut self) -> Result<(Blocklist, BlocklistReport), BlocklistError> {
        if !self.rest.is_empty() || self.overlong {
            self.end_line();
        }
        if self.web_page {
            return Err(BlocklistError::WebPage);
        }
        if self.too_many {
            return Err(BlocklistError::TooMany);
        }
        if self.report.ranges == 0 {
            return Err(BlocklistError::Empty(self.report));
        }
        let list = Blocklist {
            v4: self.v4.finish(),
            v6: self.v6.finish(),
        };
        Ok((list, self.report))
    }

    fn keep(&mut self, part: &[u8]) {
        if self.overlong || self.rest.len() + part.len() > LINE_LEN_MAX {
            self.overlong = true;
            self.rest.clear();
        } else {
            self.rest.extend_from_slice(part);
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.overlong) {
            self.report.lines += 1;
            self.skip();
            return;
        }
        let mut line = std::mem::take(&mut self.rest);
        self.line(&line);
        line.clear();
        self.rest = line;
    }

    fn line(&mut self, line: &[u8]) {
        self.report.lines += 1;
        if line.len() > LINE_LEN_MAX {
            return self.skip();
        }
        let mut line = line;
        if self.report.lines == 1 {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
            self.web_page = line.trim_ascii().starts_with(b"<");
        }
        match line::parse(line) {
            Ok(Line::Blank) => {}
            Ok(Line::Allowed) => self.report.allowed += 1,
            Ok(Line::V4(first, last)) => {
                self.report.ranges += 1;
                self.too_many = self.too_many || !self.v4.push(first, last, V4_MAX);
            }
            Ok(Line::V6(first, last)) => {
                self.report.ranges += 1;
                self.too_many = self.too_many || !self.v6.push(first, last, V6_MAX);
            }
            Err(bad) => {
                self.report.too_wide += u64::from(bad == BadLine::TooWide);
                self.skip();
            }
        }
    }

    fn skip(&mut self) {
        self.report.skipped += 1;
        self.report.first_bad_line.get_or_insert(self.report.lines);
    }
}

/// A number of an address.
trait Bits: Ord + Copy {
    /// Whether `next` is at most one above.
    fn reaches(self, next: Self) -> bool;
}

impl Bits for u32 {
    fn reaches(self, next: Self) -> bool {
        self.checked_add(1).is_none_or(|above| next <= above)
    }
}

impl Bits for u128 {
    fn reaches(self, next: Self) -> bool {
        self.checked_add(1).is_none_or(|above| next <= above)
    }
}

/// The ranges of one family, in the order in which they came.
#[derive(Debug)]
struct Ranges<N>(Vec<(N, N)>);

impl<N> Default for Ranges<N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<N: Bits> Ranges<N> {
    /// False when there is no room.
    fn push(&mut self, first: N, last: N, max: usize) -> bool {
        if self.0.len() == max {
            self.merge();
            // Half of it, or it would be sorted again at every other line.
            if self.0.len() > max / 2 {
                return false;
            }
        }
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(GROWTH / size_of::<(N, N)>());
        }
        self.0.push((first, last));
        true
    }

    fn merge(&mut self) {
        self.0.sort_unstable();
        self.0.dedup_by(|next, kept| {
            let joined = kept.1.reaches(next.0);
            if joined {
                kept.1 = kept.1.max(next.1);
            }
            joined
        });
    }

    fn finish(mut self) -> Box<[(N, N)]> {
        self.merge();
        self.0.into_boxed_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_before_a_full_table_refuses_one() {
        let mut ranges = Ranges::<u32>::default();
        for n in 0..1_000 {
            assert!(ranges.push(n, n, 8), "all of them are one");
        }
        let room = (0..1_000).take_while(|n| ranges.push(10_000 + n * 2, 10_000 + n * 2, 8));
        assert!(room.count() < 8);
        assert!(ranges.0.len() <= 8);
    }
}
