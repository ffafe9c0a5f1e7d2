//! The tree that the mount shows: an immutable snapshot, complete before anybody sees it.
//!
//! Built by the binary ([`Tree::build`]), swapped whole by [`crate::Mounted::publish`], read by lookup,
//! getattr and readdir without a lock. Inode numbers come from outside and say which object is which over the
//! life of the library; two trees are compared by them (`tree/diff.rs`).
//!
//! Layout: objects by inode number, and in each directory the numbers of its children by cookie, both in maps of
//! which a tree and the one that was made from it (`tree/edit.rs`) share what is the same (`tree/chunks.rs`). A cookie is
//! a 62-bit hash of the name (the next free number on a collision), and it is the directory offset that the kernel
//! gets. So an offset stays right over any number of publishes: a listing that is under way sees every name that
//! was there all the time exactly once, and no handle has to keep an old tree alive. About 190 bytes an entry, and
//! the name.

mod chunks;
pub(crate) mod diff;
mod edit;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use self::chunks::Chunks;
pub use self::edit::{TreeChange, TreeError};
use gostream_library::{Film, Stamp};

/// The inode number of the root directory (fixed by the FUSE protocol).
pub const ROOT_INO: u64 = 1;

/// The directory offset of `.`; see [`NodeRef::cookie`].
pub(crate) const COOKIE_DOT: u64 = 1;
/// The directory offset of `..`.
pub(crate) const COOKIE_DOT_DOT: u64 = 2;
/// The least directory offset of a child.
pub(crate) const COOKIE_FIRST: u64 = 3;

/// One object for [`Tree::build`].
#[derive(Clone, Debug)]
pub struct TreeEntry {
    /// Relative path with `/` between the names, as in `movies/Film_01234567.mkv`. The empty path is the root,
    /// which may be left out.
    pub path: String,
    /// Inode number: not 0, only the root has 1, each once.
    pub ino: u64,
    /// Modification time, shown as all three times. Shown as 1970-01-01 00:00:01 when it is before that.
    pub mtime: SystemTime,
    /// What it was made from, for who makes the next tree; of no meaning here.
    pub stamp: Stamp,
    /// What it is.
    pub node: Node,
}

/// What an entry is.
#[derive(Clone, Debug)]
pub enum Node {
    /// A directory.
    Dir,
    /// A film: a file of a torrent, as large as its stub says.
    Media(Arc<Film>),
    /// A file of the stub tree that is shown as it is.
    SideCar {
        /// Its size in bytes.
        len: u64,
        /// Where it lies on the disk.
        source: PathBuf,
    },
}

/// An immutable snapshot of everything that the mount shows. A clone shares all of it.
#[derive(Clone, Debug)]
pub struct Tree {
    root: Arc<Object>,
    /// All but the root, by inode number.
    objects: Chunks<Arc<Object>>,
    media: u32,
}

#[derive(Clone, Debug)]
struct Object {
    ino: u64,
    /// Inode number of its directory; the root is its own.
    parent: u64,
    cookie: u64,
    mtime: SystemTime,
    stamp: Stamp,
    name: Box<str>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Dir(Box<Listing>),
    Media(Arc<Film>),
    SideCar { len: u64, source: Box<Path> },
}

/// What lies directly in a directory.
#[derive(Clone, Debug, Default)]
struct Listing {
    /// Inode numbers by cookie.
    children: Chunks<u64>,
    dirs: u32,
}

/// One object of a tree.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'a> {
    tree: &'a Tree,
    object: &'a Object,
}

/// What an object is; see [`Node`].
#[derive(Clone, Copy, Debug)]
pub enum NodeKind<'a> {
    /// A directory with `count` children, `dirs` of them directories.
    Dir {
        /// Children.
        count: u32,
        /// Children that are directories.
        dirs: u32,
    },
    /// A film.
    Media(&'a Arc<Film>),
    /// A side-car.
    SideCar {
        /// Size in bytes.
        len: u64,
        /// Where it lies on the disk.
        source: &'a Path,
    },
}

impl Tree {
    /// The object with this inode number.
    pub fn get(&self, ino: u64) -> Option<NodeRef<'_>> {
        if ino == ROOT_INO {
            return Some(self.root());
        }
        let object = self.objects.get(ino)?;
        Some(NodeRef { tree: self, object })
    }

    /// The root directory.
    pub fn root(&self) -> NodeRef<'_> {
        NodeRef {
            tree: self,
            object: &self.root,
        }
    }

    /// The child called `name` of the directory `parent`; `None` also when there is no such directory.
    pub fn lookup(&self, parent: u64, name: &str) -> Option<NodeRef<'_>> {
        self.get(parent)?.child(name)
    }

    /// The object at a relative path; the empty path is the root.
    pub fn find(&self, path: &str) -> Option<NodeRef<'_>> {
        path.split('/')
            .filter(|name| !name.is_empty())
            .try_fold(self.root(), |node, name| node.child(name))
    }

    /// Every object, the root first.
    pub fn iter(&self) -> impl Iterator<Item = NodeRef<'_>> {
        let objects = self.objects.from(0).map(|(_, object)| object);
        std::iter::once(&self.root)
            .chain(objects)
            .map(|object| NodeRef { tree: self, object })
    }

    /// How many objects there are, the root among them.
    pub const fn len(&self) -> usize {
        self.objects.len() + 1
    }

    /// Whether there is nothing but the root.
    pub const fn is_empty(&self) -> bool {
        self.objects.len() == 0
    }

    /// How many films there are.
    pub const fn media_count(&self) -> u32 {
        self.media
    }

    /// Bytes of memory that the snapshot takes, without stubs and paths of side-cars, if it shares nothing.
    pub fn memory(&self) -> usize {
        let objects = self.iter().map(|node| {
            let listing = node.listing();
            let listing = listing.map_or(0, |listing| {
                size_of_val(listing) + listing.children.memory()
            });
            size_of::<Object>() + 16 + node.name().len() + listing
        });
        self.objects.memory() + objects.sum::<usize>()
    }
}

impl<'a> NodeRef<'a> {
    fn listing(self) -> Option<&'a Listing> {
        match &self.object.kind {
            Kind::Dir(listing) => Some(listing),
            Kind::Media(_) | Kind::SideCar { .. } => None,
        }
    }

    /// Inode number.
    pub fn ino(self) -> u64 {
        self.object.ino
    }

    /// The directory that it lies in; the root is its own parent.
    pub fn parent(self) -> NodeRef<'a> {
        let parent = self.tree.get(self.object.parent);
        parent.unwrap_or_else(|| self.tree.root())
    }

    /// Name within its directory; empty for the root.
    pub fn name(self) -> &'a str {
        &self.object.name
    }

    /// Relative path from the root, empty for the root.
    pub fn path(self) -> String {
        if self.object.ino == ROOT_INO {
            return String::new();
        }
        let mut path = self.parent().path();
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(self.name());
        path
    }

    /// Modification time, never before 1970-01-01 00:00:01.
    pub fn mtime(self) -> SystemTime {
        self.object.mtime
    }

    /// What it was made from; see [`TreeEntry::stamp`].
    pub fn stamp(self) -> Stamp {
        self.object.stamp
    }

    /// What it is.
    pub fn kind(self) -> NodeKind<'a> {
        match &self.object.kind {
            Kind::Dir(listing) => NodeKind::Dir {
                // As many as inode numbers that were ever given out.
                count: u32::try_from(listing.children.len()).unwrap_or(u32::MAX),
                dirs: listing.dirs,
            },
            Kind::Media(stub) => NodeKind::Media(stub),
            Kind::SideCar { len, source } => NodeKind::SideCar { len: *len, source },
        }
    }

    /// Whether it is a directory.
    pub fn is_dir(self) -> bool {
        self.listing().is_some()
    }

    /// The directory offset after which a listing goes on behind this object: at least 3 and below 2^63, since
    /// the kernel takes it for a signed number.
    pub fn cookie(self) -> u64 {
        self.object.cookie
    }

    /// The child called `name`.
    pub fn child(self, name: &str) -> Option<NodeRef<'a>> {
        let children = &self.listing()?.children;
        // Names that collide follow each other without a gap.
        let mut cookie = name_hash(name);
        loop {
            let node = self.tree.get(*children.get(cookie)?)?;
            if node.name() == name {
                return Some(node);
            }
            cookie += 1;
        }
    }

    /// The children whose cookie is above `after`, in order; none for a file.
    pub fn children_after(self, after: u64) -> impl Iterator<Item = NodeRef<'a>> {
        let listing = self.listing().into_iter();
        let children = listing.flat_map(move |listing| listing.children.from(after + 1));
        children.filter_map(move |(_, ino)| self.tree.get(*ino))
    }

    /// It and all that lies in it, a directory before what is in it.
    pub fn with_all_in_it(self) -> Vec<NodeRef<'a>> {
        let mut all = vec![self];
        let mut at = 0;
        while let Some(node) = all.get(at) {
            let children: Vec<_> = node.children_after(0).collect();
            all.extend(children);
            at += 1;
        }
        all
    }

    /// Whether it is `above` or lies in it, at any depth.
    pub(crate) fn lies_in(self, above: NodeRef<'_>) -> bool {
        let mut at = self;
        while at.ino() != above.ino() {
            if at.ino() == ROOT_INO {
                return false;
            }
            at = at.parent();
        }
        true
    }
}

/// 62 bits of the FNV-1a 64 hash of a name, at least [`COOKIE_FIRST`]. Fixed for ever: a listing that is under
/// way relies on it.
fn name_hash(name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in name.as_bytes() {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0100_0000_01b3);
    }
    (hash >> 2).max(COOKIE_FIRST)
}

#[cfg(test)]
mod tests;
