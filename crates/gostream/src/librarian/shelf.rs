//! The tree that the mount shows, made from the stubs on disk and the inode numbers of the database.
//!
//! A refresh scans the whole tree and publishes it at once or, when the scan fails, keeps the old one: a
//! folder that cannot be read never makes titles vanish.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use gostream_fs::{Node, Publisher, Tree, TreeEntry};
use gostream_http::ControlError;
use gostream_store::{Found, FoundKind, InodeKey, Store, StubTree};
use parking_lot::Mutex;

/// Paths of stubs that cannot be used, and why.
pub(crate) type Broken = Arc<Vec<(String, String)>>;

/// The library's tree.
pub(crate) struct Shelf {
    stubs: StubTree,
    store: Arc<Store>,
    /// What is on the shelf; `None` when it must be looked at again.
    shown: Mutex<Option<(Arc<Tree>, Broken)>>,
    publisher: OnceLock<Publisher>,
    /// One refresh at a time, so that an older scan never replaces a newer one.
    refreshing: Mutex<()>,
}

impl Shelf {
    /// A shelf that nobody has looked at yet.
    pub(crate) fn new(stubs: StubTree, store: Arc<Store>) -> Self {
        Self {
            stubs,
            store,
            shown: Mutex::new(None),
            publisher: OnceLock::new(),
            refreshing: Mutex::new(()),
        }
    }

    pub(crate) const fn stubs(&self) -> &StubTree {
        &self.stubs
    }

    pub(crate) fn root(&self) -> &Path {
        self.stubs.root()
    }

    /// A complete tree for a mount, and what is not in it.
    pub(crate) fn scan(&self) -> Result<(Tree, Broken), ControlError> {
        let (tree, broken) = scan(&self.stubs, &self.store)?;
        for (path, why) in broken.iter() {
            tracing::warn!(path, why, "this stub is not shown");
        }
        Ok((tree, broken))
    }

    /// The tree of this mount is ours, and refreshes are shown by it from now on.
    pub(crate) fn publish_to(&self, publisher: Publisher, broken: Broken) {
        *self.shown.lock() = Some((publisher.tree(), broken));
        // A server mounts once.
        let _ = self.publisher.set(publisher);
    }

    /// The stubs changed: a mount shows them when this returns.
    pub(crate) fn refresh(&self) -> Result<(), ControlError> {
        let _one = self.refreshing.lock();
        let Some(publisher) = self.publisher.get() else {
            *self.shown.lock() = None;
            return Ok(());
        };
        let (tree, broken) = scan(&self.stubs, &self.store)?;
        publisher.publish(tree).wait();
        *self.shown.lock() = Some((publisher.tree(), broken));
        Ok(())
    }

    /// The films, and the stubs that are not shown. May read the disk.
    pub(crate) fn contents(&self) -> Result<(Arc<Tree>, Broken), ControlError> {
        let mut shown = self.shown.lock();
        if let Some(contents) = shown.as_ref() {
            return Ok(contents.clone());
        }
        let (tree, broken) = scan(&self.stubs, &self.store)?;
        Ok(shown.insert((Arc::new(tree), broken)).clone())
    }
}

fn scan(stubs: &StubTree, store: &Store) -> Result<(Tree, Broken), ControlError> {
    let found = stubs
        .scan()
        .map_err(|error| ControlError::failed(error.to_string()))?;
    let mut broken = Vec::new();
    let mut shown = Vec::with_capacity(found.len());
    let mut keys = Vec::with_capacity(found.len());
    for Found {
        path, kind, mtime, ..
    } in found
    {
        let (key, node) = match kind {
            FoundKind::Dir => (InodeKey::directory(&path), Node::Dir),
            FoundKind::Stub(stub) => (
                InodeKey::film(&path, &stub.hash, stub.index),
                Node::Media(Arc::new(stub)),
            ),
            FoundKind::SideCar { len } => {
                let source = stubs.root().join(&path);
                (InodeKey::file(&path), Node::SideCar { len, source })
            }
            FoundKind::BrokenStub(why) => {
                broken.push((path, why.to_string()));
                continue;
            }
            FoundKind::Unreadable(why) => {
                broken.push((path, why.to_string()));
                continue;
            }
        };
        keys.push(key);
        shown.push((path, mtime, node));
    }
    let inodes = store
        .inodes()
        .assign(keys)
        .map_err(|error| ControlError::failed(error.to_string()))?;
    let entries = shown
        .into_iter()
        .zip(inodes)
        .map(|((path, mtime, node), ino)| TreeEntry {
            path,
            ino,
            mtime,
            node,
        });
    let tree =
        Tree::build(entries.collect()).map_err(|error| ControlError::failed(error.to_string()))?;
    Ok((tree, Arc::new(broken)))
}
