//! Films out of thin air: each byte is a function of the film's number and its offset. How a film answers is
//! part of its stub.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use gostream_fs::{MediaFile, MediaSource, OpenError, ReadFailure, ReadReply};
use gostream_library::{Film, Stub, TorrentHash};
use parking_lot::{Condvar, Mutex};

/// How a film answers its reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// At once, on the request thread.
    Now = 0,
    /// From another thread, the newest of those that wait first.
    Later = 1,
    /// Not before [`PatternSource::release`].
    Never = 2,
    /// With a failure.
    Fails = 3,
    /// With one byte less than it should.
    Short = 4,
    /// By dropping the reply.
    Drops = 5,
    /// The open fails.
    NoOpen = 6,
}

const ALL: [Answers; 7] = [
    Answers::Now,
    Answers::Later,
    Answers::Never,
    Answers::Fails,
    Answers::Short,
    Answers::Drops,
    Answers::NoOpen,
];

/// A stub whose film is number `film`.
pub(crate) fn stub(film: u8, size: u64, answers: Answers) -> Arc<Film> {
    let mut hash = [film; 20];
    hash[0] = answers as u8;
    let stub = Stub::new(
        "http://127.0.0.1:8090",
        TorrentHash(hash),
        1,
        size,
        None,
        None,
    );
    Arc::new(Film::from(&stub.unwrap()))
}

/// The bytes of a film.
pub(crate) fn pattern(film: u8, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 16);
    let mut word = offset / 8;
    let skip = usize::try_from(offset % 8).unwrap();
    while bytes.len() < len + skip {
        let mixed = (word ^ (u64::from(film) << 56)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bytes.extend_from_slice(&(mixed ^ (mixed >> 29)).to_le_bytes());
        word += 1;
    }
    bytes.drain(..skip);
    bytes.truncate(len);
    bytes
}

#[derive(Default)]
struct State {
    waiting: Mutex<Vec<(u8, ReadReply)>>,
    arrived: Condvar,
    open: Mutex<u64>,
    closed: Condvar,
    opened: AtomicU64,
}

pub(crate) struct PatternSource {
    state: Arc<State>,
    later: Mutex<Option<mpsc::Sender<(u8, ReadReply)>>>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl PatternSource {
    pub(crate) fn new() -> Arc<Self> {
        let (later, incoming) = mpsc::channel::<(u8, ReadReply)>();
        let worker = std::thread::spawn(move || {
            while let Ok(first) = incoming.recv() {
                let mut batch = vec![first];
                batch.extend(incoming.try_iter());
                for (film, reply) in batch.into_iter().rev() {
                    answer(film, reply);
                }
            }
        });
        Arc::new(Self {
            state: Arc::default(),
            later: Mutex::new(Some(later)),
            worker: Mutex::new(Some(worker)),
        })
    }

    /// Waits until `count` reads hang.
    pub(crate) fn wait_for_hanging(&self, count: usize) {
        let mut waiting = self.state.waiting.lock();
        while waiting.len() < count {
            self.state.arrived.wait(&mut waiting);
        }
    }

    /// Answers the reads that hang.
    pub(crate) fn release(&self) {
        for (film, reply) in std::mem::take(&mut *self.state.waiting.lock()) {
            answer(film, reply);
        }
    }

    /// Films open now.
    pub(crate) fn open_files(&self) -> u64 {
        *self.state.open.lock()
    }

    /// Waits until no film is open: the thread that hands a read over may hold its film for an instant longer
    /// than the read waits.
    pub(crate) fn wait_until_closed(&self) {
        let mut open = self.state.open.lock();
        while *open > 0 {
            self.state.closed.wait(&mut open);
        }
    }

    /// Opens so far.
    pub(crate) fn opened(&self) -> u64 {
        self.state.opened.load(SeqCst)
    }
}

impl Drop for PatternSource {
    fn drop(&mut self) {
        self.later.lock().take();
        if let Some(worker) = self.worker.lock().take() {
            worker.join().unwrap();
        }
    }
}

fn answer(film: u8, reply: ReadReply) {
    let bytes = pattern(film, reply.offset(), reply.wanted() as usize);
    reply.data(&bytes);
}

impl MediaSource for PatternSource {
    fn open(&self, stub: &Arc<Film>, _ino: u64) -> Result<Box<dyn MediaFile>, OpenError> {
        let answers = ALL[usize::from(stub.hash.0[0])];
        if answers == Answers::NoOpen {
            return Err(OpenError::Busy);
        }
        *self.state.open.lock() += 1;
        self.state.opened.fetch_add(1, SeqCst);
        Ok(Box::new(PatternFile {
            film: stub.hash.0[1],
            answers,
            later: self.later.lock().clone(),
            state: Arc::clone(&self.state),
        }))
    }
}

struct PatternFile {
    film: u8,
    answers: Answers,
    later: Option<mpsc::Sender<(u8, ReadReply)>>,
    state: Arc<State>,
}

impl MediaFile for PatternFile {
    fn read(&self, offset: u64, len: u32, reply: ReadReply) {
        assert_eq!((offset, len), (reply.offset(), reply.wanted()));
        match self.answers {
            Answers::Now => answer(self.film, reply),
            Answers::Later => {
                if let Some(later) = &self.later {
                    later.send((self.film, reply)).unwrap();
                }
            }
            Answers::Never => {
                self.state.waiting.lock().push((self.film, reply));
                self.state.arrived.notify_all();
            }
            Answers::Fails => reply.fail(ReadFailure::TimedOut),
            Answers::Short => reply.data(&pattern(self.film, offset, len as usize - 1)),
            Answers::Drops | Answers::NoOpen => drop(reply),
        }
    }
}

impl Drop for PatternFile {
    fn drop(&mut self) {
        *self.state.open.lock() -= 1;
        self.state.closed.notify_all();
    }
}
