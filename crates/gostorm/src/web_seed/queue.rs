//! The blocks that a web seed was asked for and that are not under way, merged into runs. No I/O.
//!
//! Used by `task`. A run is what one request is made for: blocks that lie one behind the other in the torrent, the one
//! that was asked for first at its head. At most as many blocks wait as the swarm asks of one peer.

use std::collections::BTreeMap;

use gostorm_wire::BlockSpan;

/// Blocks in one run, 1 MiB: a longer one would make a request that is taken back cost more.
const RUN_MAX: usize = 64;

/// Blocks that lie one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Where the first one begins in the torrent.
    pub(super) offset: u64,
    /// At least one.
    pub(super) blocks: Vec<BlockSpan>,
}

impl Run {
    /// The bytes of all of them.
    pub(super) fn len(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.len)).sum()
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    piece_len: u64,
    /// By the place in the torrent, with the number of the request.
    waiting: BTreeMap<u64, (BlockSpan, u64)>,
    asked: u64,
}

impl Queue {
    pub(super) const fn new(piece_len: u32) -> Self {
        Self {
            piece_len: piece_len as u64,
            waiting: BTreeMap::new(),
            asked: 0,
        }
    }

    fn offset(&self, block: BlockSpan) -> u64 {
        u64::from(block.piece.0) * self.piece_len + u64::from(block.begin)
    }

    /// A block is asked for.
    pub(super) fn ask(&mut self, block: BlockSpan) {
        self.asked += 1;
        self.waiting.insert(self.offset(block), (block, self.asked));
    }

    /// A block that was under way did not come: it is the next.
    pub(super) fn ask_again(&mut self, block: BlockSpan) {
        self.waiting.insert(self.offset(block), (block, 0));
    }

    /// A block is not wanted any more; true when it had waited here.
    pub(super) fn cancel(&mut self, block: BlockSpan) -> bool {
        self.waiting.remove(&self.offset(block)).is_some()
    }

    /// Takes the block that has waited longest, and those behind it.
    pub(super) fn next_run(&mut self) -> Option<Run> {
        let oldest = self.waiting.iter().min_by_key(|(_, (_, asked))| *asked);
        let offset = *oldest?.0;
        let mut blocks = Vec::new();
        let mut end = offset;
        while blocks.len() < RUN_MAX
            && let Some((block, _)) = self.waiting.remove(&end)
        {
            end += u64::from(block.len);
            blocks.push(block);
        }
        Some(Run { offset, blocks })
    }
}

#[cfg(test)]
mod tests {
    use gostorm_wire::{BLOCK_LEN, PieceIndex};

    use super::*;

    const PIECE: u32 = 4 * BLOCK_LEN;

    fn block(number: u32) -> BlockSpan {
        BlockSpan {
            piece: PieceIndex(number / 4),
            begin: number % 4 * BLOCK_LEN,
            len: BLOCK_LEN,
        }
    }

    fn ask(queue: &mut Queue, numbers: &[u32]) {
        numbers.iter().for_each(|number| queue.ask(block(*number)));
    }

    fn runs(queue: &mut Queue) -> Vec<Vec<u32>> {
        let number = |block: &BlockSpan| block.piece.0 * 4 + block.begin / BLOCK_LEN;
        std::iter::from_fn(|| queue.next_run())
            .map(|run| run.blocks.iter().map(number).collect())
            .collect()
    }

    #[test]
    fn blocks_one_behind_the_other_become_one_run_across_pieces() {
        let mut queue = Queue::new(PIECE);
        ask(&mut queue, &[2, 3, 4, 5, 9, 8]);
        assert_eq!(runs(&mut queue), [vec![2, 3, 4, 5], vec![9], vec![8]]);
    }

    #[test]
    fn what_was_asked_for_first_goes_first_and_what_failed_before_that() {
        let mut queue = Queue::new(PIECE);
        ask(&mut queue, &[40, 1]);
        queue.ask_again(block(20));
        assert_eq!(runs(&mut queue), [vec![20], vec![40], vec![1]]);
    }

    #[test]
    fn a_cancelled_block_splits_the_run() {
        let mut queue = Queue::new(PIECE);
        ask(&mut queue, &[0, 1, 2, 3]);
        assert!(queue.cancel(block(1)));
        assert!(!queue.cancel(block(1)));
        assert_eq!(runs(&mut queue), [vec![0], vec![2, 3]]);
    }

    #[test]
    fn a_run_is_bounded_and_ends_behind_the_short_last_block() {
        let mut queue = Queue::new(PIECE);
        ask(&mut queue, &(0..150).collect::<Vec<_>>());
        let short = BlockSpan {
            len: 100,
            ..block(150)
        };
        queue.ask(short);
        let lens: Vec<u64> = std::iter::from_fn(|| queue.next_run())
            .map(|run| run.len())
            .collect();
        let block = u64::from(BLOCK_LEN);
        assert_eq!(lens, [64 * block, 64 * block, 22 * block + 100]);
    }
}
