//! Verdicts against the one-shot SHA-1, whatever the order of the blocks.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gostorm_wire::{BLOCK_LEN, sha1};
use proptest::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::pool::{BLOCK_BYTES, Pool};

/// A piece that is not a whole number of blocks, and longer than a batch.
const LEN: usize = 20 * BLOCK_BYTES + 77;
const KEY: HashKey = (3, PieceIndex(9));

struct Bench {
    hasher: Hasher,
    pool: Pool,
    done: UnboundedSender<Hashed>,
    results: UnboundedReceiver<Hashed>,
}

impl Bench {
    fn new(threads: usize) -> Self {
        let (done, results) = unbounded_channel();
        Self {
            hasher: Hasher::new(threads).unwrap(),
            pool: Pool::new(64 << 20),
            done,
            results,
        }
    }

    fn fill(&self, buffer: &PieceBuf, bytes: &[u8], slot: usize) {
        let at = slot * BLOCK_BYTES;
        let mut block = self.pool.try_take().unwrap();
        block.copy_from(&bytes[at..bytes.len().min(at + BLOCK_BYTES)]);
        buffer.fill(u32::try_from(at).unwrap(), block);
    }

    fn advance(&self, key: HashKey, buffer: &Arc<PieceBuf>, expected: [u8; 20], digests: bool) {
        assert!(self.hasher.advance(&HashRequest {
            key,
            buffer,
            expected,
            zeros: 0,
            want_digests: digests,
            done: &self.done,
        }));
    }

    /// The next verdict on a piece.
    fn verdict(&mut self) -> HashResult {
        match self.results.blocking_recv().unwrap() {
            Hashed::Piece(result) => result,
            other @ (Hashed::Leaves(_) | Hashed::Broken) => panic!("{other:?}"),
        }
    }

    /// Ends the threads, which first work off their queues, and counts the verdicts that are still there.
    fn verdicts_left(self) -> usize {
        let Self {
            hasher,
            done,
            mut results,
            ..
        } = self;
        drop((hasher, done));
        std::iter::from_fn(|| results.blocking_recv()).count()
    }
}

fn piece(salt: u8) -> Vec<u8> {
    (0..LEN)
        .map(|at| u8::try_from(at % 253).unwrap() ^ salt)
        .collect()
}

fn buffer() -> Arc<PieceBuf> {
    Arc::new(PieceBuf::new(u32::try_from(LEN).unwrap()))
}

#[test]
fn a_good_piece_is_verified_once() {
    let mut bench = Bench::new(2);
    let (bytes, buffer) = (piece(0), buffer());
    for slot in 0..21 {
        bench.fill(&buffer, &bytes, slot);
        bench.advance(KEY, &buffer, sha1(&bytes), false);
        bench.advance(KEY, &buffer, sha1(&bytes), false);
    }
    let result = bench.verdict();
    assert!(result.ok && buffer.is_verified());
    assert_eq!(result.piece, KEY.1);
    assert!(Arc::ptr_eq(&result.buffer, &buffer));
    assert!(result.digests.is_empty());
    bench.advance(KEY, &buffer, sha1(&bytes), false);
    assert_eq!(bench.verdicts_left(), 0);
}

#[test]
fn a_bad_piece_comes_with_the_digest_of_each_block() {
    let mut bench = Bench::new(1);
    let good = piece(0);
    let mut bad = good.clone();
    bad[5 * BLOCK_BYTES + 1] ^= 1;
    let (spoiled, mended) = (buffer(), buffer());
    (0..21).for_each(|slot| bench.fill(&spoiled, &bad, slot));
    bench.advance(KEY, &spoiled, sha1(&good), false);
    let first = bench.verdict();
    assert!(!first.ok && !spoiled.is_verified());
    // The same piece, fetched again into another buffer, without a word to the hasher in between.
    (0..21).for_each(|slot| bench.fill(&mended, &good, slot));
    bench.advance(KEY, &mended, sha1(&good), true);
    let second = bench.verdict();
    assert!(second.ok && mended.is_verified());
    let differ: Vec<usize> = (0..21)
        .filter(|&slot| first.digests[slot] != second.digests[slot])
        .collect();
    assert_eq!(differ, [5]);
    let expected = sha1(&good[..BLOCK_LEN as usize]);
    assert_eq!(second.digests[0].to_be_bytes(), expected[..8]);
}

#[test]
fn a_piece_that_was_given_up_is_hashed_from_its_start_again() {
    let mut bench = Bench::new(1);
    let (old, new) = (piece(0), piece(0xff));
    let first = buffer();
    (0..17).for_each(|slot| bench.fill(&first, &old, slot));
    bench.advance(KEY, &first, sha1(&old), false);
    bench.hasher.forget(KEY);
    drop(first);
    let second = buffer();
    (0..21).for_each(|slot| bench.fill(&second, &new, slot));
    bench.advance(KEY, &second, sha1(&new), false);
    assert!(bench.verdict().ok);
}

#[test]
fn a_full_queue_says_so_and_loses_nothing() {
    let mut bench = Bench::new(1);
    let one_byte_pieces = (0..QUEUE_LEN * 2).map(|number| {
        let buffer = Arc::new(PieceBuf::new(1));
        let mut block = bench.pool.try_take().unwrap();
        block.copy_from(&[1]);
        buffer.fill(0, block);
        (PieceIndex(u32::try_from(number).unwrap()), buffer)
    });
    let mut waiting: Vec<_> = one_byte_pieces.collect();
    let mut due = waiting.len();
    let mut refused = 0;
    while let Some((piece, buffer)) = waiting.pop() {
        let queued = bench.hasher.advance(&HashRequest {
            key: (0, piece),
            buffer: &buffer,
            expected: sha1(&[1]),
            zeros: 0,
            want_digests: false,
            done: &bench.done,
        });
        if !queued {
            refused += 1;
            waiting.push((piece, buffer));
            // Room comes with a verdict.
            assert!(bench.verdict().ok);
            due -= 1;
        }
    }
    assert_eq!(
        bench.verdicts_left(),
        due,
        "{refused} were refused at first"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn blocks_in_any_order_give_the_one_shot_hash(
        order in Just((0..21usize).collect::<Vec<_>>()).prop_shuffle(),
        salt: u8,
    ) {
        let mut bench = Bench::new(1);
        let (bytes, buffer) = (piece(salt), buffer());
        for slot in order {
            bench.fill(&buffer, &bytes, slot);
            bench.advance(KEY, &buffer, sha1(&bytes), false);
        }
        prop_assert!(bench.verdict().ok);
        prop_assert_eq!(bench.verdicts_left(), 0);
    }
}

#[test]
fn the_zeros_of_a_hybrids_padding_are_hashed_and_not_held() {
    let mut bench = Bench::new(1);
    let (bytes, buffer) = (piece(0), buffer());
    let mut padded = bytes.clone();
    padded.resize(LEN + 9_000, 0);
    (0..21).for_each(|slot| bench.fill(&buffer, &bytes, slot));
    assert!(bench.hasher.advance(&HashRequest {
        key: KEY,
        buffer: &buffer,
        expected: sha1(&padded),
        zeros: 9_000,
        want_digests: false,
        done: &bench.done,
    }));
    assert!(bench.verdict().ok);
    let end = u32::try_from(LEN).unwrap();
    assert_eq!(buffer.len(), end);
    let last = buffer.for_peer(20 * BLOCK_BYTES, BLOCK_BYTES).unwrap();
    assert_eq!(last[..77], bytes[20 * BLOCK_BYTES..]);
    assert!(last[77..].iter().all(|byte| *byte == 0));
    let behind = buffer.for_peer(21 * BLOCK_BYTES, 5).unwrap();
    assert_eq!(*behind, [0; 5]);
}

#[test]
fn a_thread_that_panics_says_so_and_goes_on_with_others() {
    let mut bench = Bench::new(1);
    let (bad, bytes) = (piece(1), piece(0));
    bench.hasher.panic_over(KEY, sha1(&bad));
    let whole = buffer();
    for slot in 0..21 {
        bench.fill(&whole, &bad, slot);
    }
    bench.advance(KEY, &whole, sha1(&bad), false);
    let said = bench.results.blocking_recv().unwrap();
    assert!(matches!(said, Hashed::Broken), "{said:?}");
    let buffer = buffer();
    for slot in 0..21 {
        bench.fill(&buffer, &bytes, slot);
        bench.advance(KEY, &buffer, sha1(&bytes), false);
    }
    assert!(bench.verdict().ok);
}

#[test]
fn blocks_are_hashed_each_by_itself_and_a_spoilt_one_is_filled_again() {
    let mut bench = Bench::new(1);
    let (bytes, wrong) = (piece(0), piece(1));
    let buffer = Arc::new(PieceBuf::by_blocks(u32::try_from(LEN).unwrap()));
    let leaves = |bench: &mut Bench, blocks: &[u32]| {
        assert!(bench.hasher.leaves(KEY, &buffer, blocks, &bench.done));
        match bench.results.blocking_recv().unwrap() {
            Hashed::Leaves(result) => result.leaves,
            other @ (Hashed::Piece(_) | Hashed::Broken) => panic!("{other:?}"),
        }
    };
    bench.fill(&buffer, &bytes, 20);
    bench.fill(&buffer, &wrong, 3);
    let right = |slot: usize| {
        gostorm_wire::Node::of_block(&bytes[slot * BLOCK_BYTES..LEN.min((slot + 1) * BLOCK_BYTES)])
    };
    let hashed = leaves(&mut bench, &[20, 3]);
    assert_eq!(hashed[0], (20, right(20)));
    assert_ne!(hashed[1], (3, right(3)));
    buffer.mark_good(20..21);
    buffer.spoil(3);
    assert_eq!(buffer.filled(), 1);
    assert!(buffer.block(3).is_none());
    bench.fill(&buffer, &bytes, 3);
    assert_eq!(leaves(&mut bench, &[3]), [(3, right(3))]);
    assert!(!buffer.is_right(3 * BLOCK_BYTES, 10) && buffer.is_right(20 * BLOCK_BYTES + 5, 10));
    (0..20)
        .filter(|slot| *slot != 3)
        .for_each(|slot| bench.fill(&buffer, &bytes, slot));
    buffer.mark_good(0..21);
    assert!(buffer.is_verified() && buffer.is_full());
}
