//! A read that waits for its bytes.

use std::ops::Range;
use std::time::Duration;

use crate::class::ReaderClass;
use crate::event::{ReadKey, ReaderKey};
use crate::time::Time;

/// How much later than others a read is due whose reader has moved elsewhere since.
pub(super) const LEFT_BEHIND: Duration = Duration::from_secs(2);
/// How long it also comes after what its reader needs next where it is now. Reads fail after 25 s.
pub(super) const LEFT_FOR: Duration = Duration::from_secs(10);

/// A read that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) read: ReadKey,
    pub(crate) reader: ReaderKey,
    /// What kind of reader it was when it began to wait.
    pub(crate) class: ReaderClass,
    /// The cursor that it belongs to.
    pub(crate) cursor: u64,
    pub(crate) range: Range<u64>,
    pub(crate) since: Time,
    pub(crate) deadline: Time,
    /// It is served as soon as its blocks are here: they come before the rest of their pieces.
    pub(crate) blockwise: bool,
}
