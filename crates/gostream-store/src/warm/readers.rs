//! Reads that must wait for the disk, done by a few threads of their own.
//!
//! The threads that serve the kernel hand a read over and go on. A disk that hangs or is slow holds nobody up: a read
//! that was not answered after a while is given back as not found, and the swarm is asked. What always holds: each
//! callback is called exactly once.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;

use super::log::{Haste, Outcome};
use super::title::{Buffer, Title};

/// Reads that may wait: about as many as the kernel sends at once.
const JOBS_MAX: usize = 3_072;
/// Threads: as many requests as a card or disk can use side by side.
const THREADS: usize = 4;

/// Gets the bytes, or `None` when they are not here.
pub type Callback = Box<dyn FnOnce(Option<&[u8]>) + Send>;

struct Job {
    id: u64,
    title: Arc<Title>,
    /// What is to be read; without it, only the index.
    range: Option<Range<u64>>,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    callbacks: FxHashMap<u64, Callback>,
    /// By when each is given back, in order.
    due: VecDeque<(Instant, u64)>,
    next: u64,
    ended: bool,
}

/// The threads and what they have to do.
pub(super) struct Readers {
    waiting: Mutex<Waiting>,
    work: Condvar,
    overdue: Condvar,
    patience: Duration,
}

impl Readers {
    /// Reads that take longer than `patience` are given back.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            waiting: Mutex::default(),
            work: Condvar::new(),
            overdue: Condvar::new(),
            patience,
        }
    }

    /// Starts the threads.
    pub(super) fn start(self: &Arc<Self>) -> io::Result<()> {
        for number in 0..THREADS {
            let readers = Arc::clone(self);
            let name = format!("warm-read-{number}");
            thread::Builder::new()
                .name(name)
                .spawn(move || readers.work())?;
        }
        let readers = Arc::clone(self);
        let watch = thread::Builder::new().name("warm-watch".to_owned());
        watch.spawn(move || readers.watch())?;
        Ok(())
    }

    /// Reads `range` of `title` in the background; without a range it asks the disk what is there, and reads nothing.
    /// The callback comes back when too many wait.
    pub(super) fn submit(
        &self,
        title: &Arc<Title>,
        range: Option<Range<u64>>,
        callback: Callback,
    ) -> Result<(), Callback> {
        let mut waiting = self.waiting.lock();
        if waiting.ended || waiting.callbacks.len() >= JOBS_MAX {
            return Err(callback);
        }
        let id = waiting.next;
        waiting.next += 1;
        waiting.callbacks.insert(id, callback);
        waiting.due.push_back((Instant::now() + self.patience, id));
        waiting.jobs.push_back(Job {
            id,
            title: Arc::clone(title),
            range,
        });
        let is_first = waiting.due.len() == 1;
        drop(waiting);
        self.work.notify_one();
        if is_first {
            self.overdue.notify_one();
        }
        Ok(())
    }

    /// Gives back all that waits and ends the threads, save one that the disk holds.
    pub(super) fn end(&self) {
        let callbacks = {
            let mut waiting = self.waiting.lock();
            waiting.ended = true;
            waiting.jobs.clear();
            std::mem::take(&mut waiting.callbacks)
        };
        self.work.notify_all();
        self.overdue.notify_all();
        for callback in callbacks.into_values() {
            callback(None);
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.ended {
                return None;
            }
            while let Some(job) = waiting.jobs.pop_front() {
                if waiting.callbacks.contains_key(&job.id) {
                    return Some(job);
                }
            }
            self.work.wait(&mut waiting);
        }
    }

    fn work(&self) {
        let mut buffer = Buffer::default();
        while let Some(Job { id, title, range }) = self.next_job() {
            let outcome = if let Some(range) = &range {
                title.load_for(range);
                title.read(range, Haste::Wait, &mut buffer)
            } else {
                title.load_all();
                Outcome::Bad
            };
            if let Some(callback) = self.take(id) {
                callback((outcome == Outcome::Read).then_some(buffer.bytes()));
            }
        }
    }

    fn take(&self, id: u64) -> Option<Callback> {
        let mut waiting = self.waiting.lock();
        let callback = waiting.callbacks.remove(&id);
        while let Some((_, front)) = waiting.due.front() {
            if waiting.callbacks.contains_key(front) {
                break;
            }
            waiting.due.pop_front();
        }
        callback
    }

    /// Gives back what is overdue.
    fn watch(&self) {
        let mut waiting = self.waiting.lock();
        while !waiting.ended {
            match waiting.due.front().copied() {
                None => self.overdue.wait(&mut waiting),
                Some((due, id)) if due <= Instant::now() => {
                    waiting.due.pop_front();
                    if let Some(callback) = waiting.callbacks.remove(&id) {
                        drop(waiting);
                        tracing::debug!("the warm cache took too long: the swarm is asked");
                        callback(None);
                        waiting = self.waiting.lock();
                    }
                }
                Some((due, _)) => {
                    self.overdue.wait_until(&mut waiting, due);
                }
            }
        }
    }
}
