//! What the kernel is told of its own accord: cached pages that are wrong, and a tree that has changed.
//!
//! Both are sent from threads of their own. The kernel takes a page's lock to drop it, and a directory's lock
//! to forget a name: told from a request thread of the same inode that is a deadlock, and a page under a read
//! that waits for the swarm holds up the teller until that read is answered. Therefore two threads, so that
//! pages that are stuck never delay the tree.
//!
//! Both queues are bounded and lose nothing: too many ranges become "the whole file", and trees that follow
//! each other quickly are compared first with last.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::sync::{Arc, OnceLock};

use fuser::{INodeNo, Notifier};
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashSet;

use crate::metrics::FsMetrics;
use crate::shared::Shared;
use crate::tree::Tree;
use crate::tree::diff::{Change, changes};

/// Ranges that wait; more of them become whole files.
const MAX_RANGES: usize = 1024;

/// Tells the kernel that bytes it may have cached are wrong. Cheap to clone; never blocks.
#[derive(Clone)]
pub struct EventSender {
    pages: Arc<PageEvents>,
}

impl EventSender {
    /// The kernel shall drop the pages of `len` bytes at `offset` of the file `ino`; `len` 0: up to its end.
    pub fn invalidate(&self, ino: u64, offset: u64, len: u64) {
        self.pages.push(Range { ino, offset, len });
    }
}

impl std::fmt::Debug for EventSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventSender")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    ino: u64,
    offset: u64,
    len: u64,
}

/// The queue of [`EventSender`].
#[derive(Default)]
pub(crate) struct PageEvents {
    queue: Mutex<PageQueue>,
    changed: Condvar,
}

#[derive(Default)]
struct PageQueue {
    ranges: VecDeque<Range>,
    /// Files to drop whole. Bounded by the number of files.
    whole: FxHashSet<u64>,
    stopped: bool,
}

impl PageQueue {
    fn push(&mut self, range: Range) {
        if self.whole.contains(&range.ino) {
            return;
        }
        if self.ranges.len() == MAX_RANGES {
            self.whole
                .extend(self.ranges.drain(..).map(|range| range.ino));
            self.whole.insert(range.ino);
        } else {
            self.ranges.push_back(range);
        }
    }

    fn pop(&mut self) -> Option<Range> {
        if let Some(range) = self.ranges.pop_front() {
            return Some(range);
        }
        let ino = self.whole.iter().next().copied()?;
        self.whole.remove(&ino);
        Some(Range {
            ino,
            offset: 0,
            len: 0,
        })
    }
}

impl PageEvents {
    pub(crate) fn sender(self: &Arc<Self>) -> EventSender {
        EventSender {
            pages: Arc::clone(self),
        }
    }

    fn push(&self, range: Range) {
        self.queue.lock().push(range);
        self.changed.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.queue.lock().stopped = true;
        self.changed.notify_all();
    }

    /// The thread that drops pages; ends at [`PageEvents::stop`].
    pub(crate) fn serve(&self, notifier: &Notifier, metrics: &FsMetrics) {
        loop {
            let mut queue = self.queue.lock();
            let range = loop {
                if queue.stopped {
                    return;
                }
                match queue.pop() {
                    Some(range) => break range,
                    None => self.changed.wait(&mut queue),
                }
            };
            drop(queue);
            // The kernel counts in signed numbers; a file is below 2^53 bytes.
            let offset = i64::try_from(range.offset).unwrap_or(i64::MAX);
            let len = i64::try_from(range.len).unwrap_or(0);
            FsMetrics::add(&metrics.invalidations, 1);
            log_failure(
                "pages",
                notifier.inval_inode(INodeNo(range.ino), offset, len),
            );
        }
    }
}

/// The trees that were published, and how far the kernel has been told of them.
pub(crate) struct TreeEvents {
    /// How many changes were made through the mount. Held while one is made: a scan that began before it must
    /// not be published after it. Taken before `state`, and never by who waits for the kernel.
    pub(crate) edits: Mutex<u64>,
    state: Mutex<TreeState>,
    changed: Condvar,
    on_change: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct TreeState {
    published: u64,
    told: u64,
    /// The tree that the kernel knows, when `told` is `published`.
    known: Arc<Tree>,
    stopped: bool,
}

/// A tree that has been published; see [`Published::wait`].
#[derive(Clone)]
pub struct Published {
    number: u64,
    events: Arc<TreeEvents>,
}

impl Published {
    /// Waits until the kernel has been told, so that every program sees the new tree. Not from a thread that
    /// answers the kernel.
    pub fn wait(self) {
        let mut state = self.events.state.lock();
        while state.told < self.number && !state.stopped {
            self.events.changed.wait(&mut state);
        }
    }
}

impl TreeEvents {
    pub(crate) fn new(known: Arc<Tree>) -> Self {
        Self {
            edits: Mutex::new(0),
            state: Mutex::new(TreeState {
                published: 0,
                told: 0,
                known,
                stopped: false,
            }),
            changed: Condvar::new(),
            on_change: OnceLock::new(),
        }
    }

    /// Has `callback` called after each change of the tree that is shown. The first one stays.
    pub(crate) fn on_change(&self, callback: Box<dyn Fn() + Send + Sync>) {
        // A second one is not taken.
        let _ = self.on_change.set(callback);
    }

    pub(crate) fn publish(self: &Arc<Self>, shared: &Shared, tree: Tree) -> Published {
        FsMetrics::add(&shared.metrics.publishes, 1);
        let mut state = self.state.lock();
        shared.tree.store(Arc::new(tree));
        state.published += 1;
        let number = state.published;
        drop(state);
        self.changed.notify_all();
        self.tell_listener();
        Published {
            number,
            events: Arc::clone(self),
        }
    }

    /// Shows what was changed through the mount. The kernel asked for it and knows; it is told only as part of
    /// a publish of which it has not been told yet.
    pub(crate) fn publish_edit(&self, shared: &Shared, tree: Tree, edits: &mut u64) {
        *edits += 1;
        let tree = Arc::new(tree);
        let mut state = self.state.lock();
        shared.tree.store(Arc::clone(&tree));
        if state.told == state.published {
            state.known = tree;
        }
        drop(state);
        self.tell_listener();
    }

    fn tell_listener(&self) {
        if let Some(callback) = self.on_change.get() {
            callback();
        }
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// The thread that tells of trees; ends at [`TreeEvents::stop`].
    pub(crate) fn serve(&self, shared: &Shared, notifier: &Notifier, pages: &EventSender) {
        loop {
            let mut state = self.state.lock();
            while state.told == state.published && !state.stopped {
                self.changed.wait(&mut state);
            }
            if state.stopped {
                return;
            }
            let number = state.published;
            let (told, now) = (Arc::clone(&state.known), shared.tree.load_full());
            drop(state);
            let remember_absence = !shared.config.negative_timeout.is_zero();
            for change in changes(&told, &now) {
                tell(change, notifier, pages, remember_absence);
            }
            let mut state = self.state.lock();
            (state.told, state.known) = (number, now);
            drop(state);
            self.changed.notify_all();
        }
    }
}

fn tell(change: Change<'_>, notifier: &Notifier, pages: &EventSender, remember_absence: bool) {
    let ino = |node: crate::tree::NodeRef<'_>| INodeNo(node.ino());
    match change {
        // A file's watchers hear of it. A directory is only forgotten: the kernel would mark it as dead, and it
        // may come back with the same number while a program still stands in it.
        Change::Removed(node) if !node.is_dir() => {
            let (parent, name) = (ino(node.parent()), OsStr::new(node.name()));
            if notifier.delete(parent, ino(node), name).is_err() {
                log_failure("name", notifier.inval_entry(parent, name));
            }
        }
        Change::Removed(node) | Change::Moved(node) => log_failure(
            "name",
            notifier.inval_entry(ino(node.parent()), OsStr::new(node.name())),
        ),
        Change::Added(node) => {
            if remember_absence {
                log_failure(
                    "name",
                    notifier.inval_entry(ino(node.parent()), OsStr::new(node.name())),
                );
            }
        }
        Change::Content(node) => {
            log_failure("attributes", notifier.inval_inode(ino(node), -1, 0));
            pages.invalidate(node.ino(), 0, 0);
        }
        Change::Attributes(node) => {
            log_failure("attributes", notifier.inval_inode(ino(node), -1, 0));
        }
    }
}

/// A failed notice costs no more than the time to live of what it was about, or the mount is gone.
fn log_failure(what: &str, result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, what, "the kernel did not take a notice");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(ino: u64, offset: u64) -> Range {
        Range {
            ino,
            offset,
            len: 1,
        }
    }

    #[test]
    fn ranges_come_out_in_order() {
        let mut queue = PageQueue::default();
        queue.push(range(5, 0));
        queue.push(range(6, 1));
        assert_eq!(queue.pop(), Some(range(5, 0)));
        assert_eq!(queue.pop(), Some(range(6, 1)));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn too_many_ranges_become_whole_files_and_none_is_lost() {
        let mut queue = PageQueue::default();
        for offset in 0..5000 {
            queue.push(range(10 + offset % 3, offset));
        }
        assert!(queue.ranges.len() <= MAX_RANGES);
        let mut whole: Vec<u64> = std::iter::from_fn(|| queue.pop())
            .filter(|range| range.len == 0)
            .map(|range| range.ino)
            .collect();
        whole.sort_unstable();
        assert_eq!(whole, [10, 11, 12]);
    }
}
