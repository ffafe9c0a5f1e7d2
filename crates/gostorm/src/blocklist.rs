//! Where the filter's list comes from: a file of the user, or a URL that is asked once a day.
//!
//! [`keep`] is one task of the process, started by the engine when a list is wanted. What always holds: a list is
//! replaced only by a whole one that names at least one range; what was downloaded is kept on disk, written beside and
//! renamed, and is there at the next start before anybody is dialled; when nothing new can be had, the list before
//! stays in use, and one warning says so. The request for the list is the user's own, not a torrent's: it takes the
//! default route, whatever BitTorrent is bound to.

mod fetch;
mod unpack;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gostorm_wire::{Blocklist, BlocklistReport};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::fetch::{FetchError, Fetched, Fetcher};
pub use self::unpack::{ListError, read_blocklist};
use crate::filter::Filter;
use crate::happening::Happening;
use crate::store::{FetchedList, TorrentStore};

/// The wall clock may be set, and a machine may sleep: it is read again this often.
const CLOCK_LOOK: Duration = Duration::from_secs(600);
/// Wait after a fetch that failed; doubles with each further one, up to the time between two fetches.
const RETRY_MIN: Duration = Duration::from_secs(600);
/// What is added to the time between two fetches, at random: this part of it, so that not all ask at once.
const JITTER: f64 = 1.0 / 48.0;

/// A list that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlocklistConfig {
    /// Where it comes from.
    pub source: BlocklistSource,
    /// Without a list, connect to nobody but the home network.
    pub required: bool,
}

/// Where a list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlocklistSource {
    /// From a server (http or https).
    Url {
        /// Where.
        url: Url,
        /// The file that keeps what was downloaded; another of the same name with `.part` appended is used as well.
        kept: PathBuf,
        /// From one fetch to the next.
        refresh: Duration,
    },
    /// A file that somebody else keeps. Read again when it changes.
    File {
        /// Where.
        path: PathBuf,
        /// How often it is looked at.
        look: Duration,
    },
}

/// What the task works with.
pub(crate) struct Keeper {
    pub(crate) filter: Arc<Filter>,
    pub(crate) store: Arc<dyn TorrentStore>,
    pub(crate) stop: CancellationToken,
    pub(crate) happenings: broadcast::Sender<Happening>,
}

/// Keeps the filter's list until the engine stops.
pub(crate) async fn keep(keeper: Keeper, source: BlocklistSource) {
    let stop = keeper.stop.clone();
    let kept = async {
        match source {
            BlocklistSource::Url { url, kept, refresh } => {
                keeper.keep_url(url, &kept, refresh).await;
            }
            BlocklistSource::File { path, look } => keeper.keep_file(&path, look).await,
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = kept => {}
    }
}

impl Keeper {
    async fn keep_file(&self, path: &Path, look: Duration) {
        let mut seen = None;
        loop {
            // What it was before it was read: a change while it is read is another change.
            let version = tokio::fs::metadata(path).await.ok();
            let version = version.map(|file| (file.modified().ok(), file.len()));
            if seen != Some(version) {
                seen = Some(version);
                match self.read(path).await {
                    Ok(list) => self.use_list(list),
                    Err(error) => self.complain(path, &error),
                }
                self.filter.set_ready();
            }
            tokio::time::sleep(look).await;
        }
    }

    async fn keep_url(&self, url: Url, kept: &Path, refresh: Duration) {
        let have = match self.read(kept).await {
            Ok(list) => {
                self.use_list(list);
                true
            }
            Err(ListError::Read(error)) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                self.complain(kept, &error);
                false
            }
        };
        self.filter.set_ready();
        let mut last = self
            .last_fetch()
            .await
            .filter(|last| have && last.url == url.as_str());
        if last.is_none() {
            tracing::warn!("there is no blocklist until it has been fetched");
        }
        let fetcher = Fetcher::new(url, kept.to_owned());
        let mut failures = 0;
        loop {
            let wait = match (&last, failures) {
                (None, 0) => Duration::ZERO,
                (Some(last), 0) => until_due(last.checked_unix, now_unix(), refresh),
                (_, failures) => (RETRY_MIN * (1 << (failures - 1).min(10))).min(refresh),
            };
            sleep_by_the_clock(wait).await;
            match self.fetch(&fetcher, last.as_ref()).await {
                Ok(fetched) => {
                    failures = 0;
                    last = Some(fetched);
                }
                Err(error) => {
                    fetcher.discard().await;
                    if failures == 0 {
                        tracing::warn!(%error, "the blocklist cannot be fetched; what was known stays in use");
                    } else {
                        tracing::debug!(%error, "the blocklist still cannot be fetched");
                    }
                    failures += 1;
                }
            }
        }
    }

    /// One try; what is known of the list afterwards.
    async fn fetch(
        &self,
        fetcher: &Fetcher,
        last: Option<&FetchedList>,
    ) -> Result<FetchedList, FetchError> {
        let now = FetchedList {
            url: fetcher.url.to_string(),
            checked_unix: now_unix(),
            ..FetchedList::default()
        };
        let (etag, last_modified) = match fetcher.fetch(last).await? {
            Fetched::Unchanged => {
                tracing::debug!("the blocklist has not changed");
                let last = last.cloned().unwrap_or_default();
                (last.etag, last.last_modified)
            }
            Fetched::New {
                etag,
                last_modified,
            } => {
                let list = self.read(&fetcher.part()).await?;
                // Only now: a broken list never takes the place of a good one.
                fetcher.accept().await?;
                self.use_list(list);
                (etag, last_modified)
            }
        };
        let now = FetchedList {
            etag,
            last_modified,
            ..now
        };
        let (store, saved) = (Arc::clone(&self.store), now.clone());
        let written = tokio::task::spawn_blocking(move || store.save_fetched_list(&saved)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "when the blocklist was fetched is not remembered");
        }
        Ok(now)
    }

    async fn last_fetch(&self) -> Option<FetchedList> {
        let store = Arc::clone(&self.store);
        let read = tokio::task::spawn_blocking(move || store.fetched_list()).await;
        match read {
            Ok(Ok(last)) => last,
            Ok(Err(error)) => {
                tracing::warn!(%error, "when the blocklist was fetched cannot be read");
                None
            }
            Err(_) => None,
        }
    }

    async fn read(&self, path: &Path) -> Result<(Blocklist, BlocklistReport), ListError> {
        let (path, stop) = (path.to_owned(), self.stop.clone());
        let read = move || read_blocklist(&File::open(path)?, &|| !stop.is_cancelled());
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or(Err(ListError::Stopped))
    }

    fn use_list(&self, (list, report): (Blocklist, BlocklistReport)) {
        let BlocklistReport {
            ranges,
            skipped,
            too_wide,
            first_bad_line,
            ..
        } = report;
        tracing::info!(
            ranges,
            merged = list.len(),
            skipped,
            first_bad_line,
            "blocklist in use"
        );
        if too_wide > 0 {
            tracing::warn!(
                too_wide,
                "lines of the blocklist that would block everyone have no effect"
            );
        }
        let len = list.len();
        // Another list may be wanted by now.
        if self.stop.is_cancelled() {
            return;
        }
        self.filter.set(list);
        // Nobody need listen.
        let _ = self.happenings.send(Happening::ListInUse(len));
    }

    fn complain(&self, path: &Path, error: &ListError) {
        let path = path.display();
        tracing::warn!(%path, %error, "the blocklist cannot be read; the one before, if any, stays in use");
    }
}

fn now_unix() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_secs())
}

/// From now to the next fetch. A time in the future is one of a clock that was wrong.
fn until_due(checked_unix: u64, now_unix: u64, refresh: Duration) -> Duration {
    let age = Duration::from_secs(now_unix.saturating_sub(checked_unix));
    let jitter = refresh.mul_f64(JITTER * rand::random::<f64>());
    (refresh + jitter).saturating_sub(age)
}

/// Sleeps until the wall clock has gone on by `wait`, also while the machine slept.
async fn sleep_by_the_clock(wait: Duration) {
    let due = SystemTime::now() + wait;
    while let Ok(left) = due.duration_since(SystemTime::now())
        && !left.is_zero()
    {
        // A clock that was set back must not hold the list for years.
        tokio::time::sleep(left.min(wait).min(CLOCK_LOOK)).await;
    }
}

#[cfg(test)]
mod tests;
