//! What happens in the server, for those who listen at `/api/v1/events`.
//!
//! One log in RAM of the last [`KEPT`] events, each with a number. Whoever tells of something never waits; a listener
//! has a place in the log and reads on at its own pace. One that falls behind by more than is kept hears how many it
//! missed, and one that was away goes on where it was, if it says which event it saw last. Numbers begin anew with the
//! process, so each is named together with the process's start.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use utoipa::ToSchema;

/// Events that are kept for listeners who are slow or away.
const KEPT: usize = 512;

/// Listeners at a time.
const LISTENERS_MAX: usize = 64;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A torrent woke: it has a task and looks for its peers.
    TorrentAwake {
        /// Its info-hash.
        hash: String,
    },
    /// A torrent went to sleep: no task and no socket.
    TorrentAsleep {
        /// Its info-hash.
        hash: String,
    },
    /// The metadata of a torrent was found.
    TorrentResolved {
        /// Its info-hash.
        hash: String,
    },
    /// A reader stood still for a second or more.
    ReaderStalled {
        /// The torrent's info-hash.
        hash: String,
        /// For how long.
        lasted_seconds: f64,
        /// It got its bytes in the end.
        served: bool,
        /// What it waited for, in a sentence.
        explanation: String,
    },
    /// The library shows something else than before.
    LibraryChanged {
        /// Films that it has now.
        films: u64,
    },
    /// Settings were changed while the server runs, or are otherwise in the file that was read again.
    SettingsChanged {
        /// Their keys; what acts after a restart is among them.
        keys: Vec<String>,
    },
    /// The network for BitTorrent came, went or is another.
    Network {
        /// There is one.
        open: bool,
        /// Which, or why there is none.
        detail: String,
    },
    /// The blocklist was read anew.
    BlocklistRefreshed {
        /// Ranges of addresses in it.
        ranges: u64,
    },
    /// A media server says that a film plays.
    PlaybackConfirmed {
        /// The film, relative to the mount.
        path: String,
    },
    /// A media server says that a film was stopped, or has not been heard of for long.
    PlaybackReleased {
        /// The film, relative to the mount.
        path: String,
    },
    /// The listener fell behind, or was away for longer than events are kept.
    Lagged {
        /// Events that it missed; none when that cannot be known, since the server started anew.
        lost: Option<u64>,
    },
}

impl Event {
    /// Its type, as `type` has it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::TorrentAwake { .. } => "torrent_awake",
            Self::TorrentAsleep { .. } => "torrent_asleep",
            Self::TorrentResolved { .. } => "torrent_resolved",
            Self::ReaderStalled { .. } => "reader_stalled",
            Self::LibraryChanged { .. } => "library_changed",
            Self::SettingsChanged { .. } => "settings_changed",
            Self::Network { .. } => "network",
            Self::BlocklistRefreshed { .. } => "blocklist_refreshed",
            Self::PlaybackConfirmed { .. } => "playback_confirmed",
            Self::PlaybackReleased { .. } => "playback_released",
            Self::Lagged { .. } => "lagged",
        }
    }
}

/// The log; clones share it.
#[derive(Debug, Clone)]
pub struct Events {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Tells this process's numbers from those of another.
    start: u64,
    log: Mutex<Log>,
    /// The number of the last event, or the end.
    news: watch::Sender<News>,
    places: Arc<Semaphore>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct News {
    last: u64,
    ended: bool,
}

#[derive(Debug, Default)]
struct Log {
    kept: VecDeque<Arc<Event>>,
    /// The number of the last event; 0 before the first.
    last: u64,
}

impl Log {
    fn push(&mut self, event: Event) -> u64 {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Arc::new(event));
        self.last += 1;
        self.last
    }

    /// What follows after the event `seen`.
    fn after(&self, seen: u64) -> Option<(u64, Arc<Event>)> {
        if seen >= self.last {
            return None;
        }
        let gone = self.last - self.kept.len() as u64;
        if seen < gone {
            let lost = Event::Lagged {
                lost: Some(gone - seen),
            };
            return Some((gone, Arc::new(lost)));
        }
        let at = usize::try_from(seen - gone).ok()?;
        Some((seen + 1, Arc::clone(self.kept.get(at)?)))
    }
}

impl Events {
    /// An empty log of a process that started at that time, in seconds since 1970.
    pub fn new(start_unix: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                start: start_unix,
                log: Mutex::default(),
                news: watch::Sender::default(),
                places: Arc::new(Semaphore::new(LISTENERS_MAX)),
            }),
        }
    }

    /// Tells everybody. Never waits.
    pub fn tell(&self, event: Event) {
        let last = self.shared.log.lock().push(event);
        // Two tellers may come here in another order.
        self.shared
            .news
            .send_modify(|news| news.last = news.last.max(last));
    }

    /// No more will be told: every listener ends.
    pub fn end(&self) {
        self.shared.news.send_modify(|news| news.ended = true);
    }

    /// A listener from now on, or from after the event that it saw last; none when there are too many.
    pub(crate) fn listen(&self, last_seen: Option<&str>) -> Option<Listener> {
        let place = Arc::clone(&self.shared.places).try_acquire_owned().ok()?;
        let news = self.shared.news.subscribe();
        let now = self.shared.log.lock().last;
        let (seen, restarted) = match last_seen.map(|text| self.number(text)) {
            None => (now, false),
            Some(Some(seen)) if seen <= now => (seen, false),
            Some(_) => (0, true),
        };
        Some(Listener {
            shared: Arc::clone(&self.shared),
            news,
            seen,
            restarted,
            _place: place,
        })
    }

    /// The number in the name of an event, if this process gave it.
    fn number(&self, name: &str) -> Option<u64> {
        let (start, number) = name.split_once('-')?;
        (start.parse() == Ok(self.shared.start)).then_some(())?;
        number.parse().ok()
    }
}

/// Somebody who listens.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Arc<Shared>,
    news: watch::Receiver<News>,
    /// The number of the last event that it heard.
    seen: u64,
    /// It heard events of an earlier process.
    restarted: bool,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// The next event, with the name by which a listener comes back; none at the end.
    pub(crate) async fn next(&mut self) -> Option<(String, Arc<Event>)> {
        if std::mem::take(&mut self.restarted) {
            let lost = Arc::new(Event::Lagged { lost: None });
            return Some((self.name(), lost));
        }
        loop {
            if self.news.borrow_and_update().ended {
                return None;
            }
            let next = self.shared.log.lock().after(self.seen);
            if let Some((number, event)) = next {
                self.seen = number;
                return Some((self.name(), event));
            }
            self.news.changed().await.ok()?;
        }
    }

    fn name(&self) -> String {
        format!("{}-{}", self.shared.start, self.seen)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn changed(films: u64) -> Event {
        Event::LibraryChanged { films }
    }

    fn heard(listener: &mut Listener) -> Option<(String, Event)> {
        let next = listener.next().now_or_never()??;
        Some((next.0, Event::clone(&next.1)))
    }

    #[test]
    fn who_listens_hears_what_comes_from_then_on() {
        let events = Events::new(7);
        events.tell(changed(1));
        let mut listener = events.listen(None).unwrap();
        assert_eq!(heard(&mut listener), None);
        events.tell(changed(2));
        events.tell(changed(3));
        assert_eq!(heard(&mut listener), Some(("7-2".to_owned(), changed(2))));
        assert_eq!(heard(&mut listener), Some(("7-3".to_owned(), changed(3))));
        assert_eq!(heard(&mut listener), None);
    }

    #[test]
    fn who_was_away_goes_on_where_it_was() {
        let events = Events::new(7);
        (1..=4).for_each(|films| events.tell(changed(films)));
        let mut listener = events.listen(Some("7-2")).unwrap();
        assert_eq!(heard(&mut listener).unwrap().1, changed(3));
        assert_eq!(heard(&mut listener).unwrap().1, changed(4));
    }

    #[test]
    fn who_is_too_slow_hears_how_much_it_missed_and_goes_on() {
        let events = Events::new(7);
        let mut listener = events.listen(None).unwrap();
        let told = KEPT as u64 + 10;
        (1..=told).for_each(|films| events.tell(changed(films)));
        let lost = Event::Lagged { lost: Some(10) };
        assert_eq!(heard(&mut listener), Some(("7-10".to_owned(), lost)));
        assert_eq!(heard(&mut listener).unwrap().1, changed(11));
        assert_eq!(events.shared.log.lock().kept.len(), KEPT);
    }

    #[test]
    fn a_name_of_another_process_is_told_to_be_lost() {
        let events = Events::new(7);
        events.tell(changed(1));
        for name in ["6-1", "7-9", "x", "7-", ""] {
            let mut listener = events.listen(Some(name)).unwrap();
            let lost = Event::Lagged { lost: None };
            assert_eq!(heard(&mut listener).unwrap().1, lost, "{name}");
            assert_eq!(heard(&mut listener).unwrap().1, changed(1), "{name}");
        }
    }

    #[test]
    fn there_are_no_more_listeners_than_places_and_all_end_with_the_log() {
        let events = Events::new(7);
        let mut listeners: Vec<Listener> = (0..LISTENERS_MAX)
            .map(|_| events.listen(None).unwrap())
            .collect();
        assert!(events.listen(None).is_none());
        listeners.pop();
        let mut again = events.listen(None).unwrap();
        events.end();
        assert!(again.next().now_or_never().unwrap().is_none());
    }
}
