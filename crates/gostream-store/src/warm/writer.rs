//! The one thread that writes: takes from the queue, makes room, appends.
//!
//! Slow on purpose for what was played: a card that is written at full speed answers nobody else. Nothing here is ever
//! waited for by a read. The thread also reads the folder at the start, and looks now and then whether the disk fills.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::catalogue::TITLES_MAX;
use super::key::{self, Shelf, TitleKey};
use super::queue::{Job, Next};
use super::shared::Shared;
use super::space::Space;
use super::title::Title;

/// How often the free disk is looked at while nothing is written.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The most of one title that scanners may fill: what mkvmerge reads of a film (14 MiB), and an MP4's index.
const PROBE_LEN_MAX: u64 = 24 << 20;
/// Bytes per second that played films are written at: faster than any of them plays, slower than what a good card
/// writes. What a slow card cannot take is left out.
const BULK_RATE: f64 = 16e6;
/// How long the end of the process waits for what is queued.
const END_MAX: Duration = Duration::from_secs(2);

pub(super) struct Writer {
    shared: Arc<Shared>,
    space: Space,
    /// When bulk may be written again.
    bulk_from: Instant,
    ending: Option<Instant>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let space = Space::new(shared.config.quota);
        Self {
            shared,
            space,
            bulk_from: Instant::now(),
            ending: None,
        }
    }

    /// Works until the queue ends.
    pub(super) fn run(mut self) {
        self.work_on();
        let (written, dropped) = self.shared.counters();
        tracing::debug!(written, dropped, "the warm cache is not written any more");
    }

    fn work_on(&mut self) {
        if let Err(error) = self.read_folder() {
            let folder = self.shared.config.folder.display();
            tracing::warn!(%folder, %error, "the warm cache cannot be read");
        }
        self.make_room(0, None);
        loop {
            let until = Instant::now() + LOOK_EVERY;
            match self.shared.queue.next(self.bulk_from, until) {
                Next::Work(job) => self.work(job),
                Next::Idle => {
                    self.make_room(0, None);
                }
                Next::End => return,
            }
            if self.shared.queue.is_ending() {
                let since = *self.ending.get_or_insert_with(Instant::now);
                if since.elapsed() > END_MAX {
                    return;
                }
            }
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Touch(title) => {
                if let Err(error) = title.touch() {
                    tracing::debug!(%error, "a playback is not noted in the warm cache");
                }
            }
            Job::Store {
                title,
                shelf,
                offset,
                bytes,
            } => {
                if self.space.is_paused() {
                    return self.shared.dropped(bytes.len());
                }
                self.store(&title, shelf, offset, &bytes);
            }
        }
    }

    fn store(&mut self, title: &Arc<Title>, shelf: Shelf, offset: u64, bytes: &[u8]) {
        let key = title.key();
        let range = offset..offset + bytes.len() as u64;
        let missing: u64 = title
            .gaps(&range)
            .iter()
            .map(|gap| gap.end - gap.start)
            .sum();
        if missing == 0 {
            return;
        }
        let probes = self.shared.catalogue.lock().len_of(key, Shelf::Probe);
        let too_much = shelf == Shelf::Probe && probes + missing > PROBE_LEN_MAX;
        if too_much || !self.make_room(missing, Some(key)) {
            return self.shared.dropped(bytes.len());
        }
        match title.store(shelf, offset, bytes) {
            Ok(added) => {
                self.shared.catalogue.lock().grew(key, shelf, added, now());
                self.shared.wrote(added);
                self.space.wrote(added);
                if self.space.resume() {
                    tracing::info!("the warm cache is written again");
                }
                if shelf == Shelf::Bulk {
                    let took = Duration::from_secs_f64(seconds(added));
                    self.bulk_from = self.bulk_from.max(Instant::now()) + took;
                }
            }
            Err(error) => {
                self.failed(&error);
                self.make_room(0, None);
            }
        }
        if title.is_gone() {
            // Forgotten while it was written.
            self.shared.catalogue.lock().forgot(key);
        }
    }

    fn failed(&mut self, error: &io::Error) {
        let folder = self.shared.config.folder.display();
        if self.space.pause() {
            tracing::warn!(%folder, %error, "the warm cache cannot be written; what it holds is still read");
        } else {
            tracing::debug!(%folder, %error, "the warm cache still cannot be written");
        }
    }

    /// Deletes until `wanted` more bytes are within the limit; false when that cannot be.
    fn make_room(&mut self, wanted: u64, but: Option<TitleKey>) -> bool {
        loop {
            let (total, titles) = {
                let catalogue = self.shared.catalogue.lock();
                (catalogue.total(), catalogue.titles())
            };
            let limit = self.space.limit(&self.shared.config.folder, total);
            if total.saturating_add(wanted) <= limit && titles <= TITLES_MAX {
                return true;
            }
            let next = self.shared.catalogue.lock().next_to_go(but);
            let Some((key, shelf)) = next else {
                return false;
            };
            if let Err(error) = self.shared.evict(key, shelf) {
                self.failed(&error);
                return false;
            }
        }
    }

    /// Finds what lies in the folder; what is not ours is left alone.
    fn read_folder(&self) -> io::Result<()> {
        fs::create_dir_all(&self.shared.config.folder)?;
        for entry in fs::read_dir(&self.shared.config.folder)? {
            let entry = entry?;
            let Some((key, shelf)) = entry.file_name().to_str().and_then(key::parse) else {
                continue;
            };
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let used = metadata.modified().map_or(0, unix);
            let mut catalogue = self.shared.catalogue.lock();
            // A title that was already written to since the start is counted.
            if catalogue.len_of(key, shelf) == 0 {
                catalogue.grew(key, shelf, metadata.len(), used);
            }
        }
        self.shared.catalogue.lock().completed();
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a record is far below 2^52")]
fn seconds(bytes: u64) -> f64 {
    bytes as f64 / BULK_RATE
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    unix(SystemTime::now())
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
