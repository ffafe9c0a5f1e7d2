//! The tree that the mount shows, made from the stubs on disk and the inode numbers of the database.
//!
//! A look reads the folders that changed (or everything) and publishes the tree that is shown with what is otherwise
//! in them, or nothing: what cannot be read stays as it was (`gostream_store::scan`), and is named by
//! [`Shelf::trouble`]. `known` tells the scan what is shown, `numbers` gives each thing its inode number, `root` tells an emptied
//! library from a disk that is not mounted, `watcher` calls for a look when the disk changed.

mod known;
mod numbers;
mod root;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use gostream_fs::{Node, NodeKind, NodeRef, Publisher, Tree, TreeChange, TreeEntry};
use gostream_http::ControlError;
use gostream_library::TorrentHash;
use gostream_store::{Earlier, Found, FoundKind, Look, Scanned, Store, StubTree, Told};
use parking_lot::Mutex;

pub(crate) use self::known::Broken;
use self::known::Shown;
use super::inotify::Watch;
use crate::clock::now_unix;
use crate::warm::Warm;

/// So many remarks are remembered, so that none is logged at each look.
const REMARKS_MAX: usize = 10_000;

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    /// Everywhere.
    All,
    /// At what changed in the folders with these watches, and in new folders.
    Heard(&'a HashMap<i32, Told>),
}

/// What a look found.
struct Looked {
    /// The tree as it is on the disk now, if that differs from what is shown.
    tree: Option<Tree>,
    broken: Broken,
    /// A folder went.
    lost_folder: bool,
    /// Files of torrents, of which a stub went.
    lost_films: HashSet<(TorrentHash, u32)>,
}

/// The library's tree.
pub(crate) struct Shelf {
    stubs: StubTree,
    store: Arc<Store>,
    warm: Arc<Warm>,
    /// What is on the shelf; `None` when it must be looked at again.
    shown: Mutex<Option<(Arc<Tree>, Broken)>>,
    publisher: OnceLock<Publisher>,
    /// One look at a time, so that an older scan never replaces a newer one.
    looking: Mutex<()>,
    /// Hears of changes; a server has one.
    watch: OnceLock<Arc<Watch>>,
    trouble: Mutex<Option<String>>,
    remarks: Mutex<HashSet<String>>,
}

impl Shelf {
    /// A shelf that nobody has looked at yet.
    pub(crate) fn new(stubs: StubTree, store: Arc<Store>, warm: Arc<Warm>) -> Self {
        Self {
            stubs,
            store,
            warm,
            shown: Mutex::new(None),
            publisher: OnceLock::new(),
            looking: Mutex::new(()),
            watch: OnceLock::new(),
            trouble: Mutex::new(None),
            remarks: Mutex::default(),
        }
    }

    pub(crate) const fn stubs(&self) -> &StubTree {
        &self.stubs
    }

    pub(crate) fn root(&self) -> &Path {
        self.stubs.root()
    }

    /// Why a part of what is shown may be out of date; none when all could be read.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    /// A complete tree for a mount, and what is not in it. Changes are heard from now on, by the watch that is
    /// returned.
    pub(crate) fn open(&self) -> Result<(Tree, Broken, Arc<Watch>), ControlError> {
        let watch = Arc::clone(self.watch.get_or_init(|| Arc::new(Watch::new())));
        let (tree, broken) = self.first_look()?;
        let shown = tree.iter().map(gostream_fs::NodeRef::ino).collect();
        match self.store.inodes().sweep(shown, now_unix()) {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old inode numbers were forgotten"),
            Err(error) => tracing::warn!(%error, "old inode numbers stay"),
        }
        Ok((tree, broken, watch))
    }

    /// The tree of this mount is ours, and what changes is shown by it from now on.
    pub(crate) fn publish_to(&self, publisher: Publisher, broken: Broken) {
        *self.shown.lock() = Some((publisher.tree(), broken));
        // A server mounts once.
        let _ = self.publisher.set(publisher);
    }

    /// The stubs changed: a mount shows them when this returns.
    pub(crate) fn refresh(&self) -> Result<(), ControlError> {
        self.look(Scope::All)
    }

    /// Looks at the disk; a mount shows what changed there when this returns.
    ///
    /// # Errors
    /// When the library cannot be read; what is shown stays.
    pub(crate) fn look(&self, scope: Scope<'_>) -> Result<(), ControlError> {
        let _one = self.looking.lock();
        let Some(publisher) = self.publisher.get() else {
            *self.shown.lock() = None;
            return Ok(());
        };
        let result = self.look_again(publisher, scope);
        if let Err(error) = &result {
            self.set_trouble(Some(error.to_string()));
        }
        result
    }

    fn before(&self, publisher: &Publisher) -> (Arc<Tree>, Broken) {
        let shown = self.shown.lock();
        let broken = shown.as_ref().map(|(_, broken)| Arc::clone(broken));
        (publisher.tree(), broken.unwrap_or_default())
    }

    fn look_again(&self, publisher: &Publisher, scope: Scope<'_>) -> Result<(), ControlError> {
        let mut looked = None;
        let published = publisher.publish_scan(|| {
            let (tree, broken) = self.before(publisher);
            let now = looked.insert(self.compare(&tree, &broken, scope)?);
            Ok::<_, ControlError>(now.tree.take())
        })?;
        let has_changed = published.is_some();
        if let Some(published) = published {
            // The kernel may keep a folder locked for somebody who changes it: nothing that a change needs is held.
            published.wait();
        }
        let tree = publisher.tree();
        if let Some(looked) = looked {
            self.forget_warm(looked.lost_films, &tree);
            if looked.lost_folder
                && let Some(watch) = self.watch.get()
            {
                watch.keep_only(&tree);
            }
            *self.shown.lock() = Some((Arc::clone(&tree), looked.broken));
        }
        if has_changed {
            root::keep(&self.store, self.root(), &tree);
        }
        Ok(())
    }

    /// Compares the disk with what is shown.
    fn compare(
        &self,
        tree: &Tree,
        broken: &Broken,
        scope: Scope<'_>,
    ) -> Result<Looked, ControlError> {
        let shown = Shown { tree, broken };
        let changed = match scope {
            Scope::All => None,
            // What cannot be read is asked for each time, or it would be forgotten.
            Scope::Heard(_) if self.trouble().is_some() => None,
            Scope::Heard(watches) => self.watch.get().map(|watch| watch.folders_of(watches)),
        };
        let scanned = self.scan(Some(&shown), changed.as_ref())?;
        let kept = scanned.kept.first();
        self.set_trouble(kept.map(|(path, why)| format!("{path:?} cannot be read: {why}")));
        let vanished = shown.vanished(&scanned);
        let broken = shown.broken_after(&scanned);
        let things = without_broken(scanned.found);
        let is_same = vanished.is_empty() && things.is_empty();
        let new = (!is_same).then(|| self.changed(tree, &vanished, things));
        Ok(Looked {
            tree: new.transpose()?,
            broken,
            lost_folder: vanished.iter().any(|node| node.is_dir()),
            lost_films: vanished.iter().filter_map(title_of).collect(),
        })
    }

    /// The tree without what vanished, and with these things. They are sorted by path.
    fn changed(
        &self,
        tree: &Tree,
        vanished: &[NodeRef<'_>],
        things: Vec<Found>,
    ) -> Result<Tree, ControlError> {
        let numbers = numbers::give(&self.store, tree, vanished, &things)?;
        // What was in a folder goes before it.
        let gone = vanished.iter().rev().map(|node| node.ino());
        let gone = gone.map(|ino| TreeChange::Remove { ino });
        let put = things
            .into_iter()
            .zip(numbers)
            .map(|(thing, ino)| TreeChange::Put(self.entry(thing, ino)));
        tree.edited(gone.chain(put))
            .map_err(|error| ControlError::failed(error.to_string()))
    }

    fn entry(&self, thing: Found, ino: u64) -> TreeEntry {
        let node = match thing.kind {
            FoundKind::Film(film) => Node::Media(film),
            FoundKind::SideCar { len } => Node::SideCar {
                len,
                source: self.root().join(&thing.path),
            },
            FoundKind::Dir | FoundKind::Broken(_) => Node::Dir,
        };
        TreeEntry {
            path: thing.path,
            ino,
            mtime: thing.mtime,
            stamp: thing.stamp,
            node,
        }
    }

    /// Deletes what is kept of films that no stub of `tree` needs any more.
    fn forget_warm(&self, mut lost: HashSet<(TorrentHash, u32)>, tree: &Tree) {
        if lost.is_empty() {
            return;
        }
        for title in tree.iter().filter_map(|node| title_of(&node)) {
            lost.remove(&title);
        }
        for (hash, index) in lost {
            self.warm.forget(hash, index);
        }
    }

    /// A folder was made through the mount, which shows it already: what others do in it is to be heard.
    pub(super) fn made_folder(&self, path: &str) {
        if let Some(watch) = self.watch.get() {
            watch.made(path, &self.root().join(path));
        }
    }

    /// Something was moved through the mount.
    pub(super) fn renamed(&self, from: &str, to: &str) {
        if let Some(watch) = self.watch.get() {
            watch.renamed(from, to);
        }
    }

    /// Ends those who read the film at `path` in the mount, if there is one.
    pub(super) fn close_readers(&self, path: &str) {
        let Some(publisher) = self.publisher.get() else {
            return;
        };
        if let Some(node) = publisher.tree().find(path) {
            publisher.close_readers(node.ino());
        }
    }

    /// The films, and the stubs that are not shown. May read the disk.
    pub(crate) fn contents(&self) -> Result<(Arc<Tree>, Broken), ControlError> {
        if let Some(publisher) = self.publisher.get() {
            return Ok(self.before(publisher));
        }
        let mut shown = self.shown.lock();
        if let Some(contents) = shown.as_ref() {
            return Ok(contents.clone());
        }
        let (tree, broken) = self.first_look()?;
        Ok(shown.insert((Arc::new(tree), broken)).clone())
    }

    /// Refuses when the library is not where it was: what is written now could land beneath a disk that is not
    /// mounted.
    pub(crate) fn check_source(&self) -> Result<(), ControlError> {
        let Some(publisher) = self.publisher.get() else {
            if !root::is_kept(&self.store, self.root()) {
                self.contents()?;
            }
            return Ok(());
        };
        if !root::is_shown(self.root(), &publisher.tree()) {
            self.refresh()?;
        }
        match self.trouble() {
            None => Ok(()),
            Some(trouble) => Err(ControlError::failed(format!(
                "nothing is changed while a part of the library cannot be read: {trouble}"
            ))),
        }
    }

    /// Whether the root on disk is the folder that is shown.
    pub(crate) fn root_is_shown(&self) -> bool {
        self.publisher
            .get()
            .is_none_or(|publisher| root::is_shown(self.root(), &publisher.tree()))
    }

    fn first_look(&self) -> Result<(Tree, Broken), ControlError> {
        let scanned = self.scan(None, None)?;
        let empty = Tree::empty();
        let shown = Shown {
            tree: &empty,
            broken: &Broken::default(),
        };
        let broken = shown.broken_after(&scanned);
        let things = without_broken(scanned.found);
        let is_film = |thing: &Found| matches!(thing.kind, FoundKind::Film(_));
        root::check_start(&self.store, self.root(), things.iter().any(is_film))?;
        let tree = self.changed(&empty, &[], things)?;
        root::keep(&self.store, self.root(), &tree);
        Ok((tree, broken))
    }

    fn scan(
        &self,
        earlier: Option<&dyn Earlier>,
        changed: Option<&HashMap<String, Told>>,
    ) -> Result<Scanned, ControlError> {
        let watch = self.watch.get();
        let enter = |folder: &str, on_disk: &Path| {
            if let Some(watch) = watch {
                watch.enter(folder, on_disk);
            }
        };
        let look = Look {
            earlier,
            changed,
            enter: &enter,
        };
        let scanned = self
            .stubs
            .look(look)
            .map_err(|error| ControlError::failed(error.to_string()))?;
        self.remark(&scanned);
        Ok(scanned)
    }

    /// Logs what is not shown, each of it once.
    fn remark(&self, scanned: &Scanned) {
        let mut remarks = self.remarks.lock();
        let broken = scanned.found.iter().filter_map(|thing| match &thing.kind {
            FoundKind::Broken(why) => Some(format!("{:?}: {why}", thing.path)),
            FoundKind::Dir | FoundKind::Film(_) | FoundKind::SideCar { .. } => None,
        });
        for remark in scanned.left_out.iter().cloned().chain(broken) {
            if remarks.contains(&remark) {
                continue;
            }
            tracing::warn!("not shown: {remark}");
            if remarks.len() >= REMARKS_MAX {
                remarks.clear();
            }
            remarks.insert(remark);
        }
    }

    fn set_trouble(&self, now: Option<String>) {
        let mut trouble = self.trouble.lock();
        if *trouble == now {
            return;
        }
        match &now {
            Some(why) => tracing::warn!(
                why,
                "a part of the library cannot be read; it is shown as it was"
            ),
            None => tracing::info!("the library can be read again"),
        }
        *trouble = now;
    }
}

/// The file of a torrent that a film is.
fn title_of(node: &NodeRef<'_>) -> Option<(TorrentHash, u32)> {
    match node.kind() {
        NodeKind::Media(film) => Some((film.hash, film.index)),
        NodeKind::Dir { .. } | NodeKind::SideCar { .. } => None,
    }
}

/// What can be shown.
fn without_broken(mut found: Vec<Found>) -> Vec<Found> {
    found.retain(|thing| !matches!(thing.kind, FoundKind::Broken(_)));
    found
}
