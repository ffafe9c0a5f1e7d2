//! A mount from its start to its end: the only place where the parts of this crate meet.
//!
//! The binary calls [`mount()`] with a complete tree and keeps the [`Mounted`]. Threads: one that waits for
//! `n_threads` servers (fuser), one that changes the library, one that tells the kernel of pages and one that
//! tells it of trees. All of them are gone when [`Mounted::unmount`] returns, save where the kernel does not let go (see [`Unmounted`]).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fuser::{Session, SessionACL};

use crate::attach::{self, AttachError, Detach, Options};
use crate::backing::Backing;
use crate::config::{ConfigError, FsConfig};
use crate::edit::Editing;
use crate::edit::queue::EditQueue;
use crate::editor::LibraryEditor;
use crate::events::{EventSender, PageEvents, Published, TreeEvents};
use crate::fuse::GoStreamFs;
use crate::inspector::LibraryInspector;
use crate::metrics::FsMetrics;
use crate::mountinfo::mounts_at;
use crate::session::{End, SessionEnd};
use crate::shared::Shared;
use crate::stale::{self, StaleError};
use crate::tree::Tree;
use crate::{kernel, read_ahead};

/// Between two tries of a clean unmount.
const RETRY: Duration = Duration::from_millis(50);
/// How often a scan that changes overtook is made again before changes are held up.
const SCANS_MAX: usize = 2;
/// How long the kernel may take to let go of a mount that is off.
const END_TIME: Duration = Duration::from_secs(1);

/// Why there is no mount.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// A setting that cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The mount point cannot be used.
    #[error(transparent)]
    Point(#[from] StaleError),
    /// The mount was refused.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The kernel and we do not understand each other, or no thread could be started.
    #[error("cannot serve the mount at {point}: {error}", point = point.display())]
    Serve {
        /// Where.
        point: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// How an unmount went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmounted {
    /// The mount is gone, and so is every thread.
    Clean,
    /// Somebody still had files open: the mount is off the tree and its files fail, or (without root) live as
    /// long as this process.
    Lazy,
    /// It was gone already: somebody else unmounted it.
    AlreadyGone,
}

/// The mount could not be taken off.
#[derive(Debug, thiserror::Error)]
#[error("cannot unmount {point}: {error}; try 'fusermount3 -uz {point}'", point = point.display())]
pub struct UnmountError {
    point: PathBuf,
    #[source]
    error: io::Error,
}

/// A live mount. Dropping it unmounts, without grace for those who still read.
pub struct Mounted {
    point: PathBuf,
    /// `major:minor`, by which our mount is known from others at the same path.
    device: String,
    allow_other: bool,
    publisher: Publisher,
    pages: Arc<PageEvents>,
    end: Arc<End>,
    /// The threads: edits, server, pages, trees. Taken by the unmount.
    threads: Vec<JoinHandle<()>>,
    done: bool,
}

/// Swaps the tree of a mount. Cheap to clone; of no effect once the mount is gone.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
    trees: Arc<TreeEvents>,
    pages: EventSender,
}

impl Publisher {
    /// Shows `tree` from now on and has the kernel told what changed. Handles of files that are gone work
    /// until they are closed. Does not wait: [`Published::wait`] does.
    pub fn publish(&self, tree: Tree) -> Published {
        self.trees.publish(&self.shared, tree)
    }

    /// The tree that is shown now.
    pub fn tree(&self) -> Arc<Tree> {
        self.shared.tree.load_full()
    }

    /// Publishes a tree that `scan` makes from the disk, or nothing if it gives none. Changes through the mount
    /// go on meanwhile; a scan that one of them overtook is made again, the last time with changes held up, and
    /// never shown.
    ///
    /// # Errors
    /// Those of `scan`; the tree stays as it is.
    pub fn publish_scan<E>(
        &self,
        mut scan: impl FnMut() -> Result<Option<Tree>, E>,
    ) -> Result<Option<Published>, E> {
        for _ in 0..SCANS_MAX {
            let before = *self.trees.edits.lock();
            let tree = scan()?;
            let now = self.trees.edits.lock();
            if *now == before {
                return Ok(tree.map(|tree| self.publish(tree)));
            }
        }
        let _held = self.trees.edits.lock();
        Ok(scan()?.map(|tree| self.publish(tree)))
    }

    /// Has `callback` called after each change of the tree, whoever makes it, by who makes it: it must be quick. The
    /// first one that is set stays.
    pub fn on_change(&self, callback: impl Fn() + Send + Sync + 'static) {
        self.trees.on_change(Box::new(callback));
    }

    /// Ends everybody who reads this film: waiting reads fail with EIO now, later ones of the same handles when
    /// they come. For a film that is about to go.
    pub fn close_readers(&self, ino: u64) {
        if self.shared.close_readers(ino) > 0 {
            self.pages.invalidate(ino, 0, 0);
        }
    }
}

/// Mounts `tree` at `config.mount_point` and serves it, with what stands behind it.
///
/// A dead mount of a killed predecessor is taken off first, and a missing directory created.
///
/// # Errors
/// [`MountError`], with the remedy in its text; nothing is left mounted.
pub fn mount(
    config: FsConfig,
    tree: Tree,
    backing: impl Into<Backing>,
    metrics: Arc<FsMetrics>,
) -> Result<Mounted, MountError> {
    let Backing {
        source,
        editor,
        inspector,
    } = backing.into();
    config.check()?;
    let point = stale::prepare(&config.mount_point)?;
    let allow_other = may_allow_other(&config);
    let options = Options {
        allow_other,
        read_only: editor.is_none(),
    };
    let device = attach::attach(&point, options)?;
    let read_ahead_kib = config.read_ahead_kib;
    let shared = Arc::new(Shared::new(config, tree, source, metrics));
    let behind = (editor, inspector);
    let served = serve(&point, device, allow_other, shared, behind);
    match served {
        Ok(mounted) => {
            let raised = read_ahead::raise(&mounted.device, read_ahead_kib);
            tracing::info!(point = %point.display(), allow_other, raised, "mounted");
            Ok(mounted)
        }
        Err(error) => {
            drop_unserved(&point);
            Err(MountError::Serve { point, error })
        }
    }
}

/// Takes off what was mounted and cannot be served, if it is still there.
fn drop_unserved(point: &Path) {
    let ours = mounts_at(point).is_ok_and(|mounts| {
        mounts
            .last()
            .is_some_and(|line| line.fs_type == crate::mountinfo::OUR_TYPE)
    });
    if ours && let Err(error) = attach::detach(point, Detach::Abort) {
        tracing::warn!(%error, "a mount that cannot be served stays behind");
    }
}

fn may_allow_other(config: &FsConfig) -> bool {
    if !config.allow_other || rustix::process::geteuid().is_root() || kernel::user_allow_other() {
        return config.allow_other;
    }
    tracing::warn!(
        "only this user will see the mount: for Samba and media servers add the line \
         'user_allow_other' to /etc/fuse.conf"
    );
    false
}

/// Who changes the library, and who knows what films do.
type Behind = (
    Option<Arc<dyn LibraryEditor>>,
    Option<Arc<dyn LibraryInspector>>,
);

fn serve(
    point: &Path,
    connection: std::os::fd::OwnedFd,
    allow_other: bool,
    shared: Arc<Shared>,
    (editor, inspector): Behind,
) -> io::Result<Mounted> {
    let acl = if allow_other {
        SessionACL::All
    } else {
        SessionACL::Owner
    };
    let mut settings = fuser::Config::default();
    settings.acl = acl;
    settings.n_threads = Some(shared.config.n_threads);
    settings.clone_fd = attach::device_opens();
    let pages = Arc::new(PageEvents::default());
    let trees = Arc::new(TreeEvents::new(shared.tree.load_full()));
    let edits = editor
        .map(|editor| {
            let (shared, trees) = (Arc::clone(&shared), Arc::clone(&trees));
            EditQueue::start(Editing::new(shared, trees, pages.sender(), editor))
        })
        .transpose()?;
    let (edits, edit_thread) = edits.unzip();
    let filesystem = GoStreamFs {
        shared: Arc::clone(&shared),
        edits,
        inspector,
    };
    // Does not return before the kernel has taken our settings.
    let session = Session::from_fd(filesystem, connection, acl, settings)?;
    let notifier = session.notifier();
    let device = mounts_at(point)?
        .pop()
        .map(|line| line.device)
        .ok_or_else(|| io::Error::other("the mount is not in the mount table"))?;

    let end = Arc::new(End::default());
    let mut mounted = Mounted {
        point: point.to_owned(),
        device,
        allow_other,
        publisher: Publisher {
            shared: Arc::clone(&shared),
            trees: Arc::clone(&trees),
            pages: pages.sender(),
        },
        pages: Arc::clone(&pages),
        end: Arc::clone(&end),
        threads: edit_thread.into_iter().collect(),
        done: false,
    };
    // From here on a failure drops `mounted`, which takes everything down.
    mounted.threads.push(end.run(session)?);
    let sender = pages.sender();
    let (to_kernel, counted) = (notifier.clone(), Arc::clone(&shared.metrics));
    mounted.threads.push(thread("gostream-pages", move || {
        pages.serve(&to_kernel, &counted);
    })?);
    mounted.threads.push(thread("gostream-tree", move || {
        trees.serve(&shared, &notifier, &sender);
    })?);
    Ok(mounted)
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
}

impl Mounted {
    /// See [`Publisher::publish`].
    pub fn publish(&self, tree: Tree) -> Published {
        self.publisher.publish(tree)
    }

    /// A handle that publishes, for those who do not own the mount.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// The tree that is shown now.
    pub fn tree(&self) -> Arc<Tree> {
        self.publisher.tree()
    }

    /// Where wrong bytes are reported.
    pub fn events(&self) -> EventSender {
        self.pages.sender()
    }

    /// The counters that were passed to [`mount()`].
    pub fn metrics(&self) -> &FsMetrics {
        &self.publisher.shared.metrics
    }

    /// The absolute path of the mount.
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// Whether users other than the owner may look in.
    pub fn allow_other(&self) -> bool {
        self.allow_other
    }

    /// How the session ended, if it has.
    pub fn ended(&self) -> Option<SessionEnd> {
        self.end.get()
    }

    /// Waits until the mount is gone, whoever ends it.
    pub fn wait(&self) -> SessionEnd {
        self.end.wait()
    }

    /// Has `callback` called once when the mount is gone, whoever ends it; at once if it is. It must be quick.
    pub fn on_end(&self, callback: impl FnOnce(&SessionEnd) + Send + 'static) {
        self.end.on_end(Box::new(callback));
    }

    /// Unmounts: waiting reads fail with EIO at once, and so does every new one. While somebody has files open
    /// it tries again for `grace`, then takes the mount off the tree all the same.
    ///
    /// # Errors
    /// [`UnmountError`] when even that is refused.
    pub fn unmount(mut self, grace: Duration) -> Result<Unmounted, UnmountError> {
        self.shut(grace)
    }

    fn shut(&mut self, grace: Duration) -> Result<Unmounted, UnmountError> {
        self.done = true;
        self.publisher.shared.inflight.close();
        let outcome = self.take_off(grace).map_err(|error| UnmountError {
            point: self.point.clone(),
            error,
        });
        self.pages.stop();
        self.publisher.trees.stop();
        let ended = self.end.wait_for(END_TIME)
            || attach::abort_connection(&self.device) && self.end.wait_for(END_TIME);
        if !ended {
            // Somebody's open file, or a copy of the mount elsewhere, keeps the connection; the threads that
            // serve it end with the process.
            self.threads.clear();
            return outcome.map(|_| Unmounted::Lazy);
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the mount panicked");
            }
        }
        outcome
    }

    fn take_off(&self, grace: Duration) -> io::Result<Unmounted> {
        let until = Instant::now() + grace;
        loop {
            if !self.is_on()? {
                return Ok(Unmounted::AlreadyGone);
            }
            match attach::detach(&self.point, Detach::Clean) {
                Ok(()) => return Ok(Unmounted::Clean),
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    if Instant::now() >= until {
                        break;
                    }
                    self.end.wait_for(RETRY);
                }
                Err(error) => {
                    tracing::warn!(%error, "a clean unmount failed");
                    break;
                }
            }
        }
        attach::detach(&self.point, Detach::Abort).map(|()| Unmounted::Lazy)
    }

    /// Whether the topmost mount at our path is still ours. The kernel gives a device number to the next mount
    /// once ours is gone, so the number alone does not tell.
    fn is_on(&self) -> io::Result<bool> {
        if self.end.get() == Some(SessionEnd::Unmounted) {
            return Ok(false);
        }
        let top = mounts_at(&self.point)?.pop();
        Ok(top.is_some_and(|line| line.device == self.device))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        if let Err(error) = self.shut(Duration::ZERO) {
            tracing::warn!(%error, "the mount stays behind");
        }
    }
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mounted({})", self.point.display())
    }
}
