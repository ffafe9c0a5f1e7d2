//! Which preloads run and how far they are, for those who look and for those who wait.
//!
//! One for each torrent. It belongs to nobody who asked: clients ask, go, and look how far it is. What always holds: at most
//! [`RUNNING_MAX`] run, and no more are kept than [`KEPT_MAX`]. One that has ended is shown as complete with what it
//! brought, since some clients play only when what is there is what was wanted, until its torrent sleeps or goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gostream_http::TorrentError;
use gostream_library::TorrentHash;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Preloads that run at a time.
const RUNNING_MAX: usize = 64;
/// Preloads that are shown.
const KEPT_MAX: usize = 256;

/// How it ended, once it has.
type End = Option<Result<(), TorrentError>>;

/// See the module.
#[derive(Default)]
pub(super) struct Preloads(Arc<Mutex<FxHashMap<TorrentHash, Arc<Preload>>>>);

struct Preload {
    file: u32,
    start: u64,
    wanted: u64,
    done: AtomicU64,
    end: watch::Sender<End>,
    stop: CancellationToken,
}

/// How far a preload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) runs: bool,
    /// Bytes that are there.
    pub(super) done: u64,
    /// Bytes that are wanted.
    pub(super) wanted: u64,
}

impl Preload {
    fn runs(&self) -> bool {
        self.end.borrow().is_none()
    }
}

impl Preloads {
    pub(super) fn progress(&self, hash: TorrentHash) -> Option<Progress> {
        let kept = self.0.lock();
        let preload = kept.get(&hash)?;
        let done = preload.done.load(Ordering::Relaxed);
        let runs = preload.runs();
        // What ended with nothing says nothing.
        (runs || done > 0).then_some(Progress {
            runs,
            done,
            wanted: if runs { preload.wanted } else { done },
        })
    }

    /// Begins one, in the place of another of the same torrent; none if the same runs. Either is waited for.
    pub(super) fn begin(
        &self,
        hash: TorrentHash,
        file: u32,
        start: u64,
        wanted: u64,
    ) -> Result<(Option<Running>, Waiting), TorrentError> {
        let mut kept = self.0.lock();
        if let Some(same) = kept
            .get(&hash)
            .filter(|other| other.runs() && (other.file, other.start) == (file, start))
        {
            return Ok((None, Waiting(same.end.subscribe())));
        }
        if kept.values().filter(|other| other.runs()).count() >= RUNNING_MAX {
            let text = "too many preloads are under way";
            return Err(TorrentError::Full(text.to_owned()));
        }
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, other| other.runs());
        }
        let (end, ended) = watch::channel(None);
        let preload = Arc::new(Preload {
            file,
            start,
            wanted,
            done: AtomicU64::new(0),
            end,
            stop: CancellationToken::new(),
        });
        if let Some(other) = kept.insert(hash, Arc::clone(&preload)) {
            other.stop.cancel();
        }
        Ok((Some(Running(preload)), Waiting(ended)))
    }

    /// Ends that of a torrent, if it runs, and shows it no longer.
    pub(super) fn stop(&self, hash: TorrentHash) {
        if let Some(preload) = self.0.lock().remove(&hash) {
            preload.stop.cancel();
        }
    }

    /// Shows that of a torrent no longer, unless it runs.
    pub(super) fn forget(&self, hash: TorrentHash) {
        let mut kept = self.0.lock();
        if kept.get(&hash).is_some_and(|preload| !preload.runs()) {
            kept.remove(&hash);
        }
    }
}

/// A preload, in the hands of the task that does it. It has ended when this is dropped.
pub(super) struct Running(Arc<Preload>);

impl Running {
    /// So many bytes are there.
    pub(super) fn is_at(&self, bytes: u64) {
        self.0.done.store(bytes, Ordering::Relaxed);
    }

    /// All of it is there.
    pub(super) fn is_complete(&self) {
        self.is_at(self.0.wanted);
    }

    /// When it is to end before its time.
    pub(super) async fn stopped(&self) {
        self.0.stop.cancelled().await;
    }

    /// How it ended.
    pub(super) fn end(self, how: Result<(), TorrentError>) {
        self.0.end.send_replace(Some(how));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end.send_if_modified(|end| {
            let untold = end.is_none();
            end.get_or_insert(Ok(()));
            untold
        });
    }
}

/// Who waits for the end of a preload.
pub(super) struct Waiting(watch::Receiver<End>);

impl Waiting {
    pub(super) async fn ended(mut self) -> Result<(), TorrentError> {
        match self.0.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(Ok(())),
            // It was given up.
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const HASH: TorrentHash = TorrentHash([7; 20]);

    fn hash(number: usize) -> TorrentHash {
        let mut hash = [0; 20];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        TorrentHash(hash)
    }

    #[tokio::test]
    async fn the_same_preload_runs_once_and_another_takes_its_place() {
        let preloads = Preloads::default();
        let (first, waiting) = preloads.begin(HASH, 1, 0, 100).unwrap();
        let first = first.unwrap();
        let (same, also_waiting) = preloads.begin(HASH, 1, 0, 100).unwrap();
        assert!(same.is_none());
        let (other, _) = preloads.begin(HASH, 2, 0, 100).unwrap();
        first.stopped().await;
        first.end(Err(TorrentError::NoFile));
        assert_eq!(waiting.ended().await, Err(TorrentError::NoFile));
        assert_eq!(also_waiting.ended().await, Err(TorrentError::NoFile));
        assert!(preloads.progress(HASH).unwrap().runs, "the other one");
        drop(other);
        assert_eq!(preloads.progress(HASH), None, "it brought nothing");
    }

    #[test]
    fn one_that_ended_is_shown_as_complete_until_it_is_forgotten() {
        let preloads = Preloads::default();
        let (running, _) = preloads.begin(HASH, 1, 0, 100).unwrap();
        let running = running.unwrap();
        running.is_at(40);
        preloads.forget(HASH);
        let progress = |runs, done, wanted| Some(Progress { runs, done, wanted });
        assert_eq!(preloads.progress(HASH), progress(true, 40, 100));
        running.end(Ok(()));
        assert_eq!(preloads.progress(HASH), progress(false, 40, 40));
        preloads.forget(HASH);
        assert_eq!(preloads.progress(HASH), None);
    }

    #[test]
    fn no_more_run_and_are_kept_than_may() {
        let preloads = Preloads::default();
        for number in 0..2 * KEPT_MAX {
            let (running, _) = preloads.begin(hash(number), 1, 0, 1).unwrap();
            running.unwrap().is_complete();
        }
        assert!(preloads.0.lock().len() <= KEPT_MAX);
        let begin = |number: usize| preloads.begin(hash(number), 1, 0, 1);
        let running: Vec<_> = (0..RUNNING_MAX)
            .map(|number| begin(number).unwrap())
            .collect();
        assert!(matches!(begin(9999), Err(TorrentError::Full(_))));
        drop(running);
        assert!(begin(9999).is_ok());
    }
}
