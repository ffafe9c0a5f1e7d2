//! The cache against the bytes of the torrent, and beside a writer that fills and evicts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gostorm_wire::BLOCK_LEN;
use proptest::prelude::*;

use super::*;
use crate::pool::{BLOCK_BYTES, BlockBuf, Pool};

const PIECE_LEN: u32 = 3 * BLOCK_LEN;

fn pool() -> Pool {
    Pool::new(16 << 20)
}

/// Byte `at` of the torrent in these tests.
fn byte_at(at: usize) -> u8 {
    u8::try_from((at * 7 + at / 251) % 256).unwrap()
}

fn torrent(len: usize) -> Vec<u8> {
    (0..len).map(byte_at).collect()
}

fn block_of(pool: &Pool, bytes: &[u8]) -> BlockBuf {
    let mut block = pool.try_take().unwrap();
    block.copy_from(bytes);
    block
}

fn fill_piece(buffer: &PieceBuf, pool: &Pool, bytes: &[u8]) {
    for (slot, part) in bytes.chunks(BLOCK_BYTES).enumerate() {
        let begin = u32::try_from(slot * BLOCK_BYTES).unwrap();
        assert_eq!(buffer.fill(begin, block_of(pool, part)), Fill::Stored);
    }
}

/// A cache that holds all of `bytes`, verified.
fn cache_of(bytes: &[u8], piece_len: u32) -> PieceCache {
    let pool = pool();
    let cache = PieceCache::new();
    for (index, part) in bytes.chunks(piece_len as usize).enumerate() {
        let index = PieceIndex(u32::try_from(index).unwrap());
        let buffer = cache.insert(index, u32::try_from(part.len()).unwrap());
        fill_piece(&buffer, &pool, part);
        buffer.mark_verified();
    }
    cache
}

fn read(cache: &PieceCache, offset: u64, len: usize, piece_len: u32) -> Option<Vec<u8>> {
    let mut got = None;
    let served = cache.read(offset, len, piece_len, |bytes| got = Some(bytes.to_vec()));
    assert_eq!(served, got.is_some());
    assert_eq!(served, cache.has(offset, len, piece_len));
    got
}

#[test]
fn the_first_to_fill_a_slot_wins() {
    let pool = pool();
    let piece = PieceBuf::new(PIECE_LEN);
    assert_eq!(
        piece.fill(BLOCK_LEN, block_of(&pool, &[1; BLOCK_BYTES])),
        Fill::Stored
    );
    assert_eq!(
        piece.fill(BLOCK_LEN, block_of(&pool, &[2; BLOCK_BYTES])),
        Fill::Late
    );
    assert_eq!(piece.block(1).unwrap()[0], 1);
    assert_eq!(piece.filled(), 1);
    assert_eq!(pool.live_bytes(), u64::from(BLOCK_LEN));
}

#[test]
fn a_block_that_does_not_fit_is_refused() {
    let pool = pool();
    let piece = PieceBuf::new(BLOCK_LEN + 5);
    for (begin, len) in [
        (0, BLOCK_BYTES - 1),
        (1, BLOCK_BYTES),
        (BLOCK_LEN, BLOCK_BYTES),
        (BLOCK_LEN, 4),
        (2 * BLOCK_LEN, BLOCK_BYTES),
        (u32::MAX / BLOCK_LEN * BLOCK_LEN, BLOCK_BYTES),
    ] {
        let block = block_of(&pool, &vec![0; len]);
        assert_eq!(piece.fill(begin, block), Fill::Misfit, "{begin} +{len}");
    }
    assert_eq!(
        piece.fill(BLOCK_LEN, block_of(&pool, &[0; 5])),
        Fill::Stored
    );
    assert_eq!(
        piece.fill(0, block_of(&pool, &[0; BLOCK_BYTES])),
        Fill::Stored
    );
    assert!(piece.is_full());
}

#[test]
fn nothing_is_served_from_an_unverified_piece() {
    let bytes = torrent(2 * PIECE_LEN as usize);
    let cache = cache_of(&bytes[..PIECE_LEN as usize], PIECE_LEN);
    let second = cache.insert(PieceIndex(1), PIECE_LEN);
    fill_piece(&second, &pool(), &bytes[PIECE_LEN as usize..]);
    let crossing = u64::from(PIECE_LEN) - 10;
    assert!(read(&cache, crossing, 10, PIECE_LEN).is_some());
    assert!(read(&cache, crossing, 11, PIECE_LEN).is_none());
    assert!(read(&cache, u64::from(PIECE_LEN), 1, PIECE_LEN).is_none());
    second.mark_verified();
    assert_eq!(
        read(&cache, crossing, 20, PIECE_LEN).unwrap(),
        bytes[PIECE_LEN as usize - 10..][..20]
    );
}

#[test]
fn a_range_past_the_end_or_too_long_is_not_served() {
    let len = PIECE_LEN as usize + 100;
    let cache = cache_of(&torrent(len), PIECE_LEN);
    assert!(read(&cache, len as u64 - 1, 1, PIECE_LEN).is_some());
    assert!(read(&cache, len as u64 - 1, 2, PIECE_LEN).is_none());
    assert!(read(&cache, len as u64, 1, PIECE_LEN).is_none());
    assert!(read(&cache, u64::MAX, 2, PIECE_LEN).is_none());
    assert!(read(&cache, 0, READ_LEN_MAX + 1, PIECE_LEN).is_none());
    assert!(read(&cache, 0, 1, 0).is_none());
    assert_eq!(read(&cache, 5, 0, PIECE_LEN), Some(Vec::new()));
}

#[test]
fn a_piece_evicted_during_a_read_stays_until_the_read_ends() {
    let bytes = torrent(PIECE_LEN as usize);
    let cache = cache_of(&bytes, PIECE_LEN);
    assert!(cache.read(3, 50, PIECE_LEN, |got| {
        drop(cache.remove(PieceIndex(0)));
        assert_eq!(got, &bytes[3..53]);
    }));
    assert!(cache.is_empty());
    assert!(read(&cache, 3, 50, PIECE_LEN).is_none());
}

#[test]
fn an_evicted_piece_gives_its_memory_back() {
    let pool = pool();
    let cache = PieceCache::new();
    fill_piece(
        &cache.insert(PieceIndex(4), PIECE_LEN),
        &pool,
        &torrent(PIECE_LEN as usize),
    );
    assert_eq!(pool.live_bytes(), u64::from(PIECE_LEN));
    assert!(cache.remove(PieceIndex(4)).is_some());
    assert_eq!(pool.live_bytes(), 0);
    assert!(cache.remove(PieceIndex(4)).is_none());
}

#[test]
fn reads_that_cross_blocks_may_nest() {
    let bytes = torrent(2 * PIECE_LEN as usize);
    let cache = cache_of(&bytes, PIECE_LEN);
    let len = 2 * BLOCK_BYTES;
    assert!(cache.read(1, len, PIECE_LEN, |outer| {
        assert!(cache.read(9, len, PIECE_LEN, |inner| assert_eq!(
            inner,
            &bytes[9..9 + len]
        )));
        assert_eq!(outer, &bytes[1..=len]);
    }));
}

#[test]
fn readers_beside_a_writer_see_right_bytes_or_none() {
    const PIECES: u32 = 64;
    let bytes = torrent((PIECES * PIECE_LEN) as usize);
    let (cache, pool) = (PieceCache::new(), pool());
    let (served, written) = (AtomicU64::new(0), AtomicBool::new(false));
    let total = u64::from(PIECES * PIECE_LEN);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..4 {
                for index in 0..PIECES {
                    let buffer = cache.insert(PieceIndex(index), PIECE_LEN);
                    let at = (index * PIECE_LEN) as usize;
                    fill_piece(&buffer, &pool, &bytes[at..at + PIECE_LEN as usize]);
                    buffer.mark_verified();
                    let evicted = PieceIndex((index + PIECES / 2) % PIECES);
                    drop(cache.remove(evicted));
                }
                if round < 3 {
                    cache.clear();
                }
            }
            written.store(true, Ordering::Release);
        });
        for seed in 1..3u64 {
            let (cache, bytes, served, written) = (&cache, &bytes, &served, &written);
            scope.spawn(move || {
                let mut at = seed;
                while !written.load(Ordering::Acquire) || served.load(Ordering::Relaxed) == 0 {
                    at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let offset = (at >> 20) % total;
                    let len = usize::try_from(1 + at % 40_000).unwrap();
                    cache.read(offset, len, PIECE_LEN, |got| {
                        let offset = usize::try_from(offset).unwrap();
                        assert_eq!(got, &bytes[offset..offset + len]);
                        served.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    cache.clear();
    assert_eq!(pool.live_bytes(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_read_equals_the_slice_of_the_torrent(
        total in 1..300_000usize,
        shift in 0..3u32,
        ranges in prop::collection::vec((0..310_000u64, 0..200_000usize), 1..12),
    ) {
        let bytes = torrent(total);
        let piece_len = BLOCK_LEN << shift;
        let cache = cache_of(&bytes, piece_len);
        for (offset, len) in ranges {
            let start = usize::try_from(offset).unwrap();
            let expected = bytes.get(start..start + len);
            let got = read(&cache, offset, len, piece_len);
            if len > 0 {
                prop_assert_eq!(got.as_deref(), expected);
            }
        }
    }
}
