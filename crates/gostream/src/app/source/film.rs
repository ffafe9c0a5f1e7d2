//! One open handle: the warm cache first, the swarm for the rest.
//!
//! The torrent is woken by the first read that the warm cache cannot answer, or when a playback comes near the end of
//! what is warm; at the open only when it is known that nothing is. What the swarm answered, verified, is offered to
//! the cache after the reader has it.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use gostorm::{Engine, EngineError, FileChoice, OnDoubt, OpenRequest, ReadError, Stream};
use gostream_fs::{MediaFile, ReadFailure, ReadReply};
use gostream_store::WarmCache;
use gostream_store::warm::{Shelf, Title};
use parking_lot::Mutex;

use super::figures::{Clock, Origin, ReadFigures};
use super::streams::{CONTINUES_WITHIN, Seen, Streams};
use crate::app::playback::{Entry, Positions, Watched};

/// How near the end of what is warm a playback may be before the torrent is woken: 6 s at 40 Mbit/s, in which peers are
/// found. Not more, since analyses read 14 MiB of the head in sequence and then stop.
const WAKE_AHEAD: u64 = 32 << 20;

/// How to open the torrent.
pub(super) struct Swarm {
    pub(super) engine: Engine,
    pub(super) request: OpenRequest,
    pub(super) choice: FileChoice,
    pub(super) on_doubt: Option<OnDoubt>,
}

impl Swarm {
    fn open(&self) -> Result<Stream, EngineError> {
        let (request, choice) = (self.request.clone(), Arc::clone(&self.choice));
        match &self.on_doubt {
            Some(on_doubt) => self
                .engine
                .open_doubtful(request, choice, Arc::clone(on_doubt)),
            None => self.engine.open(request, choice),
        }
    }
}

/// The title's place in the warm cache.
#[derive(Clone)]
pub(super) struct Warm {
    pub(super) cache: Arc<WarmCache>,
    pub(super) title: Arc<Title>,
}

/// An open handle.
pub(super) struct OpenFilm {
    film: Arc<Film>,
}

struct Film {
    swarm: Swarm,
    /// Open from the first read that needs it.
    stream: OnceLock<Stream>,
    warm: Option<Warm>,
    streams: Mutex<Streams>,
    /// Where the last read ended that the swarm was asked for.
    swarm_end: AtomicU64,
    /// Its place among all that are open.
    entry: Entry,
    /// Somebody watches, as a media server says.
    confirmed: AtomicBool,
    figures: Arc<ReadFigures>,
    was_read: AtomicBool,
    positions: Arc<Positions>,
}

impl OpenFilm {
    /// Opens; wakes the torrent when nothing of the title is warm.
    pub(super) fn new(
        swarm: Swarm,
        warm: Option<Warm>,
        entry: Entry,
        figures: Arc<ReadFigures>,
        positions: Arc<Positions>,
    ) -> Result<Self, EngineError> {
        let film = Arc::new(Film {
            swarm,
            stream: OnceLock::new(),
            warm,
            streams: Mutex::default(),
            swarm_end: AtomicU64::new(u64::MAX),
            entry,
            confirmed: AtomicBool::new(false),
            figures,
            was_read: AtomicBool::new(false),
            positions,
        });
        if film.warm.as_ref().is_none_or(|warm| warm.title.is_cold()) {
            film.wake()?;
        }
        let watched: Weak<dyn Watched> = Arc::<Film>::downgrade(&film);
        film.entry.set_film(watched);
        Ok(Self { film })
    }
}

impl MediaFile for OpenFilm {
    fn read(&self, offset: u64, len: u32, reply: ReadReply) {
        let range = offset..offset.saturating_add(u64::from(len));
        let seen = self.film.streams.lock().note(&range);
        self.film.entry.handle().reads(&range, seen.run, seen.plays);
        let first = !self.film.was_read.swap(true, Ordering::Relaxed);
        let clock = self.film.figures.begin(seen, first);
        let Some(warm) = &self.film.warm else {
            return self.film.read_swarm(range, len, (seen, clock), reply);
        };
        if seen.begins_to_play {
            warm.cache.played(&warm.title);
        }
        self.film.look_ahead(warm, &range, seen);
        let film = Arc::clone(&self.film);
        let answer = move |bytes: Option<&[u8]>| match bytes {
            Some(bytes) => {
                film.figures.answered(clock, Origin::Warm, bytes.len());
                reply.data(bytes);
            }
            None => film.read_swarm(range, len, (seen, clock), reply),
        };
        let range = offset..offset.saturating_add(u64::from(len));
        warm.cache.read(&warm.title, range, Box::new(answer));
    }
}

impl Film {
    /// The torrent's stream, opened now if it was not.
    fn wake(self: &Arc<Self>) -> Result<&Stream, EngineError> {
        if let Some(stream) = self.stream.get() {
            return Ok(stream);
        }
        // Two reads may come here at once: the second stream is closed again.
        let opened = self.swarm.open()?;
        let stream = self.stream.get_or_init(|| opened);
        if self.confirmed.load(Ordering::Acquire) {
            stream.confirm(true);
        }
        self.expect_where_left();
        Ok(stream)
    }

    /// Who opens a film again mostly goes on where it was left: the swarm is asked for that place as well.
    fn expect_where_left(self: &Arc<Self>) {
        let (hash, index, size) = self.entry.handle().file();
        let film = Arc::downgrade(self);
        self.positions.find(hash, index, size, move |offset| {
            let film = film.upgrade();
            if let Some(stream) = film.as_ref().and_then(|film| film.stream.get()) {
                stream.expect(offset, 0);
            }
        });
    }

    /// Wakes the torrent for a playback that will soon be at the end of what is warm, and lets it read ahead from there.
    fn look_ahead(self: &Arc<Self>, warm: &Warm, range: &Range<u64>, seen: Seen) {
        if !(seen.plays && seen.passes_mark) {
            return;
        }
        let until = warm.title.covered_until(range.end);
        let ahead = until - range.end;
        if ahead == 0 || ahead > WAKE_AHEAD || until >= warm.title.size() {
            return;
        }
        match self.wake() {
            Ok(stream) => stream.expect(until, seen.run),
            // The read that gets there will say it.
            Err(error) => tracing::debug!(%error, "a torrent is not woken ahead of a playback"),
        }
    }

    /// Tells the swarm of a stream that came to `range` from what is warm: it shall have the window of one that was
    /// read here from the start.
    fn come_from_warm(&self, stream: &Stream, range: &Range<u64>, seen: Seen) {
        let last = self.swarm_end.swap(range.end, Ordering::Relaxed);
        let before = seen.run.saturating_sub(range.end - range.start);
        let from_start = before > 0 && before >= range.start;
        if last.abs_diff(range.start) > CONTINUES_WITHIN && (seen.plays || from_start) {
            stream.expect(range.start, before);
        }
    }

    fn read_swarm(
        self: &Arc<Self>,
        range: Range<u64>,
        len: u32,
        (seen, clock): (Seen, Clock),
        reply: ReadReply,
    ) {
        if self.stream.get().is_none() {
            let torrent = self.swarm.request.info_hash;
            tracing::debug!(%torrent, ?range, "a read that the warm cache cannot answer wakes a torrent");
        }
        let stream = match self.wake() {
            Ok(stream) => stream,
            Err(error) => {
                self.figures.failed();
                return reply.fail(of_engine(&error));
            }
        };
        if self.warm.is_some() {
            self.come_from_warm(stream, &range, seen);
        }
        let (warm, figures) = (self.warm.clone(), Arc::clone(&self.figures));
        stream.read(range.start, len, move |result| match result {
            Ok(served) => {
                let origin = if served.waited {
                    Origin::Swarm
                } else {
                    Origin::Memory
                };
                figures.answered(clock, origin, served.bytes.len());
                reply.data(served.bytes);
                if served.verified
                    && let Some(warm) = &warm
                {
                    warm.keep(range.start, served.bytes, seen);
                }
            }
            Err(error) => {
                figures.failed();
                reply.fail(of_read(error));
            }
        });
    }
}

impl Watched for Film {
    fn confirm(self: Arc<Self>, confirmed: bool) {
        self.confirmed.store(confirmed, Ordering::Release);
        if let Some(stream) = self.stream.get() {
            return stream.confirm(confirmed);
        }
        // Somebody watches what is warm: its peers shall be there when that ends.
        if confirmed && let Err(error) = self.wake() {
            tracing::debug!(%error, "a torrent is not woken for who watches");
        }
    }
}

const fn of_engine(error: &EngineError) -> ReadFailure {
    match error {
        EngineError::ShuttingDown => ReadFailure::ShuttingDown,
        EngineError::Overloaded | EngineError::Listen(_) | EngineError::Threads(_) => {
            ReadFailure::Io
        }
    }
}

const fn of_read(error: ReadError) -> ReadFailure {
    match error {
        ReadError::TimedOut => ReadFailure::TimedOut,
        ReadError::Unavailable => ReadFailure::Unavailable,
        ReadError::ShuttingDown => ReadFailure::ShuttingDown,
        ReadError::Overloaded => ReadFailure::Io,
    }
}

impl Warm {
    /// Offers verified bytes to the cache: all that a probe reads, and of what is played head and tail.
    fn keep(&self, offset: u64, bytes: &[u8], seen: Seen) {
        if !seen.plays {
            return self.cache.offer(&self.title, Shelf::Probe, offset, bytes);
        }
        let range = offset..offset.saturating_add(bytes.len() as u64);
        for part in self.cache.head_and_tail(self.title.size(), &range) {
            let place = |position: u64| usize::try_from(position - offset).unwrap_or(usize::MAX);
            if let Some(bytes) =
                bytes.get(place(part.start.max(offset))..place(part.end.max(offset)))
            {
                self.cache
                    .offer(&self.title, Shelf::Bulk, part.start, bytes);
            }
        }
    }
}
