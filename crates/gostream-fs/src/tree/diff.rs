//! What the kernel must forget when one tree takes the place of another.
//!
//! Called by the thread that tells the kernel (`events.rs`). Objects are the same when their inode numbers
//! are: one at another place has moved, one with another stub behind it has other bytes. The order matters:
//! what lies deeper goes first, so that a directory is empty when its turn comes. What both trees share is not
//! looked at, so the cost is that of the difference.

use std::sync::Arc;

use super::{NodeKind, NodeRef, Tree};

/// One thing that the kernel must be told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<'a> {
    /// The object is gone from the tree.
    Removed(NodeRef<'a>),
    /// The object (as it was) is at another place or in another directory now.
    Moved(NodeRef<'a>),
    /// There is an object at this place that was not there before.
    Added(NodeRef<'a>),
    /// Same file, other bytes: cached pages and attributes are wrong.
    Content(NodeRef<'a>),
    /// Same file or directory, other attributes or another listing.
    Attributes(NodeRef<'a>),
}

/// Everything that differs between `old` and `new`.
pub(crate) fn changes<'a>(old: &'a Tree, new: &'a Tree) -> Vec<Change<'a>> {
    let mut gone: Vec<NodeRef<'a>> = Vec::new();
    let mut rest = Vec::new();
    let mut pairs = old.objects.beside(&new.objects);
    pairs.push((Some(&old.root), Some(&new.root)));
    for (before, now) in pairs {
        let before = before.map(|object| NodeRef { tree: old, object });
        let now = now.map(|object| NodeRef { tree: new, object });
        match (before, now) {
            (Some(before), Some(now)) => compare(before, now, &mut rest),
            (Some(before), None) => gone.push(before),
            (None, Some(now)) => rest.push(Change::Added(now)),
            (None, None) => {}
        }
    }
    gone.sort_by_cached_key(|node| std::cmp::Reverse(depth(*node)));
    let mut all: Vec<Change<'a>> = gone.into_iter().map(Change::Removed).collect();
    all.extend(rest);
    let touched = touched_dirs(&all, new);
    all.extend(touched);
    all
}

/// The same object in both trees.
fn compare<'a>(before: NodeRef<'a>, now: NodeRef<'a>, changes: &mut Vec<Change<'a>>) {
    if std::ptr::eq(before.object, now.object) {
        return;
    }
    if !same_place(before, now) {
        changes.push(Change::Moved(before));
        changes.push(Change::Added(now));
    }
    if !same_content(before, now) {
        changes.push(Change::Content(now));
    } else if !same_attributes(before, now) {
        changes.push(Change::Attributes(now));
    }
}

/// The directories whose listing changed without a change of their own attributes.
fn touched_dirs<'a>(changes: &[Change<'a>], new: &'a Tree) -> Vec<Change<'a>> {
    let mut inos: Vec<u64> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Removed(node) | Change::Moved(node) | Change::Added(node) => {
                Some(node.parent().ino())
            }
            Change::Content(_) | Change::Attributes(_) => None,
        })
        .collect();
    inos.sort_unstable();
    inos.dedup();
    inos.into_iter()
        .filter_map(|ino| new.get(ino))
        .map(Change::Attributes)
        .collect()
}

fn depth(node: NodeRef<'_>) -> usize {
    let mut depth = 0;
    let mut at = node;
    while at.parent().ino() != at.ino() {
        at = at.parent();
        depth += 1;
    }
    depth
}

fn same_place(a: NodeRef<'_>, b: NodeRef<'_>) -> bool {
    a.parent().ino() == b.parent().ino() && a.name() == b.name()
}

fn same_attributes(a: NodeRef<'_>, b: NodeRef<'_>) -> bool {
    let dirs = |node: NodeRef<'_>| match node.kind() {
        NodeKind::Dir { dirs, .. } => Some(dirs),
        NodeKind::Media(_) | NodeKind::SideCar { .. } => None,
    };
    a.mtime() == b.mtime() && dirs(a) == dirs(b)
}

/// Whether cached bytes of `a` are right for `b`. A side-car is judged as rsync does: by size and time.
fn same_content(a: NodeRef<'_>, b: NodeRef<'_>) -> bool {
    match (a.kind(), b.kind()) {
        (NodeKind::Dir { .. }, NodeKind::Dir { .. }) => true,
        (NodeKind::Media(a), NodeKind::Media(b)) => {
            Arc::ptr_eq(a, b) || (a.hash == b.hash && a.index == b.index && a.size == b.size)
        }
        (
            NodeKind::SideCar { len, source },
            NodeKind::SideCar {
                len: len_now,
                source: source_now,
            },
        ) => len == len_now && source == source_now && a.mtime() == b.mtime(),
        (NodeKind::Dir { .. }, _) | (NodeKind::Media(_), _) | (NodeKind::SideCar { .. }, _) => {
            false
        }
    }
}
