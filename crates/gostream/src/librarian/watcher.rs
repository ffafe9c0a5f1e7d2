//! The thread that keeps the mount in step with the stub tree when other programs change it.
//!
//! It waits for the kernel to tell of changed folders (`inotify`) or of a changed mount table, lets a burst of
//! changes end, and has the shelf look where something changed. At most a third of the time is spent looking, so
//! that a storm of changes delays what is shown but never takes the machine. Where changes cannot be heard
//! (network file systems, or the kernel's limit of watches) it looks through everything from time to time.
//! A library that lost its disk is looked for until it is back.

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::Timespec;

use super::inotify::{Heard, Watch};
use super::shelf::{Scope, Shelf};

/// Changes that follow each other by less than this are one.
const QUIET: Duration = Duration::from_millis(60);
/// A burst that does not end is looked at after this.
const BURST_MAX: Duration = Duration::from_millis(300);
/// How often we look whether the root is still the folder that is shown.
const ROOT_CHECK: Duration = Duration::from_secs(5);
/// The same while it is not.
const ROOT_GONE_CHECK: Duration = Duration::from_secs(1);
/// How often folders that could not be read are tried again.
const TROUBLE_RETRY: Duration = Duration::from_secs(30);

/// File systems that other machines (or programs) may change without our kernel knowing: NFS, SMB (three
/// generations), FUSE, 9p, Ceph, AFS, Coda. `statfs(2)`, f_type.
const REMOTE: [u64; 9] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x0102_1997,
    0x00c3_6400,
    0x5346_414f,
    0x7375_7245,
];

/// The running thread. Dropping it ends the thread.
pub(crate) struct Watcher {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts the thread. `rescan`: how often to look through everything where changes cannot be heard.
    pub(crate) fn start(
        shelf: Arc<Shelf>,
        watch: Arc<Watch>,
        rescan: Duration,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let mut rounds = Rounds::new(shelf, watch, rescan)?;
        let until = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("gostream-watch".to_owned())
            .spawn(move || while rounds.wait(&until) && rounds.work() {})?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The counter of a new eventfd always has room.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches the library panicked");
        }
    }
}

struct Rounds {
    shelf: Arc<Shelf>,
    watch: Arc<Watch>,
    /// `/proc/self/mountinfo`; polls as exceptional when the table changed.
    table: File,
    /// What was mounted on the way to the root and below it.
    mounts: Vec<(PathBuf, String)>,
    heard: Heard,
    /// When the first and the last of what was heard came.
    burst: Option<(Instant, Instant)>,
    not_before: Instant,
    next_check: Instant,
    /// When everything is looked through, told or not.
    next_rescan: Option<Instant>,
    rescan: Duration,
}

impl Rounds {
    fn new(shelf: Arc<Shelf>, watch: Arc<Watch>, rescan: Duration) -> std::io::Result<Self> {
        let now = Instant::now();
        let mounts = gostream_fs::mounts_about(shelf.root())?;
        let deaf = why_deaf(shelf.root(), &watch);
        if let Some(why) = &deaf {
            tracing::warn!(
                why,
                every = ?rescan,
                "the kernel does not tell of all changes in the library; it is looked through from time to time"
            );
        }
        Ok(Self {
            shelf,
            watch,
            table: File::open("/proc/self/mountinfo")?,
            mounts,
            heard: Heard::default(),
            burst: None,
            not_before: now,
            next_check: now + ROOT_CHECK,
            next_rescan: deaf.map(|_| now + rescan),
            rescan,
        })
    }

    /// Waits until there may be something to do; false when the thread is to end.
    fn wait(&mut self, stop: &OwnedFd) -> bool {
        let due = self.due();
        let timeout = due.saturating_duration_since(Instant::now());
        let Ok(timeout) = Timespec::try_from(timeout) else {
            return false;
        };
        let mut fds = vec![
            PollFd::new(stop, PollFlags::IN),
            PollFd::from_borrowed_fd(self.table.as_fd(), PollFlags::PRI),
        ];
        if let Some(queue) = self.watch.queue() {
            fds.push(PollFd::from_borrowed_fd(queue, PollFlags::IN));
        }
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                tracing::error!(%error, "the library is not watched any more");
                return false;
            }
        }
        if !fds[0].revents().is_empty() {
            return false;
        }
        let table_changed = !fds[1].revents().is_empty();
        drop(fds);
        let was_empty = self.heard.is_empty();
        let before = self.heard.folders.len();
        self.watch.hear(&mut self.heard);
        if table_changed {
            self.compare_mounts();
        }
        let now = Instant::now();
        if was_empty && !self.heard.is_empty() {
            self.burst = Some((now, now));
        } else if self.heard.folders.len() != before
            && let Some((_, last)) = &mut self.burst
        {
            *last = now;
        }
        true
    }

    /// When to look, or to see whether the root is there.
    fn due(&self) -> Instant {
        let look = self.burst.map(|(first, last)| {
            let calm = (last + QUIET).min(first + BURST_MAX);
            calm.max(self.not_before)
        });
        let times = [Some(self.next_check), self.next_rescan, look];
        times.into_iter().flatten().min().unwrap_or(self.next_check)
    }

    /// Does what is due.
    fn work(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.next_check {
            let is_shown = self.shelf.root_is_shown();
            if !is_shown {
                self.heard.everything();
                self.burst.get_or_insert((now, now));
            }
            self.next_check = now
                + if is_shown {
                    ROOT_CHECK
                } else {
                    ROOT_GONE_CHECK
                };
        }
        if self.next_rescan.is_some_and(|at| now >= at) {
            self.heard.everything();
            self.burst.get_or_insert((now, now));
            self.next_rescan = None;
        }
        if self.burst.is_some() && now >= self.due() {
            self.look();
        }
        true
    }

    fn look(&mut self) {
        let begin = Instant::now();
        let heard = std::mem::take(&mut self.heard);
        self.burst = None;
        let scope = if heard.all {
            Scope::All
        } else {
            Scope::Heard(&heard.folders)
        };
        // What went wrong is kept, and logged, by the shelf.
        let _ = self.shelf.look(scope);
        let end = Instant::now();
        let took = end - begin;
        let folders = heard.folders.len();
        tracing::debug!(?took, all = heard.all, folders, "looked at the library");
        self.not_before = end + 2 * took;
        if !self.shelf.root_is_shown() {
            self.next_check = end + ROOT_GONE_CHECK;
        }
        let deaf = why_deaf(self.shelf.root(), &self.watch).map(|_| self.rescan);
        let trouble = self.shelf.trouble().map(|_| TROUBLE_RETRY);
        self.next_rescan = deaf
            .into_iter()
            .chain(trouble)
            .min()
            .map(|after| end + after);
    }

    fn compare_mounts(&mut self) {
        match gostream_fs::mounts_about(self.shelf.root()) {
            Ok(mounts) if mounts == self.mounts => {}
            Ok(mounts) => {
                self.mounts = mounts;
                self.heard.everything();
            }
            Err(error) => {
                tracing::warn!(%error, "the mount table cannot be read");
                self.heard.everything();
            }
        }
    }
}

/// Why changes in the library may go unheard.
fn why_deaf(root: &Path, watch: &Watch) -> Option<String> {
    if let Some(refused) = watch.refused() {
        return Some(refused);
    }
    let system = rustix::fs::statfs(root).ok()?;
    let kind = u64::try_from(system.f_type).unwrap_or(0);
    REMOTE
        .contains(&kind)
        .then(|| "its file system may be changed by others".to_owned())
}
