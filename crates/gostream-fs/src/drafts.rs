//! Side-cars that are being written: whole in memory until they are closed or synced.
//!
//! Media servers write small files (`.nfo`, `.srt`, images). A draft begins with what is on the disk, takes
//! writes on the threads that serve the kernel, and is put on the disk in one piece by `edit/side_car.rs`: what
//! other programs find there is the old file or the new one. One draft for each inode, shared by its handles;
//! what always holds is that it is in the table while a handle may write it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;

use crate::editor::EditError;

/// The largest side-car that is written: 32 MiB, more than any subtitle or poster.
pub(crate) const LEN_MAX: u64 = 32 << 20;
/// Bytes of all drafts together: 128 MiB.
const ALL_MAX: u64 = 128 << 20;

/// One side-car that is being written.
pub(crate) struct Draft {
    pub(crate) ino: u64,
    content: Mutex<Content>,
    all: Arc<AtomicU64>,
}

struct Content {
    bytes: Vec<u8>,
    mtime: SystemTime,
    /// The disk does not have it yet.
    dirty: bool,
    /// The disk never had more of it than the empty file of its creation.
    fresh: bool,
    /// Its name is gone: nothing of it goes to the disk any more.
    unlinked: bool,
    /// Handles that may write it.
    writers: u32,
    /// The disk has room for a file of this size.
    room: u64,
    /// Why the last change was refused: what is here is not what the program wanted, and never goes to the disk.
    refused: Option<EditError>,
}

impl Draft {
    /// Size and time as they are now.
    pub(crate) fn seen(&self) -> (u64, SystemTime) {
        let content = self.content.lock();
        (content.bytes.len() as u64, content.mtime)
    }

    /// Up to `wanted` bytes at `offset`; less only at the end.
    pub(crate) fn read(&self, offset: u64, wanted: u32) -> Vec<u8> {
        let content = self.content.lock();
        let len = content.bytes.len();
        let from = usize::try_from(offset).map_or(len, |from| from.min(len));
        let to = from.saturating_add(wanted as usize).min(len);
        content.bytes[from..to].to_vec()
    }

    /// Writes; a gap before `offset` is filled with zeros.
    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> Result<(), EditError> {
        let mut content = self.content.lock();
        let from = usize::try_from(offset).map_err(|_| EditError::TooLarge)?;
        let end = from.checked_add(data.len()).ok_or(EditError::TooLarge)?;
        if end > content.bytes.len() {
            self.resize(&mut content, end as u64)?;
        }
        content.refused = None;
        content.bytes[from..end].copy_from_slice(data);
        content.touch();
        Ok(())
    }

    /// Cuts or lengthens it.
    pub(crate) fn set_len(&self, len: u64) -> Result<(), EditError> {
        let mut content = self.content.lock();
        if len != content.bytes.len() as u64 {
            self.resize(&mut content, len)?;
            content.refused = None;
            content.touch();
        }
        Ok(())
    }

    fn resize(&self, content: &mut Content, len: u64) -> Result<(), EditError> {
        let resized = self.try_resize(content, len);
        content.refused = resized.err();
        resized
    }

    fn try_resize(&self, content: &mut Content, len: u64) -> Result<(), EditError> {
        let before = content.bytes.len() as u64;
        if len > LEN_MAX {
            return Err(EditError::TooLarge);
        }
        let more = len.saturating_sub(before);
        if more > 0 && len > content.room {
            return Err(EditError::NoSpace);
        }
        if self.all.fetch_add(more, Relaxed) + more > ALL_MAX {
            self.all.fetch_sub(more, Relaxed);
            return Err(EditError::NoSpace);
        }
        self.all.fetch_sub(before.saturating_sub(len), Relaxed);
        content.bytes.resize(usize::try_from(len).unwrap_or(0), 0);
        Ok(())
    }

    /// The whole of it if the disk does not have it, which from now on is assumed to.
    ///
    /// # Errors
    /// The one of the last change, when that was refused: the file on the disk stays as it is.
    pub(crate) fn take_changes(&self) -> Result<Option<Vec<u8>>, EditError> {
        let mut content = self.content.lock();
        if content.unlinked {
            return Ok(None);
        }
        if let Some(refused) = content.refused {
            return Err(refused);
        }
        if !content.dirty {
            return Ok(None);
        }
        content.dirty = false;
        Ok(Some(content.bytes.clone()))
    }

    /// The disk did or did not take what [`Draft::take_changes`] gave.
    pub(crate) fn settle(&self, taken: bool) {
        let mut content = self.content.lock();
        if taken {
            content.fresh = false;
        } else {
            content.dirty = true;
        }
    }

    /// Whether more than one handle may write it.
    pub(crate) fn has_other_writers(&self) -> bool {
        self.content.lock().writers > 1
    }

    /// Whether the disk has only the empty file of its creation, though there is more, or was to be.
    pub(crate) fn never_arrived(&self) -> bool {
        let content = self.content.lock();
        let more = content.dirty || content.refused.is_some();
        content.fresh && more && !content.unlinked
    }
}

impl Content {
    fn touch(&mut self) {
        self.dirty = true;
        self.mtime = SystemTime::now();
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.all
            .fetch_sub(self.content.get_mut().bytes.len() as u64, Relaxed);
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Drafts {
    table: RwLock<FxHashMap<u64, Arc<Draft>>>,
    all: Arc<AtomicU64>,
}

impl Drafts {
    pub(crate) fn get(&self, ino: u64) -> Option<Arc<Draft>> {
        self.table.read().get(&ino).cloned()
    }

    /// One more writer of `ino`: of the draft that is there, or of one that `begin` begins with its bytes.
    pub(crate) fn join(
        &self,
        ino: u64,
        fresh: bool,
        room: u64,
        begin: impl FnOnce() -> Result<Vec<u8>, EditError>,
    ) -> Result<Arc<Draft>, EditError> {
        if let Some(draft) = self.get(ino) {
            draft.content.lock().writers += 1;
            return Ok(draft);
        }
        let bytes = begin()?;
        self.all.fetch_add(bytes.len() as u64, Relaxed);
        let draft = Arc::new(Draft {
            ino,
            content: Mutex::new(Content {
                bytes,
                mtime: SystemTime::now(),
                dirty: false,
                fresh,
                unlinked: false,
                writers: 1,
                room,
                refused: None,
            }),
            all: Arc::clone(&self.all),
        });
        self.table.write().insert(ino, Arc::clone(&draft));
        Ok(draft)
    }

    /// One writer less; the last takes the draft out of the table. Whether it was the last.
    pub(crate) fn leave(&self, draft: &Arc<Draft>) -> bool {
        let mut content = draft.content.lock();
        content.writers = content.writers.saturating_sub(1);
        let last = content.writers == 0;
        drop(content);
        if last {
            let mut table = self.table.write();
            if table
                .get(&draft.ino)
                .is_some_and(|there| Arc::ptr_eq(there, draft))
            {
                table.remove(&draft.ino);
            }
        }
        last
    }

    /// The name of `ino` is gone: its handles go on, and nothing of it goes to the disk.
    pub(crate) fn unlink(&self, ino: u64) {
        if let Some(draft) = self.table.write().remove(&ino) {
            draft.content.lock().unlinked = true;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn draft(drafts: &Drafts, ino: u64, room: u64) -> Arc<Draft> {
        drafts.join(ino, true, room, || Ok(Vec::new())).unwrap()
    }

    #[test]
    fn a_gap_is_filled_with_zeros_and_a_cut_forgets() {
        let drafts = Drafts::default();
        let draft = draft(&drafts, 5, LEN_MAX);
        draft.write(3, b"abc").unwrap();
        assert_eq!(draft.read(0, 100), b"\0\0\0abc");
        draft.set_len(4).unwrap();
        draft.set_len(6).unwrap();
        assert_eq!(draft.read(2, 100), b"\0a\0\0");
        assert_eq!(draft.read(100, 1), b"");
        assert_eq!(draft.take_changes().unwrap().unwrap().len(), 6);
        assert_eq!(draft.take_changes(), Ok(None));
    }

    #[test]
    fn sizes_are_bounded_for_each_and_for_all() {
        let drafts = Drafts::default();
        let first = draft(&drafts, 5, LEN_MAX);
        assert_eq!(first.set_len(LEN_MAX + 1), Err(EditError::TooLarge));
        assert_eq!(first.write(u64::MAX, b"x"), Err(EditError::TooLarge));
        let small = draft(&drafts, 6, 1000);
        assert_eq!(small.set_len(1001), Err(EditError::NoSpace));
        let more: Vec<_> = (10..14).map(|ino| draft(&drafts, ino, LEN_MAX)).collect();
        for draft in &more {
            draft.set_len(LEN_MAX).unwrap();
        }
        assert_eq!(first.set_len(1), Err(EditError::NoSpace));
        for draft in &more {
            assert!(drafts.leave(draft));
        }
        drop(more);
        first.set_len(LEN_MAX).unwrap();
    }

    #[test]
    fn what_a_refused_write_left_never_reaches_the_disk_and_a_later_one_does() {
        let drafts = Drafts::default();
        let draft = draft(&drafts, 5, 10);
        assert_eq!(draft.write(0, &[1; 20]), Err(EditError::NoSpace));
        assert!(draft.never_arrived());
        draft.write(0, b"half").unwrap();
        assert_eq!(draft.write(4, &[1; 20]), Err(EditError::NoSpace));
        assert_eq!(draft.take_changes(), Err(EditError::NoSpace));
        assert!(draft.never_arrived());
        draft.write(0, b"whole").unwrap();
        assert_eq!(draft.take_changes(), Ok(Some(b"whole".to_vec())));
    }

    #[test]
    fn what_was_unlinked_never_reaches_the_disk() {
        let drafts = Drafts::default();
        let draft = draft(&drafts, 5, LEN_MAX);
        draft.write(0, b"abc").unwrap();
        drafts.unlink(5);
        assert_eq!(draft.take_changes(), Ok(None));
        assert!(drafts.get(5).is_none());
    }
}
