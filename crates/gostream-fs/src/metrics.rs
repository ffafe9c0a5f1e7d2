//! Counters of the file system: plain atomics, shared with whoever exports them.
//!
//! The binary makes one [`FsMetrics`] and passes it to [`crate::mount()`]; the operations add to it. Gauges
//! (`open_handles`, `reads_waiting`) are zero again when everything is closed and answered.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counters of one mount. Relaxed order: each is right for itself.
#[derive(Debug, Default)]
pub struct FsMetrics {
    /// Lookups answered.
    pub lookups: AtomicU64,
    /// Directory pages answered.
    pub readdirs: AtomicU64,
    /// Successful opens of films and side-cars.
    pub opens: AtomicU64,
    /// Opens that failed.
    pub open_failures: AtomicU64,
    /// Handles that are open now.
    pub open_handles: AtomicU64,
    /// Reads of films that were given to the source.
    pub reads: AtomicU64,
    /// Bytes of films answered.
    pub read_bytes: AtomicU64,
    /// Reads that wait for their answer now.
    pub reads_waiting: AtomicU64,
    /// Reads that failed because their deadline passed.
    pub reads_timed_out: AtomicU64,
    /// Reads that failed because nobody has the bytes.
    pub reads_unavailable: AtomicU64,
    /// Reads that failed because of the shutdown.
    pub reads_shut_down: AtomicU64,
    /// Reads that failed for another reason, among them answers of a wrong length and dropped replies.
    pub reads_failed: AtomicU64,
    /// Ranges of cached pages that the kernel was told to drop.
    pub invalidations: AtomicU64,
    /// Trees published.
    pub publishes: AtomicU64,
    /// Changes of the library that were made through the mount.
    pub edits: AtomicU64,
}

impl FsMetrics {
    pub(crate) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Relaxed);
    }

    pub(crate) fn take(counter: &AtomicU64, by: u64) {
        counter.fetch_sub(by, Relaxed);
    }

    /// The value of one counter.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Relaxed)
    }
}
