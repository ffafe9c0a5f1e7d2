//! Changes of the library that came through the mount: what POSIX wants is decided here, against the tree of
//! the moment; the disk is the editor's ([`LibraryEditor`]).
//!
//! Called by `ops/change.rs` on the thread of `edit/queue.rs`, one change at a time. Each is: decide, have the
//! disk changed, swap the tree by one entry, and only then answer: whoever asked sees what he did. No lock that
//! somebody holds while he waits for the kernel is taken here, or an unlink (whose directory the kernel keeps
//! locked until the answer) and the notice of a publish would wait for each other.
//!
//! Which kinds of names there are: a *film* (a stub), a *real film* (a `.mkv` that is no stub, never removed or
//! replaced) and a *side-car*. A name ending in `.mkv` is a film's and no other's.

pub(crate) mod queue;
mod rename;
mod side_car;

use std::ffi::OsStr;
use std::sync::Arc;

use crate::editor::{EditError, LibraryEditor};
use crate::events::{EventSender, TreeEvents};
use crate::metrics::FsMetrics;
use crate::shared::Shared;
use crate::tree::{Node, NodeKind, NodeRef, Tree, TreeChange};

/// The longest name in bytes (NAME_MAX).
const NAME_MAX: usize = 255;
/// What the names of films end in, exactly.
const FILM: &str = ".mkv";
/// Names that the library keeps for itself: it would not show such a file, and remove it at the next start.
const RESERVED: &str = ".gostream-tmp-";

/// Changes the library.
pub(crate) struct Editing {
    shared: Arc<Shared>,
    trees: Arc<TreeEvents>,
    pages: EventSender,
    editor: Arc<dyn LibraryEditor>,
}

impl Editing {
    pub(crate) fn new(
        shared: Arc<Shared>,
        trees: Arc<TreeEvents>,
        pages: EventSender,
        editor: Arc<dyn LibraryEditor>,
    ) -> Self {
        Self {
            shared,
            trees,
            pages,
            editor,
        }
    }

    /// unlink(2).
    pub(crate) fn unlink(&self, parent: u64, name: &OsStr) -> Result<(), EditError> {
        let tree = self.shared.tree.load_full();
        let node = child(&tree, parent, name)?;
        match node.kind() {
            NodeKind::Dir { .. } => Err(EditError::IsDirectory),
            NodeKind::Media(stub) => {
                let path = node.path();
                self.editor.may_unlink(&path)?;
                // First, lest somebody waits for bytes of a file that is going.
                self.shared.close_readers(node.ino());
                let unlinked = self.change(|| {
                    self.editor.unlink_film(&path, stub, &tree)?;
                    Ok((
                        vec![TreeChange::Remove { ino: node.ino() }],
                        vec![touched(node.parent())],
                    ))
                });
                // Those who opened it in between; and what the kernel has cached shall not be read either.
                if self.shared.close_readers(node.ino()) > 0 {
                    self.pages.invalidate(node.ino(), 0, 0);
                }
                unlinked
            }
            NodeKind::SideCar { .. } if is_film_name(node.name()) => Err(EditError::NotPermitted),
            NodeKind::SideCar { .. } => self.unlink_side_car(parent, name),
        }
    }

    /// mkdir(2); the inode number of the new directory.
    pub(crate) fn make_directory(&self, parent: u64, name: &OsStr) -> Result<u64, EditError> {
        let tree = self.shared.tree.load_full();
        let directory = directory(&tree, parent)?;
        let name = valid_name(name)?;
        if directory.child(name).is_some() {
            return Err(EditError::Exists);
        }
        let path = join(directory, name);
        let mut made_ino = 0;
        self.change(|| {
            let made = self.editor.make_directory(&path)?;
            made_ino = made.ino;
            let added = made.entry(&path, Node::Dir);
            Ok((vec![TreeChange::Put(added)], vec![touched(directory)]))
        })?;
        Ok(made_ino)
    }

    /// rmdir(2).
    pub(crate) fn remove_directory(&self, parent: u64, name: &OsStr) -> Result<(), EditError> {
        let tree = self.shared.tree.load_full();
        let node = child(&tree, parent, name)?;
        match node.kind() {
            NodeKind::Dir { count: 0, .. } => {}
            NodeKind::Dir { .. } => return Err(EditError::NotEmpty),
            NodeKind::Media(_) | NodeKind::SideCar { .. } => return Err(EditError::NotDirectory),
        }
        self.change(|| {
            self.editor.remove_directory(&node.path())?;
            Ok((
                vec![TreeChange::Remove { ino: node.ino() }],
                vec![touched(node.parent())],
            ))
        })
    }

    /// Has the disk changed by `on_disk` and shows what it says has changed, and how what it names is now.
    fn change(
        &self,
        on_disk: impl FnOnce() -> Result<(Vec<TreeChange>, Vec<Touched>), EditError>,
    ) -> Result<(), EditError> {
        self.change_for(Whom::TheKernel, on_disk)
    }

    fn change_for(
        &self,
        whom: Whom,
        on_disk: impl FnOnce() -> Result<(Vec<TreeChange>, Vec<Touched>), EditError>,
    ) -> Result<(), EditError> {
        let mut edits = self.trees.edits.lock();
        let (mut changes, touched) = on_disk()?;
        // Taken again: a whole scan may have been published since the decision. It has seen a library in
        // which this change was still to come, or not to come any more.
        let tree = self.shared.tree.load_full();
        for (ino, path) in touched {
            if let Some(seen) = self.editor.seen(&path) {
                changes.push(TreeChange::Touch { ino, seen });
            }
        }
        match tree.edited(changes) {
            Ok(edited) => match whom {
                Whom::TheKernel => self.trees.publish_edit(&self.shared, edited, &mut edits),
                Whom::Nobody => {
                    *edits += 1;
                    self.trees.publish(&self.shared, edited);
                }
            },
            // Not reached unless a scan and this change crossed: the next scan shows what is.
            Err(error) => tracing::warn!(%error, "a change of the library is not shown yet"),
        }
        FsMetrics::add(&self.shared.metrics.edits, 1);
        Ok(())
    }
}

/// Who asked for a change.
#[derive(Clone, Copy)]
enum Whom {
    /// It knows what it asked for.
    TheKernel,
    /// The kernel must be told.
    Nobody,
}

/// An object whose times changed, and its path now.
type Touched = (u64, String);

fn touched(node: NodeRef<'_>) -> Touched {
    (node.ino(), node.path())
}

fn directory(tree: &Tree, ino: u64) -> Result<NodeRef<'_>, EditError> {
    let node = tree.get(ino).ok_or(EditError::NotFound)?;
    if node.is_dir() {
        Ok(node)
    } else {
        Err(EditError::NotDirectory)
    }
}

/// What `name` is in the directory `parent`.
fn child<'a>(tree: &'a Tree, parent: u64, name: &OsStr) -> Result<NodeRef<'a>, EditError> {
    let directory = directory(tree, parent)?;
    if name.len() > NAME_MAX {
        return Err(EditError::NameTooLong);
    }
    // Every name of the tree is UTF-8, so one that is not is not there.
    let name = name.to_str().ok_or(EditError::NotFound)?;
    directory.child(name).ok_or(EditError::NotFound)
}

/// A name that something may have from now on.
fn valid_name(name: &OsStr) -> Result<&str, EditError> {
    if name.len() > NAME_MAX {
        return Err(EditError::NameTooLong);
    }
    let name = name.to_str().ok_or(EditError::Invalid)?;
    if name.starts_with(RESERVED) {
        return Err(EditError::NotPermitted);
    }
    gostream_library::path::check(name).map_err(|_| EditError::Invalid)?;
    Ok(name)
}

pub(crate) fn is_film_name(name: &str) -> bool {
    name.len() > FILM.len() && name.ends_with(FILM)
}

fn join(directory: NodeRef<'_>, name: &str) -> String {
    gostream_library::path::join(&directory.path(), name)
}

#[cfg(test)]
mod tests;
