//! One open handle: the warm cache first, the swarm for the rest.
//!
//! The torrent is woken by the first read that the warm cache cannot answer, or when a playback comes near the end of
//! what is warm; at the open only when it is known that nothing is. What the swarm answered, verified, is offered to
//! the cache after the reader has it.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use gostorm::{Engine, EngineError, FileChoice, OnDoubt, OpenRequest, ReadError, Stream};
use gostream_fs::{MediaFile, ReadFailure, ReadReply};
use gostream_store::WarmCache;
use gostream_store::warm::{Shelf, Title};
use parking_lot::Mutex;

use super::streams::{CONTINUES_WITHIN, Seen, Streams};

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
}

impl OpenFilm {
    /// Opens; wakes the torrent when nothing of the title is warm.
    pub(super) fn new(swarm: Swarm, warm: Option<Warm>) -> Result<Self, EngineError> {
        let film = Film {
            swarm,
            stream: OnceLock::new(),
            warm,
            streams: Mutex::default(),
            swarm_end: AtomicU64::new(u64::MAX),
        };
        if film.warm.as_ref().is_none_or(|warm| warm.title.is_cold()) {
            film.wake()?;
        }
        Ok(Self {
            film: Arc::new(film),
        })
    }
}

impl MediaFile for OpenFilm {
    fn read(&self, offset: u64, len: u32, reply: ReadReply) {
        let range = offset..offset.saturating_add(u64::from(len));
        let seen = self.film.streams.lock().note(&range);
        let Some(warm) = &self.film.warm else {
            return self.film.read_swarm(range, len, seen, reply);
        };
        if seen.begins_to_play {
            warm.cache.played(&warm.title);
        }
        self.film.look_ahead(warm, &range, seen);
        let film = Arc::clone(&self.film);
        let answer = move |bytes: Option<&[u8]>| match bytes {
            Some(bytes) => reply.data(bytes),
            None => film.read_swarm(range, len, seen, reply),
        };
        let range = offset..offset.saturating_add(u64::from(len));
        warm.cache.read(&warm.title, range, Box::new(answer));
    }
}

impl Film {
    /// The torrent's stream, opened now if it was not.
    fn wake(&self) -> Result<&Stream, EngineError> {
        if let Some(stream) = self.stream.get() {
            return Ok(stream);
        }
        // Two reads may come here at once: the second stream is closed again.
        let opened = self.swarm.open()?;
        Ok(self.stream.get_or_init(|| opened))
    }

    /// Wakes the torrent for a playback that will soon be at the end of what is warm, and lets it read ahead from there.
    fn look_ahead(&self, warm: &Warm, range: &Range<u64>, seen: Seen) {
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

    fn read_swarm(&self, range: Range<u64>, len: u32, seen: Seen, reply: ReadReply) {
        if self.stream.get().is_none() {
            let torrent = self.swarm.request.info_hash;
            tracing::debug!(%torrent, ?range, "a read that the warm cache cannot answer wakes a torrent");
        }
        let stream = match self.wake() {
            Ok(stream) => stream,
            Err(EngineError::ShuttingDown) => return reply.fail(ReadFailure::ShuttingDown),
            Err(EngineError::Overloaded | EngineError::Listen(_) | EngineError::Threads(_)) => {
                return reply.fail(ReadFailure::Io);
            }
        };
        if self.warm.is_some() {
            self.come_from_warm(stream, &range, seen);
        }
        let warm = self.warm.clone();
        stream.read(range.start, len, move |result| match result {
            Ok(served) => {
                reply.data(served.bytes);
                if served.verified
                    && let Some(warm) = &warm
                {
                    warm.keep(range.start, served.bytes, seen);
                }
            }
            Err(ReadError::TimedOut) => reply.fail(ReadFailure::TimedOut),
            Err(ReadError::Unavailable) => reply.fail(ReadFailure::Unavailable),
            Err(ReadError::ShuttingDown) => reply.fail(ReadFailure::ShuttingDown),
            Err(ReadError::Overloaded) => reply.fail(ReadFailure::Io),
        });
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
