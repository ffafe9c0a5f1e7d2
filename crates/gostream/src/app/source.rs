//! Films for the file system: [`MediaSource`] over the engine.
//!
//! Opening wakes the torrent of a stub and returns at once; a read goes straight to the stream, with its
//! reply. Which file of the torrent a stub means is decided when the info dict is known.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use gostorm::{Engine, EngineError, FileChoice, OnDoubt, OpenRequest, ReadError, Stream};
use gostorm_wire::{InfoHash, Magnet};
use gostream_fs::{
    EventSender, MediaFile, MediaSource, OpenError, Publisher, ReadFailure, ReadReply,
};
use gostream_library::{Stub, match_file};

use crate::librarian::torrent_files;

/// The adapter.
pub(super) struct EngineSource {
    engine: Engine,
    /// Knows the name of an inode; set once mounted, before the first open can come.
    names: OnceLock<Publisher>,
    /// Tells the kernel, from a thread of its own, which pages to forget; set with `names`.
    events: OnceLock<EventSender>,
}

impl EngineSource {
    pub(super) const fn new(engine: Engine) -> Self {
        Self {
            engine,
            names: OnceLock::new(),
            events: OnceLock::new(),
        }
    }

    /// The mount is there. A second one of the same source does not exist.
    pub(super) fn set_mount(&self, publisher: Publisher, events: EventSender) {
        let _ = self.names.set(publisher);
        let _ = self.events.set(events);
    }

    /// What the kernel has of this file may be wrong: it shall ask again. Also when the film was closed since, for
    /// the kernel keeps its pages.
    fn on_doubt(&self, ino: u64) -> Option<OnDoubt> {
        let events = self.events.get()?.clone();
        Some(Arc::new(move |range: Range<u64>| {
            events.invalidate(ino, range.start, range.end - range.start);
        }))
    }

    fn name_of(&self, ino: u64) -> String {
        let tree = self.names.get().map(Publisher::tree);
        tree.as_ref()
            .and_then(|tree| tree.get(ino))
            .map(|node| node.name().to_owned())
            .unwrap_or_default()
    }
}

/// How to find the torrent of a stub: its magnet helps when the store knows nothing.
fn request_of(stub: &Stub) -> OpenRequest {
    let info_hash = InfoHash(stub.hash.0);
    let magnet = stub
        .magnet
        .as_deref()
        .and_then(|text| text.parse::<Magnet>().ok());
    let magnet = magnet
        .filter(|magnet| magnet.info_hash == info_hash)
        .unwrap_or_else(|| Magnet::from(info_hash));
    OpenRequest {
        info_hash,
        trackers: magnet.trackers,
        hints: magnet.peers,
    }
}

impl MediaSource for EngineSource {
    fn open(&self, stub: &Arc<Stub>, ino: u64) -> Result<Box<dyn MediaFile>, OpenError> {
        let name = self.name_of(ino);
        let wanted = Arc::clone(stub);
        let choice: FileChoice =
            Arc::new(move |info| match_file(&name, &wanted, &torrent_files(info)));
        let request = request_of(stub);
        let opened = match self.on_doubt(ino) {
            Some(on_doubt) => self.engine.open_doubtful(request, choice, on_doubt),
            None => self.engine.open(request, choice),
        };
        match opened {
            Ok(stream) => Ok(Box::new(OpenFilm { stream })),
            Err(EngineError::Overloaded) => Err(OpenError::Busy),
            Err(EngineError::ShuttingDown) => Err(OpenError::ShuttingDown),
            Err(EngineError::Listen(_) | EngineError::Threads(_)) => Err(OpenError::Io),
        }
    }
}

struct OpenFilm {
    stream: Stream,
}

impl MediaFile for OpenFilm {
    fn read(&self, offset: u64, len: u32, reply: ReadReply) {
        self.stream.read(offset, len, move |result| match result {
            Ok(bytes) => reply.data(bytes),
            Err(ReadError::TimedOut) => reply.fail(ReadFailure::TimedOut),
            Err(ReadError::Unavailable) => reply.fail(ReadFailure::Unavailable),
            Err(ReadError::ShuttingDown) => reply.fail(ReadFailure::ShuttingDown),
            Err(ReadError::Overloaded) => reply.fail(ReadFailure::Io),
        });
    }
}
