//! The thread on which the library is changed, and the queue before it.
//!
//! The threads that serve the kernel put a change in, with its reply, and go on; an editor that waits for a
//! disk holds up other changes and nothing else. One thread, so changes happen in the order in which they came.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::Editing;

/// Changes that may wait. The kernel has one under way for each program that waits for it; what comes beyond
/// is answered EIO, by its dropped reply.
const WAITING_MAX: usize = 1024;

type Change = Box<dyn FnOnce(&Editing) + Send>;

/// Where changes are handed in. The thread ends when this is gone and everything before is done.
#[derive(Clone)]
pub(crate) struct EditQueue {
    changes: SyncSender<Change>,
}

impl EditQueue {
    /// Starts the thread.
    pub(crate) fn start(editing: Editing) -> io::Result<(Self, JoinHandle<()>)> {
        let (changes, waiting) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("gostream-edit".to_owned())
            .spawn(move || serve(&editing, &waiting))?;
        Ok((Self { changes }, thread))
    }

    /// Hands in a change. When too many wait it is dropped, with the reply in it.
    pub(crate) fn put(&self, change: impl FnOnce(&Editing) + Send + 'static) {
        if self.changes.try_send(Box::new(change)).is_err() {
            tracing::warn!(WAITING_MAX, "too many changes of the library wait");
        }
    }
}

fn serve(editing: &Editing, waiting: &Receiver<Change>) {
    while let Ok(change) = waiting.recv() {
        // The reply is dropped by the unwinding, which answers it; the next change finds whole state, since
        // the tree is only ever swapped.
        if catch_unwind(AssertUnwindSafe(|| change(editing))).is_err() {
            tracing::error!("a change of the library panicked");
        }
    }
}
