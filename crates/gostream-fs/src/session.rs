//! The thread that serves the kernel, and its end: by our unmount, or because somebody else unmounted.
//!
//! `mount.rs` starts it and waits for it. fuser's own background session is not used, since it would unmount
//! the path once more when it ends: by then another instance may be mounted there.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fuser::Session;
use parking_lot::{Condvar, Mutex};

use crate::fuse::GoStreamFs;

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The mount is gone: by [`crate::Mounted::unmount`], or by `umount` or `fusermount3 -u` from outside.
    Unmounted,
    /// Serving failed; the mount is dead though it may still be there.
    Failed(String),
}

type Callback = Box<dyn FnOnce(&SessionEnd) + Send>;

/// Where the end is announced.
#[derive(Default)]
pub(crate) struct End {
    state: Mutex<EndState>,
    changed: Condvar,
}

#[derive(Default)]
struct EndState {
    end: Option<SessionEnd>,
    callbacks: Vec<Callback>,
}

impl End {
    /// Serves the session on a thread of its own.
    pub(crate) fn run(
        self: &Arc<Self>,
        session: Session<GoStreamFs>,
    ) -> io::Result<JoinHandle<()>> {
        let end = Arc::clone(self);
        std::thread::Builder::new()
            .name("gostream-fuse".to_owned())
            .spawn(move || {
                end.announce(match session.run() {
                    Ok(()) => SessionEnd::Unmounted,
                    Err(error) => SessionEnd::Failed(error.to_string()),
                });
            })
    }

    fn announce(&self, how: SessionEnd) {
        let callbacks = {
            let mut state = self.state.lock();
            state.end = Some(how.clone());
            std::mem::take(&mut state.callbacks)
        };
        self.changed.notify_all();
        for callback in callbacks {
            callback(&how);
        }
    }

    pub(crate) fn get(&self) -> Option<SessionEnd> {
        self.state.lock().end.clone()
    }

    pub(crate) fn on_end(&self, callback: Callback) {
        let mut state = self.state.lock();
        match state.end.clone() {
            None => state.callbacks.push(callback),
            Some(end) => {
                drop(state);
                callback(&end);
            }
        }
    }

    pub(crate) fn wait(&self) -> SessionEnd {
        let mut state = self.state.lock();
        loop {
            if let Some(end) = &state.end {
                return end.clone();
            }
            self.changed.wait(&mut state);
        }
    }

    /// Waits at most `time`; whether the session has ended.
    pub(crate) fn wait_for(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut state = self.state.lock();
        while state.end.is_none() {
            if self.changed.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.end.is_some()
    }
}
