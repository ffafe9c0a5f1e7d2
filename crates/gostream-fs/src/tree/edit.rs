//! How a tree is made: from another one, by the changes between the two. A new one is made from the empty tree.
//!
//! One way for all: what a scan of the disk finds (`Tree::build` for the first one), and what is done through the mount.
//! The cost is that of the changes, whatever the size of the tree; the old tree stays as it is. Nothing half-made is ever
//! seen: it is all or an error.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gostream_library::{Stamp, path as names};

use super::{Kind, Listing, Node, NodeKind, NodeRef, Object, ROOT_INO, Tree, TreeEntry, name_hash};
use crate::editor::Seen;

/// The longest name in bytes (NAME_MAX, and what statfs reports).
const NAME_MAX: usize = 255;

/// One difference between a tree and the next.
#[derive(Clone, Debug)]
pub enum TreeChange {
    /// This is at its path from now on: something new, or what is there already in another state. An object that
    /// is elsewhere must be removed first.
    Put(TreeEntry),
    /// An object goes; a directory must have no children left.
    Remove {
        /// Its inode number.
        ino: u64,
    },
    /// An object, with all that is in it, is at another path, where nothing is.
    Move {
        /// Its inode number.
        ino: u64,
        /// Its new path.
        to: String,
    },
    /// An object is otherwise on the disk than before.
    Touch {
        /// Its inode number.
        ino: u64,
        /// How it is now.
        seen: Seen,
    },
}

/// Why entries or changes make no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A path that is absolute, ends in `/`, or has an empty, dotted, over-long or unprintable name.
    #[error("'{path}' is no path for the tree: {why}")]
    BadPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two objects at the same path.
    #[error("'{path}' is given twice")]
    DuplicatePath {
        /// The path.
        path: String,
    },
    /// Two objects with the same inode number.
    #[error("inode {ino} of '{path}' is that of another entry, too")]
    DuplicateInode {
        /// The inode number.
        ino: u64,
        /// The path of one of them.
        path: String,
    },
    /// Inode number 0, or 1 for something that is not the root, or another one for the root.
    #[error("'{path}' cannot have the inode {ino}")]
    BadInode {
        /// The inode number.
        ino: u64,
        /// The path.
        path: String,
    },
    /// The directory of an entry is not there, is a file, or lies in what is to be moved into it.
    #[error("'{path}' lies in a directory that is not there")]
    NoDirectory {
        /// The path of the entry.
        path: String,
    },
    /// The root is given as a file.
    #[error("the root is not a directory")]
    RootNotDirectory,
    /// What is to be changed is not there.
    #[error("there is no inode {ino}")]
    NoInode {
        /// The inode number.
        ino: u64,
    },
    /// A directory is to go and is not empty.
    #[error("'{path}' is not empty")]
    NotEmpty {
        /// The path.
        path: String,
    },
}

impl Tree {
    /// A tree with nothing but the root.
    pub fn empty() -> Self {
        let root = Object {
            ino: ROOT_INO,
            parent: ROOT_INO,
            cookie: 0,
            mtime: shown_time(SystemTime::UNIX_EPOCH),
            stamp: Stamp::default(),
            name: "".into(),
            kind: Kind::Dir(Box::default()),
        };
        Self {
            root: Arc::new(root),
            objects: super::Chunks::default(),
            media: 0,
        }
    }

    /// Builds a tree from its entries, in any order. Every directory must be among them; the root may be.
    /// Without a root entry the root's time is that of its newest child.
    ///
    /// # Errors
    /// [`TreeError`], which names the first entry that is wrong.
    pub fn build(mut entries: Vec<TreeEntry>) -> Result<Self, TreeError> {
        // A directory comes before what is in it.
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let twice = entries.windows(2).find(|two| two[0].path == two[1].path);
        if let Some(two) = twice {
            let path = two[0].path.clone();
            return Err(TreeError::DuplicatePath { path });
        }
        let has_root = entries.first().is_some_and(|entry| entry.path.is_empty());
        let mut tree = Self::empty();
        for entry in entries {
            tree.put(entry)?;
        }
        if !has_root {
            let newest = tree.root().children_after(0).map(NodeRef::mtime).max();
            let root = Arc::make_mut(&mut tree.root);
            root.mtime = newest.unwrap_or(root.mtime);
        }
        Ok(tree)
    }

    /// This tree with `changes`, made in their order.
    ///
    /// # Errors
    /// [`TreeError`] of the first change that cannot be made.
    pub fn edited(&self, changes: impl IntoIterator<Item = TreeChange>) -> Result<Self, TreeError> {
        let mut tree = self.clone();
        for change in changes {
            match change {
                TreeChange::Put(entry) => tree.put(entry)?,
                TreeChange::Remove { ino } => tree.remove(ino)?,
                TreeChange::Move { ino, to } => tree.move_to(ino, &to)?,
                TreeChange::Touch { ino, seen } => {
                    let object = tree.object_mut(ino).ok_or(TreeError::NoInode { ino })?;
                    (object.mtime, object.stamp) = (shown_time(seen.mtime), seen.stamp);
                }
            }
        }
        Ok(tree)
    }

    fn put(&mut self, entry: TreeEntry) -> Result<(), TreeError> {
        let TreeEntry { path, ino, .. } = entry;
        if path.is_empty() != (ino == ROOT_INO) || ino == 0 {
            return Err(TreeError::BadInode { ino, path });
        }
        let is_dir = matches!(entry.node, Node::Dir);
        if let Some(there) = self.get(ino) {
            if there.path() != path {
                return Err(TreeError::DuplicateInode { ino, path });
            }
            if there.is_dir() != is_dir {
                return Err(match ino {
                    ROOT_INO => TreeError::RootNotDirectory,
                    _ => TreeError::DuplicatePath { path },
                });
            }
            return self.renew(ino, entry.mtime, entry.stamp, entry.node);
        }
        let parent = self.free_place(&path)?.ino();
        self.attach(Object {
            ino,
            parent,
            cookie: 0,
            mtime: shown_time(entry.mtime),
            stamp: entry.stamp,
            name: names::split(&path).1.into(),
            kind: kind_of(entry.node),
        });
        Ok(())
    }

    /// What is there is in another state. A directory keeps what is in it.
    fn renew(
        &mut self,
        ino: u64,
        mtime: SystemTime,
        stamp: Stamp,
        node: Node,
    ) -> Result<(), TreeError> {
        let was_film = matches!(self.get(ino).map(NodeRef::kind), Some(NodeKind::Media(_)));
        let is_film = matches!(node, Node::Media(_));
        self.media = self.media + u32::from(is_film) - u32::from(was_film);
        let object = self.object_mut(ino).ok_or(TreeError::NoInode { ino })?;
        (object.mtime, object.stamp) = (shown_time(mtime), stamp);
        if !matches!(node, Node::Dir) {
            object.kind = kind_of(node);
        }
        Ok(())
    }

    fn remove(&mut self, ino: u64) -> Result<(), TreeError> {
        let node = self.but_root(ino)?;
        if matches!(node.kind(), NodeKind::Dir { count: 1.., .. }) {
            let path = node.path();
            return Err(TreeError::NotEmpty { path });
        }
        self.detach(ino);
        Ok(())
    }

    fn move_to(&mut self, ino: u64, to: &str) -> Result<(), TreeError> {
        let node = self.but_root(ino)?;
        let parent = self.free_place(to)?;
        if parent.lies_in(node) {
            let path = to.to_owned();
            return Err(TreeError::NoDirectory { path });
        }
        let (parent, sources) = (parent.ino(), sources_after(node, to));
        for (ino, moved) in sources {
            if let Some(Object {
                kind: Kind::SideCar { source, .. },
                ..
            }) = self.object_mut(ino)
            {
                *source = moved.into_boxed_path();
            }
        }
        if let Some(object) = self.detach(ino) {
            let mut object = Arc::unwrap_or_clone(object);
            (object.parent, object.name) = (parent, names::split(to).1.into());
            self.attach(object);
        }
        Ok(())
    }

    fn but_root(&self, ino: u64) -> Result<NodeRef<'_>, TreeError> {
        let node = self.get(ino).filter(|node| node.ino() != ROOT_INO);
        node.ok_or(TreeError::NoInode { ino })
    }

    /// The directory that `path` lies in, if that is there and has no such name yet.
    fn free_place(&self, path: &str) -> Result<NodeRef<'_>, TreeError> {
        check_path(path)?;
        let (folder, name) = names::split(path);
        let folder = self.find(folder).filter(|node| node.is_dir());
        let path = || path.to_owned();
        let folder = folder.ok_or_else(|| TreeError::NoDirectory { path: path() })?;
        match folder.child(name) {
            None => Ok(folder),
            Some(_) => Err(TreeError::DuplicatePath { path: path() }),
        }
    }

    /// Puts an object into its directory, at the first cookie from the hash of its name on that is free.
    fn attach(&mut self, mut object: Object) {
        let is_dir = matches!(object.kind, Kind::Dir(_));
        self.media += u32::from(matches!(object.kind, Kind::Media(_)));
        if let Some(listing) = self.listing_mut(object.parent) {
            object.cookie = name_hash(&object.name);
            while listing.children.get(object.cookie).is_some() {
                object.cookie += 1;
            }
            listing.children.insert(object.cookie, object.ino);
            listing.dirs += u32::from(is_dir);
        }
        self.objects.insert(object.ino, Arc::new(object));
    }

    /// Takes an object out of its directory; what is in it stays with it.
    fn detach(&mut self, ino: u64) -> Option<Arc<Object>> {
        let object = self.objects.remove(ino)?;
        self.media -= u32::from(matches!(object.kind, Kind::Media(_)));
        let listing = self.listing_mut(object.parent)?;
        listing.children.remove(object.cookie);
        listing.dirs -= u32::from(matches!(object.kind, Kind::Dir(_)));
        self.close_gap(object.parent, object.cookie);
        Some(object)
    }

    /// A name that had made way for the one at `gap` takes that place, or nobody would find it behind the gap.
    fn close_gap(&mut self, parent: u64, gap: u64) {
        let mut at = gap + 1;
        while let Some(listing) = self.listing_mut(parent)
            && let Some(&behind) = listing.children.get(at)
        {
            let made_way = |node: NodeRef<'_>| name_hash(node.name()) <= gap;
            if self.get(behind).is_some_and(made_way) {
                if let Some(object) = self.detach(behind) {
                    self.attach(Arc::unwrap_or_clone(object));
                }
                return;
            }
            at += 1;
        }
    }

    fn object_mut(&mut self, ino: u64) -> Option<&mut Object> {
        let object = match ino {
            ROOT_INO => &mut self.root,
            ino => self.objects.get_mut(ino)?,
        };
        Some(Arc::make_mut(object))
    }

    fn listing_mut(&mut self, ino: u64) -> Option<&mut Listing> {
        match &mut self.object_mut(ino)?.kind {
            Kind::Dir(listing) => Some(listing),
            Kind::Media(_) | Kind::SideCar { .. } => None,
        }
    }
}

/// Where the files behind the side-cars of what moves lie afterwards: where the path of the tree ends the path on the
/// disk, its new one takes its place.
fn sources_after(moving: NodeRef<'_>, to: &str) -> Vec<(u64, PathBuf)> {
    let from = moving.path();
    let all = moving.with_all_in_it().into_iter();
    let moved = all.filter_map(|node| {
        let NodeKind::SideCar { source, .. } = node.kind() else {
            return None;
        };
        let path = node.path();
        let root = source.ends_with(&path).then(|| {
            let depth = Path::new(&path).components().count();
            source.ancestors().nth(depth).unwrap_or(source)
        })?;
        let inside = path.strip_prefix(&from)?;
        Some((node.ino(), root.join(format!("{to}{inside}"))))
    });
    moved.collect()
}

fn check_path(path: &str) -> Result<(), TreeError> {
    let why = path.split('/').find_map(|name| match name {
        "" => Some("an empty name"),
        "." | ".." => Some("a dotted name"),
        name if name.len() > NAME_MAX => Some("a name over 255 bytes"),
        name if name.contains('\0') => Some("a zero byte"),
        _ => None,
    });
    match why {
        Some(why) => Err(TreeError::BadPath {
            path: path.to_owned(),
            why,
        }),
        None => Ok(()),
    }
}

fn kind_of(node: Node) -> Kind {
    match node {
        Node::Dir => Kind::Dir(Box::default()),
        Node::Media(film) => Kind::Media(film),
        Node::SideCar { len, source } => Kind::SideCar {
            len,
            source: source.into_boxed_path(),
        },
    }
}

/// Scanners take the time 0 for "unknown", and one before 1970 for broken.
fn shown_time(time: SystemTime) -> SystemTime {
    time.max(SystemTime::UNIX_EPOCH + Duration::from_secs(1))
}
