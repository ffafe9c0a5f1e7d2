//! Reads the stub tree: all of it, or what changed since an earlier scan.
//!
//! The mount shows a tree only when it is complete, so a scan gives all or an error: what a disk fails to give
//! must not look as if it were gone, or a media server would drop its titles. What an earlier scan knew and
//! this one cannot read is taken over from there and named in [`Scanned::kept`]; so are the films below a
//! folder whose disk was unmounted, and when that is the root, the scan fails ([`TreeError::SourceGone`]).
//! What vanishes during the scan is left out.
//!
//! `list` walks the folders, `read` reads the stubs. Left out, and named in [`Scanned::left_out`]: names that
//! are not UTF-8 or hold control characters, special files, links that lead out of the tree or to folders.
//! Temporary files of dead processes are removed on the way.

mod list;
mod read;

pub(crate) use self::list::state_of;

use crate::{
    error::TreeError,
    found::{Earlier, Found, FoundKind, Look, everything},
    stubs::StubTree,
};

/// A file of this name in the root says: this is the library, even if there is no film in it.
pub const MARKER: &str = ".gostream-library";

/// What a scan found.
#[derive(Debug)]
pub struct Scanned {
    /// Everything, sorted by path: a folder comes before what is in it, the root first.
    pub found: Vec<Found>,
    /// What could not be read and was taken over from the earlier scan: path and reason.
    pub kept: Vec<(String, String)>,
    /// What is not shown, a sentence each.
    pub left_out: Vec<String>,
}

impl StubTree {
    /// Everything in the tree, sorted by path, the root left out.
    pub fn scan(&self) -> Result<Vec<Found>, TreeError> {
        let scanned = self.look(Look {
            earlier: None,
            changed: None,
            enter: &|_, _| {},
        })?;
        let found = scanned.found.into_iter();
        Ok(found.filter(|thing| !thing.path.is_empty()).collect())
    }

    /// Looks at the tree as `look` says.
    ///
    /// # Errors
    /// [`TreeError::RootMissing`], [`TreeError::SourceGone`], or the disk's refusal to give what no earlier
    /// scan knew.
    pub fn look(&self, look: Look<'_>) -> Result<Scanned, TreeError> {
        let root = self.canonical_root()?;
        let listed = list::list(&root, look)?;
        let mut scanned = Scanned {
            found: listed.ready,
            kept: listed.kept,
            left_out: listed.left_out,
        };
        let (read, kept) = read::all(listed.unread, look.earlier);
        scanned.found.extend(read);
        scanned.kept.extend(kept);
        scanned.found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        if let Some(earlier) = look.earlier {
            let moved = listed.on_another_device;
            self.keep_unmounted(&mut scanned, earlier, moved)?;
        }
        Ok(scanned)
    }

    /// Of each folder that lies on another device than before: if it held films and holds none now, what was
    /// mounted there is gone, and what was known of it stays.
    fn keep_unmounted(
        &self,
        scanned: &mut Scanned,
        earlier: &dyn Earlier,
        moved: Vec<String>,
    ) -> Result<(), TreeError> {
        for folder in moved {
            let inside = |path: &str| path_is_in(path, &folder);
            let has_film = |found: &Found| matches!(found.kind, FoundKind::Film(_));
            let holds_film = scanned
                .found
                .iter()
                .any(|found| has_film(found) && inside(&found.path));
            if holds_film || !held_film(earlier, &folder) {
                continue;
            }
            if folder.is_empty() {
                if self.root().join(MARKER).exists() {
                    continue;
                }
                return Err(TreeError::SourceGone {
                    path: self.root().to_owned(),
                });
            }
            let before = everything(earlier, &folder);
            scanned
                .found
                .retain(|found| found.path != folder && !inside(&found.path));
            scanned.found.extend(before);
            scanned.found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            let why = "its disk is not mounted, as it seems".to_owned();
            scanned.kept.push((folder, why));
        }
        Ok(())
    }
}

/// Whether `path` lies somewhere in `folder` (empty: the root).
fn path_is_in(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn held_film(earlier: &dyn Earlier, folder: &str) -> bool {
    earlier
        .children(folder)
        .iter()
        .any(|child| match child.kind {
            FoundKind::Film(_) => true,
            FoundKind::Dir => held_film(earlier, &child.path),
            FoundKind::Broken(_) | FoundKind::SideCar { .. } => false,
        })
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
