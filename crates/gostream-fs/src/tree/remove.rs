//! The change that comes by the thousand, the removal of one object, without laying out the tree anew: the table
//! is copied, and what lies behind the gap moves up. The name stays in the buffer of names until the next layout.

use super::{Inode, Kind, Tree, TreeChange, name_hash};

impl Tree {
    /// This tree without one object and with new times of others; `None` where that is not all there is to do.
    pub(super) fn without(&self, changes: &[TreeChange]) -> Option<Self> {
        let mut gone = None;
        for change in changes {
            match change {
                TreeChange::Remove { ino } if gone.is_none() => gone = Some(*ino),
                TreeChange::Touch { ino, .. } if Some(*ino) != gone => {}
                TreeChange::Remove { .. }
                | TreeChange::Move { .. }
                | TreeChange::Add { .. }
                | TreeChange::Content { .. }
                | TreeChange::Touch { .. } => return None,
            }
        }
        let gap = *self.by_ino.get(&gone?)?;
        if gap == 0 || !self.may_leave_gap(gap) {
            return None;
        }
        let mut tree = self.cut(gap);
        for change in changes {
            if let TreeChange::Touch { ino, seen } = change {
                let at = *tree.by_ino.get(ino)?;
                let inode = &mut tree.inodes[at as usize];
                (inode.mtime, inode.stamp) = (super::build::shown_time(seen.mtime), seen.stamp);
            }
        }
        Some(tree)
    }

    /// Not a directory with something in it, nor a part of a run of names with the same hash.
    fn may_leave_gap(&self, gap: u32) -> bool {
        let inode = &self.inodes[gap as usize];
        let next = self.inodes.get(gap as usize + 1);
        let name_of = |inode: &Inode| {
            let from = inode.name_start as usize;
            &self.names[from..from + usize::from(inode.name_len)]
        };
        let in_run = next.is_some_and(|next| {
            next.parent == inode.parent && name_hash(name_of(next)) != next.cookie
        });
        !in_run && !matches!(inode.kind, Kind::Dir { count: 1.., .. })
    }

    fn cut(&self, gap: u32) -> Self {
        let up = |index: u32| if index > gap { index - 1 } else { index };
        let (before, after) = self.inodes.split_at(gap as usize);
        let mut inodes: Vec<Inode> = Vec::with_capacity(self.inodes.len());
        inodes.extend_from_slice(before);
        inodes.extend_from_slice(&after[1..]);
        for inode in &mut inodes {
            inode.parent = up(inode.parent);
            if let Kind::Dir { first, .. } = &mut inode.kind {
                *first = up(*first);
            }
        }
        let gone = &after[0];
        let is_dir = matches!(gone.kind, Kind::Dir { .. });
        if let Kind::Dir { count, dirs, .. } = &mut inodes[up(gone.parent) as usize].kind {
            *count -= 1;
            *dirs -= u32::from(is_dir);
        }
        let mut by_ino = self.by_ino.clone();
        by_ino.remove(&gone.ino);
        for index in by_ino.values_mut() {
            *index = up(*index);
        }
        Self {
            inodes: inodes.into_boxed_slice(),
            names: self.names.clone(),
            by_ino,
            media: self.media - u32::from(matches!(gone.kind, Kind::Media(_))),
        }
    }
}
