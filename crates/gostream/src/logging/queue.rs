//! Lines on their way to one output: taken from whoever logs without a wait, written by a thread.
//!
//! What always holds: at most [`WAITING_MAX`] bytes wait; what does not fit is left out and counted, and a line tells of it
//! later. An output that fails is tried again with the next line; who logs never hears of it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// What waits at most, in bytes; as much again may be in the hands of the thread.
const WAITING_MAX: usize = 4 << 20;

/// See the module.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// Something waits, or nothing more.
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// Lines that found no room.
    left_out: u64,
    /// The thread has lines in its hands.
    writing: bool,
}

impl Queue {
    /// A queue whose lines a thread writes, until the process ends.
    pub(super) fn start(name: &'static str, output: impl Write + Send + 'static) -> Arc<Self> {
        let queue = Arc::new(Self {
            waiting: Mutex::default(),
            changed: Condvar::new(),
        });
        let lines = Arc::clone(&queue);
        let writer = thread::Builder::new().name("gs-log".to_owned());
        // Without a thread nothing is logged, and the queue stays within its bound.
        let _ = writer.spawn(move || lines.write_on(name, output));
        queue
    }

    /// Waits until everything is written, or so long.
    pub(super) fn written(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let mut waiting = self.waiting.lock();
        while waiting.writing || !waiting.lines.is_empty() {
            if self.changed.wait_until(&mut waiting, end).timed_out() {
                return;
            }
        }
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting.lock();
        if waiting.bytes + line.len() > WAITING_MAX {
            waiting.left_out += 1;
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.into());
        self.changed.notify_all();
    }

    /// All that waits, and how many lines found no room since the last time. Waits for one.
    fn take(&self) -> (VecDeque<Box<[u8]>>, u64) {
        let mut waiting = self.waiting.lock();
        waiting.writing = false;
        self.changed.notify_all();
        while waiting.lines.is_empty() {
            self.changed.wait(&mut waiting);
        }
        waiting.writing = true;
        waiting.bytes = 0;
        (
            mem::take(&mut waiting.lines),
            mem::take(&mut waiting.left_out),
        )
    }

    fn write_on(&self, name: &str, mut output: impl Write) {
        let mut lost: u64 = 0;
        loop {
            let (lines, left_out) = self.take();
            for line in lines {
                match output.write_all(&line) {
                    Ok(()) if lost > 0 => {
                        tracing::warn!(lines = lost, "{name} is written again; lines were lost");
                        lost = 0;
                    }
                    Ok(()) => {}
                    Err(error) => {
                        if lost == 0 {
                            tracing::warn!(%error, "{name} cannot be written");
                        }
                        lost += 1;
                    }
                }
            }
            if left_out > 0 {
                tracing::warn!(lines = left_out, "{name} is too slow: lines were left out");
            }
        }
    }
}

impl Write for &Queue {
    /// Takes a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// An output that waits for leave before each line.
    struct Slow {
        leave: Receiver<io::Result<()>>,
        written: Sender<String>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // Without anybody who gives leave, the test is over.
            self.leave.recv().unwrap_or(Ok(()))?;
            let _ = self
                .written
                .send(String::from_utf8_lossy(line).into_owned());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Arc<Queue>, Sender<io::Result<()>>, Receiver<String>) {
        let (allow, leave) = channel();
        let (written, lines) = channel();
        (
            Queue::start("a test", Slow { leave, written }),
            allow,
            lines,
        )
    }

    #[test]
    fn who_logs_waits_for_nothing_and_what_finds_no_room_is_counted() {
        let (queue, allow, lines) = slow();
        let line = vec![b'x'; 1 << 20];
        // The output stands still: the thread holds what came first, the rest waits or is left out.
        for _ in 0..20 {
            queue.push(&line);
        }
        let waiting = queue.waiting.lock();
        assert!(waiting.bytes <= WAITING_MAX);
        let left_out = waiting.left_out;
        assert!(left_out >= 20 - 2 * 4, "{left_out}");
        drop(waiting);
        let kept = 20 - usize::try_from(left_out).unwrap_or(usize::MAX);
        for _ in 0..kept {
            assert!(allow.send(Ok(())).is_ok());
        }
        assert_eq!(lines.iter().take(kept).count(), kept);
        queue.written(LIMIT);
        assert!(queue.waiting.lock().lines.is_empty());
    }

    #[test]
    fn a_line_that_fails_is_lost_and_the_next_is_written() {
        let (queue, allow, lines) = slow();
        for line in ["one", "two", "three"] {
            queue.push(line.as_bytes());
        }
        for answer in [Ok(()), Err(io::ErrorKind::StorageFull.into()), Ok(())] {
            assert!(allow.send(answer).is_ok());
        }
        let written: Vec<String> = lines.iter().take(2).collect();
        assert_eq!(written, ["one", "three"]);
    }

    #[test]
    fn the_end_waits_for_what_is_not_written_but_not_for_ever() {
        let (queue, allow, lines) = slow();
        queue.push(b"last words");
        queue.written(Duration::from_millis(1));
        assert!(lines.try_recv().is_err());
        assert!(allow.send(Ok(())).is_ok());
        queue.written(LIMIT);
        assert_eq!(lines.try_recv().as_deref(), Ok("last words"));
    }
}
