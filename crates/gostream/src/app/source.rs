//! Films for the file system: [`MediaSource`] over the engine.
//!
//! Opening wakes the torrent of a stub and returns at once; a read goes straight to the stream, with its
//! reply. Which file of the torrent a stub means is decided when the info dict is known.

use std::sync::{Arc, OnceLock};

use gostorm::{Engine, EngineError, FileChoice, OpenRequest, ReadError, Stream};
use gostorm_wire::{Info, InfoHash, Magnet};
use gostream_fs::{MediaFile, MediaSource, OpenError, Publisher, ReadFailure, ReadReply};
use gostream_library::{Stub, TorrentFile, match_file};

/// The adapter.
pub(super) struct EngineSource {
    engine: Engine,
    /// Knows the name of an inode; set once mounted, before the first open can come.
    names: OnceLock<Publisher>,
}

impl EngineSource {
    pub(super) const fn new(engine: Engine) -> Self {
        Self {
            engine,
            names: OnceLock::new(),
        }
    }

    pub(super) fn set_names(&self, publisher: Publisher) {
        // Set once; a second mount of the same source does not exist.
        let _ = self.names.set(publisher);
    }

    fn name_of(&self, ino: u64) -> String {
        let tree = self.names.get().map(Publisher::tree);
        tree.as_ref()
            .and_then(|tree| tree.get(ino))
            .map(|node| node.name().to_owned())
            .unwrap_or_default()
    }
}

/// The files of a torrent as the library sees them.
pub(crate) fn torrent_files(info: &Info) -> Vec<TorrentFile> {
    info.files()
        .iter()
        .map(|file| TorrentFile {
            path: file.path.clone(),
            length: file.length,
        })
        .collect()
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
        match self.engine.open(request_of(stub), choice) {
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
