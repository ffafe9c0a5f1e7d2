//! Side-cars: created, opened for writing, cut, put on the disk and removed, where the settings allow it.
//!
//! A new side-car is an empty file on the disk from its creation on; its content follows whole when it is closed or
//! synced (`drafts.rs`), and when the disk never takes it, the empty file goes again. Films and real films are
//! never written: their names end in `.mkv`, and no name that does is created here.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::{Editing, Whom, child, directory, is_film_name, join, touched, valid_name};
use crate::drafts::{Draft, LEN_MAX};
use crate::editor::{EditError, Made, WrittenSideCar};
use crate::handles::{Handle, Opened};
use crate::ops::attr::attributes;
use crate::tree::{Node, NodeKind, NodeRef, TreeChange};

impl Editing {
    fn check_writes(&self) -> Result<(), EditError> {
        if self.shared.config.side_car_writes {
            Ok(())
        } else {
            Err(EditError::ReadOnly)
        }
    }

    /// open(2) with O_CREAT of a name that is not there; the inode and the handle.
    pub(crate) fn create(
        &self,
        parent: u64,
        name: &OsStr,
        exclusive: bool,
    ) -> Result<(u64, u64), EditError> {
        self.check_writes()?;
        let tree = self.shared.tree.load_full();
        let directory = directory(&tree, parent)?;
        let name = valid_name(name)?;
        if let Some(there) = directory.child(name) {
            // Somebody was faster than the kernel's own look.
            if exclusive {
                return Err(EditError::Exists);
            }
            let number = self.open_for_writing(there.ino(), false)?;
            return Ok((there.ino(), number));
        }
        if is_film_name(name) {
            return Err(EditError::ReadOnly);
        }
        let path = join(directory, name);
        let mut ino = 0;
        self.change(|| {
            let WrittenSideCar { made, source } = self.editor.write_side_car(&path, &[])?;
            ino = made.ino;
            let added = made.entry(&path, Node::SideCar { len: 0, source });
            Ok((vec![TreeChange::Put(added)], vec![touched(directory)]))
        })?;
        let room = self.editor.room();
        let draft = self
            .shared
            .drafts
            .join(ino, true, room, || Ok(Vec::new()))?;
        Ok((ino, self.handle_of(draft)?))
    }

    /// open(2) for writing of a side-car that is there; the handle.
    pub(crate) fn open_for_writing(&self, ino: u64, truncate: bool) -> Result<u64, EditError> {
        self.check_writes()?;
        let draft = self.draft_of(ino, truncate)?;
        if truncate {
            draft.set_len(0)?;
        }
        self.handle_of(draft)
    }

    /// The draft of a side-car, with one more writer.
    fn draft_of(&self, ino: u64, truncate: bool) -> Result<Arc<Draft>, EditError> {
        let tree = self.shared.tree.load_full();
        let node = tree.get(ino).ok_or(EditError::NotFound)?;
        let NodeKind::SideCar { source, .. } = node.kind() else {
            return Err(if node.is_dir() {
                EditError::IsDirectory
            } else {
                EditError::ReadOnly
            });
        };
        if is_film_name(node.name()) {
            return Err(EditError::ReadOnly);
        }
        let room = self.editor.room();
        let content = || load(source);
        let draft = self.shared.drafts.join(ino, false, room, content)?;
        if truncate {
            // Also one that is empty already: O_TRUNC is a change.
            draft.write(0, &[])?;
        }
        Ok(draft)
    }

    fn handle_of(&self, draft: Arc<Draft>) -> Result<u64, EditError> {
        let shared = &self.shared;
        let tree = shared.tree.load();
        let node = tree.get(draft.ino);
        let room = shared.handles.check_room().map_err(|_| EditError::Io);
        let (Some(node), Ok(())) = (node, room) else {
            shared.drafts.leave(&draft);
            return Err(EditError::Io);
        };
        Ok(shared.handles.insert(Handle {
            attr: attributes(shared, node),
            opened: Opened::Draft {
                draft,
                writes: true,
            },
        }))
    }

    /// fsync(2), and each close(2): what was written is on the disk when this returns.
    pub(crate) fn commit(&self, draft: &Draft) -> Result<(), EditError> {
        let Some(bytes) = draft.take_changes()? else {
            return Ok(());
        };
        let tree = self.shared.tree.load_full();
        let Some(node) = tree.get(draft.ino) else {
            return Ok(());
        };
        let path = node.path();
        let done = self.change(|| {
            let WrittenSideCar { made, source } = self.editor.write_side_car(&path, &bytes)?;
            let len = bytes.len() as u64;
            let ino = draft.ino;
            let content = Made { ino, ..made }.entry(&path, Node::SideCar { len, source });
            Ok((vec![TreeChange::Put(content)], vec![touched(node.parent())]))
        });
        draft.settle(done.is_ok());
        done
    }

    /// The last reference to a handle that may write is gone. While another handle writes, what is there is not
    /// put on the disk: its close(2) has been answered, and the rest is the other's, perhaps half of it.
    pub(crate) fn close_draft(&self, draft: &Arc<Draft>) {
        let committed = if draft.has_other_writers() {
            Ok(())
        } else {
            self.commit(draft)
        };
        let never_arrived = draft.never_arrived();
        let last = self.shared.drafts.leave(draft);
        if let Err(error) = committed {
            tracing::warn!(ino = draft.ino, %error, "a side-car could not be written");
            // The kernel still has what the disk did not take; nobody is shown the draft any more.
            self.pages.invalidate(draft.ino, 0, 0);
        }
        if last && never_arrived {
            let tree = self.shared.tree.load_full();
            if let Some(node) = tree.get(draft.ino)
                && let Err(error) = self.remove_side_car(node, Whom::Nobody)
            {
                tracing::warn!(path = node.path(), %error, "an empty side-car stays");
            }
        }
    }

    /// truncate(2) of a side-car, open or not.
    pub(crate) fn truncate(&self, ino: u64, len: u64) -> Result<(), EditError> {
        self.check_writes()?;
        let draft = self.draft_of(ino, false)?;
        let cut = draft.set_len(len);
        let done = cut.and_then(|()| self.commit(&draft));
        self.shared.drafts.leave(&draft);
        done
    }

    /// unlink(2) of a side-car.
    pub(super) fn unlink_side_car(&self, parent: u64, name: &OsStr) -> Result<(), EditError> {
        self.check_writes()?;
        let tree = self.shared.tree.load_full();
        self.remove_side_car(child(&tree, parent, name)?, Whom::TheKernel)
    }

    fn remove_side_car(&self, node: NodeRef<'_>, whom: Whom) -> Result<(), EditError> {
        self.change_for(whom, || {
            self.editor.unlink_side_car(&node.path())?;
            self.shared.drafts.unlink(node.ino());
            Ok((
                vec![TreeChange::Remove { ino: node.ino() }],
                vec![touched(node.parent())],
            ))
        })
    }
}

/// What a side-car holds now.
fn load(source: &Path) -> Result<Vec<u8>, EditError> {
    let file = crate::ops::open::open_side_car(source).map_err(|_| EditError::Io)?;
    let mut bytes = Vec::new();
    file.take(LEN_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| EditError::Io)?;
    if bytes.len() as u64 > LEN_MAX {
        return Err(EditError::TooLarge);
    }
    Ok(bytes)
}
