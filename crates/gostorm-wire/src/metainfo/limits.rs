//! The bounds within which a torrent is accepted.
//!
//! Used by the parts of `metainfo` and shown in its errors; the public ones
//! are what others may rely on.

/// The smallest piece length in bytes: one block.
pub const PIECE_LENGTH_MIN: u32 = 16 * 1024;

/// The largest piece length in bytes: 64 MiB. A piece is read and verified as a
/// whole, so it must fit the memory budget a few times.
pub const PIECE_LENGTH_MAX: u32 = 64 * 1024 * 1024;

/// The largest total length in bytes: 2^53, which every file size API and JSON
/// number can hold.
pub const TOTAL_LENGTH_MAX: u64 = 1 << 53;

/// The most files in a torrent that we take.
pub const FILES_MAX: usize = 100_000;

/// The deepest path, in components.
pub(super) const PATH_DEPTH_MAX: usize = 64;

/// The most components in all paths: bounds what a small file can make us
/// allocate, since one component costs 3 bytes there and 40 and more here.
pub(super) const COMPONENTS_MAX: usize = 400_000;
