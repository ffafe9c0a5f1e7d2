//! What is left of a swarm whose driver ended, by sleep or by a panic: nothing.

use super::Running;

impl Drop for Running {
    /// Open streams hold the cache as well: a driver that panicked must not leave its bytes with them.
    fn drop(&mut self) {
        self.cache.clear();
    }
}
