//! The tree that the mount shows: an immutable snapshot, complete before anybody sees it.
//!
//! Built by the binary ([`Tree::build`]), swapped whole by [`crate::Mounted::publish`], read by lookup,
//! getattr and readdir without a lock. Inode numbers come from outside and say which object is which over the
//! life of the library; two trees are compared by them (`tree/diff.rs`).
//!
//! Layout: the children of a directory lie side by side, ordered by cookie. A cookie is a 62-bit hash of the
//! name (the next free number on a collision), and it is the directory offset that the kernel gets. So an
//! offset stays right over any number of publishes: a listing that is under way sees every name that was there
//! all the time exactly once, and no handle has to keep an old tree alive. About 140 bytes an entry, and the
//! name.

mod build;
pub(crate) mod diff;
mod edit;
mod remove;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use gostream_library::{Film, Stamp};
use rustc_hash::FxHashMap;

pub use build::TreeError;
pub(crate) use edit::TreeChange;

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

/// An immutable snapshot of everything that the mount shows.
#[derive(Debug)]
pub struct Tree {
    /// The root, then the children of each directory side by side, in the order of their cookies.
    inodes: Box<[Inode]>,
    /// All names, one after the other.
    names: Box<str>,
    /// Inode number → index.
    by_ino: FxHashMap<u64, u32>,
    media: u32,
}

#[derive(Clone, Debug)]
struct Inode {
    ino: u64,
    cookie: u64,
    mtime: SystemTime,
    stamp: Stamp,
    parent: u32,
    name_start: u32,
    name_len: u8,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Dir { first: u32, count: u32, dirs: u32 },
    Media(Arc<Film>),
    SideCar { len: u64, source: Box<Path> },
}

/// One object of a tree.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'a> {
    tree: &'a Tree,
    index: u32,
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
        let index = *self.by_ino.get(&ino)?;
        Some(NodeRef { tree: self, index })
    }

    /// The root directory.
    pub fn root(&self) -> NodeRef<'_> {
        NodeRef {
            tree: self,
            index: 0,
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
        (0..).map_while(|index| {
            self.inodes.get(index as usize)?;
            Some(NodeRef { tree: self, index })
        })
    }

    /// How many objects there are, the root among them.
    pub fn len(&self) -> usize {
        self.inodes.len()
    }

    /// Whether there is nothing but the root.
    pub fn is_empty(&self) -> bool {
        self.inodes.len() == 1
    }

    /// How many films there are.
    pub fn media_count(&self) -> u32 {
        self.media
    }

    /// Bytes of memory that the snapshot takes, without stubs and paths of side-cars.
    pub fn memory(&self) -> usize {
        size_of_val(&*self.inodes)
            + self.names.len()
            + self.by_ino.capacity() * 8 / 7 * (size_of::<(u64, u32)>() + 1)
    }
}

impl<'a> NodeRef<'a> {
    fn inode(self) -> &'a Inode {
        // An index is made from the table itself and the table never changes.
        &self.tree.inodes[self.index as usize]
    }

    fn children_slice(self) -> (u32, &'a [Inode]) {
        match self.inode().kind {
            Kind::Dir { first, count, .. } => {
                let from = first as usize;
                (first, &self.tree.inodes[from..from + count as usize])
            }
            Kind::Media(_) | Kind::SideCar { .. } => (0, &[]),
        }
    }

    /// Inode number.
    pub fn ino(self) -> u64 {
        self.inode().ino
    }

    /// The directory that it lies in; the root is its own parent.
    pub fn parent(self) -> NodeRef<'a> {
        NodeRef {
            tree: self.tree,
            index: self.inode().parent,
        }
    }

    /// Name within its directory; empty for the root.
    pub fn name(self) -> &'a str {
        let inode = self.inode();
        let from = inode.name_start as usize;
        &self.tree.names[from..from + usize::from(inode.name_len)]
    }

    /// Relative path from the root, empty for the root.
    pub fn path(self) -> String {
        if self.index == 0 {
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
        self.inode().mtime
    }

    /// What it was made from; see [`TreeEntry::stamp`].
    pub fn stamp(self) -> Stamp {
        self.inode().stamp
    }

    /// What it is.
    pub fn kind(self) -> NodeKind<'a> {
        match &self.inode().kind {
            &Kind::Dir { count, dirs, .. } => NodeKind::Dir { count, dirs },
            Kind::Media(stub) => NodeKind::Media(stub),
            Kind::SideCar { len, source } => NodeKind::SideCar { len: *len, source },
        }
    }

    /// Whether it is a directory.
    pub fn is_dir(self) -> bool {
        matches!(self.inode().kind, Kind::Dir { .. })
    }

    /// The directory offset after which a listing goes on behind this object: at least 3 and below 2^63, since
    /// the kernel takes it for a signed number.
    pub fn cookie(self) -> u64 {
        self.inode().cookie
    }

    /// The child called `name`.
    pub fn child(self, name: &str) -> Option<NodeRef<'a>> {
        let (first, children) = self.children_slice();
        let wanted = name_hash(name);
        let from = children.partition_point(|child| child.cookie < wanted);
        // Names that collide follow each other; the run ends at a cookie that is a gap away.
        let mut expected = wanted;
        for (index, child) in (first..).zip(children).skip(from) {
            if child.cookie > expected {
                return None;
            }
            let node = NodeRef {
                tree: self.tree,
                index,
            };
            if node.name() == name {
                return Some(node);
            }
            expected = child.cookie + 1;
        }
        None
    }

    /// The children whose cookie is above `after`, in order; none for a file.
    pub fn children_after(self, after: u64) -> impl Iterator<Item = NodeRef<'a>> {
        let (first, children) = self.children_slice();
        let from = children.partition_point(|child| child.cookie <= after);
        (first..)
            .zip(children)
            .skip(from)
            .map(move |(index, _)| NodeRef {
                tree: self.tree,
                index,
            })
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
