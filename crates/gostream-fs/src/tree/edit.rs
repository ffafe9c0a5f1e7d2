//! A tree that differs from another in a few entries: after a rename or an unlink nobody wants to look through
//! the whole disk. Used by `edit.rs`; the cost is one copy of the table and no disk, network or database.

use std::path::{Path, PathBuf};

use super::build::{Draft, check_path};
use super::{Node, NodeKind, NodeRef, ROOT_INO, Tree, TreeEntry, TreeError, name_hash};
use crate::editor::Seen;

/// One difference between a tree and the next.
#[derive(Clone, Debug)]
pub(crate) enum TreeChange {
    /// An object goes; a directory must have no children left.
    Remove { ino: u64 },
    /// An object, with all that is in it, is at another place.
    Move { ino: u64, parent: u64, name: String },
    /// There is something new.
    Add {
        parent: u64,
        name: String,
        ino: u64,
        seen: Seen,
        node: Node,
    },
    /// A side-car has other content.
    Content { ino: u64, seen: Seen, node: Node },
    /// An object is otherwise on the disk than before.
    Touch { ino: u64, seen: Seen },
}

/// An entry while it is being changed.
struct Slot {
    /// Position of the directory in the list of slots.
    parent: u32,
    entry: TreeEntry,
    gone: bool,
}

impl Tree {
    /// This tree with `changes`, made in their order.
    pub(crate) fn edited(&self, changes: Vec<TreeChange>) -> Result<Self, TreeError> {
        if let Some(removed) = self.without(&changes) {
            return Ok(removed);
        }
        let mut slots: Vec<Slot> = self.iter().map(slot).collect();
        let mut added: Vec<(u64, u32)> = Vec::new();
        for change in changes {
            let position = |ino: u64| {
                let new = added.iter().find(|(new, _)| *new == ino);
                let at = new
                    .map(|(_, at)| *at)
                    .or_else(|| self.by_ino.get(&ino).copied());
                at.ok_or_else(|| TreeError::NoDirectory {
                    path: format!("inode {ino}"),
                })
            };
            match change {
                TreeChange::Remove { ino } => slots[position(ino)? as usize].gone = true,
                TreeChange::Touch { ino, seen } => {
                    let entry = &mut slots[position(ino)? as usize].entry;
                    (entry.mtime, entry.stamp) = (seen.mtime, seen.stamp);
                }
                TreeChange::Content { ino, seen, node } => {
                    let entry = &mut slots[position(ino)? as usize].entry;
                    (entry.mtime, entry.stamp, entry.node) = (seen.mtime, seen.stamp, node);
                }
                TreeChange::Move { ino, parent, name } => {
                    let (at, parent) = (position(ino)?, position(parent)?);
                    check_free(&slots, parent, &name)?;
                    self.rebase(&mut slots, at, parent, &name);
                    let slot = &mut slots[at as usize];
                    (slot.parent, slot.entry.path) = (parent, name);
                }
                TreeChange::Add {
                    parent,
                    name,
                    ino,
                    seen,
                    node,
                } => {
                    let parent = position(parent)?;
                    check_free(&slots, parent, &name)?;
                    added.push((ino, u32::try_from(slots.len()).unwrap_or(u32::MAX)));
                    let entry = TreeEntry {
                        path: name,
                        ino,
                        mtime: seen.mtime,
                        stamp: seen.stamp,
                        node,
                    };
                    slots.push(Slot {
                        parent,
                        entry,
                        gone: false,
                    });
                }
            }
        }
        from_slots(slots)
    }

    /// The files behind the side-cars of what moves lie elsewhere as well: where the path of the tree ends the
    /// path on the disk, its new one takes its place.
    fn rebase(&self, slots: &mut [Slot], moving: u32, new_parent: u32, new_name: &str) {
        let node = |index| NodeRef { tree: self, index };
        if moving as usize >= self.inodes.len() || new_parent as usize >= self.inodes.len() {
            return;
        }
        let old = node(moving).path();
        let new = gostream_library::path::join(&node(new_parent).path(), new_name);
        for (index, slot) in (0..).zip(slots.iter_mut()).take(self.inodes.len()) {
            let Node::SideCar { source, .. } = &mut slot.entry.node else {
                continue;
            };
            let path = node(index).path();
            let inside = path
                .strip_prefix(&old)
                .filter(|rest| rest.is_empty() || rest.starts_with('/'));
            if let Some(rest) = inside
                && source.ends_with(&path)
            {
                let depth = Path::new(&path).components().count();
                let root: PathBuf = source.ancestors().nth(depth).unwrap_or(source).to_owned();
                *source = root.join(format!("{new}{rest}"));
            }
        }
    }
}

/// A node as it is, by its name alone.
fn slot(node: NodeRef<'_>) -> Slot {
    let kind = match node.kind() {
        NodeKind::Dir { .. } => Node::Dir,
        NodeKind::Media(stub) => Node::Media(std::sync::Arc::clone(stub)),
        NodeKind::SideCar { len, source } => Node::SideCar {
            len,
            source: source.to_owned(),
        },
    };
    Slot {
        parent: node.inode().parent,
        entry: TreeEntry {
            path: node.name().to_owned(),
            ino: node.ino(),
            mtime: node.mtime(),
            stamp: node.stamp(),
            node: kind,
        },
        gone: false,
    }
}

fn check_free(slots: &[Slot], parent: u32, name: &str) -> Result<(), TreeError> {
    check_path(name)?;
    let taken = slots
        .iter()
        .any(|slot| slot.parent == parent && !slot.gone && slot.entry.path == name);
    if taken {
        return Err(TreeError::DuplicatePath {
            path: name.to_owned(),
        });
    }
    Ok(())
}

fn from_slots(slots: Vec<Slot>) -> Result<Tree, TreeError> {
    // Position among the slots → position among those that stay, the root left out.
    let mut kept = vec![None; slots.len()];
    let mut next = 0_u32;
    for (at, slot) in slots.iter().enumerate().skip(1) {
        if !slot.gone {
            kept[at] = Some(next);
            next += 1;
        }
    }
    let mut slots = slots.into_iter().enumerate();
    let root = slots.next().map(|(_, slot)| TreeEntry {
        ino: ROOT_INO,
        path: String::new(),
        ..slot.entry
    });
    let mut entries = Vec::with_capacity(next as usize);
    let mut drafts = Vec::with_capacity(next as usize);
    for (at, slot) in slots {
        let Some(position) = kept[at] else {
            continue;
        };
        let parent = match (slot.parent, kept[slot.parent as usize]) {
            (0, _) => None,
            (_, Some(parent)) => Some(parent),
            (_, None) => {
                return Err(TreeError::NoDirectory {
                    path: slot.entry.path,
                });
            }
        };
        drafts.push(Draft {
            parent,
            hash: name_hash(&slot.entry.path),
            entry: position,
        });
        entries.push(slot.entry);
    }
    Tree::from_drafts(entries, drafts, root)
}
