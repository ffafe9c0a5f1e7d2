//! Why a database is not read.

/// Most entries that are read: keys, buckets and links to pages.
pub const ENTRIES_MAX: usize = 1 << 20;

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoltError {
    /// It has no page that begins a database.
    #[error("is no database of bbolt")]
    NotBolt,
    /// It is one of another version.
    #[error("is a database of version {0} of bbolt, only version 2 is known")]
    Version(u32),
    /// A page is not as it should be.
    #[error("is damaged: page {page} {what}")]
    Damaged {
        /// Its number.
        page: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It has more entries than are read.
    #[error("has more entries than are read ({ENTRIES_MAX}), or its pages lead in circles")]
    TooMany,
}
