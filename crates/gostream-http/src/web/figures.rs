//! What a port did and does.

use std::sync::atomic::AtomicU64;

/// Plain atomics, shared with whoever shows them.
#[derive(Debug, Default)]
pub struct WebFigures {
    /// Connections now.
    pub connections: AtomicU64,
    /// Answers since the start, by the first digit of their status: 1xx to 5xx.
    pub answers: [AtomicU64; 5],
}
