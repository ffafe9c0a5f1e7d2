//! From a list of entries in any order to a [`Tree`]. Nothing half-built is ever seen: it is all or an error.
//!
//! Cost: one hash map of the paths and one sort; 100,000 entries take about a tenth of a second.

use std::time::{Duration, SystemTime};

use rustc_hash::FxHashMap;

use super::{Inode, Kind, Node, ROOT_INO, Tree, TreeEntry, name_hash};

/// The longest name in bytes (NAME_MAX, and what statfs reports).
const NAME_MAX: usize = 255;

/// Why a list of entries is no tree.
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
    /// Two entries with the same path.
    #[error("'{path}' is given twice")]
    DuplicatePath {
        /// The path.
        path: String,
    },
    /// Two entries with the same inode number.
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
    /// The directory of an entry is not among the entries, or is a file.
    #[error("'{path}' lies in a directory that is not in the list")]
    NoDirectory {
        /// The path of the entry.
        path: String,
    },
    /// The root is given as a file.
    #[error("the root is not a directory")]
    RootNotDirectory,
    /// More than 2^32 - 2 entries or 4 GiB of names.
    #[error("the tree is too large")]
    TooLarge,
}

/// One entry while the tree is being laid out.
pub(super) struct Draft {
    /// Position of the entry of the directory in the list; `None`: the root.
    pub(super) parent: Option<u32>,
    pub(super) hash: u64,
    pub(super) entry: u32,
}

impl Tree {
    /// A tree with nothing but the root.
    pub fn empty() -> Self {
        let root = root_inode(None, None);
        Self {
            inodes: Box::new([root]),
            names: "".into(),
            by_ino: std::iter::once((ROOT_INO, 0)).collect(),
            media: 0,
        }
    }

    /// Builds a tree from its entries, in any order. Every directory must be among them; the root may be.
    /// Without a root entry the root's time is that of its newest child.
    ///
    /// # Errors
    /// [`TreeError`], which names the first entry that is wrong.
    pub fn build(mut entries: Vec<TreeEntry>) -> Result<Self, TreeError> {
        let root = take_root(&mut entries)?;
        if u32::try_from(entries.len()).is_err() || entries.len() >= u32::MAX as usize {
            return Err(TreeError::TooLarge);
        }
        let drafts = draft(&entries)?;
        Self::from_drafts(entries, drafts, root)
    }

    /// A tree from entries of which only the last names of their paths count, and where each lies.
    pub(super) fn from_drafts(
        entries: Vec<TreeEntry>,
        mut drafts: Vec<Draft>,
        root: Option<TreeEntry>,
    ) -> Result<Self, TreeError> {
        // Stable, since what comes from another tree is sorted but for one entry.
        drafts.sort_by(|a, b| {
            let by_name = || name_of(&entries, a).cmp(name_of(&entries, b));
            (a.parent, a.hash)
                .cmp(&(b.parent, b.hash))
                .then_with(by_name)
        });
        lay_out(entries, &drafts, root)
    }
}

fn name_of<'a>(entries: &'a [TreeEntry], draft: &Draft) -> &'a str {
    split(&entries[draft.entry as usize].path).1
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn take_root(entries: &mut Vec<TreeEntry>) -> Result<Option<TreeEntry>, TreeError> {
    let Some(at) = entries.iter().position(|entry| entry.path.is_empty()) else {
        return Ok(None);
    };
    let root = entries.swap_remove(at);
    if root.ino != ROOT_INO {
        return Err(TreeError::BadInode {
            ino: root.ino,
            path: root.path,
        });
    }
    if !matches!(root.node, Node::Dir) {
        return Err(TreeError::RootNotDirectory);
    }
    Ok(Some(root))
}

/// Checks the entries and finds the directory of each.
fn draft(entries: &[TreeEntry]) -> Result<Vec<Draft>, TreeError> {
    let mut by_path: FxHashMap<&str, u32> = FxHashMap::default();
    by_path.reserve(entries.len());
    for (position, entry) in (0_u32..).zip(entries) {
        check_path(&entry.path)?;
        if entry.ino <= ROOT_INO {
            return Err(TreeError::BadInode {
                ino: entry.ino,
                path: entry.path.clone(),
            });
        }
        if by_path.insert(&entry.path, position).is_some() {
            return Err(TreeError::DuplicatePath {
                path: entry.path.clone(),
            });
        }
    }
    let mut drafts = Vec::with_capacity(entries.len());
    for (position, entry) in (0_u32..).zip(entries) {
        let (dir, name) = split(&entry.path);
        let parent = match dir {
            "" => None,
            dir => match by_path.get(dir) {
                Some(&at) if matches!(entries[at as usize].node, Node::Dir) => Some(at),
                Some(_) | None => {
                    return Err(TreeError::NoDirectory {
                        path: entry.path.clone(),
                    });
                }
            },
        };
        drafts.push(Draft {
            parent,
            hash: name_hash(name),
            entry: position,
        });
    }
    Ok(drafts)
}

pub(super) fn check_path(path: &str) -> Result<(), TreeError> {
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

/// Turns the sorted drafts into the table: draft `i` becomes inode `i + 1`.
fn lay_out(
    entries: Vec<TreeEntry>,
    drafts: &[Draft],
    root: Option<TreeEntry>,
) -> Result<Tree, TreeError> {
    let index_of = indices(drafts, entries.len());
    let newest = drafts
        .iter()
        .filter(|draft| draft.parent.is_none())
        .map(|draft| entries[draft.entry as usize].mtime)
        .max();
    let mut names = String::new();
    let mut inodes = vec![root_inode(root, newest)];
    inodes.reserve_exact(drafts.len());
    let mut by_ino: FxHashMap<u64, u32> = FxHashMap::default();
    by_ino.reserve(drafts.len() + 1);
    by_ino.insert(ROOT_INO, 0);
    let mut media = 0;
    let mut previous: Option<(Option<u32>, u64)> = None;
    let mut entries: Vec<Option<TreeEntry>> = entries.into_iter().map(Some).collect();
    for (index, draft) in (1_u32..).zip(drafts) {
        let Some(entry) = entries[draft.entry as usize].take() else {
            continue; // not reached: each draft has an entry of its own
        };
        let cookie = match previous {
            Some((parent, last)) if parent == draft.parent => draft.hash.max(last + 1),
            Some(_) | None => draft.hash,
        };
        previous = Some((draft.parent, cookie));
        if by_ino.insert(entry.ino, index).is_some() {
            return Err(TreeError::DuplicateInode {
                ino: entry.ino,
                path: entry.path,
            });
        }
        let name = split(&entry.path).1;
        let name_start = u32::try_from(names.len()).map_err(|_| TreeError::TooLarge)?;
        let name_len = u8::try_from(name.len()).map_err(|_| TreeError::TooLarge)?;
        names.push_str(name);
        media += u32::from(matches!(entry.node, Node::Media(_)));
        inodes.push(Inode {
            ino: entry.ino,
            cookie,
            mtime: shown_time(entry.mtime),
            stamp: entry.stamp,
            parent: draft.parent.map_or(0, |at| index_of[at as usize]),
            name_start,
            name_len,
            kind: kind_of(entry.node),
        });
    }
    count_children(&mut inodes);
    Ok(Tree {
        inodes: inodes.into_boxed_slice(),
        names: names.into_boxed_str(),
        by_ino,
        media,
    })
}

/// Position in the list of entries → index in the table.
fn indices(drafts: &[Draft], entries: usize) -> Vec<u32> {
    let mut index_of = vec![0; entries];
    for (index, draft) in (1_u32..).zip(drafts) {
        index_of[draft.entry as usize] = index;
    }
    index_of
}

fn kind_of(node: Node) -> Kind {
    match node {
        Node::Dir => Kind::Dir {
            first: 0,
            count: 0,
            dirs: 0,
        },
        Node::Media(stub) => Kind::Media(stub),
        Node::SideCar { len, source } => Kind::SideCar {
            len,
            source: source.into_boxed_path(),
        },
    }
}

/// Tells every directory where its children lie. They are side by side already.
fn count_children(inodes: &mut [Inode]) {
    for index in 1..inodes.len() {
        let child_is_dir = matches!(inodes[index].kind, Kind::Dir { .. });
        let parent = inodes[index].parent as usize;
        let Kind::Dir { first, count, dirs } = &mut inodes[parent].kind else {
            continue; // not reached: draft() took directories for parents only
        };
        if *count == 0 {
            // build() refuses lists whose positions do not fit.
            *first = u32::try_from(index).unwrap_or(u32::MAX);
        }
        *count += 1;
        *dirs += u32::from(child_is_dir);
    }
}

fn root_inode(entry: Option<TreeEntry>, newest_child: Option<SystemTime>) -> Inode {
    let stamp = entry.as_ref().map(|entry| entry.stamp);
    let mtime = entry.map(|entry| entry.mtime).or(newest_child);
    Inode {
        ino: ROOT_INO,
        cookie: 0,
        mtime: shown_time(mtime.unwrap_or(SystemTime::UNIX_EPOCH)),
        stamp: stamp.unwrap_or_default(),
        parent: 0,
        name_start: 0,
        name_len: 0,
        kind: kind_of(Node::Dir),
    }
}

/// Scanners take the time 0 for "unknown", and one before 1970 for broken.
pub(super) fn shown_time(time: SystemTime) -> SystemTime {
    time.max(SystemTime::UNIX_EPOCH + Duration::from_secs(1))
}
