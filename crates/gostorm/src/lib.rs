//! The engine's tokio shell: sockets, drivers, piece cache, hashing, discovery.

pub mod cache;
pub mod dial;
pub mod hasher;
pub mod listen;
pub mod peer;
pub mod pool;
pub mod tracker;
