//! statfs: made-up but steady numbers. Samba clients refuse to work with a file system without free blocks.

use fuser::ReplyStatfs;

use super::lookup::NAME_MAX;
use crate::shared::Shared;

/// Unit of the numbers below, in bytes.
const BLOCK: u32 = 4096;
/// About 1 TB.
const BLOCKS: u64 = 262_144_000;
/// Half of it is free.
const FREE: u64 = 131_072_000;
const FREE_FILES: u64 = 500;

pub(crate) fn statfs(shared: &Shared, reply: ReplyStatfs) {
    let files = shared.tree.load().len() as u64;
    reply.statfs(
        BLOCKS, FREE, FREE, files, FREE_FILES, BLOCK, NAME_MAX, BLOCK,
    );
}
