//! One title: its two logs, and what they hold.
//!
//! Reads come from any thread; only the writer's thread stores and evicts; anybody may forget. The lock of the state is
//! held for the index alone, never while the disk is asked; the lock of the disk orders those who load, make or delete
//! the two files, and no reader of an indexed title takes it. A log that is deleted is still read by who holds it.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::extents::{self, Extent, Extents};
use super::key::{Shelf, TitleKey, path_of};
use super::log::{Haste, Log, Outcome};
use super::record::{HEADER_LEN, PAYLOAD_MAX};

/// Whether a range is here, as far as the index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coverage {
    /// All of it.
    Held,
    /// Not all of it.
    Missing,
    /// The disk was not asked yet.
    Unknown,
}

/// A title that somebody has open, or had a while ago.
#[derive(Debug)]
pub struct Title {
    key: TitleKey,
    size: u64,
    folder: Arc<Path>,
    disk: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// It was deleted: nothing is read or written any more.
    gone: bool,
    held: [Held; 2],
}

/// What is known of one log.
#[derive(Debug, Default)]
struct Held {
    /// The disk was asked.
    known: bool,
    log: Option<Arc<Log>>,
    /// Where the next record goes.
    end: u64,
    extents: Extents,
    /// It cannot be written.
    closed: bool,
}

/// A record that a read needs.
struct Part {
    shelf: Shelf,
    log: Arc<Log>,
    extent: Extent,
}

/// Where a read puts its bytes; made once for a thread.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    record: Vec<u8>,
    whole: Vec<u8>,
    /// Where in `record` the bytes are, when one record had them all.
    within: Option<Range<usize>>,
}

impl Buffer {
    /// What the last read found.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.within {
            Some(within) => self.record.get(within.clone()).unwrap_or_default(),
            None => &self.whole,
        }
    }
}

impl Title {
    /// A title of `size` bytes whose logs lie in `folder`; `absent` when it is known to have none.
    pub(super) fn new(folder: Arc<Path>, key: TitleKey, size: u64, absent: bool) -> Self {
        let mut state = State::default();
        for held in &mut state.held {
            held.known = absent;
        }
        Self {
            key,
            size,
            folder,
            disk: Mutex::new(()),
            state: Mutex::new(state),
        }
    }

    /// Which title it is.
    #[must_use]
    pub const fn key(&self) -> TitleKey {
        self.key
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// True when it is known that not a byte of it is here.
    #[must_use]
    pub fn is_cold(&self) -> bool {
        let state = self.state.lock();
        let empty = |held: &Held| held.known && held.extents.is_empty();
        state.gone || state.held.iter().all(empty)
    }

    /// True when it was deleted while somebody had it open.
    pub(super) fn is_gone(&self) -> bool {
        self.state.lock().gone
    }

    /// Up to where all bytes from `position` are here, as far as the index knows; `position` when that byte is not.
    #[must_use]
    pub fn covered_until(&self, position: u64) -> u64 {
        self.state.lock().covered_until(position)
    }

    /// What of it is here, in order; `None` when the disk was not asked yet.
    pub(super) fn held(&self) -> Option<Vec<Range<u64>>> {
        let state = self.state.lock();
        let is_known = state.gone || state.held.iter().all(|held| held.known);
        is_known.then(|| extents::held(state.held.iter().map(|held| &held.extents)))
    }

    /// Asks the disk for all that is here.
    pub(super) fn load_all(&self) {
        for shelf in Shelf::ALL {
            self.load(shelf);
        }
    }

    pub(super) fn coverage(&self, range: &Range<u64>) -> Coverage {
        let state = self.state.lock();
        if state.gone {
            Coverage::Missing
        } else if state.covered_until(range.start) >= range.end {
            Coverage::Held
        } else if state.held.iter().all(|held| held.known) {
            Coverage::Missing
        } else {
            Coverage::Unknown
        }
    }

    /// Asks the disk for what it takes to know whether `range` is here.
    pub(super) fn load_for(&self, range: &Range<u64>) {
        for shelf in Shelf::ALL {
            if self.coverage(range) != Coverage::Unknown {
                return;
            }
            self.load(shelf);
        }
    }

    fn load(&self, shelf: Shelf) {
        let _disk = self.disk.lock();
        if self.state.lock().held[shelf.at()].known {
            return;
        }
        let path = path_of(&self.folder, self.key, shelf);
        let mut held = Held {
            known: true,
            ..Held::default()
        };
        match Log::load(&path, self.size) {
            Ok(Some((log, end, extents))) => {
                extents.into_iter().for_each(|e| held.extents.insert(e));
                held.log = Some(Arc::new(log));
                held.end = end;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "this part of the warm cache cannot be used");
                held.closed = true;
            }
        }
        let mut state = self.state.lock();
        if !state.gone {
            state.held[shelf.at()] = held;
        }
    }

    /// Reads `range` into `buffer`. [`Outcome::Bad`] also when it is not here; a damaged record is forgotten.
    pub(super) fn read(&self, range: &Range<u64>, haste: Haste, buffer: &mut Buffer) -> Outcome {
        let parts = self.state.lock().parts(range);
        let Some(parts) = parts else {
            return Outcome::Bad;
        };
        buffer.whole.clear();
        buffer.within = None;
        for part in &parts {
            let extent = &part.extent;
            match part.log.read(extent, haste, &mut buffer.record) {
                Outcome::Read => {}
                Outcome::WouldWait => return Outcome::WouldWait,
                Outcome::Bad => {
                    tracing::warn!(
                        title = %self.key.hash, index = self.key.index, offset = extent.start,
                        "a damaged record of the warm cache is left out"
                    );
                    self.state.lock().held[part.shelf.at()]
                        .extents
                        .remove(extent);
                    return Outcome::Bad;
                }
            }
            let place = |position: u64| {
                let within = position.clamp(extent.start, extent.end()) - extent.start;
                HEADER_LEN + usize::try_from(within).unwrap_or(usize::MAX)
            };
            let within = place(range.start)..place(range.end);
            if parts.len() == 1 {
                buffer.within = Some(within);
            } else if let Some(bytes) = buffer.record.get(within) {
                buffer.whole.extend_from_slice(bytes);
            }
        }
        Outcome::Read
    }

    /// Writes what is not here yet of `bytes` at `offset`; how much longer the log is now.
    pub(super) fn store(&self, shelf: Shelf, offset: u64, bytes: &[u8]) -> io::Result<u64> {
        let range = offset..offset.saturating_add(bytes.len() as u64).min(self.size);
        let mut written = 0;
        for gap in self.gaps(&range) {
            for piece in pieces(&gap) {
                let from = usize::try_from(piece.start - offset).unwrap_or(usize::MAX);
                let to = usize::try_from(piece.end - offset).unwrap_or(usize::MAX);
                let Some(payload) = bytes.get(from..to) else {
                    continue;
                };
                written += self.append(shelf, piece.start, payload)?;
            }
        }
        Ok(written)
    }

    /// What of `range` is not here. Asks the disk when it has to.
    pub(super) fn gaps(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        self.load_for(range);
        let state = self.state.lock();
        if state.gone {
            return Vec::new();
        }
        extents::gaps(state.held.iter().map(|held| &held.extents), range)
    }

    fn append(&self, shelf: Shelf, offset: u64, payload: &[u8]) -> io::Result<u64> {
        let Some((log, end, made)) = self.writable(shelf)? else {
            return Ok(0);
        };
        let appended = log.append(end, offset, payload);
        let mut state = self.state.lock();
        let held = &mut state.held[shelf.at()];
        let is_same = held
            .log
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(held, &log));
        if !is_same {
            // It was deleted meanwhile.
            return Ok(0);
        }
        let after = match appended {
            Ok(after) => after,
            Err(error) => {
                // What is behind the end could be taken for records later.
                held.closed = log.len().ok() != Some(end);
                return Err(error);
            }
        };
        held.end = after;
        held.extents.insert(Extent {
            start: offset,
            at: end,
            len: u32::try_from(payload.len()).unwrap_or(PAYLOAD_MAX),
        });
        Ok(after - end + made)
    }

    /// The log to write to, where its end is, and how many bytes it took to make it; `None` when nothing may be written.
    fn writable(&self, shelf: Shelf) -> io::Result<Option<(Arc<Log>, u64, u64)>> {
        self.load(shelf);
        let _disk = self.disk.lock();
        {
            let state = self.state.lock();
            let held = &state.held[shelf.at()];
            if state.gone || held.closed {
                return Ok(None);
            }
            if let Some(log) = &held.log {
                return Ok(Some((Arc::clone(log), held.end, 0)));
            }
        }
        let path = path_of(&self.folder, self.key, shelf);
        let made = match Log::create(&path, self.size) {
            // One that could not be deleted before.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove(&path)?;
                Log::create(&path, self.size)
            }
            made => made,
        };
        let (log, end) = made?;
        let log = Arc::new(log);
        let mut state = self.state.lock();
        let held = &mut state.held[shelf.at()];
        held.log = Some(Arc::clone(&log));
        held.end = end;
        Ok(Some((log, end, end)))
    }

    /// Deletes one of its logs.
    pub(super) fn evict(&self, shelf: Shelf) -> io::Result<()> {
        let _disk = self.disk.lock();
        let path = path_of(&self.folder, self.key, shelf);
        let removed = remove(&path);
        self.state.lock().held[shelf.at()] = Held {
            known: true,
            closed: removed.is_err(),
            ..Held::default()
        };
        removed
    }

    /// Deletes it: whoever has it open reads and writes nothing here any more.
    pub(super) fn forget(&self) -> io::Result<()> {
        let _disk = self.disk.lock();
        {
            let mut state = self.state.lock();
            state.gone = true;
            state.held = Default::default();
        }
        remove_files(&self.folder, self.key)
    }

    /// Notes that it was played now, if it has a log to note it on.
    pub(super) fn touch(&self) -> io::Result<()> {
        let log = self.state.lock().held[Shelf::Bulk.at()].log.clone();
        log.map_or(Ok(()), |log| log.touch())
    }
}

impl State {
    fn covered_until(&self, position: u64) -> u64 {
        extents::covered_until(self.held.iter().map(|held| &held.extents), position)
    }

    /// The records that have `range`, in order; `None` when not all of it is here.
    fn parts(&self, range: &Range<u64>) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        let mut position = range.start;
        while position < range.end {
            let part = Shelf::ALL.into_iter().find_map(|shelf| {
                let held = &self.held[shelf.at()];
                let extent = *held.extents.at(position)?;
                let log = Arc::clone(held.log.as_ref()?);
                Some(Part { shelf, log, extent })
            })?;
            position = part.extent.end();
            parts.push(part);
        }
        Some(parts)
    }
}

/// Deletes both files of a title.
pub(super) fn remove_files(folder: &Path, key: TitleKey) -> io::Result<()> {
    let removed = Shelf::ALL.map(|shelf| remove(&path_of(folder, key, shelf)));
    removed.into_iter().collect()
}

/// Deletes a file that may not be there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A range in pieces that fit a record and end where those of other reads end.
fn pieces(range: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let most = u64::from(PAYLOAD_MAX);
    let (first, end) = (range.start, range.end);
    let starts = std::iter::successors(Some(first), move |start| Some((start / most + 1) * most));
    let starts = starts.take_while(move |start| *start < end);
    starts.map(move |start| start..end.min((start / most + 1) * most))
}
