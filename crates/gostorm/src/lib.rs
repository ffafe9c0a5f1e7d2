//! The engine's tokio shell: sockets, drivers, piece cache, hashing, discovery.
