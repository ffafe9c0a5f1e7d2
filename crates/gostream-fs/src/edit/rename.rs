//! rename(2): who may take whose place.
//!
//! As POSIX has it, save where a title would be lost or a film become something else: a film is never replaced
//! (EEXIST), and no name changes between film and side-car (EPERM; never EXDEV, at which `mv` would copy the
//! whole film). Inode numbers and open handles stay.

use std::ffi::OsStr;

use super::{Editing, child, directory, is_film_name, join, touched, valid_name};
use crate::editor::EditError;
use crate::tree::{NodeKind, NodeRef, TreeChange};

impl Editing {
    /// rename(2), or renameat2(2) with RENAME_NOREPLACE when `replace` is false.
    pub(crate) fn rename(
        &self,
        (parent, name): (u64, &OsStr),
        (new_parent, new_name): (u64, &OsStr),
        replace: bool,
    ) -> Result<(), EditError> {
        let tree = self.shared.tree.load_full();
        let node = child(&tree, parent, name)?;
        let target_dir = directory(&tree, new_parent)?;
        let new_name = valid_name(new_name)?;
        let there = target_dir.child(new_name);
        if there.is_some() && !replace {
            return Err(EditError::Exists);
        }
        if there.is_some_and(|there| there.ino() == node.ino()) {
            return Ok(());
        }
        may_be_called(node, new_name)?;
        if target_dir.lies_in(node) {
            return Err(EditError::Invalid);
        }
        if let Some(there) = there {
            may_replace(node, there, self.shared.config.side_car_writes)?;
        }
        let (from, to) = (node.path(), join(target_dir, new_name));
        self.change(|| {
            self.editor.rename(&from, &to)?;
            if let Some(there) = there {
                self.shared.drafts.unlink(there.ino());
            }
            let mut changes = Vec::with_capacity(4);
            changes.extend(there.map(|there| TreeChange::Remove { ino: there.ino() }));
            changes.push(TreeChange::Move {
                ino: node.ino(),
                to: to.clone(),
            });
            let moved = (node.ino(), to.clone());
            let touched = vec![touched(node.parent()), touched(target_dir), moved];
            Ok((changes, touched))
        })
    }
}

/// A film stays a film, anything else becomes none; a directory may be called anything.
fn may_be_called(node: NodeRef<'_>, new_name: &str) -> Result<(), EditError> {
    if node.is_dir() || is_film_name(node.name()) == is_film_name(new_name) {
        Ok(())
    } else {
        Err(EditError::NotPermitted)
    }
}

fn may_replace(node: NodeRef<'_>, there: NodeRef<'_>, side_cars: bool) -> Result<(), EditError> {
    match (node.is_dir(), there.kind()) {
        (true, NodeKind::Dir { count: 0, .. }) => Ok(()),
        (true, NodeKind::Dir { .. }) => Err(EditError::NotEmpty),
        (true, NodeKind::Media(_) | NodeKind::SideCar { .. }) => Err(EditError::NotDirectory),
        (false, NodeKind::Dir { .. }) => Err(EditError::IsDirectory),
        (false, NodeKind::Media(_)) => Err(EditError::Exists),
        (false, NodeKind::SideCar { .. }) if is_film_name(there.name()) => Err(EditError::Exists),
        (false, NodeKind::SideCar { .. }) if side_cars => Ok(()),
        // What is in it would be lost, which only those may do who may write it.
        (false, NodeKind::SideCar { .. }) => Err(EditError::ReadOnly),
    }
}
