//! Reads the stub tree: all of it, or what is otherwise than an earlier scan found it.
//!
//! The mount shows a tree only when it is complete, so a scan gives all that differs or an error: what a disk fails
//! to give must not look as if it were gone, or a media server would drop its titles. What an earlier scan knew and
//! this one cannot read stays as it was and is named in [`Scanned::kept`]; so are the films below a folder whose
//! disk was unmounted, and when that is the root, the scan fails ([`TreeError::SourceGone`]).
//!
//! `list` walks the folders, `read` reads the stubs. Left out, and named in [`Scanned::left_out`]: names that
//! are not UTF-8 or hold control characters, special files, links that lead out of the tree or to folders.
//! Temporary files of dead processes are removed on the way.

mod list;
mod read;

pub(crate) use self::list::state_of;

use std::collections::HashSet;

use gostream_library::path as names;

use crate::{
    error::TreeError,
    found::{Earlier, Found, FoundKind, KnownKind, Look},
    stubs::StubTree,
};

/// A file of this name in the root says: this is the library, even if there is no film in it.
pub const MARKER: &str = ".gostream-library";

/// What a scan found.
#[derive(Debug)]
pub struct Scanned {
    /// What is new or otherwise than before, sorted by path: a folder comes before what is in it, the root first.
    /// What is neither here nor in `gone` is as it was.
    pub found: Vec<Found>,
    /// What the earlier scan knew and that is not there any more, a folder with all that was in it.
    pub gone: Vec<String>,
    /// What could not be read and stays as it was: path and reason.
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
        let read = read::all(listed.unread);
        let mut scanned = Scanned {
            found: listed.ready,
            gone: listed.gone,
            kept: listed.kept,
            left_out: listed.left_out,
        };
        scanned.found.extend(read.found);
        scanned.gone.extend(read.gone);
        scanned.kept.extend(read.kept);
        scanned.found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        // One folder may be missed by its parent and by itself.
        scanned.gone.sort_unstable();
        scanned.gone.dedup();
        if let Some(earlier) = look.earlier {
            for folder in listed.on_another_device {
                self.keep_unmounted(&mut scanned, earlier, folder)?;
            }
        }
        Ok(scanned)
    }

    /// Of a folder that lies on another device than before: if it held films and holds none now, what was
    /// mounted there is gone, and what was known of it stays.
    fn keep_unmounted(
        &self,
        scanned: &mut Scanned,
        earlier: &dyn Earlier,
        folder: String,
    ) -> Result<(), TreeError> {
        let inside = |path: &str| path_is_in(path, &folder);
        let is_film = |found: &Found| matches!(found.kind, FoundKind::Film(_));
        let mut found = scanned.found.iter();
        if found.any(|found| is_film(found) && inside(&found.path))
            || has_film(earlier, &folder, &scanned.other())
            || !has_film(earlier, &folder, &HashSet::new())
        {
            return Ok(());
        }
        if folder.is_empty() {
            if self.root().join(MARKER).exists() {
                return Ok(());
            }
            let path = self.root().to_owned();
            return Err(TreeError::SourceGone { path });
        }
        let stays = |path: &str| path != folder && !inside(path);
        scanned.found.retain(|found| stays(&found.path));
        scanned.gone.retain(|path| stays(path));
        let why = "its disk is not mounted, as it seems".to_owned();
        scanned.kept.push((folder, why));
        Ok(())
    }
}

impl Scanned {
    /// The paths at which there is nothing, or a file in another state.
    fn other(&self) -> HashSet<&str> {
        let files = self.found.iter();
        let files = files.filter(|found| !matches!(found.kind, FoundKind::Dir));
        let files = files.map(|found| found.path.as_str());
        files.chain(self.gone.iter().map(String::as_str)).collect()
    }
}

/// Whether `path` lies somewhere in `folder` (empty: the root).
fn path_is_in(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a film of the earlier scan lies somewhere in `folder`, but for the paths of `other` and what is in them.
fn has_film(earlier: &dyn Earlier, folder: &str, other: &HashSet<&str>) -> bool {
    let mut children = earlier.children(folder).into_iter();
    children.any(|(name, child)| {
        let path = names::join(folder, name);
        !other.contains(path.as_str())
            && match child.kind {
                KnownKind::Film => true,
                KnownKind::Dir => has_film(earlier, &path, other),
                KnownKind::Broken | KnownKind::SideCar => false,
            }
    })
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
