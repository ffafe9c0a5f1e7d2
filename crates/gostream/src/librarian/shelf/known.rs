//! What the mount shows, as a scan wants to know it, and what becomes of it by what the scan found.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use gostream_fs::{NodeKind, NodeRef, Tree};
use gostream_library::{Stamp, path as names};
use gostream_store::{Earlier, FoundKind, Known, KnownKind, Scanned};
use rustc_hash::FxHashMap;

/// Paths of stubs that cannot be used, and why; sorted.
pub(crate) type Broken = Arc<Vec<(String, String)>>;

/// A tree that is shown, and the stubs beside it that cannot be, in the order of their paths.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) tree: &'a Tree,
    pub(super) broken: &'a Broken,
}

impl<'a> Shown<'a> {
    /// What is not where it was, by what a scan found: a folder before what was in it.
    pub(super) fn vanished(&self, scanned: &Scanned) -> Vec<NodeRef<'a>> {
        let replaced = scanned.found.iter().filter(|thing| {
            let node = self.tree.find(&thing.path);
            node.is_some_and(|node| !is_same_thing(&thing.kind, node.kind()))
        });
        let mut paths: Vec<&str> = replaced.map(|thing| thing.path.as_str()).collect();
        paths.extend(scanned.gone.iter().map(String::as_str));
        paths.sort_unstable();
        let mut seen = HashSet::new();
        let all = paths.into_iter().filter_map(|path| self.tree.find(path));
        all.flat_map(NodeRef::with_all_in_it)
            .filter(|node| seen.insert(node.ino()))
            .collect()
    }

    /// The stubs that cannot be shown after what a scan found.
    pub(super) fn broken_after(&self, scanned: &Scanned) -> Broken {
        let found: HashSet<&str> = scanned.found.iter().map(|thing| &*thing.path).collect();
        let files = scanned.found.iter();
        let files = files.filter(|thing| !matches!(thing.kind, FoundKind::Dir));
        let mut ended: HashSet<&str> = files.map(|thing| &*thing.path).collect();
        ended.extend(scanned.gone.iter().map(String::as_str));
        let stays = |path: &str| {
            !found.contains(path) && !on_the_way(path).any(|path| ended.contains(path))
        };
        let old = self.broken.iter().filter(|stub| stays(&stub.0)).cloned();
        let new = scanned.found.iter().filter_map(|thing| match &thing.kind {
            FoundKind::Broken(why) => Some((thing.path.clone(), why.clone())),
            FoundKind::Dir | FoundKind::Film(_) | FoundKind::SideCar { .. } => None,
        });
        let mut now: Vec<(String, String)> = old.chain(new).collect();
        now.sort_unstable();
        if now == **self.broken {
            return Arc::clone(self.broken);
        }
        Arc::new(now)
    }
}

impl Shown<'_> {
    /// The stubs that are not shown, from a path on.
    fn broken_from(&self, path: &str) -> impl Iterator<Item = &(String, String)> {
        let from = self.broken.partition_point(|stub| stub.0.as_str() < path);
        self.broken[from..].iter()
    }
}

/// A path and those of the folders above it.
fn on_the_way(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        (!path.is_empty()).then_some(names::split(path).0)
    })
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

fn known(node: NodeRef<'_>) -> Known {
    Known {
        kind: match node.kind() {
            NodeKind::Dir { .. } => KnownKind::Dir,
            NodeKind::Media(_) => KnownKind::Film,
            NodeKind::SideCar { .. } => KnownKind::SideCar,
        },
        mtime: node.mtime(),
        stamp: node.stamp(),
    }
}

/// Read again whenever its folder is looked into.
const BROKEN: Known = Known {
    kind: KnownKind::Broken,
    mtime: SystemTime::UNIX_EPOCH,
    stamp: Stamp {
        device: 0,
        inode: 0,
        version: 0,
    },
};

impl Earlier for Shown<'_> {
    fn at(&self, path: &str) -> Option<Known> {
        if let Some(node) = self.tree.find(path) {
            return Some(known(node));
        }
        let mut broken = self.broken_from(path);
        broken.next().filter(|stub| stub.0 == path).map(|_| BROKEN)
    }

    fn children(&self, folder: &str) -> FxHashMap<&str, Known> {
        let node = self.tree.find(folder);
        let shown = node.into_iter().flat_map(|node| node.children_after(0));
        let shown = shown.map(|child| (child.name(), known(child)));
        let inside = names::join(folder, "");
        let broken = self.broken_from(&inside);
        let broken = broken.take_while(|stub| stub.0.starts_with(&inside));
        let broken = broken.map(|stub| names::split(&stub.0));
        let broken = broken.filter(|(above, _)| *above == folder);
        shown
            .chain(broken.map(|(_, name)| (name, BROKEN)))
            .collect()
    }
}
