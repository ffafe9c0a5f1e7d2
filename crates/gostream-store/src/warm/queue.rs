//! What waits to be written: two bounded lanes, probes before bulk.
//!
//! Whoever offers bytes never waits: a full lane refuses. The writer takes from the lane of bulk only when its pace
//! allows it, and probes pass meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::key::Shelf;
use super::title::Title;

/// Bytes that may wait: a scan of many titles comes faster than a slow disk writes.
const BYTES_MAX: usize = 32 << 20;
/// Bytes of them that may be bulk.
const BULK_BYTES_MAX: usize = 16 << 20;
/// Jobs that may wait in a lane, however small they are.
const JOBS_MAX: usize = 8_192;

/// Work for the writer.
pub(super) enum Job {
    /// Bytes of a title.
    Store {
        title: Arc<Title>,
        shelf: Shelf,
        offset: u64,
        bytes: Box<[u8]>,
    },
    /// A title was played.
    Touch(Arc<Title>),
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Store { bytes, .. } => bytes.len(),
            Self::Touch(_) => 0,
        }
    }

    const fn lane(&self) -> usize {
        match self {
            Self::Store { shelf, .. } => shelf.at(),
            Self::Touch(_) => Shelf::Bulk.at(),
        }
    }
}

/// What the writer shall do.
pub(super) enum Next {
    /// This.
    Work(Job),
    /// Nothing came until the time that was given.
    Idle,
    /// Nothing waits, and nothing will come.
    End,
}

#[derive(Default)]
struct Lane {
    jobs: VecDeque<Job>,
    bytes: usize,
}

#[derive(Default)]
struct Lanes {
    lanes: [Lane; 2],
    ended: bool,
}

/// The lanes.
#[derive(Default)]
pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    changed: Condvar,
}

impl Queue {
    /// Whether `bytes` more would be taken now: asked before they are copied.
    pub(super) fn has_room(&self, shelf: Shelf, bytes: usize) -> bool {
        self.lanes.lock().has_room(shelf.at(), bytes)
    }

    /// Takes a job in; false when there is no room.
    pub(super) fn push(&self, job: Job) -> bool {
        let (lane, bytes) = (job.lane(), job.bytes());
        let mut lanes = self.lanes.lock();
        if !lanes.has_room(lane, bytes) {
            return false;
        }
        lanes.lanes[lane].bytes += bytes;
        lanes.lanes[lane].jobs.push_back(job);
        drop(lanes);
        self.changed.notify_one();
        true
    }

    /// Waits for work until `until`. Bulk is left until `bulk_from`.
    pub(super) fn next(&self, bulk_from: Instant, until: Instant) -> Next {
        let mut lanes = self.lanes.lock();
        loop {
            let now = Instant::now();
            let bulk = lanes.ended || bulk_from <= now;
            let lane = Shelf::ALL
                .into_iter()
                .filter(|shelf| bulk || *shelf == Shelf::Probe)
                .find_map(|shelf| {
                    let lane = &mut lanes.lanes[shelf.at()];
                    let job = lane.jobs.pop_front()?;
                    lane.bytes -= job.bytes();
                    Some(job)
                });
            if let Some(job) = lane {
                return Next::Work(job);
            }
            if lanes.ended {
                return Next::End;
            }
            if until <= now {
                return Next::Idle;
            }
            let bulk_waits = !lanes.lanes[Shelf::Bulk.at()].jobs.is_empty();
            let wake = if bulk_waits {
                until.min(bulk_from)
            } else {
                until
            };
            self.changed.wait_until(&mut lanes, wake);
        }
    }

    /// Nothing more is taken in; the writer ends when it has done what waits.
    pub(super) fn end(&self) {
        self.lanes.lock().ended = true;
        self.changed.notify_all();
    }

    /// Whether [`Queue::end`] was called.
    pub(super) fn is_ending(&self) -> bool {
        self.lanes.lock().ended
    }

    /// Jobs that wait.
    pub(super) fn len(&self) -> usize {
        self.lanes
            .lock()
            .lanes
            .iter()
            .map(|lane| lane.jobs.len())
            .sum()
    }
}

impl Lanes {
    fn has_room(&self, lane: usize, bytes: usize) -> bool {
        let waiting: usize = self.lanes.iter().map(|lane| lane.bytes).sum();
        let most = [BYTES_MAX, BULK_BYTES_MAX][lane];
        let lane = &self.lanes[lane];
        !self.ended
            && lane.jobs.len() < JOBS_MAX
            && waiting + bytes <= BYTES_MAX
            && lane.bytes + bytes <= most
    }
}
