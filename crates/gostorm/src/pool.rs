//! The pool of 16 KiB block buffers: every payload byte that the engine holds lies in one of them.
//!
//! Peer tasks take a buffer for each block that arrives; [`crate::cache::PieceBuf`] keeps it; the last owner that
//! drops it gives it back. The cap that is given at construction is never passed: who finds the pool exhausted
//! waits ([`Pool::take`]), which stops reading from that peer's socket and so slows the sender down (back-pressure).
//!
//! Each buffer is an anonymous mapping of its own. Measured with glibc, 256 MiB of buffers of which 63 in 64 were
//! freed: boxed slices left 257 MiB resident, slabs of 1 MiB 195-258 MiB on the second round, mappings 6 MiB.
//! Neighbouring mappings are merged by the kernel, so their number stays small. Buffers are not zeroed on reuse.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gostorm_wire::BLOCK_LEN;
use memmap2::{MmapMut, MmapOptions};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// [`BLOCK_LEN`] as a length in memory.
pub(crate) const BLOCK_BYTES: usize = BLOCK_LEN as usize;

/// A handle on the pool; clones share it.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    /// The number of buffers that may exist at a time, live or free.
    cap: AtomicUsize,
    state: Mutex<State>,
    room: Notify,
}

/// `live + free.len() <= cap` always holds, since a free buffer is taken before a new one is mapped; after the cap was
/// lowered, as soon as enough were given back.
struct State {
    live: usize,
    free: Vec<MmapMut>,
}

impl Pool {
    /// A pool that holds at most `cap_bytes`, rounded down to whole blocks, but at least one block.
    #[must_use]
    pub fn new(cap_bytes: u64) -> Self {
        let cap = usize::try_from(cap_bytes / u64::from(BLOCK_LEN)).unwrap_or(usize::MAX);
        Self {
            shared: Arc::new(Shared {
                cap: AtomicUsize::new(cap.max(1)),
                state: Mutex::new(State {
                    live: 0,
                    free: Vec::new(),
                }),
                room: Notify::new(),
            }),
        }
    }

    /// A buffer of length 0, or `None` when the cap is reached or the kernel refuses memory.
    #[must_use]
    pub fn try_take(&self) -> Option<BlockBuf> {
        let reused = {
            let mut state = self.shared.state.lock();
            if state.live >= self.shared.cap.load(Ordering::Relaxed) {
                return None;
            }
            state.live += 1;
            state.free.pop()
        };
        let memory = match reused {
            Some(memory) => memory,
            // Populated at once: one system call instead of four page faults.
            None => match MmapOptions::new().len(BLOCK_BYTES).populate().map_anon() {
                Ok(memory) => memory,
                Err(error) => {
                    self.shared.state.lock().live -= 1;
                    tracing::warn!(%error, "no memory for a block buffer");
                    return None;
                }
            },
        };
        Some(BlockBuf {
            memory: Some(memory),
            len: 0,
            pool: Arc::clone(&self.shared),
        })
    }

    /// A buffer of length 0, as soon as there is room. Safe to cancel: the turn passes to the next that waits.
    pub async fn take(&self) -> BlockBuf {
        loop {
            // Registered before looking, so that a buffer given back in between is not missed.
            let room = self.shared.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if let Some(buffer) = self.try_take() {
                return buffer;
            }
            room.await;
        }
    }

    /// Gives free buffers back to the kernel until at most `keep_bytes` of them remain. Live buffers are untouched.
    pub fn trim(&self, keep_bytes: u64) {
        let keep = usize::try_from(keep_bytes / u64::from(BLOCK_LEN)).unwrap_or(usize::MAX);
        let surplus = {
            let mut state = self.shared.state.lock();
            let keep = keep.min(state.free.len());
            let surplus = state.free.split_off(keep);
            state.free.shrink_to(keep);
            surplus
        };
        // Unmapped after the lock is gone: a system call each.
        drop(surplus);
    }

    /// Lets live and free buffers hold up to `cap_bytes` together; a lower cap than before is ignored.
    pub fn raise_cap(&self, cap_bytes: u64) {
        let cap = usize::try_from(cap_bytes / u64::from(BLOCK_LEN)).unwrap_or(usize::MAX);
        self.shared.cap.fetch_max(cap, Ordering::Relaxed);
        self.shared.room.notify_waiters();
    }

    /// Lets live and free buffers hold up to `cap_bytes` together. Where that is less than before, free ones go back to
    /// the kernel, live ones when they are given back, and nobody gets one until then.
    pub fn set_cap(&self, cap_bytes: u64) {
        let cap = usize::try_from(cap_bytes / u64::from(BLOCK_LEN)).unwrap_or(usize::MAX);
        self.shared.cap.store(cap.max(1), Ordering::Relaxed);
        let keep = cap_bytes.saturating_sub(self.live_bytes());
        self.trim(keep);
        self.shared.room.notify_waiters();
    }

    /// Bytes in buffers that somebody holds.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        blocks_to_bytes(self.shared.state.lock().live)
    }

    /// Bytes in buffers that wait for reuse. They count as resident memory until [`Pool::trim`].
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        blocks_to_bytes(self.shared.state.lock().free.len())
    }

    /// The most bytes that live and free buffers may hold together.
    #[must_use]
    pub fn cap_bytes(&self) -> u64 {
        blocks_to_bytes(self.shared.cap.load(Ordering::Relaxed))
    }
}

fn blocks_to_bytes(blocks: usize) -> u64 {
    u64::try_from(blocks)
        .unwrap_or(u64::MAX)
        .saturating_mul(u64::from(BLOCK_LEN))
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("cap_bytes", &self.cap_bytes())
            .field("live_bytes", &self.live_bytes())
            .field("free_bytes", &self.free_bytes())
            .finish()
    }
}

/// One block's bytes: up to [`BLOCK_LEN`] of them. Dereferences to those that were set; returns to its pool on drop.
pub struct BlockBuf {
    /// `None` only within `drop`.
    memory: Option<MmapMut>,
    /// At most `BLOCK_BYTES`.
    len: usize,
    pool: Arc<Shared>,
}

impl BlockBuf {
    /// All [`BLOCK_LEN`] bytes to write into; what lies there is left from an earlier use.
    pub fn space(&mut self) -> &mut [u8] {
        self.memory.as_deref_mut().unwrap_or_default()
    }

    /// States how many bytes of [`BlockBuf::space`] are meant; more than [`BLOCK_LEN`] counts as [`BLOCK_LEN`].
    pub fn set_len(&mut self, len: usize) {
        self.len = len.min(BLOCK_BYTES);
    }

    /// Replaces the content by the first [`BLOCK_LEN`] bytes of `bytes`.
    pub fn copy_from(&mut self, bytes: &[u8]) {
        let len = bytes.len().min(BLOCK_BYTES);
        self.space()[..len].copy_from_slice(&bytes[..len]);
        self.len = len;
    }
}

impl Deref for BlockBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory.as_deref().unwrap_or_default()[..self.len]
    }
}

impl fmt::Debug for BlockBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockBuf({} bytes)", self.len)
    }
}

impl Drop for BlockBuf {
    fn drop(&mut self) {
        {
            let mut state = self.pool.state.lock();
            state.live -= 1;
            if state.live + state.free.len() < self.pool.cap.load(Ordering::Relaxed) {
                state.free.extend(self.memory.take());
            }
        }
        // Beyond a cap that was lowered it is unmapped when the lock is gone.
        self.pool.room.notify_one();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const BLOCK: u64 = BLOCK_LEN as u64;

    #[test]
    fn a_lowered_cap_gives_memory_back_and_holds_from_then_on() {
        let block = u64::from(BLOCK_LEN);
        let pool = Pool::new(4 * block);
        let mut live: Vec<BlockBuf> = (0..4).map(|_| pool.try_take().unwrap()).collect();
        drop(live.pop());
        assert_eq!((pool.live_bytes(), pool.free_bytes()), (3 * block, block));
        pool.set_cap(2 * block);
        assert_eq!((pool.live_bytes(), pool.free_bytes()), (3 * block, 0));
        assert!(pool.try_take().is_none());
        drop(live.pop());
        assert!(pool.try_take().is_none());
        drop(live.pop());
        assert_eq!((pool.live_bytes(), pool.free_bytes()), (block, block));
        assert!(pool.try_take().is_some());
    }

    #[test]
    fn the_cap_is_never_passed() {
        let pool = Pool::new(3 * BLOCK + 5);
        let held: Vec<_> = (0..3).map(|_| pool.try_take().unwrap()).collect();
        assert!(pool.try_take().is_none());
        assert_eq!((pool.live_bytes(), pool.free_bytes()), (3 * BLOCK, 0));
        drop(held);
        assert_eq!((pool.live_bytes(), pool.free_bytes()), (0, 3 * BLOCK));
        let _again = pool.try_take().unwrap();
        assert_eq!((pool.live_bytes(), pool.free_bytes()), (BLOCK, 2 * BLOCK));
    }

    #[test]
    fn a_buffer_shows_only_the_bytes_that_were_set() {
        let pool = Pool::new(BLOCK);
        let mut buffer = pool.try_take().unwrap();
        assert!(buffer.is_empty());
        buffer.copy_from(b"left over");
        assert_eq!(&*buffer, b"left over");
        drop(buffer);
        let mut buffer = pool.try_take().unwrap();
        assert!(buffer.is_empty());
        assert_eq!(buffer.space().len(), BLOCK_BYTES);
        buffer.set_len(usize::MAX);
        assert_eq!(buffer.len(), BLOCK_BYTES);
    }

    #[tokio::test]
    async fn who_waits_for_room_gets_the_next_buffer_given_back() {
        let pool = Pool::new(BLOCK);
        let held = pool.take().await;
        let mut waiting = tokio_test_poll(pool.take());
        assert!(waiting.poll_once().is_none());
        drop(held);
        assert!(waiting.poll_once().is_some());
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_passes_its_turn_on() {
        let pool = Pool::new(BLOCK);
        let held = pool.take().await;
        let mut first = tokio_test_poll(pool.take());
        let mut second = tokio_test_poll(pool.take());
        assert!(first.poll_once().is_none());
        assert!(second.poll_once().is_none());
        drop(held);
        drop(first);
        assert!(second.poll_once().is_some());
    }

    #[test]
    fn trimmed_memory_goes_back_to_the_kernel() {
        const BYTES: u64 = 64 << 20;
        let pool = Pool::new(BYTES);
        let held: Vec<_> = std::iter::from_fn(|| pool.try_take()).collect();
        let full = resident_bytes();
        // Every 64th stays alive: a general allocator keeps nearly all of the rest resident.
        let kept: Vec<_> = held.into_iter().step_by(64).collect();
        assert!(resident_bytes() + (8 << 20) > full);
        pool.trim(0);
        assert!(full - resident_bytes() > BYTES * 3 / 4);
        assert_eq!(pool.free_bytes(), 0);
        assert_eq!(pool.live_bytes(), BYTES / 64);
        drop(kept);
        pool.trim(2 * BLOCK);
        assert_eq!(pool.free_bytes(), 2 * BLOCK);
    }

    fn resident_bytes() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap() * 1024
    }

    /// Polls a future by hand, so that a test need not guess when another task has run.
    struct Polled<F>(std::pin::Pin<Box<F>>);

    fn tokio_test_poll<F: Future>(future: F) -> Polled<F> {
        Polled(Box::pin(future))
    }

    impl<F: Future> Polled<F> {
        fn poll_once(&mut self) -> Option<F::Output> {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            match self.0.as_mut().poll(&mut context) {
                std::task::Poll::Ready(value) => Some(value),
                std::task::Poll::Pending => None,
            }
        }
    }
}
