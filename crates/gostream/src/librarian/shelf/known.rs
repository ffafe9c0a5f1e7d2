//! What the mount shows, as a scan wants to know it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gostream_fs::{NodeKind, NodeRef, Tree};
use gostream_library::{Stamp, path as names};
use gostream_store::{Earlier, Found, FoundKind};

/// A tree that is shown, and the stubs beside it that cannot be.
pub(super) struct Known<'a> {
    tree: &'a Tree,
    /// By folder.
    broken: HashMap<&'a str, Vec<&'a (String, String)>>,
}

impl<'a> Known<'a> {
    pub(super) fn new(tree: &'a Tree, broken: &'a [(String, String)]) -> Self {
        let mut by_folder: HashMap<&str, Vec<&(String, String)>> = HashMap::new();
        for stub in broken {
            let (folder, _) = names::split(&stub.0);
            by_folder.entry(folder).or_default().push(stub);
        }
        Self {
            tree,
            broken: by_folder,
        }
    }

    /// Whether exactly these things are shown.
    pub(super) fn is(&self, things: &[Found]) -> bool {
        self.tree.len() == things.len()
            && things.iter().all(|thing| {
                self.tree.find(&thing.path).is_some_and(|node| {
                    node.stamp() == thing.stamp
                        && node.mtime() == shown_time(thing.mtime)
                        && is_same_thing(&thing.kind, node.kind())
                })
            })
    }
}

/// Whether a thing that was found is what the tree shows at its path.
pub(super) fn is_same_thing(found: &FoundKind, shown: NodeKind<'_>) -> bool {
    match (found, shown) {
        (FoundKind::Dir, NodeKind::Dir { .. })
        | (FoundKind::SideCar { .. }, NodeKind::SideCar { .. }) => true,
        (FoundKind::Film(now), NodeKind::Media(before)) => {
            now.hash == before.hash && now.index == before.index
        }
        (
            FoundKind::Dir | FoundKind::Film(_) | FoundKind::SideCar { .. } | FoundKind::Broken(_),
            _,
        ) => false,
    }
}

/// The time as a tree shows it.
fn shown_time(time: SystemTime) -> SystemTime {
    time.max(SystemTime::UNIX_EPOCH + Duration::from_secs(1))
}

fn found(path: String, node: NodeRef<'_>) -> Found {
    Found {
        path,
        kind: match node.kind() {
            NodeKind::Dir { .. } => FoundKind::Dir,
            NodeKind::Media(stub) => FoundKind::Film(Arc::clone(stub)),
            NodeKind::SideCar { len, .. } => FoundKind::SideCar { len },
        },
        mtime: node.mtime(),
        stamp: node.stamp(),
    }
}

fn broken_stub((path, why): &(String, String)) -> Found {
    Found {
        path: path.clone(),
        kind: FoundKind::Broken(why.clone()),
        mtime: SystemTime::UNIX_EPOCH,
        // Equal to none, so that the stub is read again when its folder is looked into.
        stamp: Stamp::default(),
    }
}

impl Earlier for Known<'_> {
    fn at(&self, path: &str) -> Option<Found> {
        if let Some(node) = self.tree.find(path) {
            return Some(found(path.to_owned(), node));
        }
        let (folder, _) = names::split(path);
        let mut broken = self.broken.get(folder)?.iter();
        broken
            .find(|stub| stub.0 == path)
            .map(|stub| broken_stub(stub))
    }

    fn children(&self, folder: &str) -> Vec<Found> {
        let node = self.tree.find(folder);
        let shown = node.into_iter().flat_map(|node| node.children_after(0));
        let shown = shown.map(|child| found(names::join(folder, child.name()), child));
        let broken = self.broken.get(folder).into_iter().flatten();
        shown.chain(broken.map(|stub| broken_stub(stub))).collect()
    }
}
