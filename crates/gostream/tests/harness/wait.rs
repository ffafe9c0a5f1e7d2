//! Waiting for a condition with a deadline; the one place where a test may pause.

use std::thread;
use std::time::{Duration, Instant};

/// How long to pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(10);

/// Returns what `look` finds as soon as it finds it.
///
/// # Panics
/// With `what`, when nothing was found for `limit`.
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        thread::park_timeout(PAUSE);
    }
}

/// Runs `work` on a thread and returns its result.
///
/// For calls that a broken server could hang for ever. The thread is left behind when that
/// happens; it ends when the server is killed, which the test's panic brings about.
///
/// # Panics
/// With `what`, when it takes longer than `limit`, or when `work` itself panics.
pub(crate) fn within<T: Send + 'static>(
    what: &str,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || sender.send(work()));
    match receiver.recv_timeout(limit) {
        Ok(result) => result,
        Err(error) => panic!("{what}: {error} (limit {limit:?})"),
    }
}
